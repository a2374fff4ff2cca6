"""An oracle that turns the facts of a scene into mask prompts; it is used in training only.

With it, SAM's half learns masks before the language model can write captions, and the language
model gets targets for its [SEG] states. It is fixed and has no trained weights, so either half can
be trained without the other. The finished model does not contain it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tiny_training.pool import KINDS

BLUR = 0.02
"""Standard deviation, as a share of the image, of the noise added to positions in stage `eyes`."""

_WAVES = (0.5, 1.0, 2.0)
_FEATURES = sum(map(len, KINDS)) + 8 + 8 * len(_WAVES) + 1


class Oracle(nn.Module):
    """Facts [N, FACTS] to prompts [N, E]: names, positions and waves of positions.

    Each feature has its own direction, random but orthogonal to the others, so that a distance
    between prompts is a distance between features.

    Args:
        width: E, at least the number of features.
    """

    directions: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        square = torch.randn(width, width, generator=generator)
        self.register_buffer("directions", torch.linalg.qr(square)[0][:_FEATURES])

    def forward(self, facts: Tensor, noise: Tensor | None = None) -> Tensor:
        count = len(KINDS)
        names = [
            F.one_hot(facts[:, index].long(), len(kinds)).float()
            for index, kinds in enumerate(KINDS)
        ]
        positions = facts[:, count : count + 8]
        if noise is not None:
            positions = positions + BLUR * noise
        centres = torch.cat([positions[:, 0:2], positions[:, 4:6]], 1)
        waves = [
            function(2 * torch.pi * frequency * centres)
            for frequency in _WAVES
            for function in (torch.sin, torch.cos)
        ]
        features = torch.cat([*names, 4 * positions - 2, *waves, facts[:, -1:]], 1)
        with torch.autocast("cpu", enabled=False):
            prompts: Tensor = features @ self.directions
        return prompts
