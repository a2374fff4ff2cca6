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

import re
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gcg_bench.text.child_process import Programs
from gcg_bench.text.paraphrase_index import SPACES, Codes, Index

_TOGETHER = 1 << 19  # entries that are compared at a time, so that little memory is used
_PARTS = 9  # the largest number of parts in a phrase of the table
_DOTS = re.compile(r"\.{2,}")

# characters that METEOR replaces by full stops, and the two characters whose lower case has an
# ASCII letter; captions with these cannot be compared with the table in this way
_STRANGE = re.compile("DOTMULTI|[\u0130\u212a]")

_building = threading.Lock()


def usable(captions: Sequence[str], table: Path, sha256: str, programs: Programs) -> bytes | None:
    """The entries of the table that METEOR can use in captions, in the form of the table.

    They are in the order of the table. The result is None when the whole table is needed: the index
    cannot be stored, or a caption has characters for which the entries are not known.

    Args:
        captions: all texts that METEOR compares; several can be in one string.
        table: METEOR's file, gzip of three lines an entry: a number that METEOR does not read, a
            phrase, and its paraphrase.
        sha256: the sha256 of the file.
        programs: runs the process that makes the index, once a machine.
    """
    if any(map(_STRANGE.search, captions)):
        return None
    index = Index(table, sha256)
    with _building:  # two threads would hold the codes twice
        codes = index.codes()
        if codes is None:
            index.build(programs)
            codes = index.codes()
        if codes is None:
            return None
        rows = _occurring(codes, captions)
        del codes
    lines = index.lines(rows)
    if lines is None:
        index.build(programs)
        lines = index.lines(rows)
    return None if lines is None else b"".join(lines)


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
        parts = text.translate(SPACES).split()
        for start in range(len(parts)):
            code = 0
            for part in parts[start : start + _PARTS]:
                code = zlib.crc32(part, code)
                codes.add(code)
    return codes
