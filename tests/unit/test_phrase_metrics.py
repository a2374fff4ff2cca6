"""Metrics of phrases on tables of IoU and similarity: thresholds hit exactly, and sums on paper."""

import types
from itertools import pairwise

import numpy as np
import pytest
from support.worlds import block, phrase, sample, words

from gcg_bench import metrics, registry
from gcg_bench.errors import GcgBenchError, UnknownName
from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.ap50_scored import ScoredAP50
from gcg_bench.metrics.f1_avg import AveragedF1
from gcg_bench.metrics.gpq import GroundedPQ
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.metrics.mask_recall import MaskRecall
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.metrics.naming import Naming
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.metrics.ungrounded import Ungrounded
from gcg_bench.scoring.score import measure
from gcg_bench.types import Grounding, Metric, Pair, Prediction

BELOW = np.nextafter(0.5, 0)
SPOT = block(0, 0)


def compared(iou, similarity=None, *, crowd=(), confidences=None, order=0):
    """An image by its tables: every phrase has words and a mask."""
    iou = np.array(iou, dtype=float)
    similarity = np.ones(iou.shape) if similarity is None else np.array(similarity, dtype=float)
    references, predicted = iou.shape
    truth = [phrase("a", SPOT, crowd=k in crowd) for k in range(references)]
    scores = [None] * predicted if confidences is None else confidences
    answer = Grounding("", tuple(phrase("a", SPOT, score=score) for score in scores))
    reference = sample(str(order), Grounding("", tuple(truth)), order=order)
    tables = {"iou": iou, "crowd_iou": iou, **words(similarity)}
    return Pair(reference, Prediction(str(order), answer), tables)


def scored(metric, *pairs, weights=None):
    rows = measure(metric, pairs)
    weights = np.ones((1, len(rows))) if weights is None else np.array([weights], dtype=float)
    return {name: float(values[0]) for name, values in metric.reduce(rows, weights).items()}


# --- pairs of place and words


@pytest.mark.parametrize(
    ("iou", "similarity", "matched"),
    [(0.5, 0.5, 1), (BELOW, 1.0, 0), (1.0, BELOW, 0), (0.5, np.nan, 0), (np.nan, 1.0, 0)],
)
def test_a_threshold_reached_is_enough_and_both_must_be(iou, similarity, matched):
    image = compared([[iou]], [[similarity]])
    assert scored(PhraseF1(), image)["F1"] == matched
    assert measure(GroundedPQ(), [image]).columns["matched"].tolist() == [matched]


def test_gpq_of_two_pairs_among_five_phrases():
    # two of three references and both of two predictions: TP 2, FN 1, and no FP
    image = compared([[0.8, 0.0], [0.0, 0.6], [0.1, 0.1]], [[1.0, 0.0], [0.0, 0.5], [0.0, 0.0]])
    found = scored(GroundedPQ(), image)
    assert found == pytest.approx({"gPQ": (0.8 + 0.3) / 2.5, "SQ": (0.8 + 0.3) / 2}, abs=1e-12)
    f1 = scored(PhraseF1(), image)["F1"]
    assert found["gPQ"] == pytest.approx(found["SQ"] * f1, abs=1e-12)


def test_the_largest_sum_decides_and_not_the_most_pairs():
    # crosswise both pairs agree a little: .3 + .3; straight one pair agrees fully: .9
    image = compared([[0.9, 0.6], [0.6, 0.2]], [[1.0, 0.5], [0.5, 1.0]])
    found = scored(GroundedPQ(), image)
    assert found["gPQ"] == pytest.approx(0.9 / 2)
    assert scored(PhraseF1(), image)["F1"] == 0.5
    # of equal sums the one with more pairs is taken: .5 + .25 against .75
    image = compared([[0.75, 0.5], [0.5, 0.2]], [[1.0, 1.0], [0.5, 1.0]])
    assert scored(PhraseF1(), image)["F1"] == 1.0


def test_names_are_judged_where_the_masks_are():
    # both masks in place, one named rightly, the other without words; the third mask is elsewhere
    image = compared([[0.9, 0.0, 0.0], [0.0, 0.7, 0.3]], [[0.8, 0.0, 0.0], [0.0, np.nan, 1.0]])
    assert scored(Naming(), image) == pytest.approx({"Noun": 0.4, "Attribute": 0.5})
    # equal places: words decide, so that the order of phrases does not
    image = compared([[0.8, 0.8], [0.8, 0.8]], [[0.0, 1.0], [1.0, 0.0]])
    assert scored(Naming(), image)["Noun"] == 1.0


def test_nothing_predicted_has_no_rate_of_mistakes():
    silent = compared(np.zeros((2, 0)))
    assert scored(PhraseF1(), silent) == pytest.approx(
        {"Precision": np.nan, "Recall": 0.0, "F1": 0.0}, nan_ok=True
    )
    for metric in (Hallucination(), Ungrounded(), Naming()):
        assert all(np.isnan(value) for value in scored(metric, silent).values())
    nothing = compared(np.zeros((0, 0)))
    for metric in (PhraseF1(), AveragedF1(), GroundedPQ()):
        assert all(np.isnan(value) for value in scored(metric, nothing).values())


def test_f1_avg_counts_thresholds_one_by_one():
    # .97 passes all ten, .72 passes .50 to .70, .55 passes two; three phrases on either side
    image = compared(np.diag([0.97, 0.72, 0.55]), np.diag([1.0, 0.5, 1.0]))
    assert scored(AveragedF1(), image)["F1_avg"] == pytest.approx((10 + 5 + 2) / 30, abs=1e-12)
    # one passes up to .70, the other up to .55: 2 + 2 + 1 + 1 + 1
    image = compared(np.diag([0.72, 0.55]))
    assert scored(AveragedF1(), image)["F1_avg"] == pytest.approx(7 / 20, abs=1e-12)
    assert scored(AveragedF1(), compared([[1.0]], [[BELOW]]))["F1_avg"] == 0.0
    assert scored(AveragedF1(), compared([[1.0, 0.0]]))["F1_avg"] == pytest.approx(2 / 3)


def test_hallucinated_is_what_is_less_like_than_the_threshold():
    image = compared(np.zeros((2, 3)), [[0.5, BELOW, np.nan], [0.1, 0.2, np.nan]])
    assert scored(Hallucination(), image)["Hallucination"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("metric", "recall"),
    [
        (MaskRecall(), 1.0),
        (MaskRecall(threshold_iou=0.7), 0.5),
        (MaskRecall(threshold_similarity=0.7), 0.5),
        (MaskRecall(threshold_iou=0.4, threshold_similarity=0.9), 0.0),
    ],
)
def test_mask_recall_has_its_own_thresholds(metric, recall):
    image = compared([[0.8, 0.0], [0.0, 0.6]], [[0.8, 0.0], [0.0, 0.6]])
    assert scored(metric, image)["Recall"] == recall


def test_miou_where_nothing_is_on_a_side_or_on_both():
    nothing, one = compared(np.zeros((0, 0))), compared(np.zeros((0, 1)))
    assert scored(MeanIoU(), nothing)["mIoU"] == 1.0
    assert scored(MeanIoU(), one)["mIoU"] == 0.0
    assert scored(MeanIoU(match="greedy", divide_by="taken"), nothing)["mIoU"] == 0.0


# --- AP50

PUBLISHED = AP50(ties="image_order", max_detections=100)


def verdicts(metric, image):
    return list(metric.measure(image, metric.fit([image]))["verdicts"])


def test_images_drawn_twice_stand_twice_in_their_place():
    hit, miss = compared([[1.0]]), compared([[0.0]], order=1)
    # two hits, then a miss, three references: precision 1 up to recall 2/3, that is 67 points
    assert scored(PUBLISHED, hit, miss, weights=[2, 1])["AP50"] == pytest.approx(67 / 101)
    early = compared([[0.0]])
    late = compared([[1.0]], order=1)
    # a miss, then two hits: 2/3 is the best precision up to recall 2/3
    assert scored(PUBLISHED, early, late, weights=[1, 2])["AP50"] == pytest.approx(67 / 101 * 2 / 3)
    assert scored(PUBLISHED, early, late, weights=[0, 2])["AP50"] == 1.0
    for metric in (PUBLISHED, AP50()):
        assert np.isnan(scored(metric, early, late, weights=[0, 0])["AP50"])
        assert np.isnan(scored(metric)["AP50"])


def test_a_reference_in_hand_is_not_given_up_for_a_crowd():
    image = compared([[0.6], [0.9]], crowd={1})
    assert verdicts(PUBLISHED, image) == [1.0]
    assert verdicts(AP50(), image) == [1.0]


@pytest.mark.parametrize(("iou", "verdict"), [(0.5, -1.0), (BELOW, 0.0)])
def test_what_reaches_the_threshold_on_a_crowd_is_ignored(iou, verdict):
    image = compared([[iou]], crowd={0})
    assert verdicts(PUBLISHED, image) == [verdict]
    assert verdicts(AP50(), image) == [verdict]


def test_higher_scores_choose_first():
    # together both would find one: the first a reference that the second cannot have
    image = compared([[0.8, 0.9], [0.6, 0.0]], confidences=[0.9, 0.5])
    assert verdicts(ScoredAP50(), image) == [1.0, 0.0]
    assert verdicts(AP50(), image) == [1.0, 1.0]
    tied = compared([[0.8, 0.9], [0.6, 0.0]], confidences=[0.5, 0.5])
    assert verdicts(ScoredAP50(), tied) == [1, 1]


def test_among_equal_overlaps_the_later_reference_wins_however_many_there_are():
    """The second detection can only have the earlier of the two that the first could have."""
    count = 60
    crowd = {k for k in range(count) if k % 3 == 1}
    plain = [k for k in range(count) if k not in crowd]
    for earlier, later in pairwise(plain):
        table = np.zeros((count, 2))
        table[[earlier, later], 0] = 0.7
        table[earlier, 1] = 0.7
        assert verdicts(PUBLISHED, compared(table, crowd=crowd)) == [1.0, 1.0]


# --- files


def test_a_ratio_spreads_both_ways_and_is_nothing_of_nothing():
    one, many = np.array([1.0]), np.array([2.0, 0.0, 4.0])
    assert metrics.ratio(one, many).tolist() == [0.5, 0, 0.25]
    assert metrics.ratio(many, one).tolist() == [2, 0, 4]
    assert metrics.ratio(many, np.array([0.0])).tolist() == [0, 0, 0]
    assert metrics.share(one, many).tolist() == pytest.approx([0.5, np.nan, 0.25], nan_ok=True)


def test_a_metric_that_is_nobodys():
    with pytest.raises(UnknownName, match="no metric named 'miuo'"):
        metrics.load("miuo")


def test_what_a_metrics_file_imports_is_not_its_metric(monkeypatch):
    file = types.ModuleType("somewhere.mine")

    class Mine(MeanIoU):
        """A metric of this file."""

    Mine.__module__ = "somewhere.mine"
    file.Mine, file.MeanIoU, file.Metric = Mine, MeanIoU, Metric
    monkeypatch.setattr(registry, "module", lambda folder, name, kind: file)
    assert isinstance(metrics.load("mine"), Mine)
    del file.Mine
    with pytest.raises(GcgBenchError, match="should define one metric, not 0"):
        metrics.load("mine")
