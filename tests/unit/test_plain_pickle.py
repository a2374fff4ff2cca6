"""Pickles of plain data are read; everything else is refused in one message, and never run."""

import os
import pickle
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files.plain_pickle import read_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
REFS = [
    {
        "ref_id": 1,
        "ann_id": 2**31,
        "split": "val",
        "sent_ids": [0, 1],
        "score": 0.5,
        "none": None,
        "yes": True,
        "sentences": [{"sent": "the dog", "tokens": ["the", "dog"]}, {"sent": "Köter"}],
    }
]


def written(folder: Path, data: bytes) -> Path:
    (folder / "refs.p").write_bytes(data)
    return folder / "refs.p"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_of_every_protocol(tmp_path, protocol):
    assert read_pickle(written(tmp_path, pickle.dumps(REFS, protocol))) == REFS


def test_text_of_python_2(tmp_path):
    # as cPickle of Python 2 writes a list with a str and a unicode
    data = b"\x80\x02]q\x01(U\x03dogq\x02X\x04\x00\x00\x00K\xc3\xb6tq\x03e."
    assert read_pickle(written(tmp_path, data)) == ["dog", "Köt"]
    assert read_pickle(written(tmp_path, b"(lp1\nS'it\\'s'\np2\naI01\na.")) == ["it's", True]
    assert read_pickle(written(tmp_path, b"\x80\x02]U\x01\xe9a.")) == ["é"]


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


@given(value=st.lists(plain, max_size=4), protocol=st.sampled_from(PROTOCOLS))
def test_what_pickle_writes_is_read_back(tmp_path_factory, value, protocol):
    file = written(tmp_path_factory.mktemp("p"), pickle.dumps(value, protocol))
    assert read_pickle(file) == value


class Runs:
    def __reduce__(self):
        return os.mkdir, ("it-ran",)


HOSTILE = {
    "calls a function": (pickle.dumps([Runs()]), "names a class or a function"),
    "a class by name": (b"cos\nsystem\n(S'true'\ntR.", "names a class or a function"),
    "an instance": (b"(i__builtin__\nlist\n.", "names a class or a function"),
    "a persistent id": (b"Pid\n.", "instruction b'P'"),
    "a set": (pickle.dumps([{1, 2}], 4), "instruction"),
    "a huge number": (pickle.dumps([10**5000], 2), "whole number is too large"),
    "a large number": (pickle.dumps([2**70], 2), "whole number is too large"),
    "a huge number as text": (b"(lI" + b"9" * 5000 + b"\na.", "whole number is too large"),
    "a deep nest": (b"\x80\x02" + b"]" * 3000 + b"a" * 2999 + b".", "nested more than"),
    "a list in itself": (b"]q\x00h\x00a.", "nested more than"),
    "a far memory": (b"]" + b"r" + struct.pack("<I", 2**32 - 1) + b"j\0\0\0\0a.", "never there"),
    "a long text that is not there": (b"]X\xff\xff\xff\xffabca.", "cut off"),
    "a negative length": (b"]T\xff\xff\xff\xffabca.", "cut off"),
    "cut off": (pickle.dumps(REFS, 2)[:-20], "cut off"),
    "nothing": (b"", "cut off"),
    "one number": (pickle.dumps(5, 2), "neither a list nor a dictionary"),
    "numbers as keys": (pickle.dumps([{1: 2}], 2), "is no text"),
    "an end without a begin": (b"e.", "without its begin"),
    "text that is an expression": (b"(lS__import__('os')\na.", "quoted"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "lacks its operand|instruction|one value|cut off"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_pickles_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    data, problem = HOSTILE[name]
    with pytest.raises(BadData, match=problem) as raised:
        read_pickle(written(tmp_path, data))
    assert str(tmp_path / "refs.p") in str(raised.value)
    assert len(str(raised.value)) < 500 + len(str(tmp_path))
    assert not (tmp_path / "it-ran").exists()


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    file = written(tmp_path_factory.mktemp("p"), data)
    try:
        value = read_pickle(file)
    except BadData:
        return
    assert isinstance(value, list | dict)


def test_a_long_file_and_no_file(tmp_path):
    with pytest.raises(BadData, match="more than 10 is not read"):
        read_pickle(written(tmp_path, pickle.dumps(REFS)), most=10)
    with pytest.raises(MissingData, match="no such file"):
        read_pickle(tmp_path / "none.p")
