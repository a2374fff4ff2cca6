"""Reading masks from files: what is accepted, what is refused, and that nothing hangs or crashes.

As a program, this file prints the result for each hostile input. The tests start it as a child
process with a timeout, because no signal handler interrupts native code that loops.
"""

import json
import subprocess
import sys
from fractions import Fraction

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


class Strange:
    """An object whose text conversion raises."""

    def __repr__(self):
        raise RuntimeError

    __str__ = __repr__


DEEP: list = []
for _ in range(10_000):
    DEEP = [DEEP]

HUGE = 10**18
DIGITS = 10**6000  # has more digits than Python prints
SIDES = {
    "zero": 0,
    "negative": -3,
    "huge": HUGE,
    "unprintable": DIGITS,
    "infinite": float("inf"),
    "nan": float("nan"),
    "broken": 3.5,
    "vast float": 1e300,
    "bool": True,
    "numpy bool": np.bool_(True),
    "text": "3",
    "none": None,
    "list": [3],
    "array": np.array([3, 3]),
    "complex": np.complex128(3),
    "fraction": Fraction(3),
    "strange": Strange(),
    "nested": DEEP,
}
COUNTS = {
    # what PITFALLS.md lists
    "one byte lost": TEXT[:-1],
    "first byte lost": TEXT[1:],
    "garbage": "zzzz~~~~",
    "garbage bytes": bytes(range(256)),
    "empty text": "",
    "empty bytes": b"",
    "empty list": [],
    "short": "3210",
    "long": TEXT + "0" + "1",
    # other cases
    "inside a number": "P",
    "inside the last number": TEXT[:-1] + "S",
    "negative run": "3210M",  # M is -3: the last run is 1 - 3
    "negative first run": "O=",  # -1 + 13
    "negative by difference": "321K1:",  # 3, 2, 1, 2 - 5, 1 + 1, -3 + 10
    "sum wraps 32 bits": [2**32 - 12, 24],
    "sum wraps 64 bits": [2**62] * 4 + [12],
    "run of 2**63": [2**63],
    "run of 2**64 in numpy": np.array([2**64 - 1], dtype=np.uint64),
    "compressed run of 2**34": "PPPPPP1",
    "compressed run without end": "P" * 100 + "1",
    "wraps 32 bits when read": "\\oooo3",  # 12 in the low bits, 2**27 above
    "minus one without end": "O" + "o" * 13 + "_",
    "all continued": "o" * 1_000_000,
    "a million zeros": "0" * 1_000_000,
    "a million ones": "1" * 1_000_000,
    "a million list zeros": [0] * 1_000_000,
    "growing without end": "9" * 1_000_000,
    "non-ascii": "32103é",
    "non-ascii digits": "３２１０３",
    "surrogate": "32103\ud800",
    "nul": "32103\0",
    "nul inside": "32\0" + "103",
    "newline": "32103\n",
    "space": "3 2 1 2 4",
    # as if "o" (31 and more) and "0": with those, both would be masks of 12 pixels
    "slash below zero": "321/O4",
    "slash at the end": "32104/",
    "p above o": "321p3",
    "high byte": b"\x803210",
    "none": None,
    "number": 12,
    "nan": float("nan"),
    "bool": True,
    "mapping": {"0": 12},
    "set": {12},
    "strange": Strange(),
    "list of nan": [3, float("nan"), 9],
    "list of inf": [float("inf")],
    "list of minus inf": [float("-inf")],
    "list of halves": [2.5, 9.5],
    "list of vast floats": [1e300],
    "list of unprintable": [DIGITS],
    "list of minus unprintable": [-DIGITS],
    "list with a bool": [11, True],
    "list with a numpy bool": [11, np.bool_(True)],
    "list with a text": [11, "1"],
    "list with none": [11, None],
    "list with a complex": [11, np.complex128(1)],
    "list with a strange": [11, Strange()],
    "list in a list": [[12]],
    "array of two dimensions": np.array([[3, 9]]),
    "array of no dimension": np.array(12),
    "array of objects": np.array([Strange()], dtype=object),
    "array of bools": np.ones(12, dtype=bool),
    "list negative": [13, -1],
    "list negative zero sum": [3, -3, 12],
    "list short": [3, 2, 1, 2, 3],
    "list long": [3, 2, 1, 2, 5],
    "nested": DEEP,
}
POLYGONS = {
    "two points": [[0, 0, 2, 2]],
    "a box": [[0, 0, 2, 2], [0, 0, 2, 0, 2, 2]],
    "five numbers": [[0, 0, 2, 0, 2]],
    "seven numbers": [[0, 0, 2, 0, 2, 2, 1]],
    "no numbers": [[]],
    "flat": [0, 0, 2, 0, 2, 2],
    "nan": [[0, 0, 2, 0, 2, float("nan")]],
    "inf": [[0, 0, 2, 0, 2, float("inf")]],
    "minus inf": [[0, 0, 2, 0, 2, float("-inf")]],
    "far": [[0, 0, 2, 0, 2, 1e300]],
    "unprintable": [[0, 0, 2, 0, 2, DIGITS]],
    "wraps 32 bits": [[0, 0, 2, 0, 2, 2.0**31 / 5]],
    "long": [[0, 0, 2.0**27, 0, 2, 2]],
    "long in many steps": [[0, 0, 300, 0] * 5000],
    "long in many polygons": [[0, 0, 300, 0, 300, 1]] * 5000,
    "bool": [[0, 0, 2, 0, 2, True]],
    "text": [["0", "0", "2", "0", "2", "2"]],
    "a text": ["0020022"],
    "none": [None],
    "strange": [[Strange()] * 6],
    "mapping": [{"x": 0}],
    "nested": DEEP,
}
OTHERS = {
    "none": None,
    "bool": True,
    "number": 12,
    "nan": float("nan"),
    "text": TEXT,
    "bytes": TEXT.encode(),
    "no keys": {},
    "no counts": {"size": [3, 4]},
    "no size": {"counts": TEXT},
    "size of one": {"size": [12], "counts": TEXT},
    "size of three": {"size": [3, 4, 1], "counts": TEXT},
    "size is text": {"size": "34", "counts": TEXT},
    "size is a set": {"size": {3, 4}, "counts": TEXT},
    "size is a mapping": {"size": {0: 3, 1: 4}, "counts": TEXT},
    "size 2e9 x 2e9": {"size": [2_000_000_000, 2_000_000_000], "counts": TEXT},
    "size wraps 64 bits": {"size": [2**33, 2**31], "counts": ""},
    "size above the cap": {"size": [2**13, 2**13 + 1], "counts": [2**26 + 2**13]},
    "other size": {"size": [4, 3], "counts": TEXT},
    "other size, same text": {"size": [2, 6], "counts": TEXT},
    "no polygons": [],
    "an array": np.zeros((3, 4)),
    "a set": {1, 2},
    "strange": Strange(),
}


def hostile():
    """Every hostile value by name; the image is 3 x 4."""
    for name, side in SIDES.items():
        yield f"height {name}", {"size": [side, 4], "counts": TEXT}
        yield f"width {name}", {"size": [3, side], "counts": TEXT}
    for name, counts in COUNTS.items():
        yield f"counts {name}", rle(counts)
    for name, polygons in POLYGONS.items():
        yield f"polygons {name}", polygons
    for name, value in OTHERS.items():
        yield f"value {name}", value


def verdict(value):
    """The message of the error; None when the value was accepted and measured."""
    try:
        mask = masks.read_mask(value, size=(3, 4), field="masks[1]")
    except BadMask as error:
        return str(error)
    masks.decode(mask)
    masks.iou([mask], [mask])
    masks.boxes([mask])
    return None


def main():
    for name, value in hostile():
        sys.stdout.write(json.dumps([name, verdict(value)]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
    sys.exit()


@pytest.fixture(scope="module")
def verdicts():
    """The output of a child process for each hostile value until it ended or timed out."""
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as child:
        try:
            said, _ = child.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            child.kill()
            said, _ = child.communicate()
    return dict(json.loads(line) for line in said.splitlines())


HOSTILE = dict(hostile())


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_value_is_refused(verdicts, name):
    assert name in verdicts, "the child hung or crashed here or earlier"
    assert verdicts[name] is not None
    assert verdicts[name].startswith("masks[1]")
    assert len(verdicts[name]) < 300
    # the child process did not crash, so the value is safe here too
    assert verdict(HOSTILE[name]) == verdicts[name]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("counts one byte lost", "masks[1].counts: run lengths sum to 8, not to 12 pixels."),
        ("counts garbage", "masks[1].counts: counts hold characters that are not valid"),
        ("counts garbage bytes", "masks[1].counts: counts hold characters that are not valid"),
        ("counts slash below zero", "masks[1].counts: counts hold characters that are not"),
        ("counts p above o", "masks[1].counts: counts hold characters that are not valid"),
        ("counts nul", "masks[1].counts: counts hold characters that are not valid"),
        ("counts empty text", "masks[1].counts: run lengths sum to 0, not to 12 pixels"),
        ("counts empty list", "masks[1].counts: run lengths sum to 0, not to 12 pixels"),
        ("counts long", "masks[1].counts: run lengths sum to 19, not to 12 pixels"),
        ("counts inside a number", "masks[1].counts: counts end inside a number"),
        ("counts inside the last number", "masks[1].counts: counts end inside a number"),
        ("counts compressed run of 2**34", "masks[1].counts: counts hold a number too large"),
        ("counts all continued", "masks[1].counts: counts end inside a number"),
        ("counts run of 2**63", "masks[1].counts: counts hold a number too large for any image"),
        ("counts sum wraps 32 bits", "sum to 4294967308, not to 12"),
        ("counts sum wraps 64 bits", "sum to a number of 65 bits, not to 12"),
        ("counts negative run", "masks[1].counts: a run length is negative"),
        ("counts negative first run", "masks[1].counts: a run length is negative"),
        ("counts negative by difference", "masks[1].counts: a run length is negative"),
        ("counts list negative", "masks[1].counts: a run length is negative"),
        ("counts list negative zero sum", "masks[1].counts: a run length is negative"),
        ("counts list of halves", "masks[1].counts: a run length is not a whole number"),
        ("counts list of nan", "masks[1].counts: a run length is not a whole number"),
        ("counts list with a bool", "masks[1].counts: True is not a number"),
        ("counts list with a text", "masks[1].counts: '1' is not a number"),
        ("counts list with a strange", "a value of type Strange is not a number"),
        ("counts none", "masks[1].counts: None is not a list of numbers"),
        ("counts non-ascii", "masks[1].counts: counts are not ASCII"),
        ("height broken", "masks[1].size: size holds 3.5"),
        ("width bool", "masks[1].size: size holds True"),
        ("height zero", "masks[1].size: size is 0 x 4"),
        ("width negative", "masks[1].size: size is 3 x -3"),
        ("width huge", "masks[1].size: size is 3 x a number of 60 bits"),
        ("value size above the cap", "masks[1].size: size is 8192 x 8193"),
        ("value size 2e9 x 2e9", "masks[1].size: size is 2000000000 x 2000000000"),
        ("value no size", "masks[1].size: size is not [height, width]"),
        ("value size of three", "masks[1].size: size is not [height, width]"),
        ("value other size", "masks[1].size: the mask is 4 x 3, the image 3 x 4"),
        ("value other size, same text", "masks[1].size: the mask is 2 x 6, the image 3 x 4"),
        ("value no polygons", "masks[1]: a mask is a value of type list, neither run lengths"),
        ("polygons two points", "masks[1][0]: a polygon of 4 numbers"),
        ("polygons five numbers", "masks[1][0]: a polygon of 5 numbers"),
        ("polygons nan", "masks[1][0]: a coordinate is not finite or too large"),
        ("polygons wraps 32 bits", "masks[1][0]: a coordinate is not finite or too large"),
        ("polygons long", "masks[1]: polygons too long to draw"),
        ("polygons flat", "masks[1][0]: 0 is not a list of numbers"),
    ],
)
def test_refusal_names_field_and_problem(verdicts, name, words):
    assert words in verdicts[name]


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
