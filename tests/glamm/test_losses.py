"""The losses against hand-computed values, and their purpose: training reduces them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench.errors import BadData
from gcg_bench.glamm.assembly import build
from gcg_bench.glamm.losses import (
    BCE,
    CE,
    DICE,
    mask_bce,
    mask_dice,
    mask_losses,
    training_losses,
    word_loss,
)
from gcg_bench.glamm.splicing import IGNORE, padded


def test_weights_of_the_paper():
    assert (CE, BCE, DICE) == (1.0, 2.0, 0.5)


def test_word_loss_counts_labelled_rows_only():
    """Uniform logits over 8 words have a loss of log 8 at every label."""
    logits = torch.zeros(2, 4, 8)
    labels = torch.tensor([[IGNORE, 3, IGNORE, 1], [IGNORE] * 4])
    assert word_loss(logits, labels).item() == pytest.approx(math.log(8))
    logits[0, 0, 3] = 50.0  # row 0 predicts the label of row 1
    assert word_loss(logits, labels).item() == pytest.approx(math.log(8) / 2)
    assert word_loss(logits, torch.full((2, 4), IGNORE)).item() == 0


def test_mask_losses_on_paper():
    """Logit 0 everywhere, half of four pixels true: bce log 2, dice 1 - 2 * 1 / (2 + 2)."""
    logits, truth = torch.zeros(1, 2, 2), torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    assert mask_bce(logits, truth).item() == pytest.approx(math.log(2))
    assert mask_dice(logits, truth).item() == pytest.approx(0.5, abs=1e-3)


def test_a_perfect_mask_costs_nothing_and_empty_on_empty_is_perfect():
    truth = torch.zeros(2, 8, 8)
    truth[0, 2:5, 2:5] = 1
    logits = (truth * 2 - 1) * 100
    assert mask_bce(logits, truth).max().item() < 1e-6
    assert mask_dice(logits, truth).max().item() < 1e-3


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_every_mask_weighs_the_same_however_they_are_grouped(counts):
    torch.manual_seed(sum(counts))
    total = sum(counts)
    logits, truth = torch.randn(total, 4, 5), (torch.rand(total, 4, 5) > 0.5).float()
    grouped = mask_losses(logits.split(counts), truth.split(counts))
    if not total:
        assert [part.item() for part in grouped] == [0, 0]
        return
    assert grouped[0].item() == pytest.approx(mask_bce(logits, truth).mean().item(), rel=1e-5)
    assert grouped[1].item() == pytest.approx(mask_dice(logits, truth).mean().item(), rel=1e-5)


def test_surplus_truth_is_unused_and_surplus_masks_are_an_error():
    logits, truth = torch.randn(2, 4, 4), torch.ones(3, 4, 4)
    assert torch.equal(mask_losses([logits], [truth])[0], mask_losses([logits], [truth[:2]])[0])
    with pytest.raises(BadData, match=r"masks\[0\]"):
        mask_losses([truth], [truth[:2]])
    with pytest.raises(BadData, match=r"masks\[1\]"):
        mask_losses([logits, logits], [truth, torch.ones(3, 4, 5)])


def test_a_small_model_learns_two_sentences_and_their_masks(
    small_config, tokenizer, processor, pictures
):
    """In forty steps over all parts the model memorises words and masks of two images."""
    torch.manual_seed(1)
    model = build(small_config)
    images = pictures[:2]
    said = [" a red star <p> ring </p> [SEG]</s>", " <p> a circle </p> [SEG] is near</s>"]
    prompts = [list(processor.prepare(image, "say").ids) for image in images]
    rows = [ids + tokenizer.encode(text) for ids, text in zip(prompts, said, strict=True)]
    ids, mask = padded(rows, pad=tokenizer.pad)
    labels, _ = padded(
        [[IGNORE] * len(p) + row[len(p) :] for p, row in zip(prompts, rows, strict=True)],
        pad=IGNORE,
    )
    truth = torch.zeros(2, 16, 16)
    truth[0, :8], truth[1, :, 9:] = 1, 1
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    history = []
    for _ in range(40):
        forced = model.teacher_forced(
            pixels=torch.stack([image.pixels for image in images]),
            grounding_pixels=torch.stack([image.grounding_pixels for image in images]),
            ids=ids,
            seg=tokenizer.seg,
            mask=mask,
        )
        assert forced.owner.tolist() == [0, 1]
        losses = training_losses(
            forced, ids=ids, labels=labels, logits=forced.masks.split(1), truth=truth.split(1)
        )
        optimiser.zero_grad()
        losses.total.backward()
        optimiser.step()
        history.append((losses.ce.item(), losses.bce.item()))
    assert history[-1][0] < 0.3 * history[0][0]
    assert history[-1][1] < 0.3 * history[0][1]
    untouched = {
        name.split(".")[0]
        for name, weight in model.named_parameters()
        if weight.grad is not None and weight.grad.abs().max() > 0
    }
    assert untouched == {
        "vision_tower",
        "projector",
        "language_model",
        "seg_projection",
        "grounding",
    }


def test_padding_changes_no_loss(small, processor, tokenizer, pictures):
    prompt = processor.prepare(pictures[0], "say")
    row = [*prompt.ids, *tokenizer.encode("a red star [SEG]")]
    labels = [IGNORE] * len(prompt.ids) + row[len(prompt.ids) :]

    def words(extra):
        ids, mask = padded([row, [*row, *[tokenizer.pad] * extra]], pad=tokenizer.pad)
        mask[1, len(row) :] = False
        forced = small.teacher_forced(
            pixels=pictures[0].pixels[None],
            grounding_pixels=pictures[0].grounding_pixels[None],
            ids=ids,
            seg=tokenizer.seg,
            mask=mask,
            images=torch.tensor([0, 0]),
        )
        target, _ = padded([labels, labels], pad=IGNORE)
        target = torch.nn.functional.pad(target, (0, extra), value=IGNORE)
        return training_losses(forced, ids=ids, labels=target).ce.item(), forced.masks

    (short, masks), (long, more) = words(0), words(9)
    assert short == pytest.approx(long, rel=1e-5)
    assert torch.allclose(masks, more, atol=1e-4)
