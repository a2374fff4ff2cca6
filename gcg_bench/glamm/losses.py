"""The paper's training loss: words by cross-entropy, masks by cross-entropy and overlap.

loss = 1.0 ce + 2.0 bce + 0.5 dice (GLaMM, arXiv 2311.03356, as its code computes it).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from gcg_bench.errors import BadData
from gcg_bench.glamm.modeling import Forced
from gcg_bench.glamm.splicing import IGNORE, image_places, spread

CE, BCE, DICE = 1.0, 2.0, 0.5


@dataclass(frozen=True, eq=False)
class Losses:
    """The parts of the loss, each already weighted; scalars that carry gradients."""

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
        labels: [B, L], IGNORE where nothing is learnt.
    """
    wanted = labels[:, 1:].flatten()
    losses = functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), wanted, ignore_index=IGNORE, reduction="sum"
    )
    return losses / (wanted != IGNORE).sum().clamp(min=1)


def mask_bce(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy [n] of masks [n, H, W], each the mean over its own pixels."""
    losses = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return losses.flatten(1).mean(1)


def mask_dice(logits: Tensor, truth: Tensor, *, scale: float = 1000, eps: float = 1e-6) -> Tensor:
    """One minus the soft Dice overlap [n] of masks [n, H, W].

    Areas are divided by `scale` before `eps` smooths the quotient, so empty against empty is 0.
    """
    said, wanted = logits.sigmoid().flatten(1), truth.flatten(1)
    overlap = 2 * (said / scale * wanted).sum(1)
    areas = (said / scale).sum(1) + (wanted / scale).sum(1)
    return 1 - (overlap + eps) / (areas + eps)


def mask_losses(logits: Sequence[Tensor], truth: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Unweighted bce and dice, each the mean over all masks; 0 when there is none.

    Args:
        logits: [n_i, H_i, W_i] per image or row, any sizes.
        truth: masks of the same sizes, 0 and 1 of any dtype; surplus ones at the end are unused.

    Raises:
        BadData: more masks predicted than there are true ones, or other sizes.
    """
    count = 0
    bce: list[Tensor] = []
    dice: list[Tensor] = []
    for place, (said, wanted) in enumerate(zip(logits, truth, strict=True)):
        if len(said) > len(wanted) or said.shape[1:] != wanted.shape[1:]:
            raise BadData(
                f"masks {tuple(said.shape)} predicted for {tuple(wanted.shape)} true ones",
                field=f"masks[{place}]",
            )
        target = wanted[: len(said)].to(said)
        count += len(said)
        bce.append(mask_bce(said, target).sum())
        dice.append(mask_dice(said, target).sum())
    nothing = torch.zeros(())
    share = count + 1e-8
    return torch.stack(bce or [nothing]).sum() / share, torch.stack(dice or [nothing]).sum() / share


def training_losses(
    forced: Forced,
    *,
    ids: Tensor,
    labels: Tensor,
    logits: Sequence[Tensor] = (),
    truth: Sequence[Tensor] = (),
) -> Losses:
    """All weighted parts for one teacher-forced batch.

    Args:
        forced: the pass.
        ids: the token ids [B, n] it was given.
        labels: [B, n], the ids to learn and IGNORE elsewhere (prompt and padding).
        logits: mask logits to be judged, e.g. `forced.masks` split by row, or `full_size` of them.
        truth: the true masks of the same sizes.
    """
    patches = forced.logits.shape[1] - ids.shape[1] + 1
    spliced = spread(labels, image_places(ids), patches, IGNORE)
    bce, dice = mask_losses(logits, truth)
    return Losses(CE * word_loss(forced.logits, spliced), BCE * bce, DICE * dice)
