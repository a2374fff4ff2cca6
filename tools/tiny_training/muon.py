"""Muon: momentum whose matrices are made orthogonal before each step.

Every direction of a weight matrix then moves at the same speed, whatever the singular values of its
gradient; small transformers need far fewer steps than with AdamW. Source: Keller Jordan, "Muon: an
optimizer for hidden layers" (2024). Vectors, embeddings and output layers are left to AdamW.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Moves all singular values in (0, 1] to about 1 (between .7 and 1.2) in ROUNDS rounds."""

ROUNDS = 5


def orthogonal(matrices: Tensor, precision: torch.dtype = torch.bfloat16) -> Tensor:
    """Matrices [k, m, n] with the same singular vectors and with singular values of about 1.

    Args:
        matrices: the matrices.
        precision: the dtype of the products.
    """
    wide = matrices.shape[1] <= matrices.shape[2]
    iterate = matrices if wide else matrices.mT
    iterate = (iterate / (iterate.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(precision)
    a, b, c = _QUINTIC
    for _ in range(ROUNDS):
        square = iterate @ iterate.mT
        iterate = a * iterate + (b * square + c * square @ square) @ iterate
    return (iterate if wide else iterate.mT).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal; the weight decay is that of AdamW.

    Args:
        weights: matrices [m, n].
        lr: the length of a step: the root mean square of the change is about .2 lr, as with AdamW.
        momentum: the share of the running mean that is kept in a step.
        weight_decay: the share of a weight, times lr, that is subtracted in a step.
        precision: as in `orthogonal`.
    """

    def __init__(
        self,
        weights: Iterable[nn.Parameter],
        *,
        lr: float = 1e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.05,
        precision: torch.dtype = torch.bfloat16,
    ) -> None:
        self._precision = precision
        super().__init__(weights, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Makes one step; matrices of one shape are made orthogonal together."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[nn.Parameter]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    by_shape.setdefault(weight.shape, []).append(weight)
            for shape, weights in by_shape.items():
                directions = torch.stack(
                    [self._direction(weight, group["momentum"]) for weight in weights]
                )
                length = 0.2 * group["lr"] * max(shape) ** 0.5
                for weight, direction in zip(
                    weights, orthogonal(directions, self._precision), strict=True
                ):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(
                        direction, alpha=length
                    )

    def _direction(self, weight: nn.Parameter, momentum: float) -> Tensor:
        """The Nesterov direction: the gradient mixed with the updated momentum."""
        gradient = weight.grad
        assert gradient is not None
        state = self.state[weight]
        if not state:
            state["mean"] = torch.zeros_like(weight)
        state["mean"].lerp_(gradient, 1 - momentum)
        direction: Tensor = gradient.lerp(state["mean"], momentum)
        return direction
