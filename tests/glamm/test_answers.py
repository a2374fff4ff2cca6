"""Parsed replies: as published, and with every [SEG] at its own phrase."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcg_bench.glamm.answers import read_answer

PROMPT = "USER: say ASSISTANT:"


def read(tokenizer, reply, prompt=PROMPT):
    return read_answer(tokenizer, tokenizer.encode(prompt), tokenizer.encode(reply))


def seen(answer):
    return [(phrase.text, phrase.masks, phrase.tags) for phrase in answer.phrases]


@pytest.mark.parametrize(
    ("reply", "phrases", "unassigned"),
    [
        (
            "<p> a red circle </p> [SEG] is near <p> a star </p> [SEG].</s>",
            [("a red circle", (0,), "paired"), ("a star", (1,), "paired")],
            (),
        ),
        ("<p> stars </p> [SEG] [SEG] near", [("stars", (0, 1), "paired")], ()),
        (
            "<p> a </p> is <p> b </p> [SEG]",
            [("a", (), "paired"), ("b", (0,), "paired")],
            (),
        ),
        ("Sure, it is [SEG].", [], (0,)),
        (
            "<p> a </p> is near [SEG] <p> b </p> [SEG]",
            [("a", (), "paired"), ("b", (1,), "paired")],
            (0,),
        ),
        ("<p> a red circle [SEG] is near", [("a red circle", (0,), "unclosed")], ()),
        (
            "<p> a red <p> b </p> [SEG]",
            [("a red", (), "unclosed"), ("b", (0,), "paired")],
            (),
        ),
        ("a red </p> [SEG] circle", [("a red", (0,), "unopened")], ()),
        (
            "<p> a </p> [SEG] is the red </p> [SEG]",
            [("a", (0,), "paired"), ("is the red", (1,), "unopened")],
            (),
        ),
        ("<p> a [SEG] </p> red", [("a", (0,), "paired")], ()),
        ("<p></p> [SEG] red", [("", (0,), "paired")], ()),
        ("<p> a red", [("a red", (), "unclosed")], ()),
        ("", [], ()),
    ],
)
def test_masks_stay_with_their_phrases(tokenizer, reply, phrases, unassigned):
    answer = read(tokenizer, reply)
    assert seen(answer) == phrases
    assert answer.unassigned == unassigned


def test_masks_of_the_prompt_are_counted_but_not_owned(tokenizer):
    """The indices count all [SEG], so those of the reply follow those of earlier turns."""
    answer = read(tokenizer, "<p> a </p> [SEG]", "USER: say ASSISTANT: [SEG]</s>USER: ASSISTANT:")
    assert answer.phrases[0].masks == (1,)


def test_spelt_out_seg_is_no_mask(tokenizer):
    """Ordinary tokens that spell `[SEG]` are removed from the caption but have no mask."""
    spelt = [number for part in ("[", "SEG", "]") for number in tokenizer._pieces.encode(part)]
    numbers = tokenizer.encode("<p> a </p>")
    text = tokenizer.decode([*numbers, *spelt])
    answer = read_answer(tokenizer, tokenizer.encode(PROMPT), [*numbers, *spelt])
    assert "SEG" in text
    assert answer.phrases[0].masks == ()


def test_probabilities_are_those_of_the_phrase_words(tokenizer):
    prompt, reply = tokenizer.encode(PROMPT), tokenizer.encode("a <p> red star </p> [SEG]")
    words = len(tokenizer.encode("a")), len(tokenizer.encode("red star"))
    chances = [0.1] * words[0] + [0.2] + [0.5] * (words[1] - 1) + [0.9] + [0.3, 0.4]
    answer = read_answer(tokenizer, prompt, reply, chances)
    expected = (0.5 * (words[1] - 1) + 0.9) / words[1]
    assert answer.phrases[0].probability == pytest.approx(expected)
    assert read_answer(tokenizer, prompt, reply).phrases[0].probability is None


def published(text):
    """The clean-up as in the specification, on the text alone."""
    phrases = [match.strip() for match in re.findall(r"<p>(.*?)</p>", text)]
    caption = re.sub(r"<.*?>", "", text).replace("[SEG]", "")
    return " ".join(caption.split()).strip("'").strip(), phrases


FRAGMENTS = st.sampled_from(
    [
        "<p>",
        "</p>",
        "[SEG]",
        "</s>",
        "'",
        "a",
        " red",
        "  ",
        "\n",
        "star",
        ".",
        "<",
        ">",
        "&",
        "ASSISTANT: ",
    ]
)


@given(st.lists(FRAGMENTS, max_size=16).map("".join))
@settings(max_examples=200, deadline=None)
def test_any_reply_is_cleaned_as_published_and_loses_no_mask(tokenizer, reply):
    ids = tokenizer.encode(reply)
    answer = read_answer(tokenizer, tokenizer.encode(PROMPT), ids)
    raw = tokenizer.decode([*tokenizer.encode(PROMPT), *ids])
    text = raw.replace("\n", "").replace("  ", " ").split("ASSISTANT: ")[-1]
    assert answer.raw == raw
    assert answer.text == text
    assert (answer.caption, list(answer.published_phrases)) == published(text)
    owned = [mask for phrase in answer.phrases for mask in phrase.masks] + list(answer.unassigned)
    assert sorted(owned) == sorted(set(owned))
    last = ids.count(tokenizer.seg)
    assert sorted(owned) == list(range(last - len(owned), last))
    assert len(owned) == text.count("[SEG]")
    for phrase in answer.phrases:
        assert answer.caption[slice(*phrase.span)] == phrase.text
        assert phrase.text == phrase.text.strip()
