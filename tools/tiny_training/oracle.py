"""An oracle that turns a scene's own facts into mask prompts: scaffolding, thrown away at the end.

It lets SAM's half learn masks before the language model has words, and shows the language model
where its [SEG] states must lead. It is fixed, not learnt, so either half can be trained without the
other. Nothing of it is in the finished model.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tiny_training.pool import KINDS

BLUR = 0.02
"""Standard deviation, as a share of the image, that places are blurred with in stage `eyes`."""

_WAVES = (0.5, 1.0, 2.0)
_FEATURES = sum(map(len, KINDS)) + 8 + 8 * len(_WAVES) + 1


class Oracle(nn.Module):
    """Facts [N, FACTS] to prompts [N, E]: names, places and waves of places, each in a direction
    of its own (random but at right angles), so that a distance between prompts means something.

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
            F.one_hot(facts[:, at].long(), len(kinds)).float() for at, kinds in enumerate(KINDS)
        ]
        places = facts[:, count : count + 8]
        if noise is not None:
            places = places + BLUR * noise
        centres = torch.cat([places[:, 0:2], places[:, 4:6]], 1)
        waves = [f(2 * torch.pi * k * centres) for k in _WAVES for f in (torch.sin, torch.cos)]
        features = torch.cat([*names, 4 * places - 2, *waves, facts[:, -1:]], 1)
        with torch.autocast("cpu", enabled=False):
            prompts: Tensor = features @ self.directions
        return prompts
