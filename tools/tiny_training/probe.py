"""A probe that classifies every image patch; it is used in training only.

Captions alone train the vision tower slowly, one word at a time. So one linear layer predicts from
each projected patch whether a thing covers it, the names of the thing, its centre and extent, and
its silhouette on a grid of its own. A patch can predict the whole silhouette only if it collects
information from its neighbours; the name of the shape is then easy to predict.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tiny_training.batches import Batch
from tiny_training.pool import KINDS

COVERED = 0.35
"""A patch counts as covered by a thing from this share of its area, and as empty up to EMPTY."""

EMPTY = 0.05

SILHOUETTE = 8
"""Cells along a side of a silhouette, which shows a thing's extent and a quarter more around it."""

_SILHOUETTE_EXTENT = 1.25

QUESTIONS = ("shape", "colour", "texture", "size")
"""The names of the entries of KINDS."""


class Probe(nn.Module):
    """Patches [B, P, D] to losses.

    Args:
        width: D.
        grid: patches along one side.
    """

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.counts = [len(kinds) for kinds in KINDS]
        self.ask = nn.Linear(width, 1 + sum(self.counts) + 4 + SILHOUETTE**2)

    def forward(self, patches: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The loss of each question, a mean over the patches that have an answer."""
        answers = self.ask(patches).float()
        covers = self._covers(batch)
        filled = torch.zeros(len(patches), covers.shape[1]).index_add(0, batch.owner, covers)
        clear = (filled >= COVERED) | (filled <= EMPTY)
        losses = {
            "thing": F.binary_cross_entropy_with_logits(
                answers[..., 0][clear], (filled >= COVERED).float()[clear]
            )
        }
        phrase, patch = (covers >= COVERED).nonzero(as_tuple=True)
        *names, location, silhouette = answers[batch.owner[phrase], patch, 1:].split(
            [*self.counts, 4, SILHOUETTE**2], -1
        )
        facts = batch.facts[phrase]
        for index, (question, logits) in enumerate(zip(QUESTIONS, names, strict=True)):
            losses[question] = F.cross_entropy(logits, facts[:, index].long())
        target, is_second = self._location(facts, patch)
        losses["place"] = 10 * F.smooth_l1_loss(location, target, beta=0.1)
        losses["outline"] = F.binary_cross_entropy_with_logits(
            silhouette, silhouettes(batch)[phrase, is_second.long()]
        )
        return losses

    def _covers(self, batch: Batch) -> Tensor:
        """The share of every patch that a phrase covers [N, P]."""
        return torch.stack(
            [
                F.interpolate(
                    mask[None, None, :height, :width], (self.grid, self.grid), mode="area"
                )
                for mask, (height, width) in zip(
                    batch.masks, (batch.resized[batch.owner] // 2).tolist(), strict=True
                )
            ]
        ).flatten(1)

    def _location(self, facts: Tensor, patch: Tensor) -> tuple[Tensor, Tensor]:
        """Centre and extent [K, 4] of the thing at each patch; for a pair, of the nearer thing.

        Also returns [K], True where that is the second thing of the pair.
        """
        cell = torch.stack([patch % self.grid, patch // self.grid], 1)
        centre = (cell + 0.5) / self.grid
        first, second = facts[:, len(KINDS) :][:, :4], facts[:, len(KINDS) :][:, 4:8]
        nearer = (first[:, :2] - centre).square().sum(1) <= (second[:, :2] - centre).square().sum(1)
        return torch.where(nearer[:, None], first, second), ~nearer


def silhouettes(batch: Batch) -> Tensor:
    """The masks around each of a phrase's two things [N, 2, SILHOUETTE ** 2]."""
    side = batch.masks.shape[-1]
    share = (batch.resized[batch.owner] / (2 * side)).flip(1)[:, None].float()
    boxes = batch.facts[:, len(KINDS) :][:, :8].reshape(-1, 2, 4)
    centre, extent = boxes[..., :2] * share, boxes[..., 2:] * share
    steps = (torch.arange(SILHOUETTE) + 0.5) / SILHOUETTE - 0.5
    x = centre[..., :1] + _SILHOUETTE_EXTENT * extent[..., :1] * steps
    y = centre[..., 1:] + _SILHOUETTE_EXTENT * extent[..., 1:] * steps
    grid = torch.stack(
        [x[:, :, None].expand(-1, -1, SILHOUETTE, -1), y[..., None].expand(-1, -1, -1, SILHOUETTE)],
        -1,
    )
    samples = F.grid_sample(batch.masks[:, None], (2 * grid - 1).flatten(1, 2), align_corners=False)
    return samples.view(len(samples), 2, SILHOUETTE**2)
