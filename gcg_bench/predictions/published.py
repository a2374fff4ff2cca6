"""The layouts in which published models left their answers (sources in OFFICIAL.md, section 5).

Record                          who
caption, phrases, pred_masks    GLaMM and most after it: one JSON an image, named for the image
  + phrase_seg_counts           PanoCaps: how many masks each phrase has
gcg_caption, gcg_phrases,       X-SAM, SenseNova-Vision: one JSON list for all images
  segmentation, segments_info

Phrases and masks are two lists tied by position alone. Where their counts differ, the surplus is
kept as it was published: a mask without words, or a phrase without a mask.
"""

from collections.abc import Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any

from gcg_bench.files import limits
from gcg_bench.files.fields import Faults, Record, kind
from gcg_bench.predictions.drafts import Draft, DraftPhrase, image_id, taken

_GLAMM = ("caption", "phrases", "pred_masks")
_LISTED = ("gcg_caption", "gcg_phrases", "segmentation")
_BESIDE = frozenset(
    {"image_id", "file_name", "idx", "global_idx", "phrase_seg_counts", "segments_info"}
)


def draft(value: dict[str, Any], file: str, key: str | None, faults: Faults) -> Draft:
    """The answer in one published record.

    Args:
        value: the record.
        file: where it stands, for messages.
        key: the image id when the layout gives one, as a file's name does; it outranks the
            record's own `image_id`, as in the published evaluator.
        faults: is told of faults; where it returns, the faulty part is left out.

    Raises:
        BadData: the id is none, so that nothing can be kept.
    """
    name = image_id(value.get("image_id") if key is None else key, "image_id", file)
    record = Record(value, file, image=name)
    fields = _LISTED if is_listed(value) else _GLAMM
    caption_field, phrases_field, masks_field = fields
    phrases = _phrases(record, phrases_field, faults)
    nothing: list[Any] = []
    found = taken(faults, nothing, lambda: record.items(masks_field, most=limits.PHRASES))
    masks = [(f"{masks_field}[{k}]", mask) for k, mask in enumerate(found)]
    counts = taken(faults, None, lambda: _counts(record, len(phrases), len(masks)))
    paired = _pairs(phrases, masks) if counts is None else _dealt(phrases, masks, counts)
    no_scores: list[float | None] = []
    scores = taken(faults, no_scores, lambda: _scores(record, len(masks)))
    for phrase, score in zip(paired, scores, strict=False):
        phrase.score = score
    return Draft(
        id=name,
        file=file,
        caption=taken(faults, "", lambda: record.text(caption_field, most=limits.TEXT)),
        phrases=paired,
        uneven=counts is None and len(phrases) != len(masks),
        unread=tuple(set(value) - _BESIDE - set(fields)),
    )


def is_listed(value: Mapping[str, Any]) -> bool:
    """Whether a record speaks of `gcg_caption` and `gcg_phrases`."""
    return "gcg_caption" in value or "gcg_phrases" in value


def _phrases(record: Record, field: str, faults: Faults) -> list[str]:
    nothing: list[Any] = []
    phrases = taken(faults, nothing, lambda: record.items(field, most=limits.PHRASES))
    texts = []
    for k, phrase in enumerate(phrases):
        fits = isinstance(phrase, str) and len(phrase) <= limits.TEXT
        if not fits:
            problem = f"should be text, not {kind(phrase)}"
            if isinstance(phrase, str):
                problem = f"has {len(phrase):,} characters; more than {limits.TEXT:,} are not read"
            faults.error(record.bad(f"{field}[{k}]", problem).at(phrase=k))
        texts.append(phrase if fits else "")
    return texts


def _pairs(phrases: Sequence[str], masks: Sequence[tuple[str, Any]]) -> list[DraftPhrase]:
    return [
        DraftPhrase(phrase, [] if mask is None else [mask])
        for phrase, mask in zip_longest(phrases, masks)
    ]


def _dealt(
    phrases: Sequence[str], masks: Sequence[tuple[str, Any]], counts: Sequence[int]
) -> list[DraftPhrase]:
    rest = iter(masks)
    return [
        DraftPhrase(phrase, list(islice(rest, count)))
        for phrase, count in zip(phrases, counts, strict=True)
    ]


def _counts(record: Record, phrases: int, masks: int) -> list[int] | None:
    """How many masks each phrase has, None when the record does not say."""
    field = "phrase_seg_counts"
    if not record.has(field):
        return None
    counts = record.items(field)
    if not all(type(count) is int and count >= 0 for count in counts):
        raise record.bad(field, "should be whole numbers from 0")
    if len(counts) != phrases or sum(counts) != masks:
        raise record.bad(
            field,
            f"{len(counts)} counts with sum {sum(counts)}, for {phrases} phrases and {masks} masks",
            "Write one count a phrase; their sum is the number of masks",
        )
    return counts


def _scores(record: Record, masks: int) -> list[float | None]:
    """The score of each mask; empty when the record holds none."""
    segments = record.records("segments_info", optional=True)
    if segments and len(segments) != masks:
        raise record.bad("segments_info", f"{len(segments)} entries for {masks} masks")
    return [segment.number("score") if segment.has("score") else None for segment in segments]
