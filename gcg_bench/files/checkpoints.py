"""Model weights on this machine: finds the files, checks that all exist, computes their digest.

Nothing is downloaded. A model that `hf download ID` has stored in the Hugging Face cache is found
by its id.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from gcg_bench.errors import BadData, EnvironmentProblem, MissingData
from gcg_bench.files import limits, paths
from gcg_bench.files.cache import Cache, digest
from gcg_bench.files.digests import file_sha256
from gcg_bench.files.json import parse_json, read_json

LAYOUTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""The possible main files of a folder of weights; the first that exists is used."""

_MAX_HEADER = 100_000_000  # bytes; the limit of the safetensors library for the header of a file
_READ_AGAIN = 1 << 29  # bytes; up to here a digest is computed each time
_BLOB = re.compile(r"[0-9a-f]{64}")


def snapshot(identifier: str) -> Path | None:
    """The folder of a model in the Hugging Face cache; None when the cache does not have it.

    It is also None when `huggingface_hub`, which reads that cache, is not installed.
    """
    try:
        from huggingface_hub import try_to_load_from_cache
    except ModuleNotFoundError:
        return None

    try:
        config = try_to_load_from_cache(identifier, "config.json")
    except ValueError:  # not a valid id
        return None
    return Path(config).parent if isinstance(config, str | os.PathLike) else None


def find(name_or_path: str, *, remedy: str) -> Path:
    """The folder of a model with all its weights.

    Args:
        name_or_path: a folder, or the id of a model in the Hugging Face cache.
        remedy: how to get the model, for the message.

    Raises:
        MissingData: the path is not an existing folder, or the name is not valid.
        EnvironmentProblem: the model, or a part of it, is not on this machine.
        BadData: an index of weights is damaged.
    """
    if paths.has_control(name_or_path) or paths.too_long(name_or_path):
        raise MissingData(f"{name_or_path[:80]!r}... names no folder and no model. {remedy}")
    path = paths.expanded(name_or_path)
    folder = path if path.is_dir() else None
    if folder is None and (Path(name_or_path).is_absolute() or name_or_path.startswith((".", "~"))):
        raise MissingData(f"{path}: no such folder to load a model from. {remedy}")
    folder = folder or snapshot(name_or_path)
    if folder is None:
        raise EnvironmentProblem(f"the weights of {name_or_path} are not on this machine. {remedy}")
    missing = [file.name for file in weight_files(folder) if not file.is_file()]
    if not (folder / "config.json").is_file():
        missing.insert(0, "config.json")
    if missing:
        raise EnvironmentProblem(
            f"{folder}: the model is incomplete, missing {', '.join(missing[:3])}. {remedy}"
        )
    return folder


def weight_files(folder: Path) -> list[Path]:
    """The files of a folder's weights, whether or not each exists.

    A folder without weights gives the file of the first layout, which does not exist.

    Raises:
        BadData: an index of weights is damaged.
    """
    for layout in LAYOUTS:
        file = folder / layout
        if file.is_file():
            return [file, *_shards(file)] if file.suffix == ".json" else [file]
    return [folder / LAYOUTS[0]]


def weight_names(folder: Path) -> set[str] | None:
    """The names of a folder's weights; None when they cannot be known without loading the weights.

    Raises:
        BadData: an index, or the header of a safetensors file, is damaged.
    """
    first = weight_files(folder)[0]
    if first.suffix == ".json":
        return set(shard_index(first))
    if first.suffix != ".safetensors":
        return None
    with first.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = stream.read(length) if length <= min(_MAX_HEADER, first.stat().st_size) else b""
    table = parse_json(header, first) if len(header) == length else None
    if not isinstance(table, dict):
        raise BadData("damaged", file=first, remedy="Download it again")
    return set(table) - {"__metadata__"}


def _shards(index: Path) -> list[Path]:
    return [index.parent / name for name in sorted(set(shard_index(index).values()))]


def shard_index(index: Path) -> dict[str, str]:
    """Weight name -> file name, from an index of shards; the files are in the index's folder.

    Raises:
        BadData: the file is not such an index, or contains an invalid file name.
    """
    remedy = "Download it again"
    content = read_json(index, most=limits.DOCUMENT)
    table = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
        raise BadData("not an index of weights", file=index, field="weight_map", remedy=remedy)
    shards = {name: Path(shard).name for name, shard in table.items()}
    for shard in set(shards.values()):
        if problem := paths.file_name_problem(shard):
            raise BadData(f"the file name {shard[:80]!r} {problem}", file=index, remedy=remedy)
    return shards


def files_digest(files: Iterable[Path]) -> str:
    """sha256 of the contents of files and of their order, hexadecimal.

    A file of up to 512 MB is read; for a larger file, `file_digest` is used.
    """
    return digest(*map(_proven_digest, files)).hex()


def _proven_digest(file: Path) -> str:
    return file_sha256(file) if file.stat().st_size <= _READ_AGAIN else file_digest(file)


def file_digest(file: Path) -> str:
    """sha256 of a large file, hexadecimal; cached until the file's size or change time differs.

    The Hugging Face cache names a large file by its sha256; that name is used without a check. The
    code that loads the file compares its content with this digest.
    """
    file = file.resolve()
    if _BLOB.fullmatch(file.name) and file.parent.name == "blobs":
        return file.name
    status, cache = file.stat(), Cache("digests")
    key = digest(str(file), str(status.st_size), str(status.st_mtime_ns))
    digests = cache.get_many([key])
    if key not in digests:
        digests[key] = bytes.fromhex(file_sha256(file))
        cache.put_many({key: digests[key]})
    return digests[key].hex()
