"""The region encoder's parts against an independent computation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gcg_bench.glamm.region import resized, roi_align


def bilinear(map_, y, x):
    """One sample by definition: 0 when outside by more than a cell, else clamped to the border."""
    height, width = map_.shape
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    low, right = min(top + 1, height - 1), min(left + 1, width - 1)
    dy, dx = y - top, x - left
    upper = map_[top, left] * (1 - dx) + map_[top, right] * dx
    lower = map_[low, left] * (1 - dx) + map_[low, right] * dx
    return upper * (1 - dy) + lower * dy


def by_definition(map_, box, size):
    x0, y0, x1, y1 = (side - 0.5 for side in box)
    height, width = (y1 - y0) / size, (x1 - x0) / size
    cut = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            samples = [
                bilinear(map_, y0 + (row + v) * height, x0 + (column + u) * width)
                for v in (0.25, 0.75)
                for u in (0.25, 0.75)
            ]
            cut[row, column] = np.mean(samples)
    return cut


side = st.floats(-3, 12)


@given(st.tuples(side, side, side, side))
@settings(max_examples=60, deadline=None)
def test_roi_align_is_its_definition(box):
    map_ = np.random.default_rng(0).standard_normal((9, 8))
    ours = roi_align(torch.from_numpy(map_).float()[None], torch.tensor([box]), 3)[0, 0]
    assert np.abs(ours.numpy() - by_definition(map_, box, 3)).max() < 1e-4


def test_a_ramp_is_cut_at_the_cell_centres():
    """On a map whose value is x, a cell's value is the x of its centre (box 2..8 in 3: 3, 5, 7)."""
    ramp = (torch.arange(10.0) + 0.5).expand(10, 10)
    cut = roi_align(ramp[None], torch.tensor([[2.0, 2.0, 8.0, 8.0]]), 3)[0, 0]
    assert torch.allclose(cut, torch.tensor([3.0, 5.0, 7.0]).expand(3, 3))


def test_resizing_aligns_corners():
    map_ = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    wide = resized(map_, 3)[0, 0]
    assert torch.allclose(wide, torch.tensor([[0, 0.5, 1], [1, 1.5, 2], [2, 2.5, 3]]))
    assert resized(map_.bfloat16(), 3).dtype == torch.bfloat16


def test_each_image_keeps_its_own_boxes(small, pictures):
    """A batch gives the vectors of every single image; an image without boxes has none."""
    sight = small.encode_images(torch.stack([picture.pixels for picture in pictures[:3]]))
    boxes = [
        torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.2, 0.1, 0.9, 1.0]]),
        torch.zeros(0, 4),
        torch.tensor([[0.3, 0.3, 0.6, 0.6]]),
    ]
    together = small.region_encoder(sight.levels, boxes)
    assert [len(vectors) for vectors in together] == [2, 0, 1]
    for index in (0, 2):
        alone = small.region_encoder(
            [level[index : index + 1] for level in sight.levels], [boxes[index]]
        )[0]
        assert torch.allclose(together[index], alone, atol=1e-5)
    assert not torch.allclose(together[0][0], together[0][1], atol=1e-3)


@pytest.mark.parametrize("level", [0, 1])
def test_levels_are_patches_without_the_class_token(small, pictures, level):
    pixels = pictures[0].pixels[None]
    states = small.vision_tower(pixels, output_hidden_states=True).hidden_states
    # There are five states; every third from the last but one: 0 and 3.
    assert torch.equal(small.encode_images(pixels).levels[level], states[(0, 3)[level]][:, 1:])
