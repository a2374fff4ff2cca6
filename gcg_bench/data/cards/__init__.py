"""Data cards: one Markdown file for each data set, with front matter for the loader.

A card describes a data set for readers (origin, licence, citation, known issues) and for the loader
(format, splits, file names, folders, prompt) in one file. Shipped cards are found by name, all
other cards by path.
"""

from gcg_bench.data.cards.card import (
    NOT_STATED,
    REFERENCES,
    ByHand,
    DataCard,
    Hub,
    read_card,
    write_card,
)
from gcg_bench.data.cards.front_matter import front_matter
from gcg_bench.data.cards.locations import (
    annotation_folders,
    card_folder,
    card_names,
    data_folder,
    image_folders,
    load_card,
    locate,
)
from gcg_bench.data.cards.splits import Split, StatedSize
from gcg_bench.data.cards.unstated import unstated

__all__ = [
    "NOT_STATED",
    "REFERENCES",
    "ByHand",
    "DataCard",
    "Hub",
    "Split",
    "StatedSize",
    "annotation_folders",
    "card_folder",
    "card_names",
    "data_folder",
    "front_matter",
    "image_folders",
    "load_card",
    "locate",
    "read_card",
    "unstated",
    "write_card",
]
