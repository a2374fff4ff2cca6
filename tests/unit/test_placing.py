"""Where phrases stand in a caption: cases written by hand, and laws on drawn texts."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gcg_bench.grounding.placing import find, place


@pytest.mark.parametrize(
    ("phrase", "caption", "span"),
    [
        ("a dog", "A man and a dog.", (10, 15)),
        (" a dog ", "A man and a dog.", (10, 15)),
        ("a man", "A man and a dog.", (0, 5)),
        ("A MAN", "A man and a dog.", (0, 5)),
        ("a  man\n", "A man and a dog.", (0, 5)),
        ("a man", "A\tman", (0, 5)),
        ("a cat", "A man and a dog.", None),
        ("", "A man", None),
        (" ", "A man", None),
        ("a man", "", None),
        # whole words before parts of words
        ("car", "A scarf in a car.", (13, 16)),
        ("a man", "a mandolin and A man", (15, 20)),
        ("man", "A mandolin", (2, 5)),
        # characters outside ASCII that a model left out
        ("a caf table", "On a café table.", (3, 15)),
        ("a caf", "In a café.", (3, 9)),
        ("cole", "Une école.", (4, 9)),
        ("a red  blue box", "a red – blue box", (0, 16)),
        ("a red blue box", "a red – blue box", (0, 16)),
        ("THE STRASSE", "On the straße.", (3, 13)),
        ("猫", "一只猫在睡觉", (2, 3)),
        ("—", "a — b", (2, 3)),
        # only characters outside ASCII are left out
        ("a cafe", "In a café.", None),
        ("a-man", "a man", None),
    ],
)
def test_a_phrase_in_a_caption(phrase, caption, span):
    assert find(phrase, caption) == span


def test_phrases_follow_each_other():
    caption = "A dog beside a dog and a cat on a mat."
    assert place(["A dog", "a dog", "a cat"], caption) == [(0, 5), (13, 18), (23, 28)]
    # a phrase that stands earlier is found from the beginning; the search goes on after it
    assert place(["a cat", "a dog", "a mat"], caption) == [(23, 28), (13, 18), (32, 37)]
    # a phrase that is not found moves nothing
    assert place(["A dog", "a cow", "a dog"], caption) == [(0, 5), None, (13, 18)]
    assert place([], caption) == []


def test_which_of_several_places():
    # the same words in the same letters before other letters
    assert find("a dog", "A dog and a dog") == (10, 15)
    # what follows the last phrase before what stands in front of it
    assert find("a dog", "a dog, then A dog", 3) == (12, 17)
    assert find("a dog", "a dog, then a cat", 3) == (0, 5)
    # whole words in front of it before parts of words that follow
    assert find("car", "A car, then a scarf", 8) == (2, 5)


texts = st.text(st.sampled_from("aAbBß éÉ.–\n") | st.characters(codec="utf-8"), max_size=30)


@given(texts, texts, st.integers(0, 40))
@example("s", "ß", 0)
@example("İ", "i̇x", 0)
def test_a_span_lies_in_the_caption_and_has_the_words(phrase, caption, start):
    span = find(phrase, caption, start)
    if span is None:
        assert not phrase.strip() or phrase.strip() not in caption
        return
    assert 0 <= span[0] < span[1] <= len(caption)
    words = caption[slice(*span)]
    assert words == phrase.strip() or plain(phrase) in plain(words) or folded(phrase, words)


def plain(text: str) -> str:
    return " ".join("".join(c for c in text if c.isascii()).lower().split())


def folded(phrase: str, words: str) -> bool:
    return phrase.strip().casefold() in words.casefold()


@given(texts, texts, texts)
def test_whole_words_that_stand_there_are_found_as_they_are(before, phrase, after):
    phrase = phrase.strip()
    span = find(phrase, f"{before} {phrase} {after}")
    if not phrase:
        assert span is None
    else:
        assert span is not None
        assert f"{before} {phrase} {after}"[slice(*span)] == phrase


@given(st.lists(st.text("abc", min_size=1, max_size=4), max_size=8))
def test_the_words_of_a_caption_are_placed_in_order(words):
    caption = " ".join(words)
    spans, position = [], 0
    for word in words:
        spans.append((position, position + len(word)))
        position += len(word) + 1
    assert place(words, caption) == spans
