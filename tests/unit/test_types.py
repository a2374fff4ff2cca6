"""The nouns: what they tell of themselves."""

import pytest

from gcg_bench.types import Prediction


@pytest.mark.parametrize(
    ("raw", "alone"),
    [
        (None, 0),
        ("a cat", 0),
        ("<p> a cat </p> [SEG] on <p> a mat </p> [SEG]", 0),
        ("<p> a cat [SEG] on <p> a mat </p> [SEG]", 1),  # never closed
        ("a cat </p> [SEG]", 1),  # never opened
        ("</p> a cat <p>", 2),
        ("<p> a <p> cat </p> </p>", 2),
    ],
)
def test_tags_without_a_partner_are_counted(raw, alone):
    assert Prediction("a", raw=raw).unpaired == alone
