"""Kinds of answers to referring expressions: correct, or a kind of mistake.

An answer is correct when its IoU is at least 0.5. Below 0.1 it marks something else. Between these
values it is partial when it misses more of the reference than it adds; else it spills over.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gcg_bench.scoring.features import pixel_counts
from gcg_bench.types import Pair

_RIGHT, _ELSEWHERE = 0.5, 0.1  # IoU


@dataclass(frozen=True, slots=True)
class AnswerKind:
    """A kind of answer.

    Attributes:
        name: its name in data.
        title: its name for readers.
        description: the condition of the kind.
        mistake: whether the kind is a mistake.
    """

    name: str
    title: str
    description: str
    mistake: bool = True


ANSWER_KINDS = (
    AnswerKind("right", "right", "IoU of 0.5 or more", mistake=False),
    AnswerKind(
        "right_refusal", "rightly refused", "no target, and no pixel is marked", mistake=False
    ),
    AnswerKind("partial", "partial", "IoU of 0.1 to 0.5, and more is missing than added"),
    AnswerKind("spill_over", "spill-over", "IoU of 0.1 to 0.5, and more is added than missing"),
    AnswerKind("wrong_object", "wrong object", "IoU below 0.1"),
    AnswerKind("refused", "refused", "there is a target, and no pixel is marked"),
    AnswerKind("not_refused", "not refused", "there is no target, and pixels are marked"),
    AnswerKind("failed", "failed", "the model gave no answer"),
)
"""Every kind, in the order of tables; an answer has exactly one."""

_BY_NAME = {kind.name: kind for kind in ANSWER_KINDS}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The kind of one answer, and its IoU; the IoU is None when neither side has a pixel."""

    kind: AnswerKind
    iou: float | None


def verdict(pair: Pair) -> Verdict:
    """The kind of the answer to an expression, on united masks; ignored pixels do not count."""
    sample, prediction = pair.sample, pair.prediction
    pixels = pixel_counts(sample.truth, prediction.grounding, sample.ignore)
    marked = 0 if prediction.refused else pixels.predicted
    union = pixels.union if marked else pixels.reference
    iou = (pixels.intersection if marked else 0) / union if union else None
    return Verdict(_BY_NAME[_name(pair, pixels.reference, marked, iou or 0.0)], iou)


def _name(pair: Pair, reference: int, marked: int, iou: float) -> str:
    if pair.prediction.error is not None:
        return "failed"
    if not reference:
        return "not_refused" if marked else "right_refusal"
    if not marked:
        return "refused"
    if iou >= _RIGHT:
        return "right"
    if iou < _ELSEWHERE:
        return "wrong_object"
    return "partial" if marked < reference else "spill_over"


def tally(verdicts: Sequence[Verdict]) -> list[tuple[AnswerKind, int]]:
    """Each kind that occurs and its count, in the order of `ANSWER_KINDS`."""
    counts = Counter(one.kind.name for one in verdicts)
    return [(kind, counts[kind.name]) for kind in ANSWER_KINDS if counts[kind.name]]
