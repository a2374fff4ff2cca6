"""Images with captions in a COCO file of captions: Flickr30k, NoCaps and others.

`images[]` with `id`, `file_name`, `height`, `width`, and `annotations[]` with `image_id` and
`caption`. Each image is a query with the id of the image. All its captions are references, in the
order of the file. A split whose name ends in `_in`, `_near` or `_out` has the images whose field
`domain` begins with this word, as in NoCaps.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from gcg_bench.data.cards import DataCard, annotation_folders, image_folders, locate
from gcg_bench.data.coco_tables import CocoFile, image_size, whole_id
from gcg_bench.data.drafts import SampleDraft, finish, ranked
from gcg_bench.errors import MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record
from gcg_bench.files.images import ImageFinder
from gcg_bench.types import Sample

ROLES = ("annotations",)
_DOMAINS = ("in", "near", "out")


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, one for each image, in the order of the file.

    Raises:
        MissingData: the file does not exist.
        BadData: the file does not have this format; names image and field.
    """
    table = CocoFile(annotation_files(card, split, root)[0], faults)
    finder = ImageFinder(image_folders(card, split, root))
    drafts = _drafts(table, split, finder, card, faults)
    yield from finish(ranked(islice(drafts, limit)), faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The file of captions that the card names, else the only JSON file of the first folder.

    Owners give such files many different names. The first folder is the first of the card's folders
    that has a JSON file.
    """
    try:
        return (locate(card, split, root, ROLES)["annotations"],)
    except MissingData:
        for folder in annotation_folders(card, root):
            files = sorted(folder.glob("*.json"))
            if len(files) == 1:
                return (files[0],)
            if files:
                break
        raise


def image_ids(card: DataCard, split: str, root: Path) -> frozenset[int]:
    """The ids of the images of a split."""
    table = CocoFile(annotation_files(card, split, root)[0], RAISE_FAULTS)
    return frozenset(id_ for id_, image in table.images.items() if _in_split(image, split))


def _in_split(image: Record, split: str) -> bool:
    domain = split.rpartition("_")[2]
    return domain not in _DOMAINS or image.text("domain").startswith(domain)


def _drafts(
    table: CocoFile, split: str, finder: ImageFinder, card: DataCard, faults: Faults
) -> Iterator[SampleDraft]:
    captions: dict[int, list[str]] = defaultdict(list)
    for row in table.annotations.values():
        with faults.caught(file=table.file):
            image = table.image(whole_id(row, "image_id"), row)
            captions[whole_id(image, "id")].append(row.text("caption", most=limits.TEXT))
    for id_, image in table.images.items():
        with faults.caught(file=table.file, image=str(id_)):
            if not _in_split(image, split):
                continue
            if not captions[id_]:
                raise image.bad("caption", "the image has none", "Remove it from images")
            yield SampleDraft(
                id=str(id_),
                typed_id=id_,
                file=table.file,
                caption=captions[id_][0],
                captions=tuple(captions[id_]),
                path=finder.path(image.text("file_name", empty=False)),
                size=image_size(image),
                prompt=card.prompt,
            )
