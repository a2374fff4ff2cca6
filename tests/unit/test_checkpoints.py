"""Checkpoints on disk: finding them, checking that they are complete, their digest."""

import hashlib
import json
import os

import pytest
import torch
from safetensors.torch import save_file

from gcg_bench.errors import BadData
from gcg_bench.files import checkpoints


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path / "cache"))


def test_safetensors_are_preferred_and_names_read_from_their_head(tmp_path):
    assert [file.name for file in checkpoints.weight_files(tmp_path)] == ["model.safetensors"]
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    assert [file.name for file in checkpoints.weight_files(tmp_path)] == ["pytorch_model.bin"]
    assert checkpoints.weight_names(tmp_path) is None
    save_file(
        {"a.b": torch.zeros(2), "c": torch.ones(1)}, tmp_path / "model.safetensors", {"k": "v"}
    )
    assert [file.name for file in checkpoints.weight_files(tmp_path)] == ["model.safetensors"]
    assert checkpoints.weight_names(tmp_path) == {"a.b", "c"}


def test_shards_are_listed_once_each_and_stay_in_their_folder(tmp_path):
    index = tmp_path / "pytorch_model.bin.index.json"
    shards = {"a": "2.bin", "b": "1.bin", "c": "1.bin", "d": "../../etc/3.bin"}
    index.write_text(json.dumps({"weight_map": shards}))
    names = [file.relative_to(tmp_path).as_posix() for file in checkpoints.weight_files(tmp_path)]
    assert sorted(names[1:]) == ["1.bin", "2.bin", "3.bin"]
    assert names[0] == index.name
    assert checkpoints.weight_names(tmp_path) == {"a", "b", "c", "d"}


@pytest.mark.parametrize("head", [b"", b"\x05\0\0\0\0\0\0\0{}", b"\xff" * 20, b"\x02" + b"\0" * 7])
def test_a_damaged_head_is_told(tmp_path, head):
    (tmp_path / "model.safetensors").write_bytes(head)
    with pytest.raises(BadData, match="damaged"):
        checkpoints.weight_names(tmp_path)


def test_digests_are_those_of_the_contents(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    assert checkpoints.file_digest(file) == hashlib.sha256(b"one").hexdigest()
    file.write_bytes(b"two!")
    assert checkpoints.file_digest(file) == hashlib.sha256(b"two!").hexdigest()
    other = tmp_path / "other"
    other.write_bytes(b"one")
    both = checkpoints.files_digest([file, other])
    assert both != checkpoints.files_digest([other, file])
    assert len(both) == 64


def test_a_checkpoint_is_read_whatever_its_size_and_time_say(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    status, before = file.stat(), checkpoints.files_digest([file])
    file.write_bytes(b"two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert checkpoints.files_digest([file]) != before


def test_the_hubs_own_digest_is_believed(tmp_path):
    """The Hugging Face cache names its files by sha256, so 16 GB are not hashed again."""
    blobs = tmp_path / "models--x" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / ("ab" * 32)).write_bytes(b"large")
    (blobs / ("cd" * 20)).write_bytes(b"small")
    large, small = tmp_path / "model.safetensors", tmp_path / "config.json"
    large.symlink_to(blobs / ("ab" * 32))
    small.symlink_to(blobs / ("cd" * 20))
    assert checkpoints.file_digest(large) == "ab" * 32
    assert checkpoints.file_digest(small) == hashlib.sha256(b"small").hexdigest()
