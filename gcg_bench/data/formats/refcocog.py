"""GranD-f's RefCOCOg training files: captions with referring expressions and polygons.

A list of `{id: {"img_file_name", "caption", "refs": [{"sentence", "segmentation": [polygon,
...]}]}}` where an id that occurs again gets `#2` and so on. Quotes around a caption are stripped.
As in the published training code, an expression is searched in the caption in any case and dropped
when it is not found; when two spans overlap, the earlier ends where the later starts. Unlike in
that code, captions keep their capitals, expressions with capitals get their span instead of -1, and
equal expressions are one phrase with several masks.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from gcg_bench.data.cards import DataCard, image_folders, locate
from gcg_bench.data.drafts import SampleDraft, finish, merged, numbered, ranked
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS, Faults, Record
from gcg_bench.files.images import ImageFinder
from gcg_bench.files.json import read_list
from gcg_bench.predictions.drafts import DraftPhrase
from gcg_bench.types import Sample

ROLES = ("annotations",)
_SENTENCE = 2_000  # characters, because it is searched at every position of its caption


def read(
    card: DataCard,
    split: str,
    root: Path,
    *,
    limit: int | None = None,
    faults: Faults = RAISE_FAULTS,
) -> Iterator[Sample]:
    """The samples of a split, in the order of the file.

    Polygons state no size, so the header of every image is read, unless an entry states `height`
    and `width`.

    Raises:
        MissingData: the file does not exist.
        BadData: an entry does not have this format, or its image is missing; names image, phrase
            and field.
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
            outer = Record(value, file, prefix=f"[{at}].")
            if not outer.value:
                raise outer.bad("", "is empty")
            key = next(iter(outer.value))
            entry = outer.record(key)
            entry.image = numbered(str(key), seen)
            yield _draft(entry, entry.image, card, finder, faults)


def _draft(
    entry: Record, key: str, card: DataCard, finder: ImageFinder, faults: Faults
) -> SampleDraft:
    caption = entry.text("caption", most=limits.TEXT).strip('"').strip()
    path = finder.path(entry.text("img_file_name", empty=False))
    stated = entry.has("height") and entry.has("width")
    return SampleDraft(
        id=key,
        file=entry.file,
        caption=caption,
        captions=(caption,),
        phrases=_phrases(entry, caption, faults),
        path=path,
        size=(entry.whole("height", least=1), entry.whole("width", least=1)) if stated else None,
        prompt=card.prompt,
    )


def _phrases(entry: Record, caption: str, faults: Faults) -> list[DraftPhrase]:
    phrases = []
    for part in entry.records("refs"):
        sentence = part.text("sentence", most=_SENTENCE)
        match = re.search(re.escape(sentence), caption, re.IGNORECASE)
        if match is None or not sentence.strip():
            faults.warning(part.bad("sentence", f"{sentence!r} is not in the caption; dropped"))
            continue
        outline = part.any("segmentation")
        masks = [(f"{part.prefix}segmentation", outline)] if outline else []
        phrases.append(DraftPhrase(sentence, masks, span=match.span()))
    return _trimmed(merged(phrases), caption)


def _trimmed(phrases: list[DraftPhrase], caption: str) -> list[DraftPhrase]:
    """Phrases in the order of their starts; each ends at the latest where the next one starts.

    Trailing blanks are cut. A phrase with an empty remaining span keeps its words and gets no span.
    """
    for phrase, later in pairwise(phrases):
        start, end = _span(phrase)
        limit = _span(later)[0]
        if end <= limit:
            continue
        kept = caption[start:limit].rstrip()
        phrase.span = (start, start + len(kept)) if kept else None
        phrase.text = kept or phrase.text
    return phrases


def _span(phrase: DraftPhrase) -> tuple[int, int]:
    return phrase.span or (0, 0)
