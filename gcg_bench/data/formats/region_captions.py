"""Regions with descriptions in a COCO file of captions, as GLaMM evaluates region captioning.

`images[]` with `id`, `file_name`, `height`, `width`, and `annotations[]` with `id`, `image_id`,
`bbox` (x, y, width, height in pixels) and `caption`. Each annotation is a query with the id of the
annotation. The first reference is its own caption; the captions of other annotations with the same
image and box are further references. The published loader pairs an image with the annotation whose
id equals the id of the image; here an annotation belongs to its `image_id`.

A split may also name files of `refer` (`refs`, `instances`). If the file of captions does not
exist, the regions are the annotations of the references of the split. Each annotation is a query,
in the order of the references, and its sentences are its captions.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from gcg_bench.data.cards import DataCard, image_folders, locate
from gcg_bench.data.coco_tables import CocoFile, image_size, whole_id
from gcg_bench.data.drafts import SampleDraft, finish, ranked
from gcg_bench.data.formats import refer
from gcg_bench.errors import MissingData
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
    """The samples of a split, one for each annotation, in the order of the file.

    Raises:
        MissingData: the file does not exist.
        BadData: the file does not have this format; names image and field.
    """
    finder = ImageFinder(image_folders(card, split, root))
    file, *instances = annotation_files(card, split, root)
    if instances:
        table = CocoFile(instances[0], faults)
        drafts = _drafts_of_refs(refer.read_refs(file, faults), split, table, finder, card, faults)
    else:
        drafts = _drafts(CocoFile(file, faults), finder, card, faults)
    yield from finish(ranked(islice(drafts, limit)), faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The file of a split; if it does not exist, the references and the instances, if named.

    Raises:
        MissingData: none of these files exist.
    """
    try:
        return (_located(card, split, root, ROLES)["annotations"],)
    except MissingData:
        if not set(refer.ROLES) <= card.split(split).files.keys():
            raise
    located = _located(card, split, root, refer.ROLES)
    return located["refs"], located["instances"]


def _located(card: DataCard, split: str, root: Path, roles: tuple[str, ...]) -> dict[str, Path]:
    """The files of some roles; other files need not exist."""
    stated = card.split(split)
    files = {role: file for role, file in stated.files.items() if role in roles}
    chosen = replace(card, splits={split: replace(stated, files=files)})
    return locate(chosen, split, root, roles, suffixes=(".p", ".json"))


def image_ids(card: DataCard, split: str, root: Path) -> frozenset[int]:
    """The numbers in the file names of a split's images, which are the ids of COCO."""
    file, *instances = annotation_files(card, split, root)
    if instances:
        refs = refer.read_refs(file, RAISE_FAULTS)
        return frozenset(whole_id(ref, "image_id") for ref in refs if refer.in_split(ref, split))
    table = CocoFile(file, RAISE_FAULTS)
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


def _drafts_of_refs(
    refs: list[Record],
    split: str,
    table: CocoFile,
    finder: ImageFinder,
    card: DataCard,
    faults: Faults,
) -> Iterator[SampleDraft]:
    """A query for each annotation that the references of a split describe."""
    described: dict[int, list[str]] = {}
    owners: dict[int, Record] = {}
    for ref in refs:
        with faults.caught():
            if refer.in_split(ref, split):
                id_ = whole_id(ref, "ann_id")
                owners.setdefault(id_, ref)
                words = [words for _, words in refer.sentences(ref, faults)]
                described.setdefault(id_, []).extend(words)
    for id_, captions in described.items():
        with faults.caught(file=owners[id_].file, image=str(id_)):
            ref = owners[id_]
            if not captions:
                raise ref.bad("sentences", "is empty")
            image = table.image(whole_id(ref, "image_id"), ref)
            yield SampleDraft(
                id=str(id_),
                typed_id=id_,
                image_id=str(whole_id(ref, "image_id")),
                file=ref.file,
                caption=captions[0],
                captions=tuple(captions),
                path=finder.path(image.text("file_name", empty=False)),
                size=image_size(image),
                prompt=card.prompt,
                regions=(_box(table.annotation(id_, ref)),),
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
