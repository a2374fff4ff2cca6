"""An index of METEOR's paraphrase table: the codes of all entries, and their text in blocks.

The table has 5.3 million entries, and reading it takes seconds. So it is read once a machine, into
the cache; `gcg_bench.text.paraphrases` finds the entries that captions need. The code of a phrase
is the CRC-32 of its ASCII letters and digits in lower case.
"""

import gzip
import json
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcg_bench.files.cache import Cache, digest
from gcg_bench.text.child_process import Programs

_VERSION = "1"  # change this with the format of the index
_BLOCK = 256  # entries of the table in an entry of the cache
_CHUNK = 1 << 24  # bytes of the table in memory at a time
_LETTERS = b"0123456789abcdefghijklmnopqrstuvwxyz"
_LOWER = bytes(range(256)).lower()
_OTHERS = bytes(set(range(256)) - set(_LETTERS + _LETTERS.upper() + b"\n"))
_TIMEOUT = 600.0  # seconds

# `path` is the module path of this process, which may be longer than that of a new one. An
# interrupt at the keyboard reaches both processes, and this one then kills the other.
_START = """
import json, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
given = json.load(sys.stdin)
sys.path[:] = given.pop("path")
from gcg_bench.text.paraphrase_index import main
main(given)
"""

SPACES = bytes(c if c in _LETTERS else 32 for c in _LOWER)
"""A translation that keeps letters and digits, in lower case, and makes all else a space."""

Codes = NDArray[np.uint32]


class Index:
    """The index of one table.

    Args:
        table: METEOR's file, gzip of three lines an entry: a number that METEOR does not read, a
            phrase, and its paraphrase.
        sha256: the sha256 of the file.
    """

    def __init__(self, table: Path, sha256: str) -> None:
        self._cache = Cache("paraphrases")
        self._table, self._sha256 = table, sha256

    def codes(self) -> Codes | None:
        """The codes of both sides of every entry, shape (2, n); None when they are not stored."""
        key = self._key("codes")
        stored = self._cache.get_many([key]).get(key)
        return None if stored is None else np.frombuffer(stored, dtype="<u4").reshape(2, -1)

    def lines(self, rows: NDArray[np.int64]) -> Iterable[bytes] | None:
        """The text of entries, each with a number before it; None when it is not stored.

        Args:
            rows: positions of entries in the table, ascending.
        """
        blocks = {int(row) // _BLOCK for row in rows}
        keys = {block: self._key(block) for block in blocks}
        texts = self._cache.get_many(keys.values())
        if len(texts) < len(keys):
            return None
        return _entries(rows, {block: texts[key] for block, key in keys.items()})

    def build(self, programs: Programs) -> None:
        """Stores the index; in a process of its own, so that this one can do something else.

        Args:
            programs: runs the process.
        """
        folder = str(self._cache.path.parent)
        path = [entry for entry in sys.path if isinstance(entry, str)]
        given = {"path": path, "folder": folder, "table": str(self._table)}
        text = json.dumps({**given, "sha256": self._sha256}).encode()
        if sys.executable:
            try:
                command = [sys.executable, "-I", "-S", "-B", "-c", _START]
                if programs.run(command, text, _TIMEOUT).returncode <= 0:
                    return  # it is made, or the process was killed
            except (OSError, TimeoutExpired):
                return
        self.build_here()

    def build_here(self) -> None:
        """Stores the index: blocks of entries, then the codes of all."""
        sides: list[Codes] = []
        count = 0
        for columns in _columns(self._table):
            plain = (b"\n".join(column).translate(_LOWER, _OTHERS) for column in columns)
            codes = [np.fromiter(map(zlib.crc32, side.split(b"\n")), dtype="<u4") for side in plain]
            sides.append(np.stack(codes))
            blocks = {}
            for start in range(0, len(columns[0]), _BLOCK):
                phrases = chain.from_iterable(side[start : start + _BLOCK] for side in columns)
                blocks[self._key(count)] = zlib.compress(b"\n".join(phrases), 1)
                count += 1
            self._cache.put_many(blocks)
        self._cache.put_many({self._key("codes"): np.concatenate(sides, axis=1).tobytes()})

    def _key(self, part: int | str) -> bytes:
        return digest(self._sha256, _VERSION, str(part))


def main(given: Mapping[str, Any]) -> None:
    """Stores the index; the whole work of the process that `Index.build` starts.

    Args:
        given: `folder` of the cache; `table` and `sha256` as in `Index`.
    """
    os.environ["GCG_BENCH_CACHE"] = given["folder"]
    Index(Path(given["table"]), given["sha256"]).build_here()


def _columns(table: Path) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """The phrases and the paraphrases of the table, some whole blocks at a time."""
    with gzip.open(table, "rb") as stream:
        rest = b""
        while data := stream.read(_CHUNK):
            lines = (rest + data).split(b"\n")
            whole = (len(lines) - 1) // (3 * _BLOCK) * (3 * _BLOCK)
            if whole:
                yield lines[1:whole:3], lines[2:whole:3]
            rest = b"\n".join(lines[whole:])
    lines = rest.split(b"\n")[:-1]
    if lines:
        yield lines[1::3], lines[2::3]


def _entries(rows: NDArray[np.int64], blocks: Mapping[int, bytes]) -> Iterator[bytes]:
    """The text of entries, each with a number before it."""
    opened, lines = -1, [b""]
    for row in rows.tolist():
        block, place = divmod(row, _BLOCK)
        if block != opened:
            opened, lines = block, zlib.decompress(blocks[block]).split(b"\n")
        yield b"1\n%b\n%b\n" % (lines[place], lines[len(lines) // 2 + place])
