"""Tables of phrase agreement on disk, so that scoring a split again reads no WordNet.

The key holds the phrases and everything that decides their agreement: the files of this folder, the
word lists and METEOR's jar. Tables that an encoder had a part in are stored under its digest.
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
"""Pairs of phrases from which on tables are stored; fewer are quicker to compute."""

Images = Sequence[tuple[Sequence[str | None], Sequence[str | None]]]


@cache
def _rules() -> bytes:
    """A digest of the code and of the lists that decide."""
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
    """A share of pairs of phrases, from the disk where it was computed before.

    Args:
        first: the first phrase of each pair.
        second: the second phrase of each pair.
        rule: what decides the share beside the phrases and the code and lists of this folder.
        compute: computes it.
    """
    key = digest("share", _rules(), rule, json.dumps([first, second]))
    cache = Cache("phrases")
    found = cache.get_many([key]).get(key)
    if found is not None and len(found) == 8:
        return float(np.frombuffer(found, dtype="<f8")[0])
    share = compute()
    cache.put_many({key: np.array(share, dtype="<f8").tobytes()})
    return share
