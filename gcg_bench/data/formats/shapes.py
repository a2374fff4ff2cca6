"""The embedded data set: rendered scenes with exact masks and captions from a grammar.

Nothing is read from disk. A scene follows from split and index alone, in whole-number arithmetic,
so every machine gets the same bytes. `gcg_bench.data.shapes.composing` documents the scenes and
`gcg_bench.data.shapes.grammar` the captions. Things are always named from left to right.
"""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from gcg_bench.data.cards import DataCard
from gcg_bench.data.shapes.composing import SPLITS, VERSION, compose_scene
from gcg_bench.data.shapes.sampling import sample
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.types import Sample

__all__ = ["VERSION", "compose_scene", "read", "sample"]


def read(card: DataCard, split: str, root: Path, *, limit: int | None = None) -> Iterator[Sample]:
    """The samples of a split in the order of their index; the data root is not used.

    Raises:
        UnknownName: the split does not exist.
        BadOption: the split has no end and there is no limit.
    """
    del root
    if split not in SPLITS:
        raise UnknownName("split of shapes", split, SPLITS)
    size = SPLITS[split]
    if size is None and limit is None:
        raise BadOption(f"shapes {split} has no end; give the number of images with --limit")
    numbers = count() if size is None else iter(range(size))
    return (sample(split, index, prompt=card.prompt) for index in islice(numbers, limit))
