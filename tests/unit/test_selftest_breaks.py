"""Laws of the self-test that the published protocol is known to break, each computed by hand."""

import numpy as np
import pytest
from support.worlds import block, sample
from support.worlds import words as words_of_table

from gcg_bench.analysis.invariants import LAWS
from gcg_bench.analysis.invariants.expectations import is_allowed
from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.mask_recall import MaskRecall
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.scoring.score import measure
from gcg_bench.tasks.gcg import OFFICIAL
from gcg_bench.types import Grounding, Pair, Phrase, Prediction

BY_NAME = {law.name: law for law in LAWS}


def claimed(law, metric):
    """The direction that a law claims of a metric's one score."""
    (spec,) = metric.scores
    return law.claim(metric, spec).direction


# Laws that the published protocol is known to break, each with a hand-computed case ---------------


def table(iou_, similarity=None, order=0):
    """One image given by its tables alone, reference x answer."""
    values = np.array(iou_, dtype=float)
    things = [Phrase(f"thing {k}", (block(0, 0),)) for k in range(max(values.shape))]
    reference = sample(str(order), Grounding("", tuple(things[: values.shape[0]])), order=order)
    answer = Prediction(str(order), Grounding("", tuple(things[: values.shape[1]])))
    alike_ = np.ones(values.shape) if similarity is None else np.array(similarity, dtype=float)
    return Pair(reference, answer, {"iou": values, "crowd_iou": values, **words_of_table(alike_)})


def value(metric, *pairs):
    rows = measure(metric, pairs)
    (score,) = metric.reduce(rows, np.ones((1, len(rows)))).values()
    return float(score[0])


PUBLISHED_AP50 = AP50(ties="image_order", max_detections=100)
PUBLISHED_MIOU = MeanIoU(match="greedy", divide_by="taken")
ON_PAPER = {
    ("ap50", "phrase order"): (
        value(PUBLISHED_AP50, table([[1, 0]])), 1.0,
        value(PUBLISHED_AP50, table([[0, 1]])), 0.5,
    ),
    # the first detection has the same IoU with both references and is matched to the later one
    ("ap50", "reference order"): (
        value(PUBLISHED_AP50, table([[0.6, 0], [0.6, 0.6]])), 51 / 101,
        value(PUBLISHED_AP50, table([[0.6, 0.6], [0.6, 0]])), 1.0,
    ),
    ("ap50", "image order"): (
        value(PUBLISHED_AP50, table([[1]]), table([[0]], order=1)), 51 / 101,
        value(PUBLISHED_AP50, table([[0]]), table([[1]], order=1)), 51 / 101 / 2,
    ),
    # once: true, false; twice: true, false, true, false with four references
    ("ap50", "images twice"): (
        value(PUBLISHED_AP50, table([[1, 0], [0, 0]])), 51 / 101,
        value(PUBLISHED_AP50, *(table([[1, 0], [0, 0]], order=k) for k in (0, 1))),
        (26 + 25 * 2 / 3) / 101,
    ),
    ("miou", "phrase order"): (
        value(PUBLISHED_MIOU, table([[0.5, 0.5], [0.2, 0]])), 0.5,
        value(PUBLISHED_MIOU, table([[0.5, 0.5], [0, 0.2]])), 0.35,
    ),
    ("miou", "reference order"): (
        value(PUBLISHED_MIOU, table([[0.5, 0.2], [0.5, 0]])), 0.5,
        value(PUBLISHED_MIOU, table([[0.5, 0], [0.5, 0.2]])), 0.35,
    ),
    ("miou", "dropped phrase"): (
        value(PUBLISHED_MIOU, table([[1, 0], [0, 1]])), 1.0,
        value(PUBLISHED_MIOU, table([[1], [0]])), 1.0,
    ),
    ("miou", "dropped loosest"): (
        value(PUBLISHED_MIOU, table([[1, 0], [0, 0.5]])), 0.75,
        value(PUBLISHED_MIOU, table([[1], [0]])), 1.0,
    ),
    ("miou", "added phrase"): (
        value(PUBLISHED_MIOU, table([[1], [0]])), 1.0,
        value(PUBLISHED_MIOU, table([[1, 0], [0, 1]])), 1.0,
    ),
    ("miou", "junk"): (
        value(PUBLISHED_MIOU, table([[0.8]])), 0.8,
        value(PUBLISHED_MIOU, table([[0.8, 0, 0]])), 0.8,
    ),
    ("mask_recall", "junk"): (
        value(MaskRecall(), table([[0.8]])), 1.0,
        value(MaskRecall(), table([[0.8, 0, 0]])), 1.0,
    ),
    # two of two are matched; the phrase with the highest IoU has wrong words and is examined first
    ("mask_recall", "wrong words"): (
        value(MaskRecall(), table([[1, 0], [0, 0.9]])), 1.0,
        value(MaskRecall(), table([[1, 0], [0, 0.9]], [[0, 0], [0, 1]])), 0.0,
    ),
    ("mask_recall", "phrase order"): (
        value(MaskRecall(), table([[0.8, 0.8]], [[1, 0]])), 1.0,
        value(MaskRecall(), table([[0.8, 0.8]], [[0, 1]])), 0.0,
    ),
    ("mask_recall", "reference order"): (
        value(MaskRecall(), table([[0.8, 0], [0, 0.8]], [[1, 0], [0, 0]])), 0.5,
        value(MaskRecall(), table([[0.8, 0], [0, 0.8]], [[0, 0], [0, 1]])), 0.0,
    ),
}  # fmt: skip


def test_every_break_that_is_known_is_shown_on_paper():
    known = {(m.name, law) for m in OFFICIAL.metrics for law in m.laws_broken}
    assert known == set(ON_PAPER)


@pytest.mark.parametrize("case", list(ON_PAPER), ids=" ".join)
def test_a_known_break_is_one(case):
    before, expected_before, after, expected_after = ON_PAPER[case]
    assert before == pytest.approx(expected_before, abs=1e-12)
    assert after == pytest.approx(expected_after, abs=1e-12)
    metric = {m.name: m for m in OFFICIAL.metrics}[case[0]]
    assert not is_allowed(claimed(BY_NAME[case[1]], metric), before, after, share=0.25)
