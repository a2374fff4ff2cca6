"""The embedded data set: rendered scenes with exact masks and captions from a grammar.

Nothing is read from disk. A scene follows from split and index alone, in whole-number arithmetic,
so it is the same bytes on every machine. `gcg_bench.data.shapes.composing` says what scenes hold
and `gcg_bench.data.shapes.grammar` what captions say. Things are named from left to right, always.
"""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from gcg_bench.data.cards import DataCard
from gcg_bench.data.shapes.composing import SPLITS, VERSION, scene
from gcg_bench.data.shapes.sampling import sample
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.types import Sample

__all__ = ["VERSION", "read", "sample", "scene"]


def read(card: DataCard, split: str, root: Path, *, limit: int | None = None) -> Iterator[Sample]:
    """The samples of a split in order of index; the data root is not used.

    Raises:
        UnknownName: no such split.
        BadOption: all of a split without end is asked for.
    """
    del root
    if split not in SPLITS:
        raise UnknownName("split of shapes", split, SPLITS)
    size = SPLITS[split]
    if size is None and limit is None:
        raise BadOption(f"shapes {split} has no end; say how many images with --limit")
    numbers = count() if size is None else iter(range(size))
    return (sample(split, index, prompt=card.prompt) for index in islice(numbers, limit))
