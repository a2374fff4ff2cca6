"""The self-test's changes of words: another colour, another noun."""

import pytest

from gcg_bench.analysis.invariants.word_changes import other_colours, other_noun


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a red circle", "a blue circle"),
        ("A crimson and blue flag", "A blue and red flag"),
        ("a small circle", "a small circle"),
        ("an orange", "an orange"),  # the thing, not its colour
        ("", ""),
    ],
)
def test_colours_become_others(text, changed):
    assert other_colours(text) == changed


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a red circle", "a red qwxz"),
        ("a man in a red shirt", "a qwxz in a red shirt"),
        ("Two dogs", "Two qwxz"),
        ("", "qwxz"),
    ],
)
def test_the_noun_becomes_another(text, changed):
    assert other_noun(text, "qwxz") == changed
