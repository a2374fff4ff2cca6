"""Where cards, annotation files and images lie: names and paths become cards and files."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from gcg_bench.data.cards.card import NOT_STATED, DataCard, Split, read_card
from gcg_bench.errors import BadData, MissingData, UnknownName
from gcg_bench.files.cache import cache_folder

_DATA_SUFFIXES = (".jsonl", ".parquet")
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def data_folder() -> Path:
    """The default data root: `$GCG_BENCH_DATA`, else a folder beside the caches."""
    named = os.environ.get("GCG_BENCH_DATA")
    return Path(named) if named else cache_folder() / "data"


def card_folder() -> Path:
    """The folder of the shipped cards: inside the package when installed, else the checkout's."""
    package = Path(__file__).parents[2]
    inside = package / "data_cards"
    return inside if inside.is_dir() else package.parent / "data_cards"


def card_names() -> tuple[str, ...]:
    """The names of the shipped cards, sorted."""
    return tuple(sorted(file.stem for file in card_folder().glob("*.md")))


def load_card(name: str | Path, *, split: str | None = None, shipped: bool = False) -> DataCard:
    """The card of a shipped data set, or of one that lies at a path.

    Args:
        name: a shipped card's name (dashes count as underscores), the path of a card `.md`, of a
            `.jsonl` or `.parquet` data file, or of a folder with a `card.md` or such files.
        split: what to call the one split of a data file; its name without suffix by default.
        shipped: the name comes from a run or a board, not from the user: no path is followed.

    Raises:
        UnknownName: no shipped card has that name, and nothing lies at that path.
        MissingData: nothing lies at that path, or a folder holds no data set.
        BadData: the front matter is not what a card needs; names the field.
    """
    spelt = str(name).replace("-", "_")
    if spelt in card_names():
        return read_card(card_folder() / f"{spelt}.md", home=None)
    path = Path(name)
    if shipped or not _can_be_path(path):
        remedy = "(one of your own is given by its path, with --dataset)"
        raise UnknownName("data set", str(name), card_names(), remedy=remedy)
    if path.is_dir():
        return _folder_card(path)
    if path.is_file() and path.suffix == ".md":
        return read_card(path, home=path.parent)
    if path.is_file() and path.suffix in _DATA_SUFFIXES:
        return _bare_card(path.parent, path.suffix, {split or path.stem: path.name})
    if len(path.parts) > 1 or path.suffix or path.exists():
        kinds = ", ".join((".md", *_DATA_SUFFIXES))
        raise MissingData(f"{path}: no data set there; one is a file ({kinds}) or a folder of them")
    raise UnknownName(
        "data set", str(name), card_names(), remedy="(one of your own is given by its path)"
    )


def _can_be_path(path: Path) -> bool:
    try:
        path.is_dir()
    except OSError:  # longer than any path
        return False
    return True


def _folder_card(folder: Path) -> DataCard:
    if (folder / "card.md").is_file():
        return read_card(folder / "card.md", home=folder)
    for suffix in _DATA_SUFFIXES:
        found = sorted([*folder.glob(f"*{suffix}"), *folder.glob(f"data/*{suffix}")])
        if found:  # shards val-00000-of-00002.parquet are one split
            names = {_SHARD.sub("", file.stem): file for file in found}
            files = {split: f"{split}{suffix}" for split in names}
            return _bare_card(folder, suffix, files)
    raise MissingData(
        f"{folder}: holds no data set, neither a card.md nor a file *.jsonl or *.parquet"
    )


def _bare_card(folder: Path, suffix: str, files: Mapping[str, str]) -> DataCard:
    """The card of data files that came without one."""
    return DataCard(
        name=folder.resolve().name or "data",
        version="0",
        title=f"data files of {folder.resolve().name}, without a card",
        format=suffix.removeprefix("."),
        tasks=("gcg",),
        license=NOT_STATED,
        image_license=NOT_STATED,
        origin=NOT_STATED,
        homepage=NOT_STATED,
        citation="",
        prompt="",
        splits={
            name: Split(name, {"samples": file}, images=("images", ""))
            for name, file in files.items()
        },
        folders=("", "data"),
        home=folder,
    )


def locate(card: DataCard, split: str, root: Path, roles: Iterable[str] = ()) -> dict[str, Path]:
    """Role -> path of the split's annotation files.

    Each file is looked for in the card's own folder and in every known folder under the root.

    Args:
        card: the data card.
        split: one of its splits.
        root: the data root.
        roles: what the format needs.

    Raises:
        UnknownName: the card has no such split.
        BadData: the card names no file for a role.
        MissingData: names every file that is missing and the folders looked in.
    """
    folders = annotation_folders(card, root)
    wanted = card.split(split).files
    for role in roles:
        if role not in wanted:
            raise BadData(
                f"the card names no file {role!r}, which the format {card.format} needs",
                file=f"data card {card.name}",
                field=f"splits.{split}.files",
            )
    found = {
        role: path
        for role, file in wanted.items()
        for path in [next((f / file for f in folders if (f / file).is_file()), None)]
        if path is not None
    }
    missing = [file for role, file in wanted.items() if role not in found]
    if missing:
        raise MissingData(
            f"{card.name} {split}: cannot find {', '.join(missing)}; looked in"
            f" {', '.join(str(folder) for folder in folders)}. Give the folder with --data-root or"
            f" GCG_BENCH_DATA, or see: gcg-bench data fetch {card.name}"
        )
    return found


def annotation_folders(card: DataCard, root: Path) -> tuple[Path, ...]:
    """The folders where the card's annotation files may lie, in the order they are looked in."""
    homes = [root] if card.home is None else [card.home, root]
    return tuple(dict.fromkeys(home / folder for home in homes for folder in card.folders))


def image_folders(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The folders where the split's images may lie, in the order they are looked in."""
    homes = [root] if card.home is None else [card.home, root]
    folders = card.split(split).images
    return tuple(dict.fromkeys(home / folder for home in homes for folder in folders))
