"""Laws that every metric meets by existing; one that cannot keep a law says which, and why."""

from dataclasses import fields, is_dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from support.worlds import compare_all, random_grounding, random_world

from gcg_bench import metrics, registry
from gcg_bench.scoring.score import measure
from gcg_bench.tasks.gcg import OFFICIAL, OPTIONAL_METRICS, STRICT, spelling
from gcg_bench.types import Grounding, Phrase

# spice needs a download of its own, which its own test covers
EVERY = {
    spelling(metric): metric
    for metric in (
        *OFFICIAL.metrics,
        *STRICT.metrics,
        *(metrics.load(name) for name in OPTIONAL_METRICS if name != "spice"),
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


def better(metric, a, b):
    """Whether a is at least as good as b, up to rounding."""
    return a <= b + 1e-12 if metric.lower_is_better else a >= b - 1e-12


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
        assert f"{field.name}={getattr(metric, field.name)}" in spelling(metric)


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
        assert set(other) == set(metric.scores)
        assert all(better(metric, best[name], other[name]) for name in other)


def test_silence_is_zero(metric, world):
    silent = score(metric, compare_all(world, [Grounding("") for _ in world]))
    assert silent == dict.fromkeys(metric.scores, 0.0)


def test_image_order_is_irrelevant(metric, world):
    if "image order" in metric.laws_broken:
        pytest.skip(metric.laws_broken["image order"])
    rng = np.random.default_rng(5)
    answers = [random_grounding(rng) for _ in world]
    forward = compare_all(world, answers)
    assert score(metric, forward) == pytest.approx(score(metric, forward[::-1]), abs=1e-12)


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
        assert all(better(metric, less[name], more[name]) for name in metric.scores)


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
        for name in metric.scores:
            assert drawn[name][draw] == pytest.approx(again[name][0], abs=1e-12)


def test_scores_do_not_change_what_they_were_given(metric, world):
    phrases = (Phrase("a cat"),)
    pairs = compare_all(world, [Grounding("a cat", phrases) for _ in world])
    before = [c.iou.copy() for c in pairs]
    score(metric, pairs)
    for pair, table in zip(pairs, before, strict=True):
        assert np.array_equal(pair.iou, table, equal_nan=True)
