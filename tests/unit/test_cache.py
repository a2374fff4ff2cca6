"""The cache on disk: entries are returned, two processes share it, damage is a miss."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench.files.cache import Cache, digest, own_caches

WRITER = """
import sys
from gcg_bench.files.cache import Cache, digest
cache = Cache("shared")
for k in range(60):
    key = digest(str(k))
    assert cache.get_many([key]).get(key) in (None, b"v" * (k + 1))
    cache.put_many({key: b"v" * (k + 1), digest(sys.argv[1], str(k)): sys.argv[1].encode()})
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path / "cache"))


def test_what_was_put_is_got_and_nothing_else():
    cache = Cache("kind")
    assert cache.get_many([b"a"]) == {}
    cache.put_many({b"a": b"1", b"b": b""})
    assert cache.get_many([b"b", b"a", b"c", b"a"]) == {b"a": b"1", b"b": b""}
    assert Cache("other").get_many([b"a"]) == {}


def test_the_first_value_stays():
    cache = Cache("kind")
    cache.put_many({b"a": b"1"})
    cache.put_many({b"a": b"2", b"b": b"3"})
    assert cache.get_many([b"a", b"b"]) == {b"a": b"1", b"b": b"3"}


def test_more_keys_than_a_statement_holds():
    many = {digest(str(k)): str(k).encode() for k in range(2500)}
    Cache("kind").put_many(many)
    assert Cache("kind").get_many(many) == many


def test_two_processes_write_at_once():
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, name], stderr=subprocess.PIPE)
        for name in ("left", "right")
    ]
    for writer in writers:
        _, err = writer.communicate(timeout=240)
        assert writer.returncode == 0, err.decode()
    cache = Cache("shared")
    for k in range(60):
        keys = [digest(str(k)), digest("left", str(k)), digest("right", str(k))]
        assert list(map(cache.get_many(keys).get, keys)) == [b"v" * (k + 1), b"left", b"right"]


@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_digests_differ_where_the_parts_differ(a, b):
    assert (digest(*a) == digest(*b)) == (a == b)


def changed(cache, statement, *values):
    with closing(sqlite3.connect(cache.path)) as connection, connection:
        connection.execute(statement, values)


def stored(cache, key):
    with closing(sqlite3.connect(cache.path)) as connection:
        return connection.execute("SELECT value FROM entries WHERE key = ?", (key,)).fetchone()[0]


ENTRIES = {digest("a"): b"value of a", digest("b"): b"value of b"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: bytes([value[0] ^ 4]) + value[1:],
        lambda value: value[:-1] + bytes([value[-1] ^ 1]),
        lambda value: value[:-1],
        lambda value: value + b"x",
        lambda value: value[1:],
        lambda value: b"",
        lambda value: b"\xff\xfe\x00",
        lambda value: value.decode("latin-1"),
        lambda value: 17,
    ],
)
def test_a_damaged_entry_is_a_miss_and_is_replaced(damage):
    Cache("kind").put_many(ENTRIES)
    first, second = ENTRIES
    bad = damage(stored(Cache("kind"), first))
    changed(Cache("kind"), "UPDATE entries SET value = ? WHERE key = ?", bad, first)
    cache = Cache("kind")
    assert cache.get_many(ENTRIES) == {second: ENTRIES[second]}
    cache.put_many({first: ENTRIES[first]})
    assert Cache("kind").get_many(ENTRIES) == ENTRIES


def test_entries_that_change_places_are_misses():
    cache = Cache("kind")
    cache.put_many(ENTRIES)
    values = {key: stored(cache, key) for key in ENTRIES}
    for key, other in zip(ENTRIES, reversed(ENTRIES), strict=True):
        changed(cache, "UPDATE entries SET value = ? WHERE key = ?", values[other], key)
    assert Cache("kind").get_many(ENTRIES) == {}


def test_entries_of_earlier_versions_are_misses():
    cache = Cache("kind")
    cache.put_many({b"other": b""})
    changed(cache, "INSERT INTO entries VALUES (?, ?)", digest("a"), b"value of a")
    assert cache.get_many(ENTRIES) == {}


def damaged_file(folder, monkeypatch):
    Cache("kind").put_many(ENTRIES)
    Cache("kind").path.write_bytes(b"no database at all, but long enough to be looked at" * 30)


def folder_under_a_file(folder, monkeypatch):
    (folder / "file").write_text("x")
    monkeypatch.setenv("GCG_BENCH_CACHE", str(folder / "file" / "cache"))


def folder_in_the_place_of_the_file(folder, monkeypatch):
    Cache("kind").path.mkdir(parents=True)


def other_table(folder, monkeypatch):
    Cache("kind").put_many(ENTRIES)
    changed(Cache("kind"), "ALTER TABLE entries RENAME COLUMN value TO content")


def full_disk(folder, monkeypatch):
    def connect(*_, **__):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlite3, "connect", connect)


def no_folder_can_be_made(folder, monkeypatch):
    (folder / "dangling").symlink_to(folder / "gone" / "far")
    monkeypatch.setenv("GCG_BENCH_CACHE", str(folder / "dangling" / "cache"))
    (folder / "gone").write_text("a file")


@pytest.mark.parametrize(
    "unusable",
    [
        damaged_file,
        folder_under_a_file,
        folder_in_the_place_of_the_file,
        other_table,
        full_disk,
        no_folder_can_be_made,
    ],
)
def test_a_cache_that_cannot_be_used_is_named_once_and_the_work_goes_on(
    unusable, tmp_path, monkeypatch, caplog
):
    unusable(tmp_path, monkeypatch)
    for _ in range(3):
        cache = Cache("kind")
        cache.put_many(ENTRIES)
        assert cache.get_many(ENTRIES) == {}
    (message,) = [record.getMessage() for record in caplog.records]
    assert str(Cache("kind").path) in message
    assert "the cache cannot be used" in message
    assert "GCG_BENCH_CACHE" in message


def test_a_cache_that_another_process_holds_is_waited_for_once(monkeypatch, caplog):
    held = Cache("held")
    held.put_many(ENTRIES)
    monkeypatch.setattr("gcg_bench.files.cache._PATIENCE", 0.05)
    with closing(sqlite3.connect(held.path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        opened = []
        connect = sqlite3.connect
        monkeypatch.setattr(
            sqlite3, "connect", lambda *a, **k: opened.append(a) or connect(*a, **k)
        )
        for _ in range(3):
            assert Cache("held").get_many(ENTRIES) == {}
            Cache("held").put_many(ENTRIES)
    assert len(opened) == 1
    (message,) = [record.getMessage() for record in caplog.records]
    assert "database is locked" in message


def test_own_caches_are_empty_and_leave_nothing():
    cache = Cache("kind")
    cache.put_many(ENTRIES)
    with own_caches() as folder:
        own = Cache("kind")
        assert own.get_many(ENTRIES) == {}
        own.put_many({digest("a"): b"another"})
        assert Cache("kind").get_many(ENTRIES) == {digest("a"): b"another"}
        assert own.path.parent == folder
    assert not folder.exists()
    assert Cache("kind").get_many(ENTRIES) == ENTRIES
