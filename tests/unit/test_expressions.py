"""Answers to expressions: what they count, kinds, draws, bootstrap and tests by enumeration."""

from itertools import product

import numpy as np
import pytest
from support.worlds import block, picture

from gcg_bench import statistics, tasks
from gcg_bench.analysis.errors.expressions import ANSWER_KINDS, tally, verdict
from gcg_bench.data import Dataset
from gcg_bench.data.cards import load_card
from gcg_bench.errors import BadOption
from gcg_bench.masks import area, covered_once, decode, minus
from gcg_bench.pipeline.score import score
from gcg_bench.scoring.features import pair_up
from gcg_bench.scoring.results import reducer
from gcg_bench.scoring.spread import spread
from gcg_bench.scoring.values import Resampling
from gcg_bench.types import Grounding, Pair, Phrase, Prediction, Query, Sample

TARGET = block(0, 0, 10, 10)


def sample(id_, *masks, image="", ignore=()):
    query = Query(id_, picture(), image_id=image, expression="it", task="referring")
    return Sample(query, Grounding("", (Phrase("it", masks),)), (), ignore=ignore)


def answer(id_, *masks, **more):
    phrases = tuple(Phrase(None, (mask,)) for mask in masks)
    return Prediction(id_, Grounding("", phrases), **more)


def scored(task, samples, predictions, protocol="strict", draws=0):
    dataset = Dataset(load_card("refcoco"), "val", tuple(samples), {})
    card = dataset.card
    dataset = Dataset(type(card)(**{**_fields(card), "tasks": (task,)}), "val", tuple(samples), {})
    by_id = {prediction.id: prediction for prediction in predictions}
    chosen = tasks.load(task).protocol(protocol)
    (result,) = score(dataset, by_id, [chosen], resampling=Resampling(draws=draws))
    return result


def _fields(card):
    return {name: getattr(card, name) for name in type(card).__dataclass_fields__}


def values(result):
    return {one.name: one.value for one in result.scores}


# what counts, on paper


def test_cumulative_and_mean_iou_on_paper():
    # IoU 50/100 and 100/400: the mean is .375, the quotient of the sums 150/500
    samples = [sample("a", TARGET), sample("b", block(20, 20, 20, 20))]
    predictions = [answer("a", block(0, 0, 5, 10)), answer("b", block(20, 20, 10, 10))]
    found = values(scored("referring", samples, predictions))
    assert found["cIoU"] == pytest.approx(150 / 500)
    assert found["gIoU"] == pytest.approx(0.375)
    assert (found["P@0.5"], found["P@0.6"]) == (0.5, 0.0)


def test_masks_of_an_answer_are_united():
    halves = answer("a", block(0, 0, 5, 10), block(5, 0, 5, 10))
    assert values(scored("referring", [sample("a", TARGET)], [halves]))["cIoU"] == 1.0


def test_ignored_pixels_count_neither_for_nor_against():
    one = sample("a", TARGET, ignore=(block(0, 0, 5, 10), block(30, 30)))
    found = values(scored("referring", [one], [answer("a", block(5, 0, 5, 10), block(30, 30))]))
    assert found["cIoU"] == 1.0


def test_a_failure_is_an_empty_answer_and_never_a_refusal():
    samples = [sample("a", TARGET), sample("b")]
    failed = [answer("a", error="crash"), answer("b", error="crash")]
    found = values(scored("generalized_referring", samples, failed))
    assert (found["gIoU"], found["N_acc"], found["T_acc"]) == (0.0, 0.0, 0.0)


def test_refusals_on_paper():
    samples = [sample("a", TARGET), sample("b", TARGET), sample("c"), sample("d")]
    predictions = [
        answer("a", TARGET),
        answer("b", TARGET, refused=True),
        answer("c", refused=True),
        answer("d", TARGET),
    ]
    strict = values(scored("generalized_referring", samples, predictions))
    # intersections 100, 0, 0, 0; unions 100, 100 (the refusal discards its mask), 0, 100
    assert strict["cIoU"] == pytest.approx(100 / 300)
    assert strict["gIoU"] == pytest.approx((1 + 0 + 1 + 0) / 4)
    assert strict["T_gIoU"] == pytest.approx(0.5)
    assert (strict["N_acc"], strict["T_acc"]) == (0.5, 0.5)
    official = values(scored("generalized_referring", samples, predictions, "official"))
    assert official["cIoU"] == pytest.approx(100 / 300)


def test_what_a_prediction_says_outweighs_an_empty_mask_only_as_published():
    empty = minus(TARGET, TARGET)
    silent = [answer("a", empty, refused=False)]
    official = values(scored("generalized_referring", [sample("a")], silent, "official"))
    assert official["N_acc"] == 0.0
    assert values(scored("generalized_referring", [sample("a")], silent))["N_acc"] == 1.0
    unsaid = [answer("a", empty)]
    official = values(scored("generalized_referring", [sample("a")], unsaid, "official"))
    assert official["N_acc"] == 1.0


def test_a_score_of_no_expressions_has_no_value():
    found = values(scored("generalized_referring", [sample("a", TARGET)], [answer("a", TARGET)]))
    assert found["N_acc"] is None
    nothing = values(scored("generalized_referring", [sample("a")], [answer("a")]))
    assert nothing["T_gIoU"] is None
    assert nothing["P@0.5"] is None


def test_masks_minus_and_covered_once():
    left, right = block(0, 0, 10, 10), block(0, 5, 10, 10)
    assert area([minus(left, right)])[0] == 50
    once = covered_once([left, right, right])
    assert np.array_equal(decode(once), decode(minus(left, right)))


# laws


def test_no_answer_to_a_target_never_raises_a_score():
    rng = np.random.default_rng(1)
    for seed in range(20):
        samples, predictions = small_world(seed)
        strict = [values(scored(task, samples, predictions)) for task in TASKS]
        gone = list(predictions)
        position = int(rng.integers(len(gone)))
        if not samples[position].truth.masked:
            continue
        gone[position] = Prediction(gone[position].id, refused=None)
        after = [values(scored(task, samples, gone)) for task in TASKS]
        for one, other in zip(strict, after, strict=True):
            for name in ("gIoU", "cIoU", "T_acc"):
                if name in one and one[name] is not None:
                    assert other[name] <= one[name] + 1e-12


def test_all_queries_twice_or_in_another_order_move_nothing():
    samples, predictions = small_world(3)
    before = values(scored("generalized_referring", samples, predictions))
    backwards = values(scored("generalized_referring", samples[::-1], predictions))
    assert backwards == pytest.approx(before)
    twice, again = [], []
    for copy in ("x", "y"):
        for one, prediction in zip(samples, predictions, strict=True):
            masks = one.truth.phrases[0].masks
            twice.append(sample(one.id + copy, *masks, image=one.query.image_id + copy))
            again.append(
                Prediction(prediction.id + copy, prediction.grounding, refused=prediction.refused)
            )
    assert values(scored("generalized_referring", twice, again)) == pytest.approx(before)


def test_a_perfect_answer_eroded_lowers_both():
    samples = [sample("a", TARGET), sample("b", block(20, 20, 9, 9))]
    perfect = [answer("a", TARGET), answer("b", block(20, 20, 9, 9))]
    eroded = [answer("a", block(1, 1, 8, 8)), answer("b", block(20, 20, 9, 9))]
    before, after = (values(scored("referring", samples, one)) for one in (perfect, eroded))
    assert after["cIoU"] < before["cIoU"] == 1.0
    assert after["gIoU"] < before["gIoU"] == 1.0


TASKS = ("referring", "generalized_referring")


def small_world(seed, images=3):
    """Queries of a few images, two an image, with random answers."""
    rng = np.random.default_rng(seed)
    samples, predictions = [], []
    for image in range(images):
        for turn in range(2):
            id_ = f"{image}.{turn}"
            top, left = (int(number) for number in rng.integers(0, 30, 2))
            masks = () if rng.random() < 0.3 else (block(top, left, 12, 12),)
            samples.append(sample(id_, *masks, image=f"image {image}"))
            shift = int(rng.integers(-4, 5))
            given = (block(top + abs(shift), left, 12, 12),) if rng.random() < 0.8 else ()
            predictions.append(answer(id_, *given))
    return samples, predictions


# bootstrap and paired tests against exact enumeration


def test_the_cluster_bootstrap_is_that_of_all_possible_draws():
    samples, predictions = small_world(5)
    result = scored("referring", samples, predictions)
    reduce = reducer(result.metrics, result.rows)
    clustered, count = statistics.over_clusters(reduce, result.images)
    assert count == 3
    draws = [np.bincount(draw, minlength=3) for draw in product(range(3), repeat=3)]
    exact = clustered(np.array(draws, dtype=float))["cIoU"]
    exact = exact[~np.isnan(exact)]
    found = statistics.bootstrap(clustered, count, draws=20_000, seed=1)["cIoU"]
    wanted = np.quantile(np.repeat(exact, 200), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(wanted), abs=1e-9)
    # each image brings both of its queries, so no draw has one of them alone
    by_hand = reduce(np.array([[2.0, 2.0, 1.0, 1.0, 0.0, 0.0]]))["cIoU"]
    assert clustered(np.array([[2.0, 1.0, 0.0]]))["cIoU"] == pytest.approx(by_hand)


def test_the_paired_test_is_that_of_all_possible_swaps():
    samples, first = small_world(7)
    _, second = small_world(8)
    renamed = [
        Prediction(sample_.id, other.grounding)
        for sample_, other in zip(samples, second, strict=True)
    ]
    results = [scored("referring", samples, answers) for answers in (first, renamed)]
    mixed = {
        name: statistics.interleave(results[0].rows[name], results[1].rows[name])
        for name in results[0].rows
    }
    reduce = reducer(results[0].metrics, mixed)
    clustered, count = statistics.over_clusters(reduce, results[0].images, sides=2)
    found = statistics.paired(clustered, count, draws=20_000, seed=2)["gIoU"]
    observed = values(results[1])["gIoU"] - values(results[0])["gIoU"]
    assert found.value == pytest.approx(observed)
    swapped = []
    for swap in product((0.0, 1.0), repeat=count):
        swaps = np.array(swap)
        a = clustered(np.stack([1 - swaps, swaps], 1).reshape(1, -1))["gIoU"][0]
        b = clustered(np.stack([swaps, 1 - swaps], 1).reshape(1, -1))["gIoU"][0]
        swapped.append(abs(b - a))
    exact = np.mean(np.array(swapped) >= abs(observed) - 1e-9)
    assert found.p == pytest.approx(exact, abs=0.02)


# draws of a few queries an image


def test_a_draw_of_all_queries_is_the_score():
    samples, predictions = small_world(2)
    result = scored("referring", samples, predictions)
    drawn = spread(result, most=2, seed=5)
    assert drawn.seeds == tuple(range(5, 15))
    assert drawn.values["cIoU"] == pytest.approx(np.full(10, values(result)["cIoU"]))


def test_a_draw_has_no_negative_seed():
    samples, predictions = small_world(2)
    with pytest.raises(BadOption, match="0 or more"):
        spread(scored("referring", samples, predictions), most=1, seed=-1)


def test_each_draw_has_one_query_an_image_and_seeds_repeat():
    samples, predictions = small_world(2)
    result = scored("referring", samples, predictions)
    one, again = (spread(result, most=1, seed=0, seeds=200) for _ in range(2))
    assert np.array_equal(one.values["gIoU"], again.values["gIoU"], equal_nan=True)
    alone = result.alone("gIoU").reshape(-1, 2)
    possible = [np.nanmean(choice) for choice in product(*alone) if not np.isnan(choice).all()]
    found = one.values["gIoU"]
    assert all(np.isclose(found_one, possible).any() for found_one in found[~np.isnan(found)])
    assert found[~np.isnan(found)].std() > 0
    summary = one.to_json()["scores"]["gIoU"]
    assert summary["low"] <= summary["mean"] <= summary["high"]


# kinds of answers


@pytest.mark.parametrize(
    ("reference", "given", "kind"),
    [
        ((TARGET,), (TARGET,), "right"),
        ((), (), "right_refusal"),
        ((TARGET,), (block(0, 0, 4, 10),), "partial"),
        ((TARGET,), (block(0, 0, 30, 10),), "spill_over"),
        ((TARGET,), (block(30, 30),), "wrong_object"),
        ((TARGET,), (), "refused"),
        ((), (TARGET,), "not_refused"),
    ],
)
def test_kinds_of_answers(reference, given, kind):
    pair = Pair(sample("a", *reference), answer("a", *given))
    assert verdict(pair).kind.name == kind


def test_a_failure_is_a_kind_of_its_own_and_every_answer_is_counted_once():
    pairs = pair_up(*_by_id(small_world(4))).pairs
    failed = Pair(pairs[0].sample, Prediction(pairs[0].sample.id, error="crash"))
    found = tally([verdict(pair) for pair in (*pairs, failed)])
    assert sum(count for _, count in found) == len(pairs) + 1
    assert {kind.name: count for kind, count in found}["failed"] == 1
    assert [kind for kind, _ in found] == [k for k in ANSWER_KINDS if k in dict(found)]


def _by_id(world):
    samples, predictions = world
    return samples, {prediction.id: prediction for prediction in predictions}
