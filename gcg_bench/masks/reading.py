"""Masks from outside: every claim is checked here, before native code sees it.

Read are COCO's run lengths, compressed (text, bytes, or bytes printed as text: "b'...'") or as a
list, and polygons. Sizes may be floats if they are whole. What comes out is canonical (codes.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gcg_bench.errors import BadMask
from gcg_bench.masks.codes import Expanded, IntArray, chunks, compress, expand, merged
from gcg_bench.masks.numbers import REMEDY, Size, checked_size, plain_numbers, shown
from gcg_bench.masks.polygons import from_polygons
from gcg_bench.types import Mask

_BATCH = 2**18  # characters expanded at a time; larger arrays fall out of the processor's cache


def read_mask(value: object, *, size: Size | None = None, field: str = "mask") -> Mask:
    """One mask from outside.

    Args:
        value: {"size": [height, width], "counts": text, bytes or list of runs}, or a list of
            polygons [x, y, x, y, ...] in pixels.
        size: the image's (height, width); a mask of another size is refused. Polygons need it.
        field: the name of the field in messages.

    Raises:
        BadMask: no mask can be that.
    """
    (mask,) = _sound(inspect_masks([value], [size], [field]))
    return mask


def read_masks(
    values: Sequence[object], *, size: Size | None = None, field: str = "masks"
) -> tuple[Mask, ...]:
    """Many masks of one image from outside, checked together.

    Args:
        values: as in `read_mask`, n of them.
        size: the image's (height, width).
        field: the name of the list in messages: `masks` gives `masks[2].counts`.

    Raises:
        BadMask: the first value that no mask can be.
    """
    names = [f"{field}[{index}]" for index in range(len(values))]
    return _sound(inspect_masks(values, [size] * len(values), names))


def inspect_masks(
    values: Sequence[object], sizes: Sequence[Size | None], fields: Sequence[str]
) -> tuple[Mask | BadMask, ...]:
    """For each value its mask, or the error that says why it is none; a whole split in one call.

    Args:
        values: as in `read_mask`, n of them, of any images.
        sizes: the (height, width) of each one's image, None where it is not known.
        fields: the name of each one's field in messages.
    """
    found: list[Mask | BadMask] = []
    unproved: dict[int, Mask] = {}
    for index, (value, size, field) in enumerate(zip(values, sizes, fields, strict=True)):
        try:
            mask, proved = _claim(value, size, field)
        except BadMask as error:
            found.append(error)
        else:
            found.append(mask)
            if not proved:
                unproved[index] = mask
    verdicts = _prove(list(unproved.values()), [fields[index] for index in unproved])
    for index, verdict in zip(unproved, verdicts, strict=True):
        found[index] = verdict
    return tuple(found)


def from_runs(runs: object, height: int, width: int, *, field: str = "mask") -> Mask:
    """The mask of run lengths down the columns, zeros first; runs of 0 are allowed anywhere.

    Raises:
        BadMask: a run is no whole number >= 0, or the runs do not sum to height x width.
    """
    height, width = checked_size((height, width), f"{field}.size")
    numbers = _whole_numbers(runs, f"{field}.counts")
    return Mask(height, width, _settled(numbers, height * width, f"{field}.counts"))


def _sound(found: Sequence[Mask | BadMask]) -> tuple[Mask, ...]:
    """The masks, if there is no error among them."""
    masks = []
    for mask in found:
        if isinstance(mask, BadMask):
            raise mask
        masks.append(mask)
    return tuple(masks)


def _claim(value: object, size: Size | None, field: str) -> tuple[Mask, bool]:
    """A mask, and whether its run lengths are proved; compressed ones wait for their batch."""
    if isinstance(value, Mapping):
        height, width = _stated_size(value, size, field)
        counts = value.get("counts")
        if isinstance(counts, str | bytes | bytearray):
            return Mask(height, width, _plain(counts, f"{field}.counts")), False
        return from_runs(counts, height, width, field=field), True
    if isinstance(value, list | tuple) and value:
        if size is None:
            raise BadMask("polygons without the image's size", field=field, remedy=REMEDY)
        return from_polygons(value, *size, field=field), True
    raise BadMask(
        f"a mask is {shown(value)}, neither run lengths nor polygons", field=field, remedy=REMEDY
    )


def _stated_size(value: Mapping[Any, Any], expected: Size | None, field: str) -> Size:
    """The size that run lengths state, which is the image's."""
    size = checked_size(value.get("size"), f"{field}.size")
    if expected is not None and size != tuple(expected):
        raise BadMask(
            f"the mask is {size[0]} x {size[1]}, the image {expected[0]} x {expected[1]}"
            " (height x width)",
            field=f"{field}.size",
            remedy="Masks have their image's size, height first",
        )
    return size


def _plain(counts: str | bytes | bytearray, field: str) -> bytes:
    """Compressed counts as bytes; bytes printed as text lose their b'' and doubled backslashes."""
    if not isinstance(counts, str):
        return bytes(counts)
    if counts.startswith("b'") and counts.endswith("'"):  # no code has a ', so nothing is lost
        counts = counts[2:-1].replace("\\\\", "\\")
    try:
        return counts.encode("ascii")
    except UnicodeEncodeError:
        raise BadMask("counts are not ASCII", field=field, remedy=REMEDY) from None


def _prove(claims: Sequence[Mask], fields: Sequence[str]) -> Iterator[Mask | BadMask]:
    """Each mask, canonical, if its runs are >= 0 and sum to height x width; else the error."""
    for part in chunks([len(mask.counts) for mask in claims], _BATCH):
        masks, names = claims[part], fields[part]
        expanded = expand([mask.counts for mask in masks])
        problems = _problems(expanded, [mask.height * mask.width for mask in masks])
        for index, (mask, name) in enumerate(zip(masks, names, strict=True)):
            if problem := problems.get(index):
                yield BadMask(problem, field=f"{name}.counts", remedy=REMEDY)
            elif expanded.canonical[index]:
                yield mask
            else:
                yield Mask(mask.height, mask.width, compress(merged(expanded.runs(index))))


def _problems(expanded: Expanded, pixels: Sequence[int]) -> dict[int, str]:
    """What is wrong with the run lengths, by mask position."""
    start = expanded.first[:-1]
    sums = np.add.reduceat(expanded.zeros + expanded.ones, start)
    wrong = np.flatnonzero(sums != np.array(pixels)).tolist()
    problems = {i: f"run lengths sum to {sums[i]}, not to {pixels[i]} pixels" for i in wrong}
    lowest = np.minimum.reduceat(np.minimum(expanded.zeros, expanded.ones), start)
    problems |= dict.fromkeys(np.flatnonzero(lowest < 0).tolist(), "a run length is negative")
    return problems | expanded.faulty


def _settled(runs: IntArray, pixels: int, field: str) -> bytes:
    """The canonical text of run lengths from a list."""
    if runs.size and int(runs.min()) < 0:
        raise BadMask("a run length is negative", field=field, remedy=REMEDY)
    total = sum(runs.tolist())  # Python's integers: a list may hold anything under 2**63
    if total != pixels:
        raise BadMask(
            f"run lengths sum to {shown(total)}, not to {pixels} pixels",
            field=field,
            remedy=REMEDY,
        )
    return compress(merged(runs))


def _whole_numbers(values: object, field: str) -> IntArray:
    """A list of whole numbers under 2**63 as int64."""
    listed = plain_numbers(values, field)
    if any(type(number) is float and not number.is_integer() for number in listed):
        raise BadMask("a run length is not whole", field=field, remedy=REMEDY)
    try:
        return np.array([int(number) for number in listed], dtype=np.int64)
    except OverflowError:
        raise BadMask(
            "counts hold a number too large for any image", field=field, remedy=REMEDY
        ) from None
