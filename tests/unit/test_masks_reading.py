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

from gcg_bench import masks
from gcg_bench.errors import BadMask

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
