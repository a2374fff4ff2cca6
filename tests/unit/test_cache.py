"""The cache on disk: entries are returned, two processes share it, damage raises an error."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.files.cache import Cache, digest

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


def test_a_damaged_file_is_told_with_the_remedy(tmp_path):
    cache = Cache("kind")
    cache.put_many({b"a": b"1"})
    cache.path.write_bytes(b"no database at all, but long enough to be looked at" * 30)
    with pytest.raises(EnvironmentProblem, match="delete the file"):
        cache.get_many([b"a"])


def test_a_folder_that_cannot_be_made_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(EnvironmentProblem, match="GCG_BENCH_CACHE"):
        Cache("kind").put_many({b"a": b"1"})
