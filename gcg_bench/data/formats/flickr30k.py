"""GranD-f's Flickr30k training files: COCO-style, one caption an image, a mask for each phrase.

images[] has `id`, `file_name`, `height`, `width` and `caption`; annotations[] has `image_id`,
`bbox` [x, y, width, height], `area`, `tokens_positive` [[start, end], ...] into the caption,
`sam_mask` (run lengths) and `ignore`. As in the published training code, images are dropped when
their caption has fewer than three words or a side has fewer than 32 pixels, and annotations are
dropped when they are ignored, without area, outside the image or under one pixel. A phrase is the
first of its spans. Annotations with the same span become one phrase with several masks.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from gcg_bench.data.cards import DataCard, image_folders, locate
from gcg_bench.data.drafts import SampleDraft, finish, merged, ranks
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record, four_numbers, two_whole
from gcg_bench.files.images import ImageFinder
from gcg_bench.files.json import read_json
from gcg_bench.predictions.drafts import DraftPhrase
from gcg_bench.types import Sample

ROLES = ("annotations",)
MIN_SIDE = 32
MIN_WORDS = 3


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, in the order of images[]; dropped images do not count for the limit.

    Raises:
        MissingData: the file does not exist.
        BadData: an entry does not have this format; names image, phrase and field.
    """
    file = locate(card, split, root, ROLES)["annotations"]
    finder = ImageFinder(image_folders(card, split, root))
    content = Record(read_json(file), file)
    images = [image for image in content.records("images", faults=faults) if _kept(image, faults)]
    yield from finish(_drafts(images, content, card, finder, limit, faults), faults)


def _drafts(
    images: list[Record],
    content: Record,
    card: DataCard,
    finder: ImageFinder,
    limit: int | None,
    faults: Faults,
) -> Iterator[SampleDraft]:
    rows: defaultdict[str, list[Record]] = defaultdict(list)
    for row in content.records("annotations", faults=faults):
        with faults.caught():
            row.image = str(row.id("image_id"))
            rows[row.image].append(row)
    order = ranks([image.id("id") for image in images])
    for image, rank in zip(images[:limit], order, strict=False):
        with faults.caught(image=image.image):
            caption = image.text("caption", most=limits.TEXT)
            size = image.whole("height", least=1), image.whole("width", least=1)
            path = finder.path(image.text("file_name", empty=False))
            key = str(image.id("id"))
            yield SampleDraft(
                id=key,
                file=image.file,
                caption=caption,
                captions=(caption,),
                phrases=_phrases(rows[key], caption, size, faults),
                path=path,
                size=size,
                prompt=card.prompt,
                order=rank,
            )


def _kept(image: Record, faults: Faults) -> bool:
    """Whether the published training code would use the image."""
    with faults.caught():
        image.image = str(image.id("id"))
        side = min(image.whole("height", least=1), image.whole("width", least=1))
        if len(image.text("caption").split(" ")) < MIN_WORDS:
            faults.warning(image.bad("caption", f"has fewer than {MIN_WORDS} words; dropped"))
        elif side < MIN_SIDE:
            faults.warning(image.bad("height", f"a side is under {MIN_SIDE} pixels; dropped"))
        else:
            return True
    return False


def _phrases(
    rows: list[Record], caption: str, size: tuple[int, int], faults: Faults
) -> list[DraftPhrase]:
    phrases = []
    for row in rows:
        with faults.caught():
            if row.boolean("ignore", default=False) or not _has_extent(row, size):
                faults.warning(row.bad("bbox", "ignored, empty or outside the image; dropped"))
                continue
            start, end = _first_span(row)
            start, end = max(start, 0), min(end, len(caption))
            if start >= end:
                raise row.bad("tokens_positive", "names nothing in the caption")
            values = [(f"{row.prefix}sam_mask", row.any("sam_mask"))]
            phrases.append(DraftPhrase(caption[start:end], values, span=(start, end)))
    return merged(phrases)


def _has_extent(row: Record, size: tuple[int, int]) -> bool:
    box = four_numbers(row.any("bbox"))
    if box is None:
        raise row.bad("bbox", "should be four numbers x, y, width, height")
    x, y, width, height = box
    inside = min(x + width, size[1]) > max(x, 0) and min(y + height, size[0]) > max(y, 0)
    area = row.number("area") if row.has("area") else width * height
    return bool(inside and area > 0 and width >= 1 and height >= 1)


def _first_span(row: Record) -> tuple[int, int]:
    spans = row.items("tokens_positive")
    first = two_whole(spans[0]) if spans else None
    if first is None:
        raise row.bad("tokens_positive", "should be a list of [start, end] with one at least")
    return first
