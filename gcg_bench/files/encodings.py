"""Reads text files as UTF-8 bytes, also from gzip, UTF-16 or UTF-32.

The first bytes of a file decide how it is packed, not its name. Unpacked content has the same
limits as other files, so a small file cannot fill the memory.
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gcg_bench.errors import BadData
from gcg_bench.files import limits

_BLOCK = 2**16

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (b"{\x00\x00\x00", "utf-32-le"),
    (b"[\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00{", "utf-32-be"),
    (b"\x00\x00\x00[", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"{\x00", "utf-16-le"),
    (b"[\x00", "utf-16-le"),
    (b"\x00{", "utf-16-be"),
    (b"\x00[", "utf-16-be"),
)
_GZIP = b"\x1f\x8b"
_OTHERS = (
    (b"PK\x03\x04", "a zip archive", "Unpack it, and give the folder"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it, and give the folder"),
    (b"\xfd7zXZ\x00", "an xz file", "Unpack it, and give the file"),
    (b"BZh", "a bzip2 file", "Unpack it, and give the file"),
    (b"\x28\xb5\x2f\xfd", "a zstandard file", "Unpack it, and give the file"),
    (b"PAR1", "a parquet table", "Write JSON lines, one object an image"),
    (b"ARROW1", "an Arrow table", "Write JSON lines, one object an image"),
    (b"\x80\x02", "a Python pickle", "Write JSON lines, one object an image"),
    (b"\x80\x03", "a Python pickle", "Write JSON lines, one object an image"),
    (b"\x80\x04", "a Python pickle", "Write JSON lines, one object an image"),
    (b"\x80\x05", "a Python pickle", "Write JSON lines, one object an image"),
    (b"\x93NUMPY", "a numpy array", "Write JSON lines, one object an image"),
    (b"\x89HDF", "an HDF5 file", "Write JSON lines, one object an image"),
    (b"SQLite format 3", "an SQLite database", "Write JSON lines, one object an image"),
    (b"\x89PNG", "a picture", "Write masks as run lengths in JSON"),
    (b"\xff\xd8\xff", "a picture", "Write masks as run lengths in JSON"),
    (b"%PDF", "a PDF document", "Write JSON lines, one object an image"),
    (b"Rar!", "a rar archive", "Unpack it, and give the folder"),
    (b"\x04\x22\x4d\x18", "an lz4 file", "Unpack it, and give the file"),
    (b"\x5d\x00\x00", "an lzma file", "Unpack it, and give the file"),
    (_GZIP, "packed twice with gzip", "Unpack it once"),
    (b"version https://git-lfs", "a pointer of Git LFS", "Fetch the file: git lfs pull"),
    (b"<!DOCTYPE", "a web page", "Fetch the file again: the address gave a page instead"),
    (b"<html", "a web page", "Fetch the file again: the address gave a page instead"),
)
_TAR = (257, b"ustar")


class _Utf8(io.RawIOBase):
    """A stream in another encoding, read as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        final = False
        while not self._ready and not final:
            block = self._stream.read(_BLOCK)
            final = not block
            text = self._decoder.decode(block, final=final)
            self._ready = text.encode("utf-8", "surrogatepass")
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count


class _Limited(io.RawIOBase):
    """An unpacked stream that ends in an error after a number of bytes."""

    def __init__(self, stream: BinaryIO, most: int, file: Path) -> None:
        self._stream, self._left, self._most, self._file = stream, most, most, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        block = self._stream.read(len(view))
        self._left -= len(block)
        if self._left < 0:
            raise BadData(
                f"unpacks to more than {self._most:,} bytes, which is not read",
                file=self._file,
                remedy="Is it the right file? If so, split it",
            )
        view[: len(block)] = block
        return len(block)


def is_plain(file: Path) -> bool:
    """Whether a file is neither packed nor in another encoding than UTF-8."""
    with file.open("rb") as raw:
        start = raw.read(_TAR[0])
    packed = start.startswith(_GZIP)
    return not packed and not any(start.startswith(mark) for mark, _ in _MARKS)


@contextmanager
def opened(file: Path, *, most: int = limits.DOCUMENT) -> Iterator[BinaryIO]:
    """A file as a stream of UTF-8 bytes; a UTF-8 byte order mark is not removed.

    Args:
        file: an existing file.
        most: the largest number of bytes that a packed file may unpack to; a plain file may have
            any number.

    Raises:
        BadData: the file is an archive or of another known binary format, a packed file is damaged
            or unpacks to more than `most`, or the content is not in its encoding.
        OSError: the file cannot be read.
    """
    try:
        with file.open("rb") as raw:
            stream: BinaryIO = raw
            start = _start(stream)
            if start.startswith(_GZIP):
                unpacked = _Limited(gzip.GzipFile(fileobj=raw), most, file)  # type: ignore[arg-type]
                stream = io.BufferedReader(unpacked)
                start = _start(stream)
            _refuse_binary(start, file)
            encoding = next((name for mark, name in _MARKS if start.startswith(mark)), None)
            if encoding is not None:
                stream = io.BufferedReader(_Utf8(stream, encoding))
            yield stream
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        remedy = "Fetch or write the file again"
        raise BadData(f"damaged gzip file ({error})", file=file, remedy=remedy) from error
    except UnicodeDecodeError as error:
        problem = f"not {error.encoding.upper()}, as its first bytes say ({error.reason})"
        raise BadData(problem, file=file, remedy="Write the file again, in UTF-8") from error


def content(file: Path, *, most: int = limits.DOCUMENT) -> bytes:
    """The whole content of a file as UTF-8 bytes, at most `most` of them.

    Raises:
        BadData: see `opened`; or the file is longer.
        OSError: the file cannot be read.
    """
    limits.refuse_long(file, most, "a JSON document")
    with opened(file, most=most) as stream:
        return stream.read()


def _start(stream: BinaryIO) -> bytes:
    """The first bytes of a buffered stream, which stay in the stream."""
    buffered = stream.peek(_TAR[0] + len(_TAR[1]))  # type: ignore[attr-defined]
    return bytes(buffered)


def _refuse_binary(start: bytes, file: Path) -> None:
    """Raises BadData when the first bytes are those of an archive or a binary format."""
    for mark, what, remedy in _OTHERS:
        if start.startswith(mark):
            raise BadData(f"is {what}, no JSON", file=file, remedy=remedy)
    position, mark = _TAR
    if start[position:].startswith(mark):
        raise BadData("is a tar archive, no JSON", file=file, remedy="Unpack it, give the folder")
