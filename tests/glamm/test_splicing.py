"""Positions of image rows, with small numbers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench.errors import BadData
from gcg_bench.glamm.splicing import (
    IGNORE,
    IMAGE,
    image_positions,
    padded,
    seg_rows,
    splice,
    spread,
)


def test_padding_on_either_side():
    ids, mask = padded([[1, 2, 3], [4]], pad=0)
    assert ids.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert mask.tolist() == [[True] * 3, [True, False, False]]
    ids, mask = padded([[1, 2, 3], [4]], pad=0, left=True)
    assert ids.tolist() == [[1, 2, 3], [0, 0, 4]]
    assert mask.tolist() == [[True] * 3, [False, False, True]]


@pytest.mark.parametrize("row", [[1, 2, 3], [1, IMAGE, IMAGE]])
def test_exactly_one_image_a_row(row):
    with pytest.raises(BadData, match="prompt 1 of the batch"):
        image_positions(torch.tensor([[1, IMAGE, 2], row]))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.integers(1, 5))
def test_splice_is_cut_and_paste(places, patches):
    tokens = torch.arange(len(places) * 7.0).view(-1, 7, 1)
    image = -1 - torch.arange(len(places) * patches * 1.0).view(-1, patches, 1)
    spliced = splice(tokens, image, torch.tensor(places))
    values = spread(torch.arange(7).expand(len(places), 7), torch.tensor(places), patches, IGNORE)
    for row, place in enumerate(places):
        pasted = torch.cat([tokens[row, :place], image[row], tokens[row, place + 1 :]])
        assert torch.equal(spliced[row], pasted)
        left = [*range(place), *[IGNORE] * patches, *range(place + 1, 7)]
        assert values[row].tolist() == left


def test_seg_rows_are_the_predicting_ones():
    """576 patches: the row in the specification is k + 574 for [SEG] at index k."""
    ids = torch.tensor([[1, IMAGE, 5, 9, 5, 9], [1, IMAGE, 9, 5, 5, 5]])
    owner, rows = seg_rows(ids, 9, 576)
    assert owner.tolist() == [0, 0, 1]
    assert rows.tolist() == [3 + 574, 5 + 574, 2 + 574]
