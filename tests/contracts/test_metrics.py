"""Laws that every metric meets by existing; one that cannot keep a law says which, and why."""

from dataclasses import fields, is_dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from support.worlds import compare_all, random_grounding, random_world

from gcg_bench import metrics, registry, tasks
from gcg_bench.errors import MissingFeature
from gcg_bench.metrics.cider import CIDEr
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.scoring.score import fit, measure, measure_fitted
from gcg_bench.tasks import optional_metrics
from gcg_bench.types import FEATURES, Grounding, Phrase

# spice needs a download of its own, which its own test covers
EVERY = {
    metric.signature: metric
    for metric in (
        *(
            metric
            for name in tasks.names()
            for protocol in tasks.load(name).protocols
            for metric in protocol.metrics
        ),
        *(metrics.load(name) for name in optional_metrics() if name != "spice"),
    )
}


@pytest.fixture(params=list(EVERY))
def metric(request):
    return EVERY[request.param]


@pytest.fixture(scope="module")
def world():
    return random_world(7)


def score(metric, pairs):
    rows = measure(metric, pairs)
    reduced = metric.reduce(rows, np.ones((1, len(rows))))
    return {name: float(values[0]) for name, values in reduced.items()}


def better(spec, a, b):
    """Whether a is at least as good as b, up to rounding; a score without a value is no worse."""
    if np.isnan(a) and np.isnan(b):
        return True
    if np.isnan(b):  # a score without a value is better than none
        return True
    return a <= b + 1e-12 if spec.lower_is_better else a >= b - 1e-12


def names_of(metric):
    return [spec.name for spec in metric.scores]


def spoiled(truth: Grounding, rng, share: float) -> Grounding:
    """The truth with a share of its phrases replaced by others elsewhere."""
    junk = random_grounding(rng).phrases
    phrases = tuple(
        junk[k % len(junk)] if rng.random() < share else phrase
        for k, phrase in enumerate(truth.phrases)
    )
    words = truth.caption.split()
    caption = " ".join("thing" if rng.random() < share else word for word in words)
    return Grounding(caption, phrases)


def test_every_file_is_a_metric_named_as_the_file():
    for name in registry.names("metrics"):
        assert metrics.load(name).name == name


def test_parameters_are_frozen_fields_and_spelt_in_the_signature(metric):
    assert is_dataclass(metric)
    assert metric.__dataclass_params__.frozen
    for field in fields(metric):
        assert f"{field.name}={getattr(metric, field.name)}" in metric.signature


def test_rows_are_plain_numbers_in_the_columns_that_are_named(metric, world):
    pairs = compare_all(world, [s.truth for s in world])
    fitted = metric.fit(pairs)
    for pair in pairs:
        row = metric.measure(pair, fitted)
        assert set(row) == set(metric.columns)
        for value in row.values():
            for number in [value] if isinstance(value, float) else value:
                assert isinstance(number, float)


def test_truth_is_best(metric, world):
    if "truth is best" in metric.laws_broken:
        pytest.skip(metric.laws_broken["truth is best"])
    rng = np.random.default_rng(3)
    best = score(metric, compare_all(world, [s.truth for s in world]))
    for _ in range(5):
        other = score(metric, compare_all(world, [random_grounding(rng) for _ in world]))
        assert set(other) == set(names_of(metric))
        assert all(better(spec, best[spec.name], other[spec.name]) for spec in metric.scores)


def test_silence_is_zero_or_has_no_value(metric, world):
    silent = score(metric, compare_all(world, [Grounding("") for _ in world]))
    assert list(silent) == names_of(metric)
    for spec in metric.scores:
        none = np.isnan(silent[spec.name])
        assert silent[spec.name] == 0 or (none and spec.undefined), spec.name
        # silence never has the best value of a rate of mistakes
        assert none or not spec.lower_is_better


def test_image_order_is_irrelevant(metric, world):
    if "image order" in metric.laws_broken:
        pytest.skip(metric.laws_broken["image order"])
    rng = np.random.default_rng(5)
    answers = [random_grounding(rng) for _ in world]
    forward = compare_all(world, answers)
    assert score(metric, forward) == pytest.approx(
        score(metric, forward[::-1]), abs=1e-12, nan_ok=True
    )


def test_more_noise_never_scores_more_on_average(metric, world):
    if "more noise" in metric.laws_broken:
        pytest.skip(metric.laws_broken["more noise"])
    levels = []
    for share in (0.0, 0.4, 0.8):
        # one world of all seeds is the average over them, and one call to Java
        drawn = [
            (s, spoiled(s.truth, np.random.default_rng(seed), share))
            for seed in range(6)
            for s in random_world(7 + seed)
        ]
        references = [
            replace(s, query=replace(s.query, id=f"{k}")) for k, (s, _) in enumerate(drawn)
        ]
        levels.append(score(metric, compare_all(references, [answer for _, answer in drawn])))
    for less, more in pairwise(levels):
        assert all(better(spec, less[spec.name], more[spec.name]) for spec in metric.scores)


def test_weights_are_repeated_rows(metric, world):
    rng = np.random.default_rng(11)
    pairs = compare_all(world, [random_grounding(rng) for _ in world])
    rows = measure(metric, pairs)
    weights = rng.integers(0, 4, (5, len(world))).astype(float)
    drawn = metric.reduce(rows, weights)
    for draw, weight in enumerate(weights):
        index = np.repeat(np.arange(len(world)), weight.astype(int))
        repeated = type(rows)(
            tuple(rows.ids[k] for k in index),
            {name: column[index] for name, column in rows.columns.items()},
        )
        again = metric.reduce(repeated, np.ones((1, len(index))))
        for name in names_of(metric):
            assert drawn[name][draw] == pytest.approx(again[name][0], abs=1e-12, nan_ok=True)


def test_scores_do_not_change_what_they_were_given(metric, world):
    phrases = (Phrase("a cat"),)
    pairs = compare_all(world, [Grounding("a cat", phrases) for _ in world])
    before = [c.iou.copy() for c in pairs]
    score(metric, pairs)
    for pair, table in zip(pairs, before, strict=True):
        assert np.array_equal(pair.iou, table, equal_nan=True)


# needs: a metric reads exactly the features that it names


def answered(world):
    """Pairs with all features, whose answers are neither right nor empty."""
    rng = np.random.default_rng(13)
    return compare_all(world, [random_grounding(rng) for _ in world])


def reads(metric, pairs, features):
    """Whether the metric measures and explains pairs that have these features alone."""
    limited = [pair.limited_to(frozenset(features)) for pair in pairs]
    try:
        fitted = metric.fit(limited)
        for pair in limited:
            metric.measure(pair, fitted)
            metric.explain(pair)
    except MissingFeature:
        return False
    return True


def test_the_features_that_a_metric_names_are_enough_and_all_of_them_are_read(metric, world):
    pairs = answered(world)
    assert metric.needs <= set(FEATURES)
    assert reads(metric, pairs, metric.needs)
    for feature in metric.needs:
        assert not reads(metric, pairs, metric.needs - {feature})


def test_scores_do_not_depend_on_features_that_are_not_named(metric, world):
    pairs = answered(world)
    limited = [pair.limited_to(metric.needs) for pair in pairs]
    assert score(metric, pairs) == pytest.approx(score(metric, limited), abs=0, rel=0, nan_ok=True)


def test_a_feature_that_is_not_named_is_refused(world):
    class Secretive(MeanIoU):
        needs = frozenset()

    class Demanding(MeanIoU):
        needs = frozenset({"iou", "tokens"})

    pairs = answered(world)
    assert not reads(Secretive(), pairs, Secretive.needs)
    with pytest.raises(MissingFeature, match="iou"):
        measure(Secretive(), pairs)
    # one that names what it does not read is caught too
    assert reads(Demanding(), pairs, Demanding.needs - {"tokens"})


# fits_each_alone: what many pairs teach serves any part of them


def same_when_fitted_on_all(metric, pairs):
    fitted = fit(metric, pairs)
    own, shared = measure(metric, pairs[:3]), measure_fitted(metric, pairs[:3], fitted)
    return all(
        np.array_equal(np.vstack(own.columns[name]), np.vstack(shared.columns[name]))
        for name in metric.columns
        if name not in metric.lists
    )


def test_one_that_fits_each_alone_may_be_fitted_on_more(world):
    alone = [metric for metric in EVERY.values() if metric.fits_each_alone]
    assert [metric.name for metric in alone] == ["meteor"]
    pairs = answered(world)
    assert all(same_when_fitted_on_all(metric, pairs) for metric in alone)
    # document frequencies are those of the pairs that were fitted
    assert not same_when_fitted_on_all(CIDEr(), pairs)
