"""Tables of phrase agreement on disk, so that scoring a split again reads no WordNet.

The key holds the phrases and everything that decides their agreement: the files of this folder, the
word lists and METEOR's jar. The key of tables that an encoder helped to compute also holds the
encoder's digest.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from gcg_bench.files.cache import Cache, digest
from gcg_bench.text.java import jar
from gcg_bench.types import FloatArray

FEWEST = 10_000
"""Tables with fewer pairs of phrases are not stored, because computing them is faster."""

Images = Sequence[tuple[Sequence[str | None], Sequence[str | None]]]


@cache
def _rules() -> bytes:
    """A digest of the code and of the lists that decide the agreement."""
    folder = Path(__file__).parent
    files = sorted((*folder.glob("*.py"), *folder.glob("lists/*.txt")))
    return digest(*(part for file in files for part in (file.name, file.read_bytes())))


def key_of(images: Images, encoder: str) -> bytes | None:
    """The key of the tables of images; None when they are too small to be stored.

    Raises:
        EnvironmentProblem: pycocoevalcap is missing, or the jar is damaged.
    """
    if sum(len(references) * len(predictions) for references, predictions in images) < FEWEST:
        return None
    jar("meteor-1.5.jar")
    return digest(_rules(), encoder, json.dumps(images))


def load(key: bytes, images: Images) -> list[tuple[FloatArray, FloatArray]] | None:
    """The stored tables of nouns and attributes; None when there are none."""
    found = Cache("phrases").get_many([key]).get(key)
    sizes = [len(references) * len(predictions) for references, predictions in images]
    if found is None or len(found) != 16 * sum(sizes):
        return None
    values = np.frombuffer(found, dtype="<f8").astype(np.float64).reshape(2, -1)
    ends = np.cumsum(sizes)
    return [
        (
            values[0, end - size : end].reshape(len(references), len(predictions)),
            values[1, end - size : end].reshape(len(references), len(predictions)),
        )
        for (references, predictions), size, end in zip(images, sizes, ends, strict=True)
    ]


def store(key: bytes, tables: Sequence[tuple[FloatArray, FloatArray]]) -> None:
    """Stores tables of nouns and attributes."""
    parts = [np.concatenate([table[k].ravel() for table in tables]) for k in (0, 1)]
    Cache("phrases").put_many({key: np.concatenate(parts).astype("<f8").tobytes()})


def stored_share(
    first: Sequence[str], second: Sequence[str], rule: str, compute: Callable[[], float]
) -> float:
    """A share of pairs of phrases, computed once and then read from disk.

    Args:
        first: the first phrase of each pair.
        second: the second phrase of each pair.
        rule: everything else that decides the share, apart from the phrases and this folder's code
            and lists.
        compute: computes the share.
    """
    key = digest("share", _rules(), rule, json.dumps([first, second]))
    cache = Cache("phrases")
    found = cache.get_many([key]).get(key)
    if found is not None and len(found) == 8:
        return float(np.frombuffer(found, dtype="<f8")[0])
    share = compute()
    cache.put_many({key: np.array(share, dtype="<f8").tobytes()})
    return share
