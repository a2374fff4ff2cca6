"""Referring expressions with any number of targets, as gRefCOCO publishes them.

`refs`: JSON or a pickle, a list as in `refer`, except that `ann_id` is a list of annotations, or
`[-1]` for an expression without a target. `instances`: a COCO file. Each sentence is a query with
the id `sent_id`; the `split` of a reference must be equal to the name of the split. Each target is
a phrase, and each of its polygons is a mask of the phrase; crowds and polygons with fewer than
three points are left out, as in the published code. The reference of an expression without a target
is one phrase without a mask.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from gcg_bench.data.cards import DataCard, image_folders, locate
from gcg_bench.data.coco_tables import CocoFile, image_size, masks_of, whole_id
from gcg_bench.data.drafts import SampleDraft, finish, ranked
from gcg_bench.data.formats import refer
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record, as_whole
from gcg_bench.files.images import ImageFinder
from gcg_bench.predictions.drafts import Size
from gcg_bench.types import Sample

ROLES = refer.ROLES
_NOTHING = -1  # the annotation of an expression without a target


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
    refs, instances = annotation_files(card, split, root)
    finder = ImageFinder(image_folders(card, split, root))
    table = CocoFile(instances, faults)
    drafts = _drafts(refer.read_refs(refs, faults), split, table, finder, card, faults)
    yield from finish(ranked(islice(drafts, limit)), faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """The files of a split: the references, as JSON or as a pickle, and the instances."""
    located = locate(card, split, root, ROLES, suffixes=(".json", ".p"))
    return located["refs"], located["instances"]


def image_ids(card: DataCard, split: str, root: Path) -> frozenset[int]:
    """The ids of the COCO images of a split; instances are not read."""
    refs = refer.read_refs(annotation_files(card, split, root)[0], RAISE_FAULTS)
    return frozenset(whole_id(ref, "image_id") for ref in refs if ref.text("split") == split)


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
            if ref.text("split") != split:
                continue
            image = table.image(whole_id(ref, "image_id"), ref)
            ref.image = str(whole_id(image, "id"))
            size = image_size(image)
            targets = [_target(id_, ref, table, size) for id_ in _targets(ref)]
            path = finder.path(image.text("file_name", empty=False))
            yield from refer.queries(ref, image, path, list(filter(None, targets)), card, faults)


def _targets(ref: Record) -> list[int]:
    """The annotations of the targets; empty when the expression refers to nothing."""
    ids = []
    for position, value in enumerate(ref.items("ann_id")):
        id_ = None if isinstance(value, str) else as_whole(value)
        if id_ is None:
            raise ref.bad(f"ann_id[{position}]", "should be a whole number", "Remove the quotes")
        ids.append(id_)
    return [] if ids == [_NOTHING] else ids


def _target(id_: int, ref: Record, table: CocoFile, size: Size) -> list[tuple[str, object]]:
    """The masks of a target; empty for a crowd."""
    annotation = table.annotation(id_, ref)
    if annotation.boolean("iscrowd", default=False):
        return []
    return masks_of(annotation, size, skip_short=True)
