"""The part of METEOR's paraphrase table that some captions can use.

The table has 5.3 million entries, and METEOR takes seconds to read it. An entry matters only when
both of its sides occur in captions. So each machine reads the table once into an index, and METEOR
gets a table of only the entries whose sides occur. Their order is kept, because it decides between
equally good alignments. METEOR matches words exactly, so all bits of the numbers are equal.

METEOR changes captions before it compares them. It separates or replaces punctuation, removes full
stops (`u.s.` becomes `us`), and converts to lower case. It does not separate adjacent ASCII letters
and digits, and joins them only across a single full stop. So both sides are compared by these
characters alone. This keeps every entry that METEOR can use, and some more. Source: the program's
`Normalizer`, `ParaphraseTransducer` and `ParaphraseMatcher`, version 1.5.
"""

import gzip
import re
import threading
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gcg_bench.files.cache import Cache, digest

_VERSION = "1"  # change this with the format of the index
_BLOCK = 256  # entries of the table in an entry of the cache
_CHUNK = 1 << 24  # bytes of the table in memory at a time
_TOGETHER = 1 << 19  # entries that are compared at a time, so that little memory is used
_PARTS = 9  # the largest number of parts in a phrase of the table
_LETTERS = b"0123456789abcdefghijklmnopqrstuvwxyz"
_LOWER = bytes(range(256)).lower()
_OTHERS = bytes(set(range(256)) - set(_LETTERS + _LETTERS.upper() + b"\n"))
_SPACES = bytes(c if c in _LETTERS else 32 for c in _LOWER)
_DOTS = re.compile(r"\.{2,}")

# characters that METEOR replaces by full stops, and the two characters whose lower case has an
# ASCII letter; captions with these cannot be compared with the table in this way
_STRANGE = re.compile("DOTMULTI|[\u0130\u212a]")

_building = threading.Lock()

Codes = NDArray[np.uint32]


def usable(captions: Sequence[str], table: Path, sha256: str) -> bytes | None:
    """The entries of the table that METEOR can use in captions, in the form of the table.

    They are in the order of the table. The result is None when the whole table is needed: the index
    cannot be stored, or a caption has characters for which the entries are not known.

    Args:
        captions: all texts that METEOR compares; several can be in one string.
        table: METEOR's file, gzip of three lines an entry: a number that METEOR does not read, a
            phrase, and its paraphrase.
        sha256: the sha256 of the file.
    """
    if any(map(_STRANGE.search, captions)):
        return None
    cache = Cache("paraphrases")
    with _building:  # two threads would hold the codes twice
        codes = _codes(cache, sha256)
        if codes is None:
            _build(cache, table, sha256)
            codes = _codes(cache, sha256)
        if codes is None:
            return None
        rows = _occurring(codes, captions)
        del codes
    blocks = {int(row) // _BLOCK for row in rows}
    keys = {block: _key(sha256, block) for block in blocks}
    texts = cache.get_many(keys.values())
    if len(texts) < len(keys):
        _build(cache, table, sha256)
        texts = cache.get_many(keys.values())
    if len(texts) < len(keys):
        return None
    return b"".join(_entries(rows, {block: texts[key] for block, key in keys.items()}))


def _key(sha256: str, part: int | str) -> bytes:
    return digest(sha256, _VERSION, str(part))


def _codes(cache: Cache, sha256: str) -> Codes | None:
    """The codes of both sides of every entry, shape (2, n); None when they are not stored."""
    key = _key(sha256, "codes")
    stored = cache.get_many([key]).get(key)
    return None if stored is None else np.frombuffer(stored, dtype="<u4").reshape(2, -1)


def _build(cache: Cache, table: Path, sha256: str) -> None:
    """Stores the index: blocks of entries, then the codes of all."""
    sides: list[Codes] = []
    count = 0
    for columns in _columns(table):
        plain = (b"\n".join(column).translate(_LOWER, _OTHERS) for column in columns)
        codes = [np.fromiter(map(zlib.crc32, side.split(b"\n")), dtype="<u4") for side in plain]
        sides.append(np.stack(codes))
        blocks = {}
        for start in range(0, len(columns[0]), _BLOCK):
            phrases = chain.from_iterable(side[start : start + _BLOCK] for side in columns)
            blocks[_key(sha256, count)] = zlib.compress(b"\n".join(phrases), 1)
            count += 1
        cache.put_many(blocks)
    cache.put_many({_key(sha256, "codes"): np.concatenate(sides, axis=1).tobytes()})


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


def _occurring(codes: Codes, captions: Sequence[str]) -> NDArray[np.int64]:
    """The positions of the entries whose two sides occur in captions, ascending."""
    found = np.array(sorted(_phrases(captions)), dtype=np.uint32)
    marked = np.zeros(1 << 16, dtype=bool)  # a first test, quick but inexact
    marked[found & 0xFFFF] = True
    wide = np.zeros(1 << 24, dtype=bool)
    wide[found >> 8] = True
    parts = [np.zeros(0, dtype=np.int64)]
    for start in range(0, codes.shape[1], _TOGETHER):
        part = codes[:, start : start + _TOGETHER]
        rows = np.arange(part.shape[1])
        for side in part:
            rows = rows[wide[side[rows] >> 8]]
            rows = rows[marked[side[rows] & 0xFFFF]]
        for side in part:
            near = np.minimum(np.searchsorted(found, side[rows]), len(found) - 1)
            rows = rows[found[near] == side[rows]]
        parts.append(start + rows)
    return np.concatenate(parts)


def _phrases(captions: Sequence[str]) -> set[int]:
    """The codes of all phrases of captions, and of the empty one."""
    codes = {0}
    for caption in dict.fromkeys(captions):
        text = _DOTS.sub(" ", caption).replace(".", "").encode("ascii", "replace")
        parts = text.translate(_SPACES).split()
        for start in range(len(parts)):
            code = 0
            for part in parts[start : start + _PARTS]:
                code = zlib.crc32(part, code)
                codes.add(code)
    return codes


def _entries(rows: NDArray[np.int64], blocks: dict[int, bytes]) -> Iterator[bytes]:
    """The text of entries, each with a number before it."""
    opened, lines = -1, [b""]
    for row in rows.tolist():
        block, place = divmod(row, _BLOCK)
        if block != opened:
            opened, lines = block, zlib.decompress(blocks[block]).split(b"\n")
        yield b"1\n%b\n%b\n" % (lines[place], lines[len(lines) // 2 + place])
