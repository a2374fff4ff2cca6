"""The part of a paraphrase table that captions can use: no entry is missing, damage is a miss."""

import gzip
import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gcg_bench.files.cache import Cache
from gcg_bench.text import paraphrase_index
from gcg_bench.text.child_process import Programs
from gcg_bench.text.paraphrase_index import Index
from gcg_bench.text.paraphrases import usable

ENTRIES = [
    ("automobile", "car"),
    ("car", "automobile"),
    ("car", "vehicle"),
    ("u.s.", "united states"),
    ("us", "united states"),
    ("united states", "us"),
    ("5 o'clock", "five"),
    ("caf\u00e9", "bar"),
    ("%", "percent"),
    ("1,000", "a thousand"),
    ("a-b", "x"),
]
REAL_BLOCK, REAL_BUILD = paraphrase_index._BLOCK, Index.build


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    """A table of a few blocks, and a cache of its own."""
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(paraphrase_index, "_BLOCK", 4)
    monkeypatch.setattr(Index, "build", lambda self, _: self.build_here())
    file = tmp_path / "table.gz"
    text = "".join(f"0.0{k}\n{left}\n{right}\n" for k, (left, right) in enumerate(ENTRIES))
    file.write_bytes(gzip.compress(text.encode()))
    return file


def asked(table, *captions):
    """The entries that are given for captions, as pairs."""
    given = usable(captions, table, hashlib.sha256(table.read_bytes()).hexdigest(), Programs())
    assert given is not None
    lines = given.decode().split("\n")
    assert lines.pop() == ""
    assert {float(number) for number in lines[::3]} <= {1.0}
    return list(zip(lines[1::3], lines[2::3], strict=True))


def test_both_sides_must_occur_and_the_order_stays(table):
    assert asked(table, "a car and an automobile") == ENTRIES[:2]
    assert asked(table, "a car", "an automobile, a vehicle") == ENTRIES[:3]
    assert asked(table, "the car") == asked(table) == []


@pytest.mark.parametrize("spelled", ["us", "u.s.", "U.S", "(us)", "it-us", "us...", "'us"])
def test_spellings_that_meteor_makes_equal(table, spelled):
    assert asked(table, f"in the {spelled} now", "united states") == ENTRIES[3:6]


@pytest.mark.parametrize(
    ("captions", "expected"),
    [
        (("five", "5 o'clock"), ENTRIES[6]),
        (("five", "at 5 o' clock"), ENTRIES[6]),
        (("a caf\u00e9 or bar",), ENTRIES[7]),
        (("twenty percent",), ENTRIES[8]),
        (("1,000", "a thousand"), ENTRIES[9]),
        (("1 , 000 a thousand",), ENTRIES[9]),
        (("x", "y,a b"), ENTRIES[10]),
    ],
)
def test_parts_are_letters_and_digits_that_stand_together(table, captions, expected):
    assert expected in asked(table, *captions)


def test_parts_do_not_begin_inside_a_word(table):
    # "bus" holds "us", and "a..b" is two words to METEOR
    assert asked(table, "the bus", "united states") == []
    assert ("a-b", "x") in asked(table, "a..b x")


@pytest.mark.parametrize("strange", ["DOTMULTI", "\u0130stanbul", "5 \u212a"])
def test_where_the_entries_are_not_known_the_whole_table_is_needed(table, strange):
    assert usable([f"a car {strange} automobile"], table, "digest", Programs()) is None


def test_the_index_is_made_once(table, monkeypatch):
    asked(table, "a car and an automobile")
    monkeypatch.setattr(Index, "build", lambda *_: pytest.fail("made again"))
    assert asked(table, "a vehicle", "the car") == ENTRIES[2:3]


@pytest.mark.parametrize("which", ["< 100", ">= 40", "> 0"])
def test_a_damaged_index_is_made_again(table, which):
    asked(table, "a car and an automobile")
    statement = f"UPDATE entries SET value = x'00' || substr(value, 2) WHERE length(value) {which}"
    with closing(sqlite3.connect(Cache("paraphrases").path)) as connection, connection:
        assert connection.execute(statement).rowcount > 0
    assert asked(table, "a car and an automobile") == ENTRIES[:2]
    assert asked(table, "us", "united states") == ENTRIES[3:6]


def test_without_a_cache_the_whole_table_is_needed(table, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path / "file" / "cache"))
    assert usable(["a car and an automobile"], table, "digest", Programs()) is None


@pytest.fixture
def two_blocks(tmp_path, monkeypatch) -> tuple[Path, str]:
    """A table of more than one block, and its sha256; blocks and processes are the real ones."""
    monkeypatch.setattr(paraphrase_index, "_BLOCK", REAL_BLOCK)
    monkeypatch.setattr(Index, "build", REAL_BUILD)
    file = tmp_path / "long.gz"
    text = "".join(f"0.5\nthing {k}\nU.S. thing {k + 1}\n" for k in range(300))
    file.write_bytes(gzip.compress(text.encode()))
    return file, hashlib.sha256(file.read_bytes()).hexdigest()


def stored() -> dict[bytes, bytes]:
    with closing(sqlite3.connect(Cache("paraphrases").path)) as connection:
        return dict(connection.execute("SELECT key, value FROM entries"))


def test_another_process_makes_the_same_index(two_blocks, tmp_path, monkeypatch):
    values = []
    for build in (Index.build_here, lambda index: index.build(Programs())):
        monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path / f"cache {len(values)}"))
        if values:  # the other process makes it
            monkeypatch.setattr(Index, "build_here", lambda _: pytest.fail("made here"))
        build(Index(*two_blocks))
        values.append(stored())
    assert values[0] == values[1]
    assert len(values[0]) == 2 + 1  # two blocks of at most 256 entries, and all codes
    found = usable(["thing 299", "us thing 300, thing 7"], *two_blocks, Programs())
    assert found == b"1\nthing 299\nU.S. thing 300\n"


@pytest.mark.parametrize("python", ["", "false"])
def test_without_another_process_this_one_makes_the_index(two_blocks, monkeypatch, python):
    program = shutil.which(python) if python else ""
    monkeypatch.setattr(paraphrase_index.sys, "executable", program)
    Index(*two_blocks).build(Programs())
    assert len(stored()) == 3


def test_after_an_interrupt_nothing_is_made(two_blocks, monkeypatch):
    monkeypatch.setattr(Index, "build_here", lambda _: pytest.fail("made here"))
    with Programs() as programs:
        pass
    assert usable(["thing 299"], *two_blocks, programs) is None
