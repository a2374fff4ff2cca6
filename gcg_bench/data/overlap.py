"""Images that a split shares with other splits and other data sets on this machine.

Data sets with images of COCO divide these images in different ways, so a test split may contain
images of another data set's training split. A format plug-in that knows the ids of its images
without reading masks has `image_ids(card, split, root) -> frozenset[int]`. Ids are compared between
splits whose cards name a common folder of images.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcg_bench.data.cards import DataCard, Split, card_names, load_card
from gcg_bench.errors import BadData, MissingData
from gcg_bench.registry import module


@dataclass(frozen=True, slots=True)
class Overlap:
    """Images that another split also has.

    Attributes:
        dataset: the other data set.
        split: its split.
        shared: the number of images that both have.
        images: the number of images of the given split.
    """

    dataset: str
    split: str
    shared: int
    images: int


def overlaps(card: DataCard, split: str, root: Path) -> Iterator[Overlap]:
    """The splits that share images with a split; splits of the same card come first.

    Splits whose files are not on this machine or cannot be read are left out. Nothing is yielded
    for formats that do not know the ids of their images.
    """
    own = _ids(card, split, root)
    if not own:
        return
    others = [load_card(name) for name in card_names() if name != card.name]
    for other in (card, *others):
        for stated in other.splits.values():
            if (other.name, stated.name) == (card.name, split):
                continue
            if not _same_images(card.split(split), stated):
                continue
            shared = len(own & _ids(other, stated.name, root))
            if shared:
                yield Overlap(other.name, stated.name, shared, len(own))


def _same_images(one: Split, other: Split) -> bool:
    return bool(set(one.images) & set(other.images))


def _ids(card: DataCard, split: str, root: Path) -> frozenset[int]:
    plugin: Any = module("data.formats", card.format, "data set format")
    if not hasattr(plugin, "image_ids"):
        return frozenset()
    try:
        ids: frozenset[int] = plugin.image_ids(card, split, root)
    except (MissingData, BadData):
        return frozenset()
    return ids
