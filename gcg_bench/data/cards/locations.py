"""Finds cards, annotation files and images by names and paths."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gcg_bench.data.cards.card import DataCard, read_card
from gcg_bench.data.cards.splits import Split
from gcg_bench.data.cards.unstated import unstated
from gcg_bench.errors import BadData, MissingData, UnknownName
from gcg_bench.files.cache import cache_folder
from gcg_bench.files.paths import anchored, has_control, too_long

_DATA_SUFFIXES = (".jsonl", ".parquet")
_USUAL_SPLITS = ("train", "val", "validation", "valid", "dev", "test")
_LONGEST_NAME = 80  # characters, since the name becomes a part of file names
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def data_folder() -> Path:
    """The default data root: `$GCG_BENCH_DATA`, or a folder next to the caches."""
    folder = os.environ.get("GCG_BENCH_DATA")
    return anchored(Path(folder)) if folder else cache_folder() / "data"


def card_folder() -> Path:
    """The folder of the shipped cards: inside the installed package, or in the source checkout."""
    package = Path(__file__).parents[2]
    inside = package / "data_cards"
    return inside if inside.is_dir() else package.parent / "data_cards"


def card_names() -> tuple[str, ...]:
    """The names of the shipped cards, sorted."""
    return tuple(sorted(file.stem for file in card_folder().glob("*.md")))


def load_card(name: str | Path, *, split: str | None = None, shipped: bool = False) -> DataCard:
    """The card of a shipped data set, or of a data set at a path.

    Args:
        name: the name of a shipped card (dashes count as underscores), or the path of a card `.md`,
            of a data file `.jsonl` or `.parquet`, or of a folder with a `card.md` or such data
            files.
        split: the name of the single split of a data file; the default is the file's name without
            suffix.
        shipped: whether the name comes from a run or a board, not from the user; then it is never
            used as a path.

    Raises:
        UnknownName: no shipped card has this name, and no such path exists.
        MissingData: the path does not exist, or a folder contains no data set.
        BadData: a field of the front matter is invalid; names the field.
    """
    card_name = str(name).replace("-", "_")
    if card_name in card_names():
        return read_card(card_folder() / f"{card_name}.md", home=None)
    path = anchored(Path(name))
    if shipped or not _can_be_path(path):
        remedy = "(give your own data set by its path, with --dataset)"
        raise UnknownName("data set", str(name), card_names(), remedy=remedy)
    if path.is_dir():
        return _folder_card(path)
    if path.is_file() and path.suffix == ".md":
        return read_card(path, home=path.parent)
    if path.is_file() and path.suffix in _DATA_SUFFIXES:
        return _bare_card(path, path.suffix, {split or path.stem: path.name})
    if len(Path(name).parts) > 1 or path.suffix or path.exists():
        kinds = ", ".join((".md", *_DATA_SUFFIXES))
        raise MissingData(
            f"{path}: no data set there; a data set is a file ({kinds}) or a folder of such files"
        )
    raise UnknownName(
        "data set", str(name), card_names(), remedy="(give your own data set by its path)"
    )


def _can_be_path(path: Path) -> bool:
    return not (has_control(str(path)) or too_long(str(path)))


def _folder_card(folder: Path) -> DataCard:
    if (folder / "card.md").is_file():
        return read_card(folder / "card.md", home=folder)
    for suffix in _DATA_SUFFIXES:
        data_files = sorted([*folder.glob(f"*{suffix}"), *folder.glob(f"data/*{suffix}")])
        if data_files:  # shards such as val-00000-of-00002.parquet form one split
            split_files = {_SHARD.sub("", file.stem): file for file in data_files}
            files = {split: f"{split}{suffix}" for split in split_files}
            return _bare_card(folder, suffix, files)
    raise MissingData(
        f"{folder}: contains no data set: neither a card.md nor a file *.jsonl or *.parquet"
    )


def _bare_card(path: Path, suffix: str, files: Mapping[str, str]) -> DataCard:
    """A card for data files that came without a card.

    Args:
        path: the data file, or the folder of the data files.
        suffix: the suffix of the files.
        files: split -> name of its file.
    """
    folder = path.parent if path.is_file() else path
    names_split = path == folder or path.stem in (*files, *_USUAL_SPLITS)
    stated = folder.resolve().name if names_split and folder.resolve().name else path.stem
    name = re.sub(r"[^\w.-]+", "-", stated).strip("-.")[:_LONGEST_NAME] or "data"
    return unstated(
        name,
        suffix.removeprefix("."),
        {
            name: Split(name, {"samples": file}, images=("images", ""))
            for name, file in files.items()
        },
        version="0",
        title=f"data files of {name}, without a card",
        folders=("", "data"),
        home=folder,
    )


def locate(
    card: DataCard,
    split: str,
    root: Path,
    roles: Iterable[str] = (),
    *,
    suffixes: Sequence[str] = (),
) -> dict[str, Path]:
    """Role -> path of the split's annotation files.

    Each file is searched in the card's own folder and in every known folder under the root.

    Args:
        card: the data card.
        split: one of its splits.
        root: the data root.
        roles: the roles that the format needs.
        suffixes: a file whose name ends in one of these suffixes may have another of them instead;
            the name that the card states is searched first.

    Raises:
        UnknownName: the card has no such split.
        BadData: the card names no file for a role.
        MissingData: names every missing file and the searched folders.
    """
    folders = annotation_folders(card, root)
    names = card.split(split).files
    for role in roles:
        if role not in names:
            raise BadData(
                f"the card names no file for {role!r}, which the format {card.format} needs",
                file=f"data card {card.name}",
                field=f"splits.{split}.files",
            )
    located = {
        role: path
        for role, file in names.items()
        for path in [_found(folders, _spellings(file, suffixes))]
        if path is not None
    }
    missing = [file for role, file in names.items() if role not in located]
    if missing:
        raise MissingData(
            f"{card.name} {split}: cannot find {', '.join(missing)}; searched in"
            f" {', '.join(str(folder) for folder in folders)}. Give the folder with --data-root or"
            f" GCG_BENCH_DATA, or see: gcg-bench data fetch {card.name}"
        )
    return located


def _found(folders: Iterable[Path], files: Sequence[str]) -> Path | None:
    """The first of the files that exists in a folder; None when there is none."""
    paths = (folder / file for folder in folders for file in files)
    return next((path for path in paths if path.is_file()), None)


def _spellings(file: str, suffixes: Sequence[str]) -> list[str]:
    """The names that a file may have: its own name, and the name with each other suffix."""
    own = Path(file).suffix
    if own not in suffixes:
        return [file]
    return [file, *(f"{file.removesuffix(own)}{other}" for other in suffixes if other != own)]


def annotation_folders(card: DataCard, root: Path) -> tuple[Path, ...]:
    """The folders that may contain the card's annotation files, in search order."""
    homes = [root] if card.home is None else [card.home, root]
    return tuple(dict.fromkeys(home / folder for home in homes for folder in card.folders))


def image_folders(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The folders that may contain the split's images, in search order."""
    homes = [root] if card.home is None else [card.home, root]
    folders = card.split(split).images
    return tuple(dict.fromkeys(home / folder for home in homes for folder in folders))
