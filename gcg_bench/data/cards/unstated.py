"""The card of data without a card: it states only how the data are read."""

from collections.abc import Mapping
from pathlib import Path

from gcg_bench.data.cards.card import NOT_STATED, DataCard
from gcg_bench.data.cards.splits import Split


def unstated(
    name: str,
    format_name: str,
    splits: Mapping[str, Split],
    *,
    version: str = "1",
    title: str = "",
    task: str = "gcg",
    folders: tuple[str, ...] = ("",),
    home: Path | None = None,
) -> DataCard:
    """A card without licence, origin, citation and prompt.

    Args:
        name: the name of the data set.
        format_name: the plug-in that reads it.
        splits: name -> split.
        version: the version of the card.
        title: one line for tables.
        task: the one task of the data.
        folders: see `DataCard`.
        home: the folder of the data.
    """
    return DataCard(
        name=name,
        version=version,
        title=title,
        format=format_name,
        tasks=(task,),
        license=NOT_STATED,
        image_license=NOT_STATED,
        origin=NOT_STATED,
        homepage=NOT_STATED,
        citation="",
        prompt="",
        splits=splits,
        folders=folders,
        home=home,
    )
