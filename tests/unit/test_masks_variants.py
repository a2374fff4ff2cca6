"""Masks in all their harmless variants, batches of masks, and any bytes."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pycocotools import mask as coco

from gcg_bench import masks
from gcg_bench.errors import BadMask
from gcg_bench.masks.codes import chunks
from gcg_bench.types import Mask

SQUARE = [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]  # 3 x 4: columns 000 110 110 000
RUNS = [3, 2, 1, 2, 4]
TEXT = (
    "32103"  # 3, 2, 1, then 2 - 2 = 0 and 4 - 1 = 3; the character of a small number is its digit
)


def rle(counts, height=3, width=4):
    return {"size": [height, width], "counts": counts}


@pytest.mark.parametrize(
    "value",
    [
        rle(TEXT),
        rle(TEXT.encode()),
        rle(bytearray(TEXT.encode())),
        rle(f"b'{TEXT}'"),
        rle(np.str_(TEXT)),
        rle(RUNS),
        rle(tuple(RUNS)),
        rle([float(run) for run in RUNS]),
        rle(np.array(RUNS, dtype=np.uint32)),
        rle(np.array(RUNS, dtype=np.float32)),
        rle([np.int16(run) for run in RUNS]),
        rle([3, 2.0, np.int64(1), np.float64(2), 4]),
        {"size": (3, 4), "counts": TEXT},
        {"size": [3.0, 4.0], "counts": TEXT},
        {"size": np.array([3, 4]), "counts": TEXT},
        {"size": [np.int32(3), np.float32(4)], "counts": TEXT},
        {"size": [3, 4], "counts": TEXT, "more": "ignored"},
        # runs of 0 at any position, and numbers with a redundant group
        rle([3, 2, 1, 2, 4, 0]),
        rle([3, 2, 1, 2, 4, 0, 0]),
        rle([3, 2, 0, 0, 1, 2, 4]),
        rle([3, 1, 0, 1, 1, 2, 4]),
        rle([0, 0, 3, 2, 1, 2, 4]),
        rle([3, 2, 1, 2, 1, 0, 3]),
        rle("321030"[:5] + "N"),  # a last run of 2 - 2
        rle("S0" + TEXT[1:]),
        rle("SP0" + TEXT[1:]),
        rle("SPPPP0" + TEXT[1:]),
        rle(TEXT[:-1] + "S0"),
        rle("321P03"),
        # the result of pycocotools
        coco.encode(np.asfortranarray(np.array(SQUARE, dtype=np.uint8))),
        [[1, 0, 3, 0, 3, 2, 1, 2]],
        [np.array([1, 0, 3, 0, 3, 2, 1, 2])],
        ((1, 0, 2, 0, 2, 2, 1, 2), (2.0, 0.0, 3.0, 0.0, 3.0, 2.0, 2.0, 2.0)),
    ],
)
def test_known_variants_are_one_mask(value):
    mask = masks.read_mask(value, size=(3, 4))
    assert mask == Mask(3, 4, TEXT.encode())
    assert type(mask.height) is int
    assert type(mask.counts) is bytes
    assert masks.decode(mask).astype(int).tolist() == SQUARE


def test_backslash_of_printed_bytes():
    # 44 + 20: 12 in the low group with 32 added is 48 + 44 = "\"; 2 above it
    text = rle("\\22", 2, 39)  # 12 + 2 * 32 = 76, then 2
    printed = rle(repr(b"\\22"), 2, 39)
    assert "\\\\" in printed["counts"]
    assert masks.read_mask(text) == masks.read_mask(printed) == Mask(2, 39, b"\\22")
    assert masks.runs(masks.read_mask(text)).tolist() == [76, 2]


def test_quotes_belong_to_printed_bytes_alone():
    with pytest.raises(BadMask, match="characters"):
        masks.read_mask(rle("b'32103"))
    with pytest.raises(BadMask, match="characters"):
        masks.read_mask(rle("32103'"))


def test_size_is_taken_when_the_image_is_unknown():
    assert masks.read_mask(rle(TEXT, 4, 3)) == Mask(4, 3, TEXT.encode())
    with pytest.raises(BadMask, match="without the image's size"):
        masks.read_mask([[0, 0, 2, 0, 2, 2]])


def test_largest_image():
    side = 2**13
    assert side**2 == masks.MAX_PIXELS
    assert masks.read_mask(rle([side**2], side, side)) == masks.empty(side, side)
    assert masks.area([masks.read_mask(rle([0, 2**26], 1, 2**26))]).tolist() == [2**26]
    text = masks.encode(np.ones((side, side), dtype=bool)).counts
    assert masks.area([masks.read_mask(rle(text, side, side))]).tolist() == [2**26]
    with pytest.raises(BadMask, match="67108865"):
        masks.read_mask(rle([2**26 + 1], 1, 2**26 + 1))


def test_smallest_image():
    assert masks.read_mask(rle("1", 1, 1)) == masks.empty(1, 1)
    assert masks.decode(masks.read_mask(rle("01", 1, 1))).tolist() == [[True]]


def test_first_error_of_many():
    values = [rle(TEXT), rle("31"), rle(TEXT), rle(None)]
    with pytest.raises(BadMask, match="sum to 4") as raised:
        masks.read_masks(values)
    assert raised.value.field == "masks[1].counts"
    with pytest.raises(BadMask, match="None") as raised:
        masks.read_masks(values[2:], field="pred_masks")
    assert raised.value.field == "pred_masks[1].counts"
    assert masks.read_masks(values[:1], size=(3, 4)) == (Mask(3, 4, b"32103"),)
    with pytest.raises(BadMask, match="the image 4 x 3"):
        masks.read_masks(values[:1], size=(4, 3))
    assert masks.read_masks([]) == ()


def test_lists_of_one_length():
    with pytest.raises(ValueError, match="zip"):
        masks.inspect_masks([rle(TEXT)], [None, None], ["a"])


# Characters near both ends of the valid range, so that most texts decode and some do not.
texts = st.one_of(
    st.binary(max_size=12),
    st.text(alphabet=[chr(code) for code in range(47, 113)], max_size=12).map(str.encode),
    st.lists(st.integers(-40, 1200), min_size=1, max_size=6).map(
        lambda runs: coco.frPyObjects({"size": [1, 1], "counts": [abs(r) for r in runs]}, 1, 1)[
            "counts"
        ]
    ),
)


def plain_runs(text):
    """The run lengths of a text in plain Python; None when its code is not valid."""
    runs, number, groups = [], 0, 0
    for character in text:
        code = character - 48
        if not 0 <= code < 64:
            return None
        number += (code % 32) * 32**groups
        groups += 1
        if code < 32:
            if code >= 16:
                number -= 32**groups
            if groups > 6:
                return None
            runs.append(number + (runs[-2] if len(runs) > 2 else 0))
            number, groups = 0, 0
    return None if groups else runs


def plain_pixels(runs):
    return [bool(position % 2) for position, run in enumerate(runs) for _ in range(run)]


@given(st.lists(st.tuples(texts, st.integers(1, 1300), st.booleans()), max_size=8))
def test_any_bytes_are_refused_or_read_as_they_are(claims):
    """Valid and invalid texts in one batch, compared with plain Python."""
    values, expected = [], []
    for text, pixels, told in claims:
        runs = plain_runs(text)
        sound = runs is not None and min(runs, default=0) >= 0 and 0 < sum(runs) < 10**5
        size = sum(runs) if told and sound else pixels
        values.append(rle(text, 1, size))
        expected.append(plain_pixels(runs) if sound and sum(runs) == size else None)
    found = masks.inspect_masks(values, [None] * len(values), list(map(str, range(len(values)))))
    for index, (mask, pixels) in enumerate(zip(found, expected, strict=True)):
        if pixels is None:
            assert isinstance(mask, BadMask)
            assert mask.field == f"{index}.counts"
        else:
            assert isinstance(mask, Mask)
            assert masks.decode(mask)[0].tolist() == pixels
            assert masks.encode([pixels]) == mask  # canonical


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12).filter(any))
@example([1, 0])
@example([3, 0, 4])
@example([0, 2, 0])
@example([0, 0, 2, 1])
@example([0, 0, 0, 2, 0, 0])
def test_any_runs_are_read_as_they_are(runs):
    pixels = plain_pixels(runs)
    listed = masks.read_mask(rle(runs, 1, len(pixels)))
    written = coco.frPyObjects({"size": [1, len(pixels)], "counts": runs}, 1, len(pixels))
    assert masks.read_mask(written) == listed == masks.from_runs(runs, 1, len(pixels))
    assert masks.decode(listed)[0].tolist() == pixels
    assert masks.runs(listed)[1:].all()


def test_spare_groups_of_the_largest_and_least_that_need_none():
    assert masks.read_mask(rle("_0", 1, 15)) == masks.empty(1, 15) == Mask(1, 15, b"?")
    # 1, 20, 1, and 4 as the difference of -16 to 20, in one group and in two
    assert masks.read_mask(rle("1d01`O", 1, 26)) == masks.from_runs([1, 20, 1, 4], 1, 26)
    assert masks.from_runs([1, 20, 1, 4], 1, 26).counts == b"1d01@"


def test_a_batch_is_canonical_mask_by_mask():
    """Runs of 0 at every position, in texts of every length, in one batch."""
    rng = np.random.default_rng(2)
    listed = [rng.integers(0, 3, size=rng.integers(1, 7)).tolist() for _ in range(3000)]
    listed = [runs for runs in listed if any(runs)]
    written = [coco.frPyObjects(rle(runs, 1, sum(runs)), 1, sum(runs)) for runs in listed]
    found = masks.read_masks(written)
    assert found == tuple(masks.encode([plain_pixels(runs)]) for runs in listed)


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], []),
        ([9], [[9]]),
        ([3, 3, 3], [[3, 3], [3]]),
        ([3, 4, 2, 1], [[3], [4, 2], [1]]),
        ([7, 1, 5, 1, 9], [[7], [1, 5], [1], [9]]),
        ([0, 7, 0, 0], [[0, 7], [0, 0]]),
    ],
)
def test_batches_hold_at_most_six(sizes, parts):
    assert [sizes[part] for part in chunks(sizes, 6)] == parts


def test_spare_groups_beside_numbers_of_every_length():
    """A redundant group is noticed next to numbers that need all their groups."""
    runs = [20_000_000, 600, 20, 603]  # 6, 3, 2 groups, and 3 as the difference to 600
    sound = masks.from_runs(runs, 1, sum(runs))
    assert len(sound.counts) == 12
    assert sound.counts.endswith(b"3")
    padded = rle(sound.counts[:-1] + b"S0", 1, sum(runs))
    assert masks.read_mask(padded) == sound


def test_a_batch_is_cut_without_loss():
    """More characters than fit into one batch, and one text longer than a batch."""
    rng = np.random.default_rng(5)
    grids = [rng.random((40, 50)) < 0.5 for _ in range(900)]
    grids.insert(500, rng.random((600, 1000)) < 0.5)
    written = [coco.encode(np.asfortranarray(grid.astype(np.uint8))) for grid in grids]
    written[150] = rle("2", 40, 50)
    assert sum(len(value["counts"]) for value in written) > 3 * 2**18
    found = masks.inspect_masks(written, [None] * 901, ["field"] * 901)
    assert isinstance(found[150], BadMask)
    for index, (mask, grid) in enumerate(zip(found, grids, strict=True)):
        if index != 150:
            assert np.array_equal(masks.decode(mask), grid)
