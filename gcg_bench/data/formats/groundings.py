"""GranD-f's human-annotated and Open-PSG training files: captions with a dictionary of groundings.

A list of `{"file_name", "caption", "groundings": {phrase: {"token_positives": [start, end],
"rle_masks": [run lengths, ...]}}}`. The image id is the file name without its suffix; if an image
occurs again, with `#2` and so on. As in the published training code, quotes around a caption are
stripped and phrases are in the order of their spans. A phrase has one mask for each object; the
published code trains on their union.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from gcg_bench.data.cards import DataCard, image_folders, locate
from gcg_bench.data.drafts import SampleDraft, finish, merged, numbered, ranked
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record, two_whole
from gcg_bench.files.images import ImageFinder
from gcg_bench.files.json import read_list
from gcg_bench.predictions.drafts import DraftPhrase
from gcg_bench.types import Sample

ROLES = ("annotations",)


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, in the order of the file; sizes are those of the run lengths.

    Raises:
        MissingData: the file does not exist.
        BadData: an entry does not have this format; names image, phrase and field.
    """
    file = locate(card, split, root, ROLES)["annotations"]
    finder = ImageFinder(image_folders(card, split, root))
    entries = read_list(file, "a list of images")[:limit]
    yield from finish(ranked(_drafts(entries, file, card, finder, faults)), faults)


def _drafts(
    entries: list[object], file: Path, card: DataCard, finder: ImageFinder, faults: Faults
) -> Iterator[SampleDraft]:
    seen: Counter[str] = Counter()
    for at, value in enumerate(entries):
        with faults.caught():
            entry = Record(value, file, prefix=f"[{at}].")
            name = entry.text("file_name", empty=False)
            entry.image = numbered(PurePosixPath(name).stem, seen)
            caption = entry.text("caption", most=limits.TEXT).strip('"').strip()
            path = finder.path(name)
            yield SampleDraft(
                id=entry.image,
                file=file,
                caption=caption,
                captions=(caption,),
                phrases=_phrases(entry, caption, faults),
                path=path,
                prompt=card.prompt,
            )


def _phrases(entry: Record, caption: str, faults: Faults) -> list[DraftPhrase]:
    groundings = entry.record("groundings")
    shift = entry.text("caption").find(caption)
    phrases = []
    for text in groundings.value:
        with faults.caught(image=entry.image):
            part = groundings.record(text)
            values = part.items("rle_masks")
            span = _span(part, text, caption, shift)
            masks = [(f"{part.prefix}rle_masks[{at}]", mask) for at, mask in enumerate(values)]
            phrases.append(DraftPhrase(text, masks, span=span))
            if span is None or caption[slice(*span)].lower() != text.lower():
                odd = part.bad("token_positives", "does not spell the phrase in its caption")
                faults.warning(odd)
    return merged(phrases)


def _span(part: Record, text: str, caption: str, shift: int) -> tuple[int, int] | None:
    """The span of the phrase in the stripped caption; None when it is empty.

    Offsets refer to the stripped caption. If they do not spell the phrase there, but spell it in
    the unstripped caption, they are moved. Ends beyond the caption are cut, as in slices.
    """
    ends = two_whole(part.items("token_positives"))
    if ends is None:
        raise part.bad("token_positives", "should be two whole numbers, start and end")
    start, end = ends
    moved = caption[max(start - shift, 0) : max(end - shift, 0)]
    if caption[max(start, 0) : max(end, 0)].lower() != text.lower() == moved.lower():
        start, end = start - shift, end - shift
    start, end = max(start, 0), min(end, len(caption))
    return (start, end) if start < end else None
