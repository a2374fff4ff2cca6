"""AP50 against pycocotools' COCOeval, and by arithmetic on paper."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from support.worlds import HEIGHT, WIDTH, block, compare_all, phrase, sample

from gcg_bench import masks
from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.ap50_scored import ScoredAP50
from gcg_bench.scoring.score import measure
from gcg_bench.types import Grounding, Phrase

PUBLISHED = AP50(ties="image_order", max_detections=100)
SOUND = AP50()
SCORED = ScoredAP50()


def ap50(metric, pairs):
    rows = measure(metric, pairs)
    (values,) = metric.reduce(rows, np.ones((1, len(rows)))).values()
    return float(values[0])


def cocoeval(references, answers, *, constant=True):
    """COCOeval's AP at IoU .50 of the same world."""
    images = [{"id": r.id, "height": HEIGHT, "width": WIDTH} for r in references]
    annotations, detections = [], []
    for reference, answer in zip(references, answers, strict=True):
        for item in reference.truth.phrases:
            rle = masks.to_rle(item.masks[0])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": reference.id,
                    "category_id": 1,
                    "segmentation": rle,
                    "area": int(masks.area([item.masks[0]])[0]),
                    "bbox": [0, 0, 1, 1],
                    "iscrowd": int(item.crowd),
                }
            )
        for item in answer.phrases:
            detections.append(
                {
                    "image_id": reference.id,
                    "category_id": 1,
                    "segmentation": masks.to_rle(item.masks[0]),
                    "score": 1.0 if constant else item.score,
                }
            )
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "info": {},
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 1, "name": "x"}],
        }
        truth.createIndex()
        run = COCOeval(truth, truth.loadRes(detections), "segm")
        run.params.catIds = [1]
        run.evaluate()
        run.accumulate()
        run.summarize()
    return float(run.stats[1])


def or_none(value):
    """COCOeval's value; it prints -1 where there is no reference and so no value."""
    return float("nan") if value == -1 else value


@st.composite
def boxes(draw, scores):
    top, left = draw(st.integers(0, 3)) * 8, draw(st.integers(0, 3)) * 8
    height, width = draw(st.sampled_from([8, 12, 16])), draw(st.sampled_from([8, 12, 16]))
    score = draw(st.sampled_from(scores))
    return phrase("a cat", block(top, left, height, width), score=score)


@st.composite
def worlds(draw, *, scores=(0.5,), crowds=False):
    references, answers = [], []
    for k in range(draw(st.integers(1, 5))):
        truth = draw(st.lists(boxes((None,)), max_size=5))
        if crowds:
            truth = [Phrase(p.text, p.masks, crowd=draw(st.booleans())) for p in truth]
        references.append(sample(f"i{k}", Grounding("a cat", tuple(truth)), order=k))
        answers.append(Grounding("a cat", tuple(draw(st.lists(boxes(scores), max_size=6)))))
    # COCO cannot load an empty list of detections
    answers[0] = Grounding("a cat", (*answers[0].phrases, draw(boxes(scores))))
    return references, answers


@settings(max_examples=60, deadline=None)
@given(worlds(crowds=True))
def test_published_form_is_cocoeval_with_every_score_one(world):
    references, answers = world
    got = ap50(PUBLISHED, compare_all(references, answers))
    assert got == pytest.approx(or_none(cocoeval(references, answers)), abs=1e-12, nan_ok=True)


@settings(max_examples=50, deadline=None)
@given(worlds(crowds=True), st.randoms(use_true_random=False))
def test_distinct_scores_are_cocoeval_with_its_own_scores(world, random):
    references, answers = world
    total = sum(len(answer.phrases) for answer in answers)
    distinct = random.sample(range(1, 10_000), total)
    rescored = [
        Grounding(
            answer.caption,
            tuple(Phrase(p.text, p.masks, score=distinct.pop() / 10_000) for p in answer.phrases),
        )
        for answer in answers
    ]
    got = ap50(SCORED, compare_all(references, rescored))
    expected = or_none(cocoeval(references, rescored, constant=False))
    assert got == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_published_form_depends_on_image_order_and_the_sound_one_does_not():
    # right first: 51 of 101 recalls at precision 1; wrong first: the same at 1/2
    right = sample("a", Grounding("a cat", (phrase("a cat", block(0, 0)),)), order=0)
    wrong = sample("b", Grounding("a cat", (phrase("a cat", block(0, 0)),)), order=1)
    hit, miss = (
        Grounding("", (phrase("a cat", block(0, 0)),)),
        Grounding("", (phrase("a cat", block(40, 60)),)),
    )
    first = compare_all([right, wrong], [hit, miss])
    later = compare_all([right, wrong], [miss, hit])
    assert ap50(PUBLISHED, first) == pytest.approx(51 / 101)
    assert ap50(PUBLISHED, later) == pytest.approx(51 / 101 / 2)
    # the single operating point: precision 1/2 up to recall 1/2
    assert ap50(SOUND, first) == ap50(SOUND, later) == pytest.approx(51 / 101 / 2)


def test_one_detection_without_a_score_makes_all_of_the_run_tie():
    truth = Grounding("", (phrase("a", block(0, 0)), phrase("b", block(30, 30))))
    reference = sample("a", truth)
    scored = (phrase("a", block(0, 0), score=0.9), phrase("x", block(0, 50), score=0.2))
    unscored = (scored[0], phrase("x", block(0, 50)))
    # ranked, the hit comes first: precision 1 to recall 1/2; tied, precision is 1/2 there
    ranked, tied = (compare_all([reference], [Grounding("", p)]) for p in (scored, unscored))
    assert ap50(SCORED, ranked) == pytest.approx(51 / 101)
    assert ap50(SCORED, tied) == pytest.approx(51 / 101 / 2)
    # what everybody is compared by does not read confidences
    assert ap50(SOUND, ranked) == ap50(SOUND, tied) == pytest.approx(51 / 101 / 2)


def test_the_published_form_looks_at_a_hundred_masks_of_an_image_and_says_so():
    truth = Grounding("", (phrase("a", block(0, 0)),))
    reference = sample("a", truth)
    junk = [phrase("x", block(40, 60))] * 100
    late = compare_all([reference], [Grounding("", (*junk, phrase("a", block(0, 0))))])
    early = compare_all([reference], [Grounding("", (*junk[:99], phrase("a", block(0, 0))))])
    assert ap50(PUBLISHED, late) == 0.0
    # the last of 100: precision 1/100 at every recall
    assert ap50(PUBLISHED, early) == pytest.approx(1 / 100)
    assert ap50(SOUND, late) == pytest.approx(1 / 101)
    said = "AP50 looks at the first 100 masks of an image: it did not look at 1 masks in 1 images"
    assert said in PUBLISHED.notes(late)
    assert len(PUBLISHED.notes(early)) == 1
    assert SOUND.notes(late) == []


def test_tied_detections_of_an_image_do_not_depend_on_their_order():
    # the wide mask overlaps both references by half or more, the tight one only the first
    first, second = block(0, 0, 10, 10), block(0, 4, 10, 10)
    truth = Grounding("", (phrase("a", first), phrase("b", second)))
    wide = phrase("w", block(0, 0, 10, 14), score=0.5)
    tight = phrase("t", first, score=0.5)
    reference = sample("a", truth)
    for order in ((wide, tight), (tight, wide)):
        pairs = compare_all([reference], [Grounding("", order)])
        assert ap50(SOUND, pairs) == pytest.approx(1.0)


def test_without_any_reference_there_is_no_value():
    reference = sample("a", Grounding("nothing here"))
    pairs = compare_all([reference], [Grounding("", (phrase("a", block(0, 0)),))])
    assert all(np.isnan(ap50(metric, pairs)) for metric in (PUBLISHED, SOUND, SCORED))
