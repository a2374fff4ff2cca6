"""Preparation of prompts, boxes and images."""

import numpy as np
import pytest
import torch

from gcg_bench.errors import BadData
from gcg_bench.glamm.configuration import GlammConfig, LanguageConfig
from gcg_bench.glamm.images import SAM_MEAN, SAM_STD, image_inputs
from gcg_bench.glamm.processing import Processor, normalised
from gcg_bench.glamm.prompts import (
    CAPTION_WITH_MASKS,
    conversation,
    segment,
    with_escaped_ampersands,
)


def test_five_spaces_as_published():
    assert "interleaved     segmentation" in CAPTION_WITH_MASKS


def test_conversation_of_two_turns():
    """As in the specification: no space between `</s>` and the next `USER:`."""
    written = conversation([("Say.", "Yes."), ("Again?", None)])
    assert written == (
        "A chat between a curious human and an artificial intelligence assistant. The assistant "
        "gives helpful, detailed, and polite answers to the human's questions. USER: The "
        "<im_start><image><im_end> provides an overview of the picture.\nSay. ASSISTANT: "
        "Yes.</s>USER: Again? ASSISTANT:"
    )


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("black & white", "black &amp; white"),
        ("a &lt; b", "a &lt; b"),
        ("x &#38; y && z", "x &#38; y &amp;&amp; z"),
        ("<bbox> stays", "<bbox> stays"),
    ],
)
def test_the_evaluation_script_escapes_ampersands(said, heard):
    assert with_escaped_ampersands(said) == heard


def test_referring_instruction():
    assert segment("red circle") == "Can you segment the red circle in this image?"


def test_boxes_are_shares_in_half_precision():
    boxes = normalised([(60, 120, 200, 260)], (360, 480))
    exact = torch.tensor([[60 / 480, 120 / 360, 200 / 480, 260 / 360]])
    assert boxes.dtype == torch.float32
    assert torch.equal(boxes, exact.half().float())
    assert not torch.equal(boxes, exact)


@pytest.mark.parametrize("box", [(1, 2, 3), (0, 0, float("nan"), 1), (0, 0, float("inf"), 1)])
def test_bad_boxes_are_named(processor, pictures, box):
    with pytest.raises(BadData, match=r"boxes\[0\]"):
        processor.prepare(pictures[0], "what is <bbox>?", boxes=[box])


def test_boxes_and_marks_must_match(processor, pictures):
    box = (1.0, 2.0, 9.0, 9.0)
    with pytest.raises(BadData, match="1 <bbox> for 2 boxes"):
        processor.prepare(pictures[0], "what is <bbox>?", boxes=[box, box])
    with pytest.raises(BadData, match="0 <bbox> for 1 boxes"):
        processor.prepare(pictures[0], "what is it?", boxes=[box])
    twice = processor.prepare(pictures[0], "is <bbox> or <bbox> red?", boxes=[box])
    assert twice.boxes.shape == (1, 4)


def test_the_image_has_one_place(processor, pictures):
    with pytest.raises(BadData, match="<image>"):
        processor.prepare(pictures[0], "look at <image>")
    with pytest.raises(BadData, match="<image>"):
        processor.prepare(pictures[0], "look", history=[("a <image>", "b")])


def test_a_larger_vocabulary_than_the_models_is_refused(tokenizer):
    config = GlammConfig(language=LanguageConfig(vocab_size=100))
    with pytest.raises(BadData, match="387 tokens, the model 100"):
        Processor(config, tokenizer)


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_pixels_must_be_rgb_bytes(processor, bad):
    with pytest.raises(BadData, match="uint8 pixels"):
        processor.image(bad)


@pytest.mark.parametrize("size", [(30, 47), (47, 30), (16, 16), (1, 9), (100, 3)])
def test_shapes_of_both_inputs(size):
    image = image_inputs(np.full((*size, 3), 128, np.uint8), clip_size=28, sam_size=64)
    assert image.pixels.shape == (3, 28, 28)
    assert image.grounding_pixels.shape == (3, 64, 64)
    assert max(image.resized) == 64
    assert image.original == size
    inside = image.grounding_pixels[:, : image.resized[0], : image.resized[1]]
    for channel, mean, std in zip(inside, SAM_MEAN, SAM_STD, strict=True):
        assert torch.allclose(channel, torch.tensor((128 - mean) / std))
    assert image.grounding_pixels.count_nonzero() == inside.numel()


def test_clip_crops_the_centre():
    """An image with white outer thirds and a black middle third becomes black."""
    image = np.full((30, 90, 3), 255, np.uint8)
    image[:, 25:65] = 0
    pixels = image_inputs(image, clip_size=30, sam_size=64).pixels
    assert pixels.amax() < -1.4
