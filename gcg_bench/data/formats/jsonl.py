"""Our own data set format: JSON lines, one sample a line, in the manner of our prediction files.

    {"id": "sa_1", "file_name": "sa_1.jpg", "height": 480, "width": 640, "prompt": "Describe ...",
     "captions": ["A man on a bench."], "phrases": [{"text": "A man", "span": [0, 5],
     "masks": [{"size": [480, 640], "counts": "..."}], "crowd": false}], "order": 0}

`id`, `height`, `width`, `captions` and `phrases` must be there. `prompt` defaults to the card's,
`order` to the rank of the id. `file_name` is looked for in the card's image folders. `caption` is
written only where the phrases do not belong to the first of `captions`; `regions` (boxes) and a
phrase's `score` only where there are any. Written and read back, samples are equal.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from gcg_bench.data import Dataset
from gcg_bench.data.cards import DataCard, image_folders, locate
from gcg_bench.data.drafts import Draft, DraftPhrase, finish, ranks
from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record, as_whole, four_numbers
from gcg_bench.files.images import ImageFinder, file_picture
from gcg_bench.files.json import numbered_lines, parse_json
from gcg_bench.masks import to_rle
from gcg_bench.types import Phrase, Picture, Sample

ROLES = ("samples",)
FILES = {"samples": "{split}.jsonl"}
EMBEDS = False


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, in the order of the lines; blank lines are skipped.

    Raises:
        MissingData: the file is not there.
        BadData: a line is not what the format says; names line, image, phrase and field.
    """
    file = locate(card, split, root, ROLES)["samples"]
    finder = ImageFinder(image_folders(card, split, root))
    rows = list(islice(_rows(file, faults), limit))
    yield from finish(_drafts(rows, card, finder, faults), faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The one file of a split."""
    return tuple(locate(card, split, root, ROLES).values())


def write(
    dataset: Dataset, paths: Mapping[str, Path], *, names: Sequence[str | None], embed: bool
) -> None:
    """Writes the samples, a line each.

    Args:
        dataset: what to write.
        paths: role -> file to write.
        names: the file name of each sample's image, None where it has none.
        embed: not for this format.
    """
    del embed
    with paths["samples"].open("w", encoding="utf-8", newline="\n") as stream:
        for sample, name in zip(dataset.samples, names, strict=True):
            stream.write(_line(to_row(sample, name)) + "\n")


def to_row(sample: Sample, file_name: str | None) -> dict[str, Any]:
    """A sample as plain values; what is empty or default is left out."""
    picture = sample.query.image
    row: dict[str, Any] = {
        "id": sample.id,
        "file_name": file_name,
        "height": picture.height,
        "width": picture.width,
        "prompt": sample.query.prompt,
        "captions": list(sample.captions),
        "phrases": [_phrase_row(phrase) for phrase in sample.truth.phrases],
        "order": sample.order,
    }
    if sample.truth.caption != sample.captions[0]:
        row["caption"] = sample.truth.caption
    if sample.query.regions:
        row["regions"] = [list(box) for box in sample.query.regions]
    return row


def to_draft(row: Record, card: DataCard, order: int) -> Draft:
    """A draft of plain values; picture and path are for the caller to give.

    Raises:
        BadData: a field is missing or is not what the format says.
    """
    captions = row.texts("captions", most=limits.TEXT)
    if not captions:
        raise row.bad("captions", "is empty", "A sample needs a reference caption")
    return Draft(
        id=str(row.id("id")),
        file=row.file,
        captions=captions,
        phrases=[_phrase(phrase) for phrase in row.records("phrases")],
        picture=partial(Picture, read=partial(no_image, str(row.id("id")))),
        size=(row.whole("height", least=1), row.whole("width", least=1)),
        prompt=row.text("prompt") if row.has("prompt") else card.prompt,
        order=row.whole("order", least=0) if row.has("order") else order,
        regions=tuple(_box(row, at) for at in range(len(row.items("regions", optional=True)))),
        caption=row.text("caption") if row.has("caption") else None,
    )


def no_image(image: str) -> NoReturn:
    """What looking at a picture does that came without its image; raises MissingData."""
    raise MissingData(
        f"image {image}: the data set came without its image. Export it with --embed-images"
    )


def _rows(file: Path, faults: Faults) -> Iterator[Record]:
    with faults.caught():
        for number, line in numbered_lines(file):
            if not line.strip():
                continue
            with faults.caught():
                yield Record(parse_json(line, file, line=number), f"{file}:{number}")


def _drafts(
    rows: list[Record], card: DataCard, finder: ImageFinder, faults: Faults
) -> Iterator[Draft]:
    named = []
    for row in rows:
        with faults.caught():
            row.image = str(row.id("id"))
            named.append(row)
    order = ranks([row.id("id") for row in named])
    for rank, row in zip(order, named, strict=True):
        with faults.caught(image=row.image):
            draft = to_draft(row, card, rank)
            if row.has("file_name"):
                draft.path = finder.path(row.text("file_name", empty=False))
                draft.picture = partial(file_picture, draft.path)
            yield draft


def _phrase(row: Record) -> DraftPhrase:
    if row.has("mask"):
        masks = [(f"{row.prefix}mask", row.any("mask"))]
    else:
        items = row.items("masks", optional=True)
        masks = [(f"{row.prefix}masks[{at}]", item) for at, item in enumerate(items)]
    return DraftPhrase(
        text=row.text("text") if row.has("text") else None,
        masks=masks,
        span=_span(row) if row.has("span") else None,
        crowd=row.boolean("crowd", default=False),
        score=row.number("score") if row.has("score") else None,
    )


def _span(row: Record) -> tuple[int, int]:
    ends = [as_whole(value) for value in row.items("span")]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        raise row.bad("span", "should be two whole numbers, start and end in the caption")
    return ends[0], ends[1]


def _box(row: Record, at: int) -> tuple[float, float, float, float]:
    corners = row.items("regions")[at]
    box = four_numbers(corners)
    if box is None:
        raise row.bad(f"regions[{at}]", "should be four numbers x0, y0, x1, y1")
    return box


def _phrase_row(phrase: Phrase) -> dict[str, Any]:
    row: dict[str, Any] = {"text": phrase.text, "masks": [to_rle(mask) for mask in phrase.masks]}
    if phrase.span is not None:
        row["span"] = list(phrase.span)
    if phrase.crowd:
        row["crowd"] = True
    if phrase.score is not None:
        row["score"] = phrase.score
    return row


def _line(row: dict[str, Any]) -> str:
    """One line of JSON; half a surrogate pair, which UTF-8 cannot hold, is escaped."""
    try:
        line = json.dumps(row, ensure_ascii=False, allow_nan=False)
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(row, allow_nan=False)
    except ValueError as error:
        raise BadData(
            "a score or a box is NaN or infinite", image=row["id"], remedy="Give None instead"
        ) from error
    return line
