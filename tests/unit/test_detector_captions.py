"""Captions as texts of detectors: capitals, dots, pieces, tokens of phrases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench.grounding.captions import detector_text, lowered, pieces, tokens_of
from gcg_bench.grounding.regions import Wanted
from gcg_bench.grounding.segmentation_sam3 import shortened


@given(st.text())
def test_lower_case_keeps_every_position(text):
    low = lowered(text)
    assert len(low) == len(text)
    assert lowered(low) == low


def test_letters_with_a_longer_lower_case_stay():
    assert lowered("A CAT in \u0130zmir") == "a cat in \u0130zmir"  # its lower case has two letters


def test_lone_surrogates_become_question_marks():
    assert lowered("A \ud800 cat") == "a ? cat"
    assert detector_text("A \ud800 cat", [Wanted("\ud800 cat")]) == ("a ? cat.", [(2, 7)])


def test_text_and_spans_on_paper():
    wanted = [Wanted("A Cat", (0, 5)), Wanted("the mat"), Wanted("A dog"), Wanted("a cat")]
    text, spans = detector_text("A Cat on the mat", wanted)
    assert text == "a cat on the mat. a dog."
    assert [text[start:end] for start, end in spans] == ["a cat", "the mat", "a dog", "a cat"]
    assert spans == [(0, 5), (9, 16), (18, 23), (0, 5)]


def test_an_expression_needs_no_caption():
    assert detector_text("", [Wanted(" The Red Box ")]) == ("the red box.", [(0, 11)])
    assert detector_text("A cat. ", []) == ("a cat.", [])
    assert detector_text("", [Wanted("the box.")]) == ("the box.", [(0, 8)])


def words(text):
    """The characters of each word, a full stop being a word."""
    spans, start = [], None
    for k, letter in enumerate(f"{text} "):
        if letter in " .":
            if start is not None:
                spans.append((start, k))
            start = None
            if letter == ".":
                spans.append((k, k + 1))
        elif start is None:
            start = k
    return spans


TEXT = "a cat sits. a big dog runs on the lawn. the end."


FIRST, SECOND, THIRD = "a cat sits.", "a big dog runs on the lawn.", "the end."
# 4, 8 and 3 words


@pytest.mark.parametrize(
    ("most", "parts"),
    [
        (99, [TEXT]),
        (15, [TEXT]),
        (14, [f"{FIRST} {SECOND}", THIRD]),
        (12, [f"{FIRST} {SECOND}", THIRD]),
        (11, [FIRST, f"{SECOND} {THIRD}"]),
        (8, [FIRST, SECOND, THIRD]),
        (5, [FIRST, "a big dog runs on", "the lawn.", THIRD]),
    ],
)
def test_pieces_on_paper(most, parts):
    assert [TEXT[start:end] for start, end in pieces(TEXT, words(TEXT), [], most)] == parts


def test_a_phrase_is_not_cut():
    text = "a very big dog"
    phrase = (2, 14)  # very big dog
    spans = pieces(text, words(text), [phrase], 3)
    assert [text[start:end] for start, end in spans] == ["a", "very big dog"]
    spans = pieces(text, words(text), [(0, 14)], 3)  # it is too long itself
    assert [text[start:end] for start, end in spans] == ["a very big", "dog"]


@given(st.lists(st.sampled_from(["a", "cat", "dog.", "x"]), max_size=30), st.integers(1, 9))
def test_every_token_lies_in_one_piece(parts, most):
    text = " ".join(parts)
    tokens = words(text)
    spans = pieces(text, tokens, [], most)
    inside = [[t for t in tokens if start <= t[0] and t[1] <= end] for start, end in spans]
    assert [token for group in inside for token in group] == tokens
    assert all(1 <= len(group) <= most for group in inside)


def test_tokens_of_a_span():
    tokens = [(0, 0), (0, 1), (2, 5), (5, 6), (0, 0)]
    assert tokens_of((0, 5), tokens) == [1, 2]
    assert tokens_of((1, 2), tokens) == []
    assert tokens_of((4, 6), tokens) == [2, 3]


def test_relative_clauses_are_cut_when_a_phrase_is_too_long():
    phrase = "a man who holds a cup, which is red"
    assert shortened(phrase, lambda text: True) == phrase
    assert shortened(phrase, lambda text: len(text) <= 22) == "a man who holds a cup"
    assert shortened(phrase, lambda text: len(text) <= 20) == "a man"
    assert shortened("who is there", lambda text: False) == "who is there"
