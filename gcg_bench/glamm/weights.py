"""The tensors of a checkpoint folder, one at a time, in any layout."""

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files.checkpoints import LAYOUTS, shard_index
from gcg_bench.files.json import read_record

Shape = tuple[int, ...]

# exceptions of torch's unpickler for a damaged or malicious file
_UNPICKLING_ERRORS = (
    UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    ImportError,
    struct.error,
    zipfile.BadZipFile,
    Warning,
)


def read_json(file: Path) -> dict[str, Any]:
    """A JSON file that contains one object.

    Raises:
        MissingData: there is no such file.
        BadData: it contains something else.
    """
    if not file.is_file():
        raise MissingData(f"no {file.name} in {file.parent}")
    return read_record(file)


class Checkpoint:
    """A folder's weights: names and shapes at once, tensors shard by shard.

    Args:
        folder: contains one of `LAYOUTS`.

    Raises:
        MissingData: there is no such file, or a shard of the index is missing.
        BadData: a shard is damaged, two shards contain the same name, or index and shard disagree.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shapes: dict[str, Shape] = {}
        self._files: dict[str, Path] = {}
        for file, names in self._shards().items():
            shapes = dict(_shapes(file))
            self._compare(file, set(shapes), names)
            self.shapes.update(shapes)
            self._files.update(dict.fromkeys(shapes, file))

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        """Every (name, tensor), in its stored dtype; one shard is open at a time."""
        for file in dict.fromkeys(self._files.values()):
            yield from _tensors(file)

    def _shards(self) -> dict[Path, set[str] | None]:
        """The files to read, each with the names that an index lists for it, or with None."""
        for layout in LAYOUTS:
            file = self.folder / layout
            if not file.is_file():
                continue
            if file.suffix != ".json":
                return {file: None}
            return self._indexed(file)
        raise MissingData(f"no weights in {self.folder}: expected one of {', '.join(LAYOUTS)}")

    def _indexed(self, index: Path) -> dict[Path, set[str] | None]:
        shards: dict[Path, set[str] | None] = {}
        for name, shard in shard_index(index).items():
            file = self.folder / shard
            if not file.is_file():
                raise MissingData(f"{index.name} names {shard}, which is not in {self.folder}")
            listed = shards.setdefault(file, set())
            assert listed is not None
            listed.add(name)
        return shards

    def _compare(self, file: Path, names: set[str], listed: set[str] | None) -> None:
        if repeated := sorted(names & set(self.shapes)):
            raise BadData("also in another shard", file=file, field=repeated[0])
        if listed is not None and names != listed:
            name = sorted(names ^ listed)[0]
            problem = "in the index only" if name in listed else "in the shard only"
            raise BadData(problem, file=file, field=name)


def _shapes(file: Path) -> Iterator[tuple[str, Shape]]:
    if file.suffix != ".safetensors":
        yield from ((name, tuple(tensor.shape)) for name, tensor in _tensors(file))
        return
    with _opened(file) as weights:
        for name in weights.keys():  # noqa: SIM118 - the handle is not a mapping
            yield name, tuple(weights.get_slice(name).get_shape())


def _tensors(file: Path) -> Iterator[tuple[str, Tensor]]:
    if file.suffix != ".safetensors":
        yield from _unpickled(file).items()
        return
    with _opened(file) as weights:
        for name in weights.keys():  # noqa: SIM118 - the handle is not a mapping
            yield name, weights.get_tensor(name)


def _opened(file: Path) -> Any:
    try:
        return safe_open(file, framework="pt")
    except (SafetensorError, OSError) as error:
        raise BadData(f"damaged ({error})", file=file, remedy="Download it again") from error


def _unpickled(file: Path) -> dict[str, Tensor]:
    """A .bin shard, read by torch's restricted unpickler, which runs no code from the file."""
    try:
        is_zip = zipfile.is_zipfile(file)
        if is_zip:
            _refuse_compressed(file)
        content: Any = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zip)
    except _UNPICKLING_ERRORS as error:
        reason = next(iter(str(error).splitlines()), "empty")
        raise BadData(
            f"damaged, or not readable without running code from it ({reason})",
            file=file,
            remedy="Use a safetensors copy, or download it again",
        ) from error
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise BadData("expected a table of tensors", file=file)
    return content


def _refuse_compressed(file: Path) -> None:
    """Raises BadData for an archive whose content is larger than the file.

    Torch does not compress, so an archive that expands was made with intent.
    """
    with zipfile.ZipFile(file) as archive:
        content_size = sum(entry.file_size for entry in archive.infolist())
    if content_size > file.stat().st_size:
        raise BadData("an archive that expands when it is read", file=file, remedy="Do not use it")
