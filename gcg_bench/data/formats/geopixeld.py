"""GeoPixelD as its owners publish it: one JSON file next to each tile of an aerial image.

`x.json` holds `img` (the path of the tile; only its last part is read), `gcg_description` and
`polygons`. The description has tags `<p> ship-1 </p> [SEG]`; the number is part of the phrase, also
in the caption. `polygons` has an entry for each `[SEG]`, in the same order: a list of polygons,
each a list of corners [x, y]. The image id is the name of the file without suffix. The card's file
name has `*` instead of `x`; files are in the order of their names.

As in the published training code, a polygon is drawn with its outline (`masks.fill_outlined`), and
the polygons of a `[SEG]` are one mask. White space in the caption becomes one space, as in GLaMM's
evaluation.

The size of a tile is that of its image, else the size that its name states: in
`P0003_0_800_347_1147` the rows 0 to 800 and the columns 347 to 1147.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from gcg_bench.data.cards import DataCard, annotation_folders, image_folders
from gcg_bench.data.drafts import SampleDraft, finish
from gcg_bench.errors import BadData, BadMask, MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record
from gcg_bench.files.images import ImageFinder, image_sizes
from gcg_bench.files.json import parse_json
from gcg_bench.masks import empty, fill_outlined, to_rle, union
from gcg_bench.predictions.drafts import DraftPhrase, Size
from gcg_bench.types import Mask, Sample

ROLES = ("annotations",)

_MARK = re.compile(r"(<p>|</p>|\[SEG\])")
_TILE = re.compile(r".*_(\d{1,7})_(\d{1,7})_(\d{1,7})_(\d{1,7})", re.DOTALL)
_LEAST = 3  # corners of a polygon with an inside


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, in the order of file names; files are read one by one.

    Raises:
        MissingData: there is no file.
        BadData: a file does not have this format, or the size of its tile is unknown; names file,
            image, phrase and field.
    """
    files = annotation_files(card, split, root)
    finder = ImageFinder([*{file.parent for file in files}, *image_folders(card, split, root)])
    drafts = (
        draft
        for rank, file in enumerate(files[:limit])
        for draft in _drafts(file, rank, card, finder, faults)
    )
    yield from finish(drafts, faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The files of the first folder that has such files, sorted by name.

    Raises:
        MissingData: no folder has such files; names the searched folders.
    """
    pattern = card.split(split).files.get("annotations", "")
    folders = annotation_folders(card, root)
    for folder in folders:
        files = sorted(folder.glob(pattern)) if pattern else []
        if files:
            return tuple(files)
    raise MissingData(
        f"{card.name} {split}: cannot find {pattern}; searched in"
        f" {', '.join(map(str, folders))}. Give the folder with --data-root or GCG_BENCH_DATA"
    )


def _drafts(
    file: Path, rank: int, card: DataCard, finder: ImageFinder, faults: Faults
) -> Iterator[SampleDraft]:
    with faults.caught(file=file, image=file.stem):
        limits.refuse_long(file, limits.RECORD, "the annotation of an image")
        entry = Record(parse_json(file.read_bytes(), file), file, image=file.stem)
        path = finder.path(PurePosixPath(entry.text("img", empty=False)).name)
        size = _size(entry, path, faults)
        description = entry.text("gcg_description", most=limits.TEXT)
        if description.count("<p>") != description.count("</p>"):
            faults.warning(entry.bad("gcg_description", "has <p> without </p>, or the reverse"))
        caption, phrases = _parsed(description)
        outlines = entry.items("polygons", most=limits.PHRASES)
        marks = [phrase for phrase, segments in phrases for _ in range(segments)]
        if len(marks) != len(outlines):
            raise entry.bad(
                "polygons",
                f"has {len(outlines)} items, and gcg_description has {len(marks)} [SEG]",
                "There is one item for each [SEG]; fetch the file again, or leave it out",
            )
        for position, (phrase, outline) in enumerate(zip(marks, outlines, strict=True)):
            field = f"polygons[{position}]"
            with faults.caught(file=file, image=file.stem):
                mask = _drawn(entry, field, outline, size, faults)
                phrase.masks.append((field, to_rle(mask)))
        yield SampleDraft(
            id=file.stem,
            file=file,
            caption=caption,
            captions=(caption,),
            phrases=[phrase for phrase, _ in phrases],
            path=path,
            size=size,
            prompt=card.prompt,
            order=rank,
        )


def _parsed(description: str) -> tuple[str, list[tuple[DraftPhrase, int]]]:
    """The caption without tags, and the phrases, each with its number of `[SEG]`.

    A `[SEG]` belongs to the phrase before it; before every phrase it is a phrase without words.
    """
    parts: list[str] = []
    phrases: list[tuple[DraftPhrase, int]] = []
    length, gap, inside = 0, False, False
    for piece in _MARK.split(description):
        if piece == "[SEG]":
            last, count = phrases.pop() if phrases else (DraftPhrase(None), 0)
            phrases.append((last, count + 1))
        elif piece in ("<p>", "</p>"):
            inside = piece == "<p>"
            if inside:
                phrases.append((DraftPhrase(""), 0))
        elif words := " ".join(piece.split()):
            space = " " if length and (gap or piece[0].isspace()) else ""
            parts.append(space + words)
            start, length = length + len(space), length + len(space) + len(words)
            gap = piece[-1].isspace()
            if inside:
                phrase = phrases[-1][0]
                first = phrase.span[0] if phrase.span else start
                phrase.text = f"{phrase.text}{space if phrase.span else ''}{words}"
                phrase.span = (first, length)
        else:
            gap = gap or bool(piece)
    return "".join(parts), phrases


def _size(entry: Record, path: Path, faults: Faults) -> Size:
    """The (height, width) of a tile, from its image, else from its name."""
    corners = _TILE.fullmatch(path.stem)
    top, bottom, left, right = map(int, corners.groups()) if corners else (0, 0, 0, 0)
    named = (bottom - top, right - left)
    try:
        size = image_sizes(path)[0]
    except MissingData as error:
        if min(named) > 0:
            return named
        raise BadData(
            f"the image's size can only be read from {path}, which is not there",
            field="img",
            remedy="Put the image at this path",
        ) from error
    if corners and size != named:
        faults.warning(
            entry.bad("img", f"the image is {size[0]} x {size[1]}, its name states another size")
        )
    return size


def _drawn(entry: Record, field: str, outline: Any, size: Size, faults: Faults) -> Mask:
    """The pixels of all polygons of a `[SEG]`."""
    if not isinstance(outline, list):
        raise entry.bad(field, "should be a list of polygons")
    drawn = []
    for position, polygon in enumerate(outline):
        name = f"{field}[{position}]"
        corners = _corners(entry, name, polygon)
        if len(corners) < _LEAST:
            remedy = "It is drawn as a pixel or a line, as the published code does"
            few = f"has {len(corners)} corners; a polygon with an inside has three or more"
            faults.warning(entry.bad(name, few, remedy))
        try:
            drawn.append(fill_outlined(corners, *size))
        except BadMask as fault:
            fault.field = name
            raise
    return union(drawn) if drawn else empty(*size)


def _corners(entry: Record, field: str, polygon: Any) -> list[tuple[float, float]]:
    remedy = "A polygon is a list of corners [x, y] in pixels"
    if not isinstance(polygon, list) or not polygon:
        raise entry.bad(field, "should be a list of one or more corners", remedy)
    corners = []
    for position, corner in enumerate(polygon):
        numbers = corner if isinstance(corner, list) and len(corner) == 2 else []
        if not numbers or not all(type(number) in (int, float) for number in numbers):
            raise entry.bad(f"{field}[{position}]", "should be two numbers x, y", remedy)
        corners.append((numbers[0], numbers[1]))
    return corners
