"""Reads masks from files; every value is checked before native code gets it.

The formats are COCO's run lengths, compressed (text, bytes, or bytes printed as text: "b'...'") or
as a list, polygons, and bitmaps as rows of zeros and ones. Sizes may be floats without a fraction.
The result is canonical (codes.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from gcg_bench.errors import BadMask
from gcg_bench.masks.algebra import encode
from gcg_bench.masks.bitmaps import as_bitmap, bitmap_problem, size_relation
from gcg_bench.masks.codes import Expanded, IntArray, chunks, compress, expand, without_inner_zeros
from gcg_bench.masks.numbers import REMEDY, Size, checked_size, plain_numbers, value_text
from gcg_bench.masks.polygons import from_box, from_polygons
from gcg_bench.types import Mask

_CORNERS = ("x0", "y0", "x1", "y1")
_BATCH = 2**18  # characters expanded at a time; larger arrays exceed the cache of the CPU


def read_mask(value: object, *, size: Size | None = None, field: str = "mask") -> Mask:
    """One mask from a file.

    Args:
        value: {"size": [height, width], "counts": text, bytes or list of runs}, a list of polygons
            [x, y, x, y, ...] in pixels, {"polygons": such a list}, {"box": [x0, y0, x1, y1]} in
            pixels, or three or more rows of 0 and 1, or of 0 and 255.
        size: (height, width) of the image, which the mask must have; required for polygons.
        field: the name of the field, for messages.

    Raises:
        BadMask: the value is not a valid mask.
    """
    (mask,) = _valid(inspect_masks([value], [size], [field]))
    return mask


def read_masks(
    values: Sequence[object], *, size: Size | None = None, field: str = "masks"
) -> tuple[Mask, ...]:
    """The masks of one image from a file, checked together.

    Args:
        values: n values as in `read_mask`.
        size: (height, width) of the image.
        field: the name of the list, for messages: `masks` gives `masks[2].counts`.

    Raises:
        BadMask: a value is not a valid mask; names the first one.
    """
    names = [f"{field}[{index}]" for index in range(len(values))]
    return _valid(inspect_masks(values, [size] * len(values), names))


def inspect_masks(
    values: Sequence[object], sizes: Sequence[Size | None], fields: Sequence[str]
) -> tuple[Mask | BadMask, ...]:
    """The mask of each value, or the error that says why it is not valid.

    One call may check the masks of a whole split. The result is in the order of the values, and no
    BadMask is raised.

    Args:
        values: n values as in `read_mask`, of any images.
        sizes: (height, width) of the image of each value; None when it is not known.
        fields: the name of the field of each value, for messages.
    """
    results: list[Mask | BadMask] = []
    unchecked: dict[int, Mask] = {}
    for index, (value, size, field) in enumerate(zip(values, sizes, fields, strict=True)):
        try:
            mask, is_checked = _parse(value, size, field)
        except BadMask as error:
            results.append(error)
        else:
            results.append(mask)
            if not is_checked:
                unchecked[index] = mask
    checked = _check(list(unchecked.values()), [fields[index] for index in unchecked])
    for index, result in zip(unchecked, checked, strict=True):
        results[index] = result
    return tuple(results)


def from_runs(runs: object, height: int, width: int, *, field: str = "mask") -> Mask:
    """The mask of run lengths in column-major order, starting with zeros; any run may be 0.

    Args:
        runs: a list of whole numbers.
        height: rows of the image.
        width: columns of the image.
        field: the name of the field, for messages.

    Raises:
        BadMask: a run is not a whole number >= 0, or the runs do not sum to height x width.
    """
    height, width = checked_size((height, width), f"{field}.size")
    numbers = _whole_numbers(runs, f"{field}.counts")
    return Mask(height, width, _canonical_text(numbers, height * width, f"{field}.counts"))


def _valid(results: Sequence[Mask | BadMask]) -> tuple[Mask, ...]:
    """The masks; raises the first error among the results."""
    masks = []
    for result in results:
        if isinstance(result, BadMask):
            raise result
        masks.append(result)
    return tuple(masks)


def _parse(value: object, size: Size | None, field: str) -> tuple[Mask, bool]:
    """A mask, and whether its run lengths are checked; compressed runs are checked in batches."""
    if isinstance(value, Mapping) and set(value) in ({"box"}, {"polygons"}):
        return _drawn(value, size, field), True
    if isinstance(value, Mapping):
        height, width = _stated_size(value, size, field)
        counts = value.get("counts")
        if isinstance(counts, str | bytes | bytearray):
            return Mask(height, width, _counts_bytes(counts, f"{field}.counts")), False
        return from_runs(counts, height, width, field=field), True
    if isinstance(value, list | tuple) and value:
        if (bitmap := as_bitmap(value)) is not None:
            _refuse_size(bitmap.shape, size, field, "bitmap")
            return encode(bitmap), True
        if size is None:
            raise BadMask("polygons without the image's size", field=field, remedy=REMEDY)
        if problem := bitmap_problem(value, size):
            raise BadMask(problem, field=field, remedy="Write 1 for the mask and 0 for the rest")
        return from_polygons(value, *size, field=field), True
    raise BadMask(
        f"a mask is {value_text(value)}, neither run lengths nor polygons",
        field=field,
        remedy=REMEDY,
    )


def _drawn(value: Mapping[Any, Any], size: Size | None, field: str) -> Mask:
    """The mask of a box or of polygons that are written as an object with that name."""
    (name,) = value
    if size is None:
        raise BadMask(f"{name} without the image's size", field=field, remedy=REMEDY)
    if name == "polygons":
        if not isinstance(value[name], list | tuple):
            raise BadMask("should be a list of polygons", field=f"{field}.{name}", remedy=REMEDY)
        return from_polygons(value[name], *size, field=f"{field}.{name}")
    numbers = value[name]
    if not isinstance(numbers, list | tuple) or len(numbers) != len(_CORNERS):
        problem = f"should be the four numbers {', '.join(_CORNERS)} in pixels"
        raise BadMask(problem, field=f"{field}.{name}", remedy=REMEDY)
    for number in numbers:
        if type(number) not in (int, float) or not isfinite(number):
            problem = f"{value_text(number)} is no finite number"
            raise BadMask(problem, field=f"{field}.{name}", remedy=REMEDY)
    x0, y0, x1, y1 = map(float, numbers)
    if x0 > x1 or y0 > y1:
        problem = "the corners are not in the order x0, y0, x1, y1"
        raise BadMask(problem, field=f"{field}.{name}", remedy=REMEDY)
    if max(numbers) <= 1 and max(size) > 1 and any(0 < number < 1 for number in numbers):
        problem = "all coordinates lie between 0 and 1"
        remedy = "Give pixels: multiply by the width and the height of the image"
        raise BadMask(problem, field=f"{field}.{name}", remedy=remedy)
    return from_box((x0, y0, x1, y1), *size)


def _stated_size(value: Mapping[Any, Any], expected: Size | None, field: str) -> Size:
    """The size that run lengths state; raises BadMask when it is not the size of the image."""
    if not {"size", "counts"} & set(value):
        names = ", ".join(repr(name)[:40] for name in list(value)[:8])
        problem = f"an object without size and counts; it has the fields {names or '(none)'}"
        raise BadMask(problem, field=field, remedy=REMEDY)
    size = checked_size(value.get("size"), f"{field}.size")
    _refuse_size(size, expected, f"{field}.size", "mask")
    return size


def _refuse_size(size: Size, expected: Size | None, field: str, what: str) -> None:
    """Raises BadMask when a size is not that of the image; states how the two are related."""
    if expected is None or size == tuple(expected):
        return
    relation = "".join(f"; {text}" for text in size_relation(size, expected))
    raise BadMask(
        f"the {what} is {size[0]} x {size[1]}, the image {expected[0]} x {expected[1]}"
        f" (height x width){relation}",
        field=field,
        remedy="Masks must have the size of their image, height first",
    )


def _counts_bytes(counts: str | bytes | bytearray, field: str) -> bytes:
    """Compressed counts as bytes; from printed bytes, b'' and doubled backslashes are removed."""
    if not isinstance(counts, str):
        return bytes(counts)
    if counts.startswith("b'") and counts.endswith("'"):  # the code itself never contains a quote
        counts = counts[2:-1].replace("\\\\", "\\")
    try:
        return counts.encode("ascii")
    except UnicodeEncodeError:
        raise BadMask("counts are not ASCII", field=field, remedy=REMEDY) from None


def _check(masks: Sequence[Mask], fields: Sequence[str]) -> Iterator[Mask | BadMask]:
    """Each mask in canonical form if its runs are >= 0 and sum to height x width, else the error.

    Args:
        masks: n masks with unchecked counts.
        fields: the name of the field of each mask, for messages.
    """
    for part in chunks([len(mask.counts) for mask in masks], _BATCH):
        batch, names = masks[part], fields[part]
        expanded = expand([mask.counts for mask in batch])
        problems = _problems(expanded, [mask.height * mask.width for mask in batch])
        for index, (mask, name) in enumerate(zip(batch, names, strict=True)):
            if problem := problems.get(index):
                yield BadMask(problem, field=f"{name}.counts", remedy=REMEDY)
            elif expanded.canonical[index]:
                yield mask
            else:
                runs = without_inner_zeros(expanded.runs(index))
                yield Mask(mask.height, mask.width, compress(runs))


def _problems(expanded: Expanded, pixels: Sequence[int]) -> dict[int, str]:
    """The problems of run lengths: position of the mask -> problem; valid masks are left out."""
    start = expanded.first[:-1]
    sums = np.add.reduceat(expanded.zeros + expanded.ones, start)
    wrong = np.flatnonzero(sums != np.array(pixels)).tolist()
    problems = {i: f"run lengths sum to {sums[i]}, not to {pixels[i]} pixels" for i in wrong}
    lowest = np.minimum.reduceat(np.minimum(expanded.zeros, expanded.ones), start)
    problems |= dict.fromkeys(np.flatnonzero(lowest < 0).tolist(), "a run length is negative")
    return problems | expanded.faulty


def _canonical_text(runs: IntArray, pixels: int, field: str) -> bytes:
    """The canonical text of run lengths from a list.

    Args:
        runs: shape (n,), unchecked.
        pixels: height x width.
        field: the name of the field, for messages.

    Raises:
        BadMask: a run is negative, or the sum is not `pixels`.
    """
    if runs.size and int(runs.min()) < 0:
        raise BadMask("a run length is negative", field=field, remedy=REMEDY)
    total = sum(runs.tolist())  # as Python integers, because the sum may exceed 64 bits
    if total != pixels:
        raise BadMask(
            f"run lengths sum to {value_text(total)}, not to {pixels} pixels",
            field=field,
            remedy=REMEDY,
        )
    return compress(without_inner_zeros(runs))


def _whole_numbers(values: object, field: str) -> IntArray:
    """A list of whole numbers as int64; raises BadMask for any other value, or a larger number."""
    numbers = plain_numbers(values, field)
    if any(type(number) is float and not number.is_integer() for number in numbers):
        raise BadMask("a run length is not a whole number", field=field, remedy=REMEDY)
    try:
        return np.array([int(number) for number in numbers], dtype=np.int64)
    except OverflowError:
        raise BadMask(
            "counts hold a number too large for any image", field=field, remedy=REMEDY
        ) from None
