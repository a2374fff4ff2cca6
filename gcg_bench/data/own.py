"""Makes a card for a folder of the user's own data from the files in it.

Three kinds of folders are known:

    SPLIT_gcg_coco_mask_gt.json + SPLIT_gcg_coco_caption_gt.json   the published layout of GranD-f
    instances_SPLIT.json + captions_SPLIT.json                     COCO instances plus captions
    SPLIT.jsonl or SPLIT.parquet                                   the formats of `data export`

The files are in the folder or in a subfolder, such as `annotations`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import Any

from gcg_bench.data.cards import (
    DataCard,
    Split,
    StatedSize,
    load_card,
    read_card,
    write_card,
)
from gcg_bench.data.cards.unstated import unstated
from gcg_bench.data.drafts import images_of
from gcg_bench.errors import BadOption, EnvironmentProblem, MissingData
from gcg_bench.files.atomic import replace_with
from gcg_bench.files.fields import Record
from gcg_bench.files.json import read_json
from gcg_bench.files.paths import is_plain
from gcg_bench.registry import module

SOURCE = "counted by gcg-bench data card"
_PAIRS = (
    ("gcg_coco", "masks", "{split}_gcg_coco_mask_gt.json", "{split}_gcg_coco_caption_gt.json"),
    ("coco_instances", "instances", "instances_{split}.json", "captions_{split}.json"),
)
_PROSE = """# {name}

Written by gcg-bench data card from the files in this folder. Before you publish numbers, state
licence, origin and citation above; `prompt` is the instruction that models are given.
"""


@dataclass(frozen=True)
class Named:
    """Files that the user names, relative to the folder or absolute inside it.

    Attributes:
        masks: COCO masks or instances.
        captions: COCO captions.
        split: the name of the split in these files.
    """

    masks: Path
    captions: Path
    split: str


def described(
    folder: Path, *, name: str = "", named: Named | None = None, images: Path | None = None
) -> DataCard:
    """Makes the card of a folder; reads every split once and counts its queries.

    Args:
        folder: the folder of the card, with its files and images.
        name: the name of the data set; by default the folder's name.
        named: the files of a split with unusual names.
        images: the folder of the images; by default a folder with the first image.

    Raises:
        MissingData: the folder has no files of a known kind, or a file is missing.
        BadData: a file does not have its format; names file, image and field.
        BadOption: a name cannot be part of a file's name, or a file is outside the folder.
    """
    if not folder.is_dir():
        raise MissingData(f"{folder}: no such folder")
    called = name or re.sub(r"[^\w.-]+", "-", folder.resolve().name).strip("-.") or "data"
    if not is_plain(called):
        raise BadOption(f"the name {called[:80]!r} cannot be part of a file's name; give a --name")
    splits = _usual(folder) if named is None else _named(folder, named)
    if not splits:
        return _counted(_of_data_files(folder, called), folder)
    format_name = splits[0][0]
    if any(other != format_name for other, _, _ in splits):
        raise BadOption(f"{folder}: holds two layouts; name the files with --masks and --captions")
    _refuse_other_layout(folder, [split for _, split, _ in splits])
    by_name = {
        split: Split(split, files, _image_folders(folder, files["captions"], images))
        for _, split, files in splits
    }
    return _counted(_bare(called, format_name, by_name, folder), folder)


def _refuse_other_layout(folder: Path, splits: Sequence[str]) -> None:
    """Raises BadOption when a split also has a file in the package's own formats."""
    for split in splits:
        for suffix in (".jsonl", ".parquet"):
            if (folder / f"{split}{suffix}").is_file():
                raise BadOption(
                    f"{folder}: holds split {split} in two layouts, as COCO files and as"
                    f" {split}{suffix}. Move one of them to another folder"
                )


def refuse_card(folder: Path) -> None:
    """Raises BadOption when the folder already has a card."""
    if (folder / "card.md").exists():
        raise BadOption(
            f"{folder / 'card.md'} is there already; --update counts the files again and keeps"
            " what the card states"
        )


def write(card: DataCard, folder: Path) -> Path:
    """Writes `card.md` into the folder; replaces an existing card.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    file = folder / "card.md"
    prose = _PROSE.format(name=card.name)
    try:
        replace_with(file, lambda draft: write_card(card, draft, prose))
    except OSError as error:
        raise EnvironmentProblem(f"{file}: cannot be written ({error})") from error
    return file


Found = list[tuple[str, str, dict[str, str]]]
"""Format, split, and role -> file relative to the folder."""


def _usual(folder: Path) -> Found:
    """The pairs of files with the usual names."""
    return [pair for kind in _PAIRS for pair in _pairs(folder, *kind)]


def _pairs(
    folder: Path, format_name: str, role: str, first: str, second: str
) -> Iterator[tuple[str, str, dict[str, str]]]:
    before, _, after = first.partition("{split}")
    for pattern in (f"{before}*{after}", f"*/{before}*{after}", f"*/*/{before}*{after}"):
        for file in sorted(folder.glob(pattern)):
            split = file.name[len(before) : len(file.name) - len(after)]
            captions = file.with_name(second.format(split=split))
            if split and captions.is_file():
                files = {role: _inside(folder, file), "captions": _inside(folder, captions)}
                yield format_name, split, files


def _named(folder: Path, named: Named) -> Found:
    """The files that the user names; captions with labels have the published layout."""
    if not is_plain(named.split):
        raise BadOption(f"the split {named.split[:80]!r} cannot be part of a file's name")
    masks, captions = (_inside(folder, file) for file in (named.masks, named.captions))
    rows = _rows(folder / captions, "annotations")
    labelled = any("labels" in row for row in rows if isinstance(row, dict))
    format_name, role = ("gcg_coco", "masks") if labelled else ("coco_instances", "instances")
    return [(format_name, named.split, {role: masks, "captions": captions})]


def _inside(folder: Path, file: Path) -> str:
    """The path of a file relative to the folder; it may be given relative to either folder."""
    root = folder.resolve()
    for candidate in (file, folder / file):
        if candidate.is_file() and root in candidate.resolve().parents:
            return candidate.resolve().relative_to(root).as_posix()
    if file.is_file():
        raise BadOption(f"{file}: is outside {folder}; a card names files inside its own folder")
    raise MissingData(f"{file}: no such file, and none in {folder}")


def _rows(file: Path, field: str) -> list[Any]:
    """The entries of a field of a JSON object; empty without such a list."""
    value = Record(read_json(file), file).value.get(field)
    return value if isinstance(value, list) else []


def _image_folders(folder: Path, captions: str, images: Path | None) -> tuple[str, ...]:
    """The folder of the images, relative to the card; the usual folders if none is found."""
    if images is not None:
        for candidate in (images, folder / images):
            if candidate.is_dir() and candidate.resolve().is_relative_to(folder.resolve()):
                relative = candidate.resolve().relative_to(folder.resolve()).as_posix()
                return ("" if relative == "." else relative,)
        raise BadOption(f"{images}: no such folder inside {folder}")
    first = next(iter(_rows(folder / captions, "images")), None)
    name = first.get("file_name") if isinstance(first, dict) else None
    if isinstance(name, str) and is_plain(name):
        plain = escape(name)
        for pattern in (plain, f"*/{plain}", f"*/*/{plain}"):
            for file in sorted(folder.glob(pattern)):
                relative = file.parent.relative_to(folder).as_posix()
                return ("" if relative == "." else relative,)
    return ("images", "")


def _of_data_files(folder: Path, name: str) -> DataCard:
    """The card of a folder with files in the package's own formats, or its existing card."""
    try:
        card = load_card(folder)
        return card if card.version != "0" else replace(card, name=name, version="1", title="")
    except MissingData as error:
        usual = "; ".join(f"{first} and {second}" for _, _, first, second in _PAIRS)
        raise MissingData(
            f"{folder}: no files of a known layout ({usual.format(split='SPLIT')}; SPLIT.jsonl;"
            " SPLIT.parquet). Name them with --masks, --captions and --split"
        ) from error


def _bare(name: str, format_name: str, splits: Mapping[str, Split], folder: Path) -> DataCard:
    """A card with the known facts: files, splits, images; other fields from the old card."""
    if (folder / "card.md").is_file():
        before = read_card(folder / "card.md", home=folder)
        return replace(before, format=format_name, splits=splits)
    return unstated(name, format_name, splits, home=folder)


def _counted(card: DataCard, folder: Path) -> DataCard:
    """The card with the number of queries of each split; reads every split."""
    splits = {}
    home = replace(card, home=folder, title=card.title or f"{card.name}, the user's own data")
    plugin: Any = module("data.formats", card.format, "data set format")
    for name, split in home.splits.items():
        samples = list(plugin.read(home, name, folder))
        count = images_of(samples)
        images = None if count == len(samples) else count
        splits[name] = replace(split, sizes=(StatedSize(len(samples), 0, SOURCE, images),))
    return replace(home, splits=splits)
