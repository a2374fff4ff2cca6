"""Data cards: one Markdown file a data set, whose front matter is read by the loader.

A card says what a reader wants to know (origin, licence, citation, known issues) and what the
loader needs (format, splits, file names, the folders they may lie in, the prompt), in one place.
Shipped cards are found by name; anybody's card is found by its path.
"""

from gcg_bench.data.cards.card import (
    NOT_STATED,
    ByHand,
    DataCard,
    Hub,
    Split,
    StatedSize,
    read_card,
    write_card,
)
from gcg_bench.data.cards.front_matter import front_matter
from gcg_bench.data.cards.places import (
    annotation_folders,
    card_folder,
    card_names,
    data_folder,
    image_folders,
    load_card,
    locate,
)

__all__ = [
    "NOT_STATED",
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
    "write_card",
]
