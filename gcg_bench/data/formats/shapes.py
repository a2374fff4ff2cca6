"""The embedded data set: rendered scenes with exact masks and captions from a grammar.

Nothing is read from disk. A scene depends only on split and index, in whole-number arithmetic, so
every machine gets the same bytes. `gcg_bench.data.shapes.composing` documents the scenes,
`gcg_bench.data.shapes.grammar` the captions, `gcg_bench.data.shapes.expressions` the referring
expressions and `gcg_bench.data.shapes.regions` the descriptions of things. Captions always name
things from left to right.
"""

from collections.abc import Iterator
from itertools import chain, count, islice
from pathlib import Path

from gcg_bench.data.cards import DataCard
from gcg_bench.data.shapes.composing import SPLITS, VERSION, compose_scene
from gcg_bench.data.shapes.sampling import TASKS, sample, samples
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.types import Sample

__all__ = ["VERSION", "compose_scene", "read", "sample", "samples"]


def read(card: DataCard, split: str, root: Path, *, limit: int | None = None) -> Iterator[Sample]:
    """The samples of a split in the order of their index; the data root is not used.

    The card's first task decides the kind of samples. The card's prompt is only for `gcg`; other
    tasks have their own instructions.

    Raises:
        UnknownName: the split does not exist, or scenes have no samples for the task.
        BadOption: the split has no end and there is no limit.
    """
    del root
    task = card.tasks[0]
    if split not in SPLITS:
        raise UnknownName("split of shapes", split, SPLITS)
    if task not in TASKS:
        raise UnknownName("task of shapes", task, TASKS)
    size = SPLITS[split]
    if size is None and limit is None:
        raise BadOption(f"shapes {split} has no end; give the number of samples with --limit")
    numbers = count() if size is None else iter(range(size))
    prompt = card.prompt if task == "gcg" else ""
    of_scenes = (samples(task, split, index, prompt=prompt) for index in numbers)
    return islice(chain.from_iterable(of_scenes), limit)
