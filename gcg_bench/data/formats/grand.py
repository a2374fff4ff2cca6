"""GranD's own annotation files: one JSON file an image, written by its automated pipeline.

`{file_name: {"objects": [{"id", "segmentation": run lengths, ...}], "floating_objects": [...],
"dense_caption": {"caption", "details": [{"phrase", "tokens_positive": [start, end] or null, "ids":
[...]}]}, "short_captions": [{"caption", "details": [{"phrase", "tokens_positive", "id"}]}]}}`. A
sample's caption is the dense caption, else the first short caption; a phrase has its objects'
masks. If a span does not spell its phrase, the phrase is searched in the caption, with a warning.
An image with neither caption is dropped. Every `*.json` in the annotation folders, or in a tar
archive there, is an image, whose id is its file's name without suffix. There are too many files to
hash them. A split with `percent` has a share of the images, chosen by the hash of their ids.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gcg_bench.data.cards import DataCard, annotation_folders, image_folders
from gcg_bench.data.drafts import SampleDraft, finish, merged
from gcg_bench.data.grand.boxes import LEAST, agreements
from gcg_bench.data.grand.files import Document, annotations, documents, has_documents
from gcg_bench.data.grand.reading import read_span
from gcg_bench.data.grand.spans import repaired
from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, CollectedFaults, Faults, Record
from gcg_bench.files.images import ImageFinder
from gcg_bench.predictions.drafts import DraftPhrase
from gcg_bench.types import Sample


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples under the annotation folders, read one by one.

    Samples of loose files come first, in the order of their ids, then samples of archives.

    Raises:
        MissingData: there is no annotation file.
        BadData: a file does not have this format; names image, phrase and field.
    """
    annotation_files(card, split, root)
    finder = ImageFinder(image_folders(card, split, root))
    yield from finish(_drafts(card, split, root, finder, limit, faults), faults)


def annotation_files(card: DataCard, split: str, root: Path) -> tuple[Path, ...]:
    """Returns no files, because there are too many to hash.

    Raises:
        MissingData: there is no annotation file at all.
    """
    card.split(split)
    folders = annotation_folders(card, root)
    if not has_documents(folders):
        raise MissingData(
            f"{card.name}: no *.json or *.tar.gz under {', '.join(map(str, folders))}. Put its"
            f" annotation archives there; see: gcg-bench data fetch {card.name}"
        )
    return ()


def audit(card: DataCard, split: str, root: Path, faults: Faults) -> None:
    """Warns of each source of masks with a mask that does not fit the stated box.

    Files that cannot be read are left out here, because `read` reports them.
    """
    folders = annotation_folders(card, root)
    read = annotations(folders, CollectedFaults(most=0), card.split(split).has)
    for agreement in agreements(read):
        if agreement.poor:
            problem = (
                f"{agreement.poor} of {agreement.masks} masks of source {agreement.source} do not"
                f" fit their box: IoU of boxes below {LEAST} (median {agreement.median:.2f})"
            )
            remedy = "Look at some, and leave out masks of this source where they are wrong"
            faults.warning(BadData(problem, file=card.name, field="segmentation", remedy=remedy))


def _drafts(
    card: DataCard,
    split: str,
    root: Path,
    finder: ImageFinder,
    limit: int | None,
    faults: Faults,
) -> Iterator[SampleDraft]:
    count, wanted = 0, card.split(split).has
    for rank, document in enumerate(documents(annotation_folders(card, root), faults, wanted)):
        if count == limit:
            return
        with faults.caught(file=document.place):
            description = _description(document.entry)
            if description is None:
                problem = "there is no caption; dropped"
                faults.warning(document.entry.bad("dense_caption", problem))
                continue
            count += 1
            yield _draft(document, description, rank, card, finder, faults)


def _draft(
    document: Document,
    description: Record,
    rank: int,
    card: DataCard,
    finder: ImageFinder,
    faults: Faults,
) -> SampleDraft:
    caption = description.text("caption", most=limits.TEXT)
    masks = _masks(document.entry)
    return SampleDraft(
        id=document.id,
        file=document.place,
        caption=caption,
        captions=(caption,),
        phrases=merged(_phrases(description, masks, caption, faults)),
        path=finder.path(document.file_name),
        prompt=card.prompt,
        order=rank,
    )


def _description(entry: Record) -> Record | None:
    """The dense caption with its phrases, else the first short caption; None without captions."""
    if entry.has("dense_caption"):
        return entry.record("dense_caption")
    short = entry.records("short_captions", optional=True)
    return short[0] if short else None


def _masks(entry: Record) -> dict[int | str, tuple[str, Any]]:
    """Object id -> its mask's field and value; objects without a mask are left out."""
    return {
        part.id("id"): (f"{part.prefix}segmentation", part.any("segmentation"))
        for name in ("objects", "floating_objects")
        for part in entry.records(name, optional=True)
        if part.has("segmentation")
    }


def _phrases(
    description: Record,
    masks: dict[int | str, tuple[str, Any]],
    caption: str,
    faults: Faults,
) -> Iterator[DraftPhrase]:
    for part in description.records("details", optional=True):
        ids = part.items("ids") if part.has("ids") else [part.id("id")]
        known = [masks[id_] for id_ in ids if isinstance(id_, int | str) and id_ in masks]
        phrase = part.text("phrase")
        yield DraftPhrase(phrase, known, span=_span(part, phrase, caption, faults))


def _span(part: Record, phrase: str, caption: str, faults: Faults) -> tuple[int, int] | None:
    """The span; if it does not spell the phrase, the phrase is searched; None without a span."""
    stated = read_span(part)
    if stated is None:
        return None
    span = repaired(phrase, stated, caption)
    if span is None:
        faults.warning(part.bad("tokens_positive", "the caption does not have the phrase; no span"))
    elif span != stated:
        problem = f"{list(stated)} does not spell the phrase; {list(span)} is used"
        faults.warning(part.bad("tokens_positive", problem))
    return span
