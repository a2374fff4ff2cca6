"""The training loss of the paper: cross-entropy of words, cross-entropy and overlap of masks.

loss = 1.0 ce + 2.0 bce + 0.5 dice (GLaMM, arXiv 2311.03356, as its code computes it).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from gcg_bench.errors import BadData
from gcg_bench.glamm.modeling import ForcedOutput
from gcg_bench.glamm.splicing import IGNORE, image_positions, spread

CE, BCE, DICE = 1.0, 2.0, 0.5


@dataclass(frozen=True, eq=False)
class Losses:
    """The parts of the loss, each already weighted; scalars with gradients."""

    ce: Tensor
    bce: Tensor
    dice: Tensor

    @property
    def total(self) -> Tensor:
        return self.ce + self.bce + self.dice


def word_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of the next token over rows with a label; 0 when no row has one.

    Args:
        logits: [B, L, V]; row r predicts the label of row r + 1.
        labels: [B, L], IGNORE for rows without a label.
    """
    targets = labels[:, 1:].flatten()
    losses = functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), targets, ignore_index=IGNORE, reduction="sum"
    )
    return losses / (targets != IGNORE).sum().clamp(min=1)


def mask_bce(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy [n] of masks [n, H, W], each the mean over its own pixels."""
    losses = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return losses.flatten(1).mean(1)


def mask_dice(logits: Tensor, truth: Tensor, *, scale: float = 1000, eps: float = 1e-6) -> Tensor:
    """One minus the soft Dice overlap [n] of masks [n, H, W].

    Areas are divided by `scale` before `eps` is added to numerator and denominator, so the loss of
    two empty masks is 0.
    """
    predicted, target = logits.sigmoid().flatten(1), truth.flatten(1)
    overlap = 2 * (predicted / scale * target).sum(1)
    areas = (predicted / scale).sum(1) + (target / scale).sum(1)
    return 1 - (overlap + eps) / (areas + eps)


def mask_losses(logits: Sequence[Tensor], truth: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Unweighted bce and dice, each the mean over all masks; 0 when there is none.

    Args:
        logits: [n_i, H_i, W_i] for each image or row, any sizes.
        truth: masks of the same sizes, 0 and 1 of any dtype; surplus masks at the end are not used.

    Raises:
        BadData: there are more predicted than true masks, or their sizes differ.
    """
    count = 0
    bce: list[Tensor] = []
    dice: list[Tensor] = []
    for index, (predicted, masks) in enumerate(zip(logits, truth, strict=True)):
        if len(predicted) > len(masks) or predicted.shape[1:] != masks.shape[1:]:
            raise BadData(
                f"masks {tuple(predicted.shape)} predicted for {tuple(masks.shape)} true ones",
                field=f"masks[{index}]",
            )
        target = masks[: len(predicted)].to(predicted)
        count += len(predicted)
        bce.append(mask_bce(predicted, target).sum())
        dice.append(mask_dice(predicted, target).sum())
    zero = torch.zeros(())
    share = count + 1e-8
    return torch.stack(bce or [zero]).sum() / share, torch.stack(dice or [zero]).sum() / share


def training_losses(
    forced: ForcedOutput,
    *,
    ids: Tensor,
    labels: Tensor,
    logits: Sequence[Tensor] = (),
    truth: Sequence[Tensor] = (),
) -> Losses:
    """All weighted parts for one teacher-forced batch.

    Args:
        forced: the output of the pass.
        ids: the token ids [B, n] of the pass.
        labels: [B, n], the ids to learn, IGNORE elsewhere (prompt and padding).
        logits: mask logits, e.g. `forced.masks` split by row, or `full_size` of them.
        truth: the true masks of the same sizes.
    """
    patches = forced.logits.shape[1] - ids.shape[1] + 1
    spliced = spread(labels, image_positions(ids), patches, IGNORE)
    bce, dice = mask_losses(logits, truth)
    return Losses(CE * word_loss(forced.logits, spliced), BCE * bce, DICE * dice)
