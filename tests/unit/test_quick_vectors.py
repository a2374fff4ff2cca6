"""Quick vectors decide as exact ones do, whatever they are computed with."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcg_bench.metrics.mask_recall import MaskRecall
from gcg_bench.scoring.score import phrase_rule
from gcg_bench.tasks.gcg import OFFICIAL
from gcg_bench.text import embedding
from gcg_bench.text.agreement import SIMILARITY_THRESHOLD, Unknown
from gcg_bench.text.encoders import load_encoder
from gcg_bench.text.similarity import Decided, false_accept, tables

SIZES, THINGS = ("a", "two small", "the very old red"), ("cat", "bicycle", "street sign", "qwerty")
PLACES = ("", "on a wooden table", "beside the other one", "of the man who is standing there")
PHRASES = [f"{size} {thing} {place}" for size in SIZES for thing in THINGS for place in PLACES]


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    """Phrase -> its exact vector."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GCG_BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        found = load_encoder("minilm").vectors(PHRASES)
    return dict(zip(PHRASES, found, strict=True))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(("threads", "most", "seed"), [(1, 2048, 0), (2, 40, 1), (2, 1, 2)])
def test_decisions_do_not_depend_on_neighbours_batches_or_threads(
    exact, tmp_path, monkeypatch, threads, most, seed
):
    import torch

    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(embedding, "_BATCH", most)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        phrases = random.Random(seed).sample(PHRASES, 40)
        found = load_encoder("minilm").quick_vectors(phrases)
    finally:
        torch.set_num_threads(before)
    theirs = np.stack([exact[phrase] for phrase in phrases])
    # the promise is 2e-5 for the cosine; a quick vector is off by less than a tenth of that
    assert np.linalg.norm(unit(found) - unit(theirs), axis=1).max() < 2e-6
    cosines = unit(theirs) @ unit(theirs).T
    assert np.abs(unit(found) @ unit(found).T - cosines).max() < 2e-6
    images = [(phrases[:20], phrases[20:])]
    hardest = tuple(cosines[:20, 20:].ravel()[:: seed + 7])  # thresholds are similarities
    decided = Decided(lambda texts: np.stack([exact[text] for text in texts]), hardest)
    quick = dict(zip(phrases, found, strict=True))
    (table,) = tables(images, quick, equal_is_one=True, decided=decided)
    (expected,) = tables(images, exact, equal_is_one=True)
    for threshold in hardest:
        clear = np.abs(expected - threshold) > 1e-12  # the sum of an exact cosine has an order
        assert np.array_equal((table >= threshold)[clear], (expected >= threshold)[clear])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-7, 5e-6]))
def test_quick_vectors_at_the_limit_decide_as_exact_ones(seed, off):
    rng = np.random.default_rng(seed)
    names = [f"phrase {k}" for k in range(12)]
    sure = unit(rng.normal(size=(12, 3)))
    noise = unit(rng.normal(size=(12, 3)))
    exact = dict(zip(names, sure, strict=True))
    quick = dict(zip(names, sure + off * noise, strict=True))
    # so near to a similarity that the noise alone could decide
    threshold = float(sure[0] @ sure[7]) + rng.choice([-1e-9, 1e-9])
    asked = []

    def again(texts):
        asked.extend(texts)
        return np.stack([exact[text] for text in texts])

    images = [(names[:6], [*names[6:], None])]
    decided = Decided(again, (threshold,))
    (table,) = tables(images, quick, equal_is_one=False, decided=decided)
    (expected,) = tables(images, exact, equal_is_one=False)
    assert np.array_equal(table >= threshold, expected >= threshold)
    assert np.isnan(table[:, 6]).all()
    assert {"phrase 0", "phrase 7"} <= set(asked)
    options = {"threshold": threshold, "equal_is_one": False, "seed": 0}
    per_image = [names[:6], names[6:]]
    assert false_accept(per_image, quick, exact=again, **options) == false_accept(
        per_image, exact, **options
    )


def test_equal_phrases_stay_equal_where_a_threshold_is_one():
    vectors = {"A dog": np.array([1.0, 0.0]), "the dog": np.array([0.0, 1.0])}
    decided = Decided(lambda texts: np.stack([vectors[text] for text in texts]), (1.0,))
    (table,) = tables([(["A dog"], ["the dog"])], vectors, equal_is_one=True, decided=decided)
    assert table.tolist() == [[1.0]]


def test_where_single_precision_is_too_rough_quick_vectors_are_exact(exact, tmp_path, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(embedding, "_OFF", 0.0)
    found = load_encoder("minilm").quick_vectors(PHRASES[:3])
    assert np.array_equal(found, np.stack([exact[p] for p in PHRASES[:3]]).astype(np.float32))


def test_unknown_nouns_that_may_be_similar_are_compared_exactly():
    close, far = SIMILARITY_THRESHOLD + 1e-5, SIMILARITY_THRESHOLD - 1e-3
    exact = {"a": [1.0, 0.0], "b": [close - 2e-5, (1 - (close - 2e-5) ** 2) ** 0.5]}
    quick = {"a": [1.0, 0.0], "b": [close, (1 - close**2) ** 0.5], "c": [far, (1 - far**2) ** 0.5]}
    unknown = Unknown(
        lambda texts: np.array([exact[text] for text in texts]),
        quick=lambda texts: np.array([quick[text] for text in texts]),
    )
    assert unknown.similarity("a", "b") == pytest.approx(close - 2e-5, abs=1e-12)
    assert unknown.similarity("a", "c") == pytest.approx(far, abs=1e-12)


def test_only_metrics_that_say_so_are_given_quick_similarities():
    official = OFFICIAL.using(encoder="minilm")
    rule = phrase_rule(official)
    assert rule is not None
    assert rule.thresholds == (0.5,)

    class Sum(MaskRecall):
        """Reads the values."""

        similarity_thresholds = None

    others = [metric for metric in official.metrics if metric.name != Sum.name]
    assert phrase_rule(replace(official, metrics=(*others, Sum()))).thresholds is None
