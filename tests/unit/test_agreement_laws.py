"""Laws of the agreement of phrases, its tables, and its nouns that WordNet does not have."""

import math
import subprocess
import sys
import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fences import ROOT

import gcg_bench
from gcg_bench.text import stored_tables
from gcg_bench.text.agreement import (
    NOUN_THRESHOLD,
    Unknown,
    agreement_tables,
    noun_agreements,
    phrase_agreement,
)

# Bounds, identity, determinism --------------------------------------------------------------------

WORDS = (
    *("a", "the", "two", "red", "blue", "small", "man", "dog", "hot", "of", "in", "with", "and"),
    *("shirt", "'s", "covered", "left", "on", "wooden", "striped", "haired", "people", "crowd"),
    *("pair", "jeans", "thing", "who", "is", "wearing", "picture", "une", "狗", "umbrela", "stack"),
    *("striped", "red-striped", "dotted", "big-eared", "coloured", "shape", "plus"),
)


PHRASES = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(WORDS),
        max_size=9,
    ).map(" ".join),
)


@given(PHRASES, PHRASES)
def test_values_are_within_bounds_and_repeatable(reference, prediction):
    found = phrase_agreement(reference, prediction)
    assert 0.0 <= found.noun <= 1.0
    assert 0.0 <= found.attributes <= 1.0
    assert found.agreement == pytest.approx(found.noun * (1 + found.attributes) / 2)
    assert found.agreement <= found.noun
    assert found == phrase_agreement(reference, prediction)


@given(PHRASES)
def test_a_phrase_agrees_with_itself(phrase):
    found = phrase_agreement(phrase, phrase)
    words = any(character.isalnum() for character in phrase)
    if found.reason != "a phrase without words":
        assert (found.noun, found.attributes, found.agreement) == (1.0, 1.0, 1.0)
    elif phrase.isascii():
        assert not words


@given(PHRASES, PHRASES)
def test_both_directions_decide_alike(one, other):
    there, back = phrase_agreement(one, other), phrase_agreement(other, one)
    assert (there.noun >= NOUN_THRESHOLD) == (back.noun >= NOUN_THRESHOLD)
    assert there.attributes == pytest.approx(back.attributes)


@given(PHRASES, st.sampled_from([str.upper, str.title, lambda text: f"  {text} . "]))
def test_case_and_punctuation_do_not_matter(phrase, change):
    if phrase.isascii():
        assert phrase_agreement(phrase, change(phrase)) == phrase_agreement(phrase, phrase)


@pytest.mark.parametrize(
    "text",
    ["", "   ", "!?", "\x00\x01", "\ud800", "e\u0301" * 50_000, "x" * 100_000, "a " * 50_000, "狗",
     "with " * 20_000, "'s " * 30_000, "and red " * 12_000, "हिन्दी", "1" * 100_000, "of of of"],
    ids=range(15),
)  # fmt: skip
def test_hostile_text_is_compared_quickly(text):
    start = time.process_time()
    for reference, prediction in ((text, text), (text, "a dog"), ("a red dog", text)):
        found = phrase_agreement(reference, prediction)
        assert 0.0 <= found.agreement <= 1.0
        assert len(found.reason) < 10_000
    assert time.process_time() - start < 2.0


def test_text_in_other_scripts_is_compared_by_its_spelling():
    assert phrase_agreement("红色的狗", "红色的狗").agreement == 1.0
    assert phrase_agreement("बिल्ली", "बल्ल").noun == 0.0
    assert phrase_agreement("ein Café", "ein cafe").agreement == 1.0


# Tables -------------------------------------------------------------------------------------------


def test_tables_hold_what_pairs_give():
    references = ["a red car", None, "a dog", "!!", "two men"]
    predictions = ["a blue car", "an animal", "a man", None]
    images = [(references, predictions), ([], predictions), (references, []), ([None], [""])]
    tables = agreement_tables(images)
    assert [t[0].shape for t in tables] == [(5, 4), (0, 4), (5, 0), (1, 1)]
    for (rows, columns), found in zip(images, tables, strict=True):
        for (i, one), (j, other) in product(enumerate(rows), enumerate(columns)):
            values = [float(table[i, j]) for table in found]
            if one in (None, "!!") or other in (None, ""):
                assert all(map(math.isnan, values))
            else:
                pair = phrase_agreement(one, other)
                assert values == [pair.noun, pair.attributes, pair.agreement]


def test_tables_of_a_split_are_stored_and_a_second_time_nothing_is_compared(monkeypatch, tmp_path):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path))
    image = (["a red car", None, "a dog", "two men"] * 4, ["a blue car", "an animal", "a man"] * 4)
    images = [image, ([], ["a dog"])] * 60
    first = agreement_tables(images)
    monkeypatch.setattr("gcg_bench.text.agreement._noun", None)
    second = agreement_tables(images)
    for one, other in zip(first, second, strict=True):
        for k in range(3):
            np.testing.assert_array_equal(one[k], other[k])
    with pytest.raises(TypeError):
        agreement_tables([*images, image])


def test_nouns_of_pairs_agree_as_phrases_do():
    pairs = [("a red dog", "the dog"), ("a dog", "a cat"), ("a dog", ""), ("a poodle", "a dog")]
    whole = [phrase_agreement(*pair).noun for pair in pairs]
    assert noun_agreements(pairs) == whole
    assert noun_agreements([]) == []


def test_a_share_of_pairs_is_computed_once_for_what_decides_it(monkeypatch, tmp_path):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path))
    shares = iter([0.25, 0.5, 0.75, 1.0])
    sides = (["a dog"], ["a cat"])
    assert stored_tables.stored_share(*sides, "rule", lambda: next(shares)) == 0.25
    assert stored_tables.stored_share(*sides, "rule", lambda: next(shares)) == 0.25
    assert stored_tables.stored_share(*sides, "another rule", lambda: next(shares)) == 0.5
    assert stored_tables.stored_share(["a dog"], ["a cow"], "rule", lambda: next(shares)) == 0.75
    monkeypatch.setattr(stored_tables, "_rules", lambda: b"other code")
    assert stored_tables.stored_share(*sides, "rule", lambda: next(shares)) == 1.0


def test_tables_with_unknown_nouns_are_stored_under_their_encoder(monkeypatch, tmp_path):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path))
    images = [(["a qwertyx"] * 100, ["a qweasdx"] * 100)]

    def value(vector: list[float], encoder: str) -> float:
        vectors = iter([[1.0, 0.0], vector])
        unknown = Unknown(lambda texts: np.array([next(vectors) for _ in texts]), encoder=encoder)
        return float(agreement_tables(images, unknown=unknown)[0][0][0, 0])

    assert agreement_tables(images)[0][0][0, 0] == 0.0
    assert value([1.0, 0.0], "") == 1.0
    assert value([0.0, 1.0], "") == 0.0
    assert value([1.0, 0.0], "one") == 1.0
    assert value([0.0, 1.0], "other") == 0.0
    assert value([0.0, 1.0], "one") == 1.0


# Words that WordNet does not have -----------------------------------------------------------------


def test_unknown_nouns_are_compared_by_their_vectors_and_known_ones_are_not():
    asked = []

    def vectors(texts):
        asked.extend(texts)
        return np.array([[1.0, 0.0] if "qwe" in text else [0.0, 1.0] for text in texts])

    unknown = Unknown(vectors)
    assert phrase_agreement("a dog", "a truck", unknown=unknown).noun == 0.0
    assert asked == []
    assert phrase_agreement("a qwertyx", "a qweasdx", unknown=unknown).noun == 1.0
    assert phrase_agreement("a qwertyx", "a dog", unknown=unknown).noun == 0.0
    assert phrase_agreement("a qwertyx", "a qweasdx").noun == 0.0
    assert set(asked) == {"qwertyx", "qweasdx", "dog"}


def test_nothing_heavy_is_loaded_when_wordnet_decides():
    program = (
        "import sys, gcg_bench\n"
        "assert gcg_bench.phrase_agreement('a dog', 'an animal').noun > 0.5\n"
        "assert not {'torch', 'transformers', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_the_reason_names_the_words():
    found = gcg_bench.phrase_agreement("a red car", "a blue truck")
    assert "car / truck: different kinds of one parent (noun 0.00)" in found.reason
    assert "red / blue contradict (attributes 0.00)" in found.reason
