"""Joins answers whose parts are in several records: masks in one file, captions in another.

The k-th mask of an image belongs to the k-th phrase of its caption, in the order of the files.
"""

from collections.abc import Iterable, Iterator
from itertools import zip_longest

from gcg_bench.errors import BadData
from gcg_bench.files import limits
from gcg_bench.files.fields import Faults
from gcg_bench.predictions.drafts import DraftPhrase, PredictionDraft
from gcg_bench.predictions.reading import Reading

_SORTED = 3  # so many images with masks sorted by score are no coincidence


def joined(
    drafts: Iterable[PredictionDraft], faults: Faults, reading: Reading
) -> Iterator[PredictionDraft]:
    """Complete answers unchanged, and joined answers at the position of their first part.

    Args:
        drafts: the drafts of all files.
        faults: takes the error of a second caption of an image; that caption is left out.
        reading: takes a sentence about the joined parts and the missing parts.
    """
    parts: dict[str, list[PredictionDraft]] = {}
    waiting: list[PredictionDraft] = []  # starts at the first part, because masks may come last
    for draft in drafts:
        first = draft.id not in parts
        if draft.part:
            parts.setdefault(draft.id, []).append(draft)
        if not parts:
            yield draft
        elif first or not draft.part:
            waiting.append(draft)
    answers = {id_: _answer(group, faults) for id_, group in parts.items()}
    if masks := sum(len(phrase.masks) for answer in answers.values() for phrase in answer.phrases):
        reading.remarks.append(_summary(list(answers.values()), masks))
    for draft in waiting:
        yield answers[draft.id] if draft.part else draft


def _answer(parts: list[PredictionDraft], faults: Faults) -> PredictionDraft:
    """Joins the parts of one image to an answer."""
    answer = next((part for part in parts if part.captioned), parts[0])
    for other in parts:
        if other.captioned and other is not answer:
            faults.error(
                BadData(
                    f"the image has a caption already, in {answer.file}",
                    file=other.file,
                    image=other.id,
                    remedy="Keep one caption an image",
                )
            )
    if len(parts) > limits.PHRASES:
        problem = f"has {len(parts):,} rows; more than {limits.PHRASES:,} are not read"
        faults.error(BadData(problem, file=answer.file, image=answer.id))
        parts = parts[: limits.PHRASES]
    texts = [phrase.text for phrase in answer.phrases if phrase.text is not None]
    masked = [phrase for part in parts for phrase in part.phrases if phrase.masks]
    answer.uneven = bool(texts) and len(texts) != len(masked)
    answer.phrases = [
        DraftPhrase(text, [] if mask is None else mask.masks, None if mask is None else mask.score)
        for text, mask in zip_longest(texts, masked)
    ]
    answer.unread = tuple({name for part in parts for name in part.unread})
    return answer


def _summary(answers: list[PredictionDraft], masks: int) -> str:
    """The content of COCO results, in one sentence."""
    captioned = [answer for answer in answers if answer.captioned]
    both = sum(any(phrase.masks for phrase in answer.phrases) for answer in captioned)
    text = (
        f"COCO results were read: {len(captioned)} captions and {masks} masks of {len(answers)}"
        " images"
    )
    if not captioned:
        return f"{text}; no file holds captions"
    if both < len(answers):
        text += f", of which {both} have both"
    if not any(phrase.text is not None for answer in answers for phrase in answer.phrases):
        return f"{text}; no file holds phrases (labels)"
    if _by_score(answers):
        text += "; masks stand by falling score, and the k-th one was given to the k-th phrase"
    return text


def _by_score(answers: list[PredictionDraft]) -> bool:
    """Whether the masks of all answers are sorted by falling score, unlike most phrases."""
    several = 0
    for answer in answers:
        scores = [phrase.score for phrase in answer.phrases if phrase.score is not None]
        if scores != sorted(scores, reverse=True):
            return False
        several += len(set(scores)) > 1
    return several >= _SORTED
