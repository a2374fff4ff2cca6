"""Every metric: rows are equal to the bit however the pairs were divided."""

from itertools import pairwise

import numpy as np
import pytest
from contracts.test_metrics import EVERY
from support.worlds import compare_all, random_grounding, random_world

from gcg_bench.metrics.cider import CIDEr
from gcg_bench.scoring.rows import fit, measure, measure_fitted
from gcg_bench.text.ngrams import Documents, ngram_keys, word_keys
from gcg_bench.types import Metric

CUTS = [[0, 7], [0, 1, 7], [0, 3, 3, 4, 7], [0, 1, 2, 3, 4, 5, 6, 7]]


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(13)
    world = random_world(7)
    return compare_all(world, [random_grounding(rng) for _ in world])[:7]


def divided(metric, pairs, cuts):
    """The columns of rows that were measured part by part."""
    blocks = [[p.limited_to(metric.needs) for p in pairs[a:b]] for a, b in pairwise(cuts)]
    merged = metric.merge(metric.part(block) for block in blocks)
    tables = []
    for block in filter(None, blocks):
        fitted = metric.prepare(block, merged) if metric.waits else fit(metric, block)
        tables.append(measure_fitted(metric, block, fitted))
    return {name: [v for t in tables for v in t.columns[name]] for name in metric.columns}


@pytest.mark.parametrize("name", list(EVERY))
@pytest.mark.parametrize("cuts", CUTS, ids=len)
def test_rows_and_remarks_do_not_depend_on_the_division(name, cuts, pairs):
    metric = EVERY[name]
    assert not metric.sees_all_at_once
    whole, parts = measure(metric, pairs), divided(metric, pairs, cuts)
    for column in metric.columns:
        for before, after in zip(whole.columns[column], parts[column], strict=True):
            assert np.asarray(before).tobytes() == np.asarray(after).tobytes()
    merged = None
    for a, b in pairwise(cuts):  # merged values are merged again
        part = metric.part(pairs[a:b])
        merged = metric.merge([part] if merged is None else [merged, part])
    assert list(metric.remarks(merged)) == list(metric.notes(pairs))


def test_a_metric_with_its_own_fit_says_that_it_sees_all_at_once():
    class Own(CIDEr):
        def fit(self, pairs):
            return len(pairs)

    class Alone(Own):
        fits_each_alone = True

    class Noting(CIDEr):
        def notes(self, pairs):
            return [f"{len(pairs)} pairs"]

    assert Own().sees_all_at_once
    assert Noting().sees_all_at_once
    assert not Alone().sees_all_at_once
    assert not CIDEr().sees_all_at_once
    assert CIDEr().waits
    assert not Alone().waits


class Plain(Metric):
    name = "plain"
    columns = ("words",)

    def measure(self, pair, fitted):
        assert fitted is None
        return {"words": 1.0}

    def reduce(self, rows, weights):
        return {}


def test_a_metric_that_only_measures_needs_nothing_else(pairs):
    assert not Plain().waits
    assert not Plain().sees_all_at_once
    assert measure(Plain(), pairs).columns["words"].tolist() == [1.0] * 7
    assert Plain().notes(pairs) == ()


def test_document_frequencies_on_paper():
    # "a" is in two images, "b" in two, "a b" in one (twice in its references), "c" in one
    parts = [Documents.of([("a b", "a b a")], 2), Documents.of([("c b",), ("a",), ()], 2)]
    joined = Documents.joined(parts, 2)
    keys, _ = word_keys(["a b c d"])
    a, b, c, d = keys
    expected = {a: np.log(4) - np.log(2), b: np.log(4) - np.log(2), c: np.log(4), d: np.log(4)}
    order = np.sort(keys)
    assert joined.weights(0, order).tolist() == [expected[key] for key in order]
    assert joined.images == 4
    assert not joined.alike
    counts = dict(zip(*(column.tolist() for column in joined.counted[1]), strict=True))
    (ab,) = list(ngram_keys(*word_keys(["a b"]), 2))[1][0].tolist()
    assert counts[ab] == 1
    assert len(counts) == 3  # "a b", "b a", "c b"


def test_keys_tell_words_orders_and_lengths_apart():
    texts = ["a b", "b a", "a b c", "ab", "a a", "b b"]
    two = list(ngram_keys(*word_keys(texts), 2))[1][0].tolist()
    # "a b" twice, "b a", "b c", "a a", "b b"
    assert len(two) == 6
    assert len(set(two)) == 5
    ones = word_keys(["a", "b", "ab", "\udc80"])[0].tolist()
    assert len({*ones, *two}) == 9


def test_no_references_have_no_frequencies():
    empty = Documents.joined([], 4)
    assert empty.images == 0
    assert empty.alike
    assert empty.weights(3, word_keys(["a"])[0]).tolist() == [0.0]
