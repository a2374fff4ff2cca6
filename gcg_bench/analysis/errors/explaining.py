"""One image as every protocol sees it: every pair, and why each phrase counted or did not."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np

from gcg_bench import masks, matching
from gcg_bench.analysis.errors.compared import compared
from gcg_bench.analysis.errors.explanation import Explanation, Line, Reckoning, Side
from gcg_bench.errors import MissingData
from gcg_bench.matching.mistakes import APART, KINDS, Finding, judge_image
from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.mask_recall import MaskRecall
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.tasks.protocols import EvalProtocol
from gcg_bench.text.encoders import load_encoder
from gcg_bench.types import Pair, Phrase, Prediction, Sample


def explain(
    protocols: Sequence[EvalProtocol],
    pairs: Sequence[Pair],
    scores: Sequence[Mapping[str, float]] | None = None,
) -> Explanation:
    """One image as every protocol sees it.

    AP50 ranks by the image's own confidences when all of its masks have one; in a run where another
    image's masks have none, strict takes no confidence into account (its signature says so).

    Args:
        protocols: at least one.
        pairs: the same image once a protocol, each with that protocol's similarity.
        scores: per protocol, the image's own scores (see `Measured.alone`).
    """
    first = pairs[0]
    given = scores if scores is not None else [{} for _ in protocols]
    return Explanation(
        id=first.sample.id,
        error=first.prediction.error,
        reference=_side(first.sample.truth.caption, first.sample.truth.phrases),
        predicted=_side(first.prediction.grounding.caption, first.prediction.grounding.phrases),
        iou=first.iou,
        reckonings=tuple(
            Reckoning(protocol.key, pair.similarity, _lines(protocol, pair), own)
            for protocol, pair, own in zip(protocols, pairs, given, strict=True)
        ),
        unpaired=first.prediction.unpaired,
    )


def explain_image(
    samples: Sequence[Sample],
    predictions: Mapping[str, Prediction],
    protocols: Sequence[EvalProtocol],
    id_: str,
    scores: Sequence[Mapping[str, float]] | None = None,
) -> Explanation:
    """`explain` for an image of a data set, by its id.

    Args:
        samples: the data set.
        predictions: the image's among them.
        protocols: at least one.
        id_: the image.
        scores: as in `explain`.

    Raises:
        MissingData: the data set has no such image.
        EnvironmentProblem: a protocol's encoder cannot be had.
    """
    chosen = [samples[place_of(samples, id_)]]
    seen = [
        compared(chosen, predictions, load_encoder(one.encoder), equal_is_one=one.equal_is_one)[0]
        for one in protocols
    ]
    return explain(protocols, seen, scores)


def place_of(samples: Sequence[Sample], id_: str) -> int:
    """Where in a data set the image is; raises MissingData, with ids that are spelt like it."""
    ids = [sample.id for sample in samples]
    if id_ in ids:
        return ids.index(id_)
    close = get_close_matches(id_, ids, n=3)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise MissingData(f"no image {id_!r} among the {len(ids)} of the data set{hint}")


def _lines(protocol: EvalProtocol, pair: Pair) -> tuple[Line, ...]:
    found: list[Line] = []
    for metric in protocol.metrics:
        if isinstance(metric, MaskRecall):
            found += _recall(metric, pair)
        elif isinstance(metric, MeanIoU):
            found += _miou(metric, pair)
        elif isinstance(metric, AP50):
            found += _ap50(metric, pair)
        elif isinstance(metric, PhraseF1):
            found += _phrases(metric, pair)
    return tuple(found)


def _recall(metric: MaskRecall, pair: Pair) -> list[Line]:
    """The published loop, step by step, up to where it halts."""
    truth, answer = pair.sample.truth, pair.prediction.grounding
    iou = pair.iou[np.ix_(truth.masked, answer.masked)]
    similarity = pair.similarity[np.ix_(truth.worded, answer.worded)]
    matches, lost = matching.greedy_halting(
        iou, similarity, metric.threshold_iou, metric.threshold_similarity
    )
    lines = [
        Line(
            "Recall",
            truth.masked[row],
            answer.masked[column],
            counted=True,
            why=f"step {step}: IoU {iou[row, column]:.3f}, similarity {similarity[row, column]:.3f}"
            + _words_of(pair, row, column),
        )
        for step, (row, column) in enumerate(matches, 1)
    ]
    if lost:
        why = "the pair of largest IoU has a mask but no words: the image loses its recall"
        return [Line("Recall", None, None, counted=False, why=why)]
    left = iou.copy()
    for row, column in matches:
        left[row, :] = left[:, column] = 0
    if not left.size or len(matches) == min(left.shape):
        return lines
    row, column = divmod(int(np.argmax(left)), left.shape[1])  # NaN first, as in the published loop
    largest = left[row, column]
    if largest < metric.threshold_iou:
        why = f"halted: the largest IoU left is {largest:.3f}, below {metric.threshold_iou}"
    else:
        why = (
            f"halted: IoU {largest:.3f}, but similarity {similarity[row, column]:.3f} is below"
            f" {metric.threshold_similarity}; nothing behind it is looked at"
            + _words_of(pair, row, column)
        )
    return [
        *lines,
        Line("Recall", truth.masked[row], answer.masked[column], counted=False, why=why),
    ]


def _words_of(pair: Pair, row: int, column: int) -> str:
    """Whose words were looked at, where these are not the masks' own."""
    truth, answer = pair.sample.truth, pair.prediction.grounding
    own = (truth.masked[row], answer.masked[column])
    seen = (truth.worded[row], answer.worded[column])
    if own == seen:
        return ""
    return (
        f" (words of reference {seen[0] + 1} and prediction {seen[1] + 1}: the published lists of"
        " masks and words are tied by position)"
    )


def _miou(metric: MeanIoU, pair: Pair) -> list[Line]:
    truth, answer = pair.sample.truth.masked, pair.prediction.grounding.masked
    table = pair.iou[np.ix_(truth, answer)]
    if metric.match == "greedy":
        matches = [(row, column) for column, row, _ in matching.greedy(table.T)]
    else:
        matches = matching.optimal(table)
    lines = [
        Line("mIoU", truth[row], answer[column], counted=True, why=f"IoU {table[row, column]:.3f}")
        for row, column in matches
    ]
    whole = len(matches) if metric.divide_by == "taken" else max(pair.iou.shape)
    total = sum(float(table[match]) for match in matches)
    if np.isnan(table).any() and metric.match == "greedy":
        why = "an empty mask beside an empty mask: the published loop stops before it starts"
    elif not whole and metric.divide_by == "larger_side":
        why = "nothing on either side: 1"
    else:
        why = f"sum {total:.3f} over {whole} = {total / whole if whole else 0.0:.3f}"
    return [*lines, Line("mIoU", None, None, counted=False, why=why)]


def _ap50(metric: AP50, pair: Pair) -> list[Line]:
    answer = pair.prediction.grounding
    ranked = metric.fit([pair])
    verdicts = np.asarray(metric.measure(pair, ranked)["verdicts"])
    confidence = [(answer.phrases[k].score or 0.0) if ranked else 1.0 for k in answer.masked]
    order = sorted(range(len(confidence)), key=lambda detection: -confidence[detection])
    said = {1.0: "finds an object", 0.0: "finds none that is free", -1.0: "lies on a crowd"}
    return [
        Line(
            "AP50",
            None,
            answer.masked[detection],
            counted=verdict > 0,
            why=f"rank {rank} at confidence {confidence[detection]:.3f}: {said[verdict]}",
        )
        for rank, (detection, verdict) in enumerate(
            zip(order[: len(verdicts)], verdicts.tolist(), strict=True), 1
        )
    ]


def _phrases(metric: PhraseF1, pair: Pair) -> list[Line]:
    """The kind of every predicted phrase, then of every reference phrase that is not matched."""
    image = judge_image(pair, metric)
    predicted = [
        Line("F1", _partner(finding), position, finding.kind == "matched", _why(finding, "R"))
        for position, finding in enumerate(image.predicted)
    ]
    reference = [
        Line("F1", position, _partner(finding), counted=False, why=_why(finding, "P"))
        for position, finding in enumerate(image.reference)
        if finding.kind != "matched"
    ]
    return predicted + reference


def _partner(finding: Finding) -> int | None:
    return None if finding.kind in APART else finding.other


def _why(finding: Finding, letter: str) -> str:
    """The kind in words and numbers; `letter` is that of the other side."""
    title = next(kind.title for kind in KINDS if kind.name == finding.kind)
    if finding.other is None:
        return f"{title}: the other side has no phrase"
    words = "no words" if finding.similarity is None else f"similarity {finding.similarity:.3f}"
    numbers = f"IoU {finding.iou:.3f}, {words}"
    if finding.kind in APART:
        return f"{title}: the closest, {letter}{finding.other + 1}, has {numbers}"
    charged = letter == "P" and finding.kind != "matched"
    return f"not found, charged to {title}: {numbers}" if charged else f"{title}: {numbers}"


def _side(caption: str, phrases: Sequence[Phrase]) -> Side:
    united = [masks.union(phrase.masks) for phrase in phrases if phrase.masks]
    areas = iter(masks.area(united).tolist())
    return Side(
        caption,
        tuple(phrase.text for phrase in phrases),
        tuple(len(phrase.masks) for phrase in phrases),
        tuple(next(areas) if phrase.masks else 0 for phrase in phrases),
        tuple(phrase.score for phrase in phrases),
    )
