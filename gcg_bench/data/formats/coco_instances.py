"""COCO instances and COCO captions: masks of categories, and captions of the same images.

`instances` has images[], annotations[] with `image_id`, `category_id` and `segmentation`, and
categories[] with `name`; `captions` has images[] and annotations[] with `image_id` and `caption`.
The image set is images[] of `captions`; all captions of an image are references. Each instance is a
phrase without a place in the caption: its words are the name of its category, its masks are its
polygons or run lengths. The files have no phrases. So these references state which things are in an
image, but not which of them a caption names.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from gcg_bench.data.cards import DataCard, image_folders, locate
from gcg_bench.data.coco_tables import CocoFile, image_size, masks_of, whole_id
from gcg_bench.data.drafts import SampleDraft, finish, ranked
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record
from gcg_bench.files.images import ImageFinder
from gcg_bench.predictions.drafts import DraftPhrase
from gcg_bench.types import Sample

ROLES = ("instances", "captions")


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, one for each image, in the order of the caption file.

    Raises:
        MissingData: a file does not exist.
        BadData: a file does not have this format; names image and field.
    """
    paths = locate(card, split, root, ROLES)
    finder = ImageFinder(image_folders(card, split, root))
    captions = CocoFile(paths["captions"], faults)
    instances = CocoFile(paths["instances"], faults, categories=True)
    drafts = _drafts(captions, instances, card.prompt, finder, faults)
    yield from finish(ranked(islice(drafts, limit)), faults)


def _drafts(
    captions: CocoFile, instances: CocoFile, prompt: str, finder: ImageFinder, faults: Faults
) -> Iterator[SampleDraft]:
    """The draft of each image of the caption file."""
    said, seen = _by_image(captions, faults), _by_image(instances, faults)
    for id_, image in captions.images.items():
        with faults.caught(file=captions.file, image=str(id_)):
            texts = [row.text("caption", most=limits.TEXT) for row in said[id_]]
            if not texts:
                raise image.bad("caption", "the image has none", "Remove it from images")
            size = image_size(image)
            yield SampleDraft(
                id=str(id_),
                typed_id=id_,
                file=instances.file,
                caption=texts[0],
                captions=tuple(texts),
                phrases=[_phrase(row, instances, size) for row in seen[id_]],
                path=finder.path(image.text("file_name", empty=False)),
                size=size,
                prompt=prompt,
            )


def _by_image(table: CocoFile, faults: Faults) -> defaultdict[int, list[Record]]:
    """Image id -> its annotations, in the order of the file."""
    rows: defaultdict[int, list[Record]] = defaultdict(list)
    for row in table.annotations.values():
        with faults.caught(file=table.file):
            id_ = whole_id(row, "image_id")
            table.image(id_, row)  # an annotation of no image would be lost without a word
            rows[id_].append(row)
    return rows


def _phrase(row: Record, instances: CocoFile, size: tuple[int, int]) -> DraftPhrase:
    """An instance as a phrase: the name of its category and its masks."""
    category = whole_id(row, "category_id")
    if category not in instances.categories:
        raise row.bad("category_id", f"is {category}, and categories has no such id")
    words = instances.categories[category].text("name", empty=False)
    crowd = row.boolean("iscrowd", default=False)
    return DraftPhrase(words, masks_of(row, size, skip_short=True), crowd=crowd)
