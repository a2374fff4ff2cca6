"""Captions with numbered objects: spans, ids, and the repair of what is written wrongly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench.annotate.numbered import read_numbered, write_numbered
from gcg_bench.annotate.scenes import TiedPhrase


def test_phrases_have_spans_and_ids() -> None:
    caption = read_numbered("<p>Two cups</p>[3,5] on <p>a table</p>[1].", {1, 3, 5})
    assert caption.caption == "Two cups on a table."
    assert caption.phrases == (
        TiedPhrase("Two cups", (0, 8), (3, 5)),
        TiedPhrase("a table", (12, 19), (1,)),
    )
    assert caption.repairs == ()


@pytest.mark.parametrize(
    ("text", "caption", "phrases", "repair"),
    [
        ("<p>a cup</p>[1, 9]", "a cup", [("a cup", (0, 5), (1,))], "unknown id '9'"),
        ("<p>a cup</p>[9]", "a cup", [], "unknown id '9'"),
        ("<p>a cup</p>", "a cup", [], "no words or no known id: 'a cup'"),
        ("<p> </p>[1]", " ", [], "no words or no known id: ' '"),
        ("a cup</p>[1]", "a cup", [], "</p> without <p> after 'a cup'"),
        ("<p>a cup", "a cup", [], "<p> without </p> before 'a cup'"),
        (
            "<p>a <p>cup</p>[1]",
            "a cup",
            [("cup", (2, 5), (1,))],
            "<p> without </p> before 'a '",
        ),
        ("<p>a cup</p>[-1, one]", "a cup", [], "unknown id '-1'"),
        ("<p>a cup</p>[1, \u0661]", "a cup", [("a cup", (0, 5), (1,))], "unknown id '\u0661'"),
    ],
)
def test_what_is_wrong_is_repaired_and_stated(
    text: str,
    caption: str,
    phrases: list[tuple[str, tuple[int, int], tuple[int, ...]]],
    repair: str,
) -> None:
    read = read_numbered(text, {1, 3})
    assert read.caption == caption
    assert read.phrases == tuple(TiedPhrase(*phrase) for phrase in phrases)
    assert read.repairs[0] == repair


def test_blanks_and_repeated_ids_are_no_mistakes() -> None:
    read = read_numbered("see <p> a cup </p> [1,1]", {1})
    assert read.caption == "see  a cup "
    assert read.phrases == (TiedPhrase("a cup", (5, 10), (1,)),)
    assert read.repairs == ()


@given(st.text(alphabet="<p>/[]1,9 ab", max_size=40))
def test_any_text_gives_spans_that_spell_their_phrases(text: str) -> None:
    read = read_numbered(text, {1})
    assert all(read.caption[slice(*phrase.span)] == phrase.text for phrase in read.phrases)
    ends = [end for phrase in read.phrases for end in phrase.span]
    assert ends == sorted(ends)
    assert all(phrase.ids == (1,) for phrase in read.phrases)


@given(st.lists(st.tuples(st.text("ab ", max_size=5), st.text("cd", min_size=1, max_size=4))))
def test_what_is_written_is_read_back(parts: list[tuple[str, str]]) -> None:
    caption, phrases = "", []
    for between, words in parts:
        caption += between
        span = (len(caption), len(caption) + len(words))
        phrases.append(TiedPhrase(words, span, (len(phrases), 99)))
        caption += words
    read = read_numbered(write_numbered(caption, phrases), range(100))
    assert (read.caption, read.phrases, read.repairs) == (caption, tuple(phrases), ())
