"""Weights on this machine: where a model's files lie, whether they are whole, and their digest.

Nothing is downloaded. What `hf download ID` brought is found in the Hugging Face cache by its id.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from gcg_bench.errors import BadData, EnvironmentProblem, MissingData
from gcg_bench.files import limits, paths
from gcg_bench.files.cache import Cache, digest
from gcg_bench.files.json import parse_json, read_json

LAYOUTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""The files that a folder's weights begin with, in the order they are preferred."""

_HEAD = 100_000_000  # bytes: what the safetensors library allows the head of a file
_BLOB = re.compile(r"[0-9a-f]{64}")


def snapshot(identifier: str) -> Path | None:
    """The folder of a model in the Hugging Face cache, None when it is not there."""
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(identifier, "config.json")
    except ValueError:  # not an id
        return None
    return Path(found).parent if isinstance(found, str | os.PathLike) else None


def find(name_or_path: str, *, remedy: str) -> Path:
    """The folder of a model with all its weights.

    Args:
        name_or_path: a folder, or the id of a model in the Hugging Face cache.
        remedy: how to get the model, for the message.

    Raises:
        MissingData: a path that is no folder.
        EnvironmentProblem: the model is not on this machine, or only a part of it.
    """
    if paths.has_control(name_or_path) or paths.too_long(name_or_path):
        raise MissingData(f"{name_or_path[:80]!r}... names no folder and no model. {remedy}")
    named = paths.expanded(name_or_path)
    folder = named if named.is_dir() else None
    if folder is None and (named.is_absolute() or name_or_path.startswith((".", "~"))):
        raise MissingData(f"{named}: no such folder to load a model from. {remedy}")
    folder = folder or snapshot(name_or_path)
    if folder is None:
        raise EnvironmentProblem(f"the weights of {name_or_path} are not on this machine. {remedy}")
    lost = [file.name for file in weight_files(folder) if not file.is_file()]
    if not (folder / "config.json").is_file():
        lost.insert(0, "config.json")
    if lost:
        raise EnvironmentProblem(
            f"{folder}: {', '.join(lost[:3])} is not there, so the model is not whole. {remedy}"
        )
    return folder


def weight_files(folder: Path) -> list[Path]:
    """The files of a folder's weights, there or not; where there are none, those hoped for.

    Raises:
        BadData: an index that is none.
    """
    for layout in LAYOUTS:
        file = folder / layout
        if file.is_file():
            return [file, *_shards(file)] if file.suffix == ".json" else [file]
    return [folder / LAYOUTS[0]]


def weight_names(folder: Path) -> set[str] | None:
    """The names of a folder's weights as far as they can be told without reading them, else None.

    Raises:
        BadData: an index, or the head of a safetensors file, that is none.
    """
    first = weight_files(folder)[0]
    if first.suffix == ".json":
        return set(shard_index(first))
    if first.suffix != ".safetensors":
        return None
    with first.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        head = stream.read(length) if length <= min(_HEAD, first.stat().st_size) else b""
    table = parse_json(head, first) if len(head) == length else None
    if not isinstance(table, dict):
        raise BadData("damaged", file=first, remedy="Download it again")
    return set(table) - {"__metadata__"}


def _shards(index: Path) -> list[Path]:
    return [index.parent / name for name in sorted(set(shard_index(index).values()))]


def shard_index(index: Path) -> dict[str, str]:
    """Weight -> file name, of an index of shards; no name leads out of the index's folder.

    Raises:
        BadData: it is no index, or a name in it cannot be a file's.
    """
    remedy = "Download it again"
    content = read_json(index, most=limits.DOCUMENT)
    table = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
        raise BadData("not an index of weights", file=index, field="weight_map", remedy=remedy)
    shards = {name: Path(shard).name for name, shard in table.items()}
    for shard in set(shards.values()):
        if why := paths.file_name_problem(shard):
            raise BadData(f"the file name {shard[:80]!r} {why}", file=index, remedy=remedy)
    return shards


def files_digest(files: Iterable[Path]) -> str:
    """sha256 of the contents of files and of the order they are given in, hexadecimal."""
    return digest(*(file_digest(file) for file in files)).hex()


def file_digest(file: Path) -> str:
    """sha256 of a large file, remembered until its size or time of change differ.

    The Hugging Face cache names large files by their sha256, which is believed.
    """
    file = file.resolve()
    if _BLOB.fullmatch(file.name) and file.parent.name == "blobs":
        return file.name
    state, cache = file.stat(), Cache("digests")
    key = digest(str(file), str(state.st_size), str(state.st_mtime_ns))
    kept = cache.get_many([key])
    if key not in kept:
        with file.open("rb") as stream:
            kept[key] = hashlib.file_digest(stream, "sha256").digest()
        cache.put_many({key: kept[key]})
    return kept[key].hex()
