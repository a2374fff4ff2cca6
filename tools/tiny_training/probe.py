"""A probe that asks every image patch what it shows: scaffolding, thrown away at the end.

Captions alone teach seeing slowly, one word at a time. In stage `words` each patch that the
language model reads must also tell, through one linear layer, whether a thing covers it, the
thing's names, and where its centre is and how far it extends.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tiny_training.batches import Batch
from tiny_training.pool import KINDS

COVERED = 0.35
"""A patch shows a phrase's thing from this share of its area on; below EMPTY it shows none."""

EMPTY = 0.05


class Probe(nn.Module):
    """Patches [B, P, D] to a loss.

    Args:
        width: D.
        grid: patches along one side.
    """

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.counts = [len(kinds) for kinds in KINDS]
        self.ask = nn.Linear(width, 1 + sum(self.counts) + 4)

    def forward(self, patches: Tensor, batch: Batch) -> Tensor:
        """Mean over the questions; each is a mean over the patches that have an answer."""
        answers = self.ask(patches).float()
        covers = torch.stack(
            [
                F.interpolate(mask[None, None, :high, :wide], (self.grid, self.grid), mode="area")
                for mask, (high, wide) in zip(
                    batch.masks, (batch.resized[batch.owner] // 2).tolist(), strict=True
                )
            ]
        ).flatten(1)
        filled = torch.zeros(len(patches), covers.shape[1]).index_add(0, batch.owner, covers)
        clear = (filled >= COVERED) | (filled <= EMPTY)
        thing = F.binary_cross_entropy_with_logits(
            answers[..., 0][clear], (filled >= COVERED).float()[clear]
        )
        phrase, patch = (covers >= COVERED).nonzero(as_tuple=True)
        said = answers[batch.owner[phrase], patch, 1:].split([*self.counts, 4], -1)
        facts = batch.facts[phrase]
        losses = [thing]
        losses += [F.cross_entropy(said[at], facts[:, at].long()) for at in range(len(KINDS))]
        losses.append(10 * F.smooth_l1_loss(said[-1], self._place(facts, patch), beta=0.1))
        return torch.stack(losses).mean()

    def _place(self, facts: Tensor, patch: Tensor) -> Tensor:
        """Centre and extent [K, 4] of the thing at each patch: of a pair's, the nearer one's."""
        place = torch.stack([patch % self.grid, patch // self.grid], 1)
        here = (place + 0.5) / self.grid
        first, second = facts[:, len(KINDS) :][:, :4], facts[:, len(KINDS) :][:, 4:8]
        nearer = (first[:, :2] - here).square().sum(1) <= (second[:, :2] - here).square().sum(1)
        return torch.where(nearer[:, None], first, second)
