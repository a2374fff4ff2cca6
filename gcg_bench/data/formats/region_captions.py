"""Regions with descriptions in a COCO file of captions, as GLaMM evaluates region captioning.

`images[]` with `id`, `file_name`, `height`, `width`, and `annotations[]` with `id`, `image_id`,
`bbox` (x, y, width, height in pixels) and `caption`. An annotation is a query; its id is that of
the annotation. The first reference is its own caption; the captions of other annotations with the
same image and box are further references. The published loader pairs an image with the annotation
whose id equals the id of the image; here an annotation belongs to its `image_id`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from gcg_bench.data.cards import DataCard, image_folders, locate
from gcg_bench.data.coco_tables import CocoFile, image_size, whole_id
from gcg_bench.data.drafts import SampleDraft, finish, ranked
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record, four_numbers
from gcg_bench.files.images import ImageFinder
from gcg_bench.types import Box, Sample

ROLES = ("annotations",)


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, an annotation each, in the order of the file.

    Raises:
        MissingData: the file is not there.
        BadData: the file is not what the format says; names image and field.
    """
    table = CocoFile(locate(card, split, root, ROLES)["annotations"], faults)
    finder = ImageFinder(image_folders(card, split, root))
    yield from finish(ranked(islice(_drafts(table, finder, card, faults), limit)), faults)


def image_ids(card: DataCard, split: str, root: Path) -> frozenset[int]:
    """The numbers in the file names of a split's images, which are the ids of COCO."""
    table = CocoFile(locate(card, split, root, ROLES)["annotations"], RAISE_FAULTS)
    names = (image.text("file_name") for image in table.images.values())
    numbers = (re.search(r"(\d+)\.[A-Za-z]+$", name) for name in names)
    return frozenset(int(number[1]) for number in numbers if number is not None)


def _drafts(
    table: CocoFile, finder: ImageFinder, card: DataCard, faults: Faults
) -> Iterator[SampleDraft]:
    described = _captions_of_regions(table, faults)
    for id_, row in table.annotations.items():
        with faults.caught(file=table.file, image=str(id_)):
            image = table.image(whole_id(row, "image_id"), row)
            box, own = _box(row), row.text("caption", most=limits.TEXT)
            same = described[whole_id(row, "image_id"), box]
            others = [caption for other, caption in same if other != id_]
            yield SampleDraft(
                id=str(id_),
                typed_id=id_,
                image_id=str(whole_id(row, "image_id")),
                file=table.file,
                caption=own,
                captions=(own, *others),
                path=finder.path(image.text("file_name", empty=False)),
                size=image_size(image),
                prompt=card.prompt,
                regions=(box,),
            )


def _captions_of_regions(
    table: CocoFile, faults: Faults
) -> dict[tuple[int, Box], list[tuple[int, str]]]:
    """The annotations of each region: pairs of id and caption, in the order of the file."""
    described: dict[tuple[int, Box], list[tuple[int, str]]] = defaultdict(list)
    for id_, row in table.annotations.items():
        with faults.caught(file=table.file, image=str(id_)):
            region = whole_id(row, "image_id"), _box(row)
            described[region].append((id_, row.text("caption", most=limits.TEXT)))
    return described


def _box(row: Record) -> Box:
    """The box (x0, y0, x1, y1) in pixels."""
    numbers = four_numbers(row.any("bbox"))
    if numbers is None or numbers[2] < 0 or numbers[3] < 0:
        raise row.bad("bbox", "should be four numbers x, y, width, height")
    x, y, width, height = numbers
    return x, y, x + width, y + height
