"""Data sets: a card, a split and a root become samples; file formats are plug-ins (`formats/`)."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gcg_bench.data.cards import DataCard, data_folder, load_card, locate
from gcg_bench.data.stored_samples import StoredSamples, changed_samples
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.files.digests import file_sha256
from gcg_bench.files.paths import anchored
from gcg_bench.predictions import Known, known_queries, query_sizes
from gcg_bench.registry import module
from gcg_bench.types import Sample, noun_of

Sizes = Callable[[], Mapping[str, tuple[int, int]]]
"""Returns query id -> (height, width) of the image."""


@dataclass(frozen=True)
class Dataset:
    """The samples of one split and their source.

    Attributes:
        card: the data card; its `tasks` has only the chosen task.
        split: the split's name.
        samples: the samples in the order of the file, with unique ids. A tuple, or `StoredSamples`,
            which are read from their file on access.
        files: annotation file name -> sha256 (hex); empty for generated data.
        limit: the requested number of samples, from the start of the file; None for all.
    """

    card: DataCard
    split: str
    samples: Sequence[Sample]
    files: Mapping[str, str]
    limit: int | None = None

    @property
    def task(self) -> str:
        """The task of the queries."""
        return self.card.tasks[0]

    @property
    def noun(self) -> str:
        """The word for the queries, see `noun_of`."""
        if isinstance(self.samples, StoredSamples):
            return "queries" if self.samples.several else "images"
        return noun_of(sample.query for sample in self.samples)

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """Query id -> (height, width) of its image, which the masks of a prediction must have."""
        return query_sizes(sample.query for sample in self.samples)

    @property
    def known(self) -> tuple[Known, ...]:
        """The queries with all names that a prediction may use for them."""
        return known_queries(sample.query for sample in self.samples)


def load_dataset(
    name: str | Path,
    split: str,
    root: Path | None = None,
    *,
    limit: int | None = None,
    shipped: bool = False,
    task: str | None = None,
    sizes: Sizes | None = None,
    stored_from: int | None = None,
) -> Dataset:
    """A split of a data set.

    Args:
        name: a shipped card's name, or the path of a card, of a data file or of a folder with one
            of them (see `load_card`).
        split: e.g. `val`.
        root: the data root; by default `$GCG_BENCH_DATA`, else a folder next to the caches.
        limit: the number of samples, from the start of the file; None for all.
        shipped: whether the name comes from a run or a board, not from the user; then it cannot be
            a path.
        task: one of the card's tasks; by default the first.
        sizes: returns query id -> (height, width); used when no annotation or picture states it.
        stored_from: samples of annotation files of at least this many bytes stay in them and are
            read on access, if the format supports it.

    Raises:
        UnknownName: no such card, format or split, or the card has no such task.
        MissingData: annotation files are missing; names them and the folders that were searched.
        BadData: a file cannot be read; names file, image, phrase and field.
        BadOption: the limit is below 1, or there is no limit for a split without end.
    """
    if limit is not None and limit < 1:
        raise BadOption(f"limit {limit}: at least one image is needed")
    card = load_card(name, split=split, shipped=shipped)
    card.split(split)
    card = for_task(card, task)
    data_root = data_folder() if root is None else anchored(Path(root))
    plugin = module("data.formats", card.format, "data set format")
    taken = inspect.signature(plugin.read).parameters
    more = {"sizes": sizes} if sizes is not None and "sizes" in taken else {}
    stored: StoredSamples | None = None
    if stored_from is not None and limit is None and hasattr(plugin, "stored"):
        size = sum(file.stat().st_size for file in annotation_files(card, split, data_root))
        stored = plugin.stored(card, split, data_root) if size >= stored_from else None
    drawn = plugin.read(card, split, data_root, limit=limit, **more) if stored is None else stored
    samples = changed_samples(drawn, partial(_of_task, card=card))
    files = annotation_files(card, split, data_root)
    return Dataset(card, split, samples, {file.name: file_sha256(file) for file in files}, limit)


def for_task(card: DataCard, task: str | None) -> DataCard:
    """The card with a single task: the chosen one, else its first.

    Raises:
        UnknownName: the card has no such task.
    """
    if task is not None and task not in card.tasks:
        raise UnknownName(f"task of {card.name}", task, card.tasks)
    return replace(card, tasks=(task or card.tasks[0],))


def _of_task(sample: Sample, card: DataCard) -> Sample:
    """The sample; without a task of its own, it gets the card's."""
    if sample.query.task:
        return sample
    return replace(sample, query=replace(sample.query, task=card.tasks[0]))


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The annotation files of a split; empty when it is generated, or has too many files.

    A format plug-in may have a function of this name and signature. Otherwise the files are those
    that the card names, among them the ones that the plug-in lists in ROLES.

    Raises:
        UnknownName: the split or the format does not exist.
        BadData: the card does not name a file that the format needs.
        MissingData: a file is missing; names it and the folders that were searched.
    """
    plugin: Any = module("data.formats", card.format, "data set format")
    if hasattr(plugin, "annotation_files"):
        files: tuple[Path, ...] = plugin.annotation_files(card, split, root)
        return files
    return tuple(locate(card, split, root, getattr(plugin, "ROLES", ())).values())
