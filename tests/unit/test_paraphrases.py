"""The part of a paraphrase table that captions can use: no entry is missing, damage is a miss."""

import gzip
import hashlib
import sqlite3
from contextlib import closing

import pytest

from gcg_bench.files.cache import Cache
from gcg_bench.text import paraphrases
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


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    """A table of a few blocks, and a cache of its own."""
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(paraphrases, "_BLOCK", 4)
    file = tmp_path / "table.gz"
    text = "".join(f"0.0{k}\n{left}\n{right}\n" for k, (left, right) in enumerate(ENTRIES))
    file.write_bytes(gzip.compress(text.encode()))
    return file


def asked(table, *captions):
    """The entries that are given for captions, as pairs."""
    given = usable(captions, table, hashlib.sha256(table.read_bytes()).hexdigest())
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
    assert usable([f"a car {strange} automobile"], table, "digest") is None


def test_the_index_is_made_once(table, monkeypatch):
    asked(table, "a car and an automobile")
    monkeypatch.setattr(paraphrases, "_build", lambda *parts: pytest.fail("made again"))
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
    assert usable(["a car and an automobile"], table, "digest") is None
