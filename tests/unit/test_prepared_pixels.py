"""Pixels as networks take them, beside the image processors of transformers."""

import json

import numpy as np
import pytest

from gcg_bench.errors import BadData
from gcg_bench.grounding.pixels import CLIPSEG, GROUNDING_DINO, SAM, SAM2, SAM3, preparation
from gcg_bench.grounding.weights import Checkpoint

SIZES = [(30, 40), (40, 30), (5, 6), (2, 50), (1024, 3), (600, 601), (900, 1500)]


def pixels(height, width):
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_sam_is_prepared_as_by_transformers(size):
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    expected = SamImageProcessorPil()(pixels(*size), return_tensors="np")
    np.testing.assert_allclose(SAM.prepared(pixels(*size)), expected.pixel_values[0], atol=1e-6)
    assert SAM.resized(*size) == tuple(expected.reshaped_input_sizes[0])


@pytest.mark.parametrize("size", [size for size in SIZES if min(size) > 2])
def test_grounding_dino_is_prepared_as_by_transformers(size):
    from transformers.models.grounding_dino import image_processing_pil_grounding_dino as module

    expected = module.GroundingDinoImageProcessorPil()(pixels(*size), return_tensors="np")
    prepared = GROUNDING_DINO.prepared(pixels(*size))
    np.testing.assert_allclose(prepared, expected.pixel_values[0], atol=1e-6)


def test_clipseg_is_prepared_as_by_transformers():
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    processor = ViTImageProcessorPil(
        size={"height": 352, "width": 352},
        image_mean=list(CLIPSEG.mean),
        image_std=list(CLIPSEG.deviation),
    )
    expected = processor(pixels(30, 40), return_tensors="np").pixel_values[0]
    np.testing.assert_allclose(CLIPSEG.prepared(pixels(30, 40)), expected, atol=1e-6)


# what Sam2ImageProcessor and Sam3ImageProcessor (transformers 5.23, torchvision 0.28) give for
# RAMP at a size of 4 x 6, before the mean is subtracted, as numbers from 0 to 255
RAMP = (np.arange(5 * 7 * 3).reshape(5, 7, 3) * 37 % 256).astype(np.uint8)
WITH_TORCHVISION = [
    [[23, 148, 161, 141, 90, 135], [34, 159, 172, 152, 101, 146],
     [44, 169, 182, 162, 111, 156], [55, 120, 85, 173, 122, 167]],
    [[60, 105, 54, 178, 127, 172], [71, 116, 65, 189, 138, 183],
     [81, 126, 75, 199, 148, 193], [92, 137, 86, 102, 99, 204]],
    [[97, 142, 91, 71, 84, 209], [108, 153, 102, 82, 95, 220],
     [118, 163, 112, 92, 105, 230], [129, 174, 123, 103, 116, 85]],
]  # fmt: skip


@pytest.mark.parametrize("default", [SAM2, SAM3])
def test_sam_2_and_3_are_prepared_as_with_torchvision(checkpoint, default):
    write(checkpoint, size={"height": 4, "width": 6})
    recipe = preparation(checkpoint, default)
    mean, deviation = (np.array(v)[:, None, None] for v in (recipe.mean, recipe.deviation))
    levels = (recipe.prepared(RAMP) * deviation + mean) * 255
    np.testing.assert_allclose(levels, WITH_TORCHVISION, atol=1.01)  # one step of 8 bits


def test_the_published_means_on_paper():
    white = np.full((2, 2, 3), 255, np.uint8)
    assert SAM3.prepared(white).min() == SAM3.prepared(white).max() == 1
    assert SAM2.prepared(white)[:, 0, 0].tolist() == pytest.approx(
        [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    )
    assert SAM3.prepared(white[:1, :1]).shape == (3, 1008, 1008)
    assert SAM.prepared(np.full((2, 4, 3), 255, np.uint8))[:, 512:].any() == 0  # padding


def test_a_thin_image_keeps_a_pixel():
    # on paper: 1 x 5000 scaled to a longer side of 1024 is 0.2 pixels high
    assert SAM.resized(1, 5000) == (1, 1024)
    assert SAM.resized(5000, 1) == (1024, 1)
    assert GROUNDING_DINO.resized(1, 5000) == (1, 1333)
    assert SAM.prepared(np.zeros((1, 5000, 3), np.uint8)).shape == (3, 1024, 1024)


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint("small", tmp_path, "sam2")


def write(checkpoint, name="preprocessor_config.json", **values):
    (checkpoint.folder / name).write_text(json.dumps(values))


def test_a_checkpoint_states_its_values(checkpoint):
    assert preparation(checkpoint, SAM2) == SAM2
    write(checkpoint, "processor_config.json", image_processor={"size": {"height": 8, "width": 6}})
    assert preparation(checkpoint, SAM2).size == {"height": 8, "width": 6}
    write(checkpoint, size={"longest_edge": 64}, pad_size={"height": 64, "width": 32}, resample=3)
    stated = preparation(checkpoint, SAM)
    assert (stated.size, stated.pad, stated.resample) == ({"longest_edge": 64}, (64, 32), 3)
    write(checkpoint, size=352, image_mean=[0.1, 0.2, 0.3], image_std=[1, 1, 1])
    stated = preparation(checkpoint, CLIPSEG)
    assert (stated.size, stated.mean) == ({"height": 352, "width": 352}, (0.1, 0.2, 0.3))
    assert preparation(checkpoint, GROUNDING_DINO).size == {
        "shortest_edge": 352,
        "longest_edge": 1333,
    }


@pytest.mark.parametrize(
    "values",
    [{"size": {"width": 5}}, {"size": {"height": 0, "width": 5}}, {"size": "x"}, {"resample": 99},
     {"size": {"height": 10**9, "width": 5}}, {"image_mean": [1, 2]}, {"image_std": ["a", 1, 1]},
     {"image_std": [0.0, 1, 1]}, {"size": [1, 2]}],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(checkpoint, values):
    write(checkpoint, **values)
    with pytest.raises(BadData, match=r"preprocessor_config\.json: states pixels"):
        preparation(checkpoint, SAM2)
