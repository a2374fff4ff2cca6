"""ROUGE-L against pycocoevalcap's, and by arithmetic on paper."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.rouge.rouge import Rouge, my_lcs
from support.captioned import pairs, published, scores

from gcg_bench.metrics.rouge_l import ROUGEL, common_subsequence
from gcg_bench.scoring.score import measure

words = st.lists(st.sampled_from(("a", "the", "dog", "cat", "3\xa01/2")), max_size=12)
# single spaces in a row are empty words to pycocoevalcap
caption = st.one_of(words.map(" ".join), words.map("  ".join))
worlds = st.lists(
    st.tuples(st.lists(caption, min_size=1, max_size=4), caption), min_size=1, max_size=6
)


@settings(max_examples=150)
@given(worlds)
def test_equals_pycocoevalcap(world):
    corpus, each = Rouge().compute_score(*published(world))
    rows = measure(ROUGEL(), pairs(world))
    assert rows.columns["rouge_l"] == pytest.approx(each, abs=1e-9)
    assert scores(ROUGEL(), world)["ROUGE_L"] == pytest.approx(corpus, abs=1e-9)


@settings(max_examples=150)
@given(st.text("abcd", max_size=80), st.text("abcde", max_size=80))
def test_common_subsequence_equals_the_usual_table(first, second):
    assert common_subsequence(first, second) == my_lcs(list(first), list(second))


def test_on_paper():
    # "a c" of "a b c": precision 1, recall 2/3, beta 1.2
    expected = (1 + 1.44) * (2 / 3) / (2 / 3 + 1.44)
    assert scores(ROUGEL(), [(["a b c"], "a c")])["ROUGE_L"] == pytest.approx(expected)
    # the best precision and the best recall come from different references
    both = scores(ROUGEL(), [(["a", "a b x y z"], "a b")])["ROUGE_L"]
    assert both == pytest.approx((1 + 1.44) * 1 * 1 / (1 + 1.44))


def test_empty_captions():
    assert scores(ROUGEL(), [(["a dog"], "")])["ROUGE_L"] == 0.0
    assert scores(ROUGEL(), [([""], "")])["ROUGE_L"] == 1.0
    assert scores(ROUGEL(), []) == {"ROUGE_L": 0.0}
    assert scores(ROUGEL(), [(["a"], "a")], [0]) == {"ROUGE_L": 0.0}
