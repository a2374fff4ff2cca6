"""Masks: run lengths in every variant held against arithmetic of our own, and polygons."""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fuzz import hostile
from fuzz.mutations import mutated
from fuzz.target import Target

from gcg_bench import masks
from gcg_bench.errors import BadMask
from gcg_bench.masks import MAX_PIXELS, inspect_masks, read_mask
from gcg_bench.types import Mask

# Run lengths by the book ----------------------------------------------------------------------
# The COCO API's rleFrString, written from its description: groups of five bits, lowest first, 48
# added; bit 5 says that more follow, bit 4 of the last is the sign; from the fourth run on a run is
# a difference to the one two before it.


def spelt(runs: list[int]) -> str:
    """Run lengths as COCO's text."""
    letters = []
    for place, run in enumerate(runs):
        rest = run - runs[place - 2] if place > 2 else run
        more = True
        while more:
            group = rest & 31
            rest >>= 5
            more = rest != (-1 if group & 16 else 0)
            letters.append(chr(48 + (group | 32 if more else group)))
    return "".join(letters)


def read_text(text: str) -> list[int] | None:
    """The run lengths of COCO's text; None where it breaks off or holds another character."""
    runs: list[int] = []
    place = 0
    while place < len(text):
        number = shift = 0
        more = True
        while more:
            if place == len(text) or not 48 <= ord(text[place]) <= 111:
                return None
            group = ord(text[place]) - 48
            number |= (group & 31) << shift
            more, shift, place = bool(group & 32), shift + 5, place + 1
            if not more and group & 16:
                number -= 1 << shift
        runs.append(number + runs[-2] if len(runs) > 2 else number)
    return runs


def said(value: Any) -> tuple[int, int, list[int]] | None:
    """Height, width and runs as a value states them; None when it states none that fit."""
    size, counts = value.get("size"), value.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not all(map(_whole, size)):
        return None
    height, width = int(size[0]), int(size[1])
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        return None
    if isinstance(counts, bytes):
        counts = counts.decode("latin-1")
    if isinstance(counts, str):
        if counts.startswith("b'") and counts.endswith("'"):
            counts = counts[2:-1].replace("\\\\", "\\")
        runs = read_text(counts)
    elif isinstance(counts, list) and all(map(_whole, counts)):
        runs = [int(run) for run in counts]
    else:
        return None
    if runs is None or min(runs, default=0) < 0 or sum(runs) != height * width:
        return None
    return height, width, runs


def _whole(number: Any) -> bool:
    if isinstance(number, bool):
        return False
    return isinstance(number, int) or (isinstance(number, float) and number.is_integer())


def bitmap(height: int, width: int, runs: list[int]) -> np.ndarray:
    """The pixels of run lengths, down the columns, zeros first."""
    column = np.zeros(height * width, dtype=bool)
    start = 0
    for place, run in enumerate(runs):
        column[start : start + run] = place % 2 == 1
        start += run
    return column.reshape(width, height).T


def _value(rng: Random, height: int, width: int) -> Any:
    pixels = height * width
    cuts = sorted(rng.randrange(pixels + 1) for _ in range(rng.randrange(8)))
    runs = [b - a for a, b in zip([0, *cuts], [*cuts, pixels], strict=True)]
    counts: Any = rng.choice((runs, spelt(runs), spelt(runs), spelt(runs).encode(), None))
    if counts is None:
        counts = str(spelt(runs).encode()) if rng.random() < 0.5 else [float(run) for run in runs]
    return {
        "size": [height, width] if rng.random() < 0.9 else [float(height), width],
        "counts": counts,
    }


def _torn(rng: Random, value: Any) -> Any:
    """A value that may have lost a byte, gained one, or is something else altogether."""
    counts = value["counts"]
    if isinstance(counts, str | bytes) and rng.random() < 0.6:
        one = rng.choice("0123OPQ_`ao~p/ é\0\n\\'")
        at = rng.randrange(len(counts) + 1)
        letter = one if isinstance(counts, str) else one.encode()
        drop = rng.randrange(2)
        return {**value, "counts": counts[:at] + letter[: rng.randrange(2)] + counts[at + drop :]}
    return mutated(rng, value, ("size", "counts"))


def make_runs(rng: Random) -> Any:
    """Three masks of one size, or that would be masks."""
    height, width = rng.choice(((1, 1), (2, 3), (5, 4), (17, 9), (64, 33), (1, 300)))
    values = [_value(rng, height, width) for _ in range(3)]
    return [_torn(rng, one) if rng.random() < 0.4 else one for one in values], (height, width)


def read_runs(given: Any, folder: Path) -> None:
    """Each is accepted just when arithmetic says so, and then means the same pixels."""
    del folder
    values, size = given
    found = inspect_masks(values, [None] * len(values), ["m"] * len(values))
    drawn = []
    for value, mask in zip(values, found, strict=True):
        stated = said(value) if isinstance(value, dict) else None
        assert isinstance(mask, Mask) == (stated is not None), f"{value!r}: {mask}"
        if stated is not None and stated[0] * stated[1] <= 1 << 16:
            drawn.append((mask, bitmap(*stated)))
    for mask, pixels in drawn:
        assert (masks.decode(mask) == pixels).all()
        assert masks.area([mask])[0] == pixels.sum()
    for mask, pixels in drawn:
        alike = [(m, p) for m, p in drawn if p.shape == pixels.shape]
        table = masks.iou([mask], [m for m, _ in alike])[0]
        for share, (_, other) in zip(table, alike, strict=True):
            either = np.logical_or(pixels, other).sum()
            both = np.logical_and(pixels, other).sum()
            wanted = both / either if either else np.nan
            assert np.isclose(share, wanted, rtol=0, atol=1e-12, equal_nan=True)
        whole = masks.union([m for m, _ in alike])
        assert (masks.decode(whole) == np.logical_or.reduce([p for _, p in alike])).all()
    for value, mask in zip(values, found, strict=True):
        if isinstance(mask, BadMask) and not isinstance(value, dict):
            raise mask  # polygons, maybe, which need to be told the size
        if isinstance(mask, BadMask) or (mask.height, mask.width) != size:
            raise read_error(value, size)


def read_error(value: Any, size: tuple[int, int]) -> BadMask:
    """The error of reading one mask of an image's size."""
    try:
        read_mask(value, size=size)
    except BadMask as error:
        return error
    raise AssertionError(f"{value!r} is read alone, and not among others")


def make_polygons(rng: Random) -> Any:
    """Polygons on a small image, whole or not."""
    size = rng.choice(((1, 1), (8, 10), (40, 30)))
    corners = [
        [round(rng.uniform(-5, 45), rng.randrange(3)) for _ in range(2 * rng.randrange(3, 8))]
        for _ in range(rng.randrange(1, 4))
    ]
    value: Any = corners
    if rng.random() < 0.6:
        value = mutated(rng, value)
        if rng.random() < 0.2 and value and isinstance(value, list) and isinstance(value[0], list):
            value[0].append(hostile.number(rng))
    return value, size


def read_polygons(given: Any, folder: Path) -> None:
    """A mask of the image's size, whose area is that of its pixels."""
    del folder
    value, size = given
    mask = read_mask(value, size=size)
    pixels = masks.decode(mask)
    assert pixels.shape == size
    assert masks.area([mask])[0] == pixels.sum()
    assert read_mask(masks.to_rle(mask), size=size) == mask


TARGETS = (
    Target("masks: run lengths", make_runs, read_runs, 8),
    Target("masks: polygons", make_polygons, read_polygons, 3),
)
