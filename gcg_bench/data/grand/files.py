"""GranD's annotation files, one for each image: loose in folders, or streamed from archives."""

import gzip
import io
import json
import lzma
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from gcg_bench.data.grand.reading import read_annotation
from gcg_bench.data.grand.values import GrandAnnotation
from gcg_bench.data.grand.writing import annotation_json
from gcg_bench.errors import BadData, BadOption, EnvironmentProblem, MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record
from gcg_bench.files.json import parse_json, read_json
from gcg_bench.files.paths import is_plain

ARCHIVES = (".tar.gz", ".tgz", ".tar")
# exceptions of tarfile for damaged headers and damaged compression
_DAMAGE = (
    tarfile.TarError,
    gzip.BadGzipFile,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    ValueError,
    OverflowError,
)


@dataclass(frozen=True, slots=True)
class Document:
    """The annotation file of an image.

    Attributes:
        id: the file's name without suffix, which is the image's id.
        place: the file, or the archive and the member in it, for messages.
        file_name: the image's file name.
        entry: the annotation, whose fields are checked when they are read.
    """

    id: str
    place: str
    file_name: str
    entry: Record


def has_documents(folders: Iterable[Path]) -> bool:
    """Whether there is an annotation file or an archive under any of the folders."""
    return any(_is_document(file) for folder in folders for file in folder.rglob("*"))


def _all(id_: str) -> bool:
    del id_
    return True


def documents(
    folders: Iterable[Path],
    faults: Faults = RAISE_FAULTS,
    wanted: Callable[[str], bool] = _all,
) -> Iterator[Document]:
    """The annotation files under folders: loose ones in the order of their ids, then archives.

    Archives are read in the order of their paths, and their members in the order of the archive,
    without unpacking them to disk. A file that is both loose and packed is read once.

    Args:
        folders: the folders to search, including subfolders.
        faults: takes the error of a file that cannot be read; if it returns, the next file is read.
        wanted: decides by the id whether a file is read.
    """
    files = {file for folder in folders for file in folder.rglob("*") if _is_document(file)}
    loose = sorted((file for file in files if file.suffix == ".json"), key=lambda file: file.stem)
    for file in loose:
        if not wanted(file.stem):
            continue
        with faults.caught(file=file):
            yield _document(read_json(file), file.stem, str(file))
    ids = {file.stem for file in loose}
    for archive in sorted(files - set(loose)):
        with faults.caught(file=archive):
            for member, data in _members(archive):
                id_ = PurePosixPath(member).stem
                if id_ not in ids and wanted(id_):
                    place = f"{archive}: {member}"
                    with faults.caught(file=place):
                        yield _document(parse_json(data, place), id_, place)


def annotations(
    folders: Iterable[Path],
    faults: Faults = RAISE_FAULTS,
    wanted: Callable[[str], bool] = _all,
) -> Iterator[GrandAnnotation]:
    """The annotations in folders as values; arguments and order as in `documents`."""
    for document in documents(folders, faults, wanted):
        with faults.caught(file=document.place, image=document.id):
            yield read_annotation(document.entry, document.file_name)


def write_annotations(values: Iterable[GrandAnnotation], out: Path) -> int:
    """Writes one JSON file for each image, to a new folder or to a new archive `*.tar.gz`.

    Equal values give equal bytes, apart from the archive's own name.

    Args:
        values: the annotations, with unique file names.
        out: the folder or the archive; it gets its name when it is complete.

    Returns:
        The number of files.

    Raises:
        BadOption: `out` exists, or a file name is invalid or occurs twice.
        EnvironmentProblem: `out` cannot be written.
    """
    if out.exists():
        raise BadOption(f"{out} is there already; nothing is written over")
    files = _unique((_name(value), _encoded(value)) for value in values)
    write = _write_archive if out.name.endswith((".tar.gz", ".tgz")) else _write_folder
    part = out.with_name(f"{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        count = write(files, part)
        part.replace(out)
    except OSError as error:
        raise EnvironmentProblem(f"{out}: cannot be written ({error})") from error
    finally:
        with suppress(OSError):  # the error of writing is reported
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
    return count


def _is_document(file: Path) -> bool:
    return file.suffix == ".json" or file.name.endswith(ARCHIVES)


def _document(value: Any, id_: str, place: str) -> Document:
    outer = Record(value, place)
    if not outer.value:
        raise outer.bad("", "is empty")
    name = str(next(iter(outer.value)))
    entry = outer.record(name)
    entry.image = id_
    return Document(id_, place, name, entry)


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of the JSON files in an archive, in its order; other files are skipped.

    Raises:
        BadData: the archive is damaged, or a file in it is too long.
        MissingData: the archive cannot be opened.
    """
    try:
        with tarfile.open(archive, mode="r|*") as stream:
            for member in stream:
                if not member.isreg() or not member.name.endswith(".json"):
                    continue
                if member.size > limits.LINE:
                    problem = f"has {member.size:,} bytes; more than {limits.LINE:,} are not read"
                    raise BadData(problem, file=f"{archive}: {member.name}")
                content = stream.extractfile(member)
                assert content is not None, "a regular file has content"
                yield member.name, content.read()
    except _DAMAGE as error:
        remedy = "Fetch the file again"
        raise BadData(f"damaged archive ({error})", file=archive, remedy=remedy) from error
    except OSError as error:
        raise MissingData(f"{archive}: cannot be read ({error})") from error


def _name(value: GrandAnnotation) -> str:
    stem = PurePosixPath(value.file_name).stem
    if not is_plain(stem):
        raise BadOption(f"the file name {value.file_name[:80]!r} cannot name a file; rename it")
    return f"{stem}.json"


def _encoded(value: GrandAnnotation) -> bytes:
    return json.dumps(annotation_json(value), ensure_ascii=False).encode()


def _unique(files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    for name, data in files:
        if name in seen:
            raise BadOption(f"two images would be written to {name}; rename one")
        seen.add(name)
        yield name, data


def _write_folder(files: Iterable[tuple[str, bytes]], folder: Path) -> int:
    count = 0
    folder.mkdir()
    for name, data in files:
        (folder / name).write_bytes(data)
        count += 1
    return count


def _write_archive(files: Iterable[tuple[str, bytes]], archive: Path) -> int:
    count = 0
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as stream,
    ):
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            stream.addfile(member, io.BytesIO(data))
            count += 1
    return count
