"""Referring expressions as `refer` publishes them: RefCOCO, RefCOCO+ and RefCOCOg.

`refs`: a pickle of Python 2, or the same as JSON: a list of `{"ref_id", "ann_id", "image_id",
"split", "sentences": [{"sent_id", "sent"}, ...]}`. `instances`: a COCO file with images[] and
annotations[]. The pickle is read without running it (`gcg_bench.files.plain_pickle`).

Each sentence is a query: its id is `sent_id`, its reference the segmentation of `ann_id`. Queries
are in the order of the file. As in `refer`, testA, testB and testC have every reference whose split
contains that letter (`testAB` is in both), `test` has every split that contains "test", and for
other names the split must be equal. Each polygon is one mask of the phrase, because the published
evaluators of the task sum polygons instead of uniting them. An empty segmentation is an empty mask.

A split whose name ends in `_reviewed` has a third file, `reviewed`, as the authors of Ref-L4
publish it: images[] with `caption` and a COCO id (`original_id`, else the number in `file_name`),
and annotations[] with `image_id` and `caption_quality`. Sentences of quality 0 are left out.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from gcg_bench.data.cards import DataCard, image_folders, locate
from gcg_bench.data.coco_tables import CocoFile, image_size, masks_of, whole_id
from gcg_bench.data.drafts import SampleDraft, finish, ranked
from gcg_bench.errors import BadData
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record
from gcg_bench.files.images import ImageFinder
from gcg_bench.files.json import read_json
from gcg_bench.files.plain_pickle import read_pickle
from gcg_bench.predictions.drafts import DraftPhrase
from gcg_bench.types import Sample

ROLES = ("refs", "instances")
_REVIEWED = "_reviewed"
_LETTERS = ("testA", "testB", "testC")


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, one for each sentence, in the order of the file.

    Raises:
        MissingData: a file does not exist.
        BadData: a file does not have this format; names file, image and field.
    """
    refs, instances, *reviewed = annotation_files(card, split, root)
    finder = ImageFinder(image_folders(card, split, root))
    table = CocoFile(instances, faults)
    wrong = _wrong(reviewed[0], faults) if reviewed else frozenset()
    whole = _drafts(read_refs(refs, faults), _division(split), table, finder, card, faults)
    drafts = (draft for draft in whole if (draft.image_id, draft.expression) not in wrong)
    yield from finish(ranked(islice(drafts, limit)), faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The files of a split: references (a pickle or JSON), instances, and a review if any."""
    located = locate(card, split, root, ROLES, suffixes=(".p", ".json"))
    return tuple(located[role] for role in (*ROLES, "reviewed") if role in located)


def image_ids(card: DataCard, split: str, root: Path) -> frozenset[int]:
    """The ids of the COCO images of a split; instances are not read."""
    refs = annotation_files(card, split, root)[0]
    chosen = (ref for ref in read_refs(refs, RAISE_FAULTS) if in_split(ref, _division(split)))
    return frozenset(whole_id(ref, "image_id") for ref in chosen)


def read_refs(file: Path, faults: Faults) -> list[Record]:
    """The references in a file, as a pickle or as JSON by its suffix."""
    value: Any = read_json(file) if file.suffix == ".json" else read_pickle(file)
    if not isinstance(value, list):
        raise BadData("should hold a list of references", file=file)
    records = []
    for position, item in enumerate(value):
        with faults.caught():
            records.append(Record(item, file, prefix=f"[{position}]."))
    return records


def in_split(ref: Record, split: str) -> bool:
    """Whether a reference belongs to a split; see the module."""
    stated = ref.text("split")
    if split in _LETTERS:
        return split[-1] in stated
    return "test" in stated if split == "test" else stated == split


def sentences(ref: Record, faults: Faults) -> Iterator[tuple[int, str]]:
    """The id and the words of each sentence of a reference."""
    for sentence in ref.records("sentences", faults=faults):
        with faults.caught(image=ref.image):
            yield whole_id(sentence, "sent_id"), sentence.text("sent", most=limits.TEXT)


def _division(split: str) -> str:
    """The split of the references that a split of a card is taken from."""
    return split.removesuffix(_REVIEWED)


def _wrong(file: Path, faults: Faults) -> frozenset[tuple[str, str | None]]:
    """The image id and the words of each sentence that a review found wrong."""
    content = Record(read_json(file), file)
    images: dict[int | str, tuple[str, str]] = {}
    for image in content.records("images", faults=faults):
        with faults.caught():
            number = re.search(r"(\d+)\.[A-Za-z]+$", image.text("file_name"))
            coco = whole_id(image, "original_id") if image.has("original_id") else None
            if coco is None and number is not None:
                coco = int(number[1])
            images[image.id("id")] = str(coco), image.text("caption", most=limits.TEXT)
    name = "annotations" if content.has("annotations") else "annotation"
    wrong = set()
    for row in content.records(name, faults=faults):
        with faults.caught():
            if row.number("caption_quality") == 0:
                if row.id("image_id") not in images:
                    raise row.bad("image_id", "there is no such image")
                wrong.add(images[row.id("image_id")])
    return frozenset(wrong)


def _drafts(
    refs: list[Record],
    split: str,
    table: CocoFile,
    finder: ImageFinder,
    card: DataCard,
    faults: Faults,
) -> Iterator[SampleDraft]:
    for ref in refs:
        with faults.caught():
            if not in_split(ref, split):
                continue
            image = table.image(whole_id(ref, "image_id"), ref)
            annotation = table.annotation(whole_id(ref, "ann_id"), ref)
            masks = masks_of(annotation, image_size(image))
            path = finder.path(image.text("file_name", empty=False))
            yield from queries(ref, image, path, [masks], card, faults)


def queries(
    ref: Record,
    image: Record,
    path: Path,
    targets: Sequence[Sequence[tuple[str, Any]]],
    card: DataCard,
    faults: Faults,
) -> Iterator[SampleDraft]:
    """The queries of a reference, one for each sentence, with the targets that they share.

    Args:
        ref: the reference.
        image: its entry in the instances.
        path: the path of its picture.
        targets: the masks of each target, see `masks_of`. A target is a phrase with the words of
            the sentence; without targets there is one phrase without a mask.
        card: the data card.
        faults: takes the problems of single sentences.
    """
    ref.image = str(whole_id(image, "id"))
    for id_, words in sentences(ref, faults):
        yield SampleDraft(
            id=str(id_),
            typed_id=id_,
            image_id=ref.image,
            file=ref.file,
            captions=(),
            phrases=[DraftPhrase(words, list(masks)) for masks in targets or ((),)],
            path=path,
            size=image_size(image),
            prompt=card.prompt,
            expression=words,
        )
