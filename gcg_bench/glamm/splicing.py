"""Combines words and an image into one sequence: positions of patches, rows that predict [SEG].

A prompt's token ids contain IMAGE once. In the model's sequence this position becomes P image rows,
so a token at index i after it is at row i + P - 1, and the row that predicts it is i + P - 2.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from gcg_bench.errors import BadData

IMAGE = -200
"""Represents the image among token ids; it is not a token."""

IGNORE = -100
"""Marks rows in labels that have no target."""


def padded(rows: Sequence[Sequence[int]], *, pad: int, left: bool = False) -> tuple[Tensor, Tensor]:
    """Rows of unequal length as ids [B, n], and a mask [B, n] that is True on real tokens."""
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad)
    mask = torch.zeros((len(rows), longest), dtype=torch.bool)
    for index, row in enumerate(rows):
        columns = slice(longest - len(row), longest) if left else slice(0, len(row))
        ids[index, columns] = torch.tensor(row)
        mask[index, columns] = True
    return ids, mask


def image_positions(ids: Tensor) -> Tensor:
    """Index [B] of the image in every row of ids [B, n].

    Raises:
        BadData: a row does not contain exactly one image.
    """
    is_image = ids == IMAGE
    counts = is_image.sum(1).tolist()
    for row, count in enumerate(counts):
        if count != 1:
            raise BadData(
                f"prompt {row} of the batch contains <image> {count} times instead of once"
            )
    return is_image.int().argmax(1)


def splice(tokens: Tensor, patches: Tensor, positions: Tensor) -> Tensor:
    """Tokens [B, n, D] with patches [B, P, D] at the image's position: [B, n + P - 1, D]."""
    index = _source(tokens.shape[1], patches.shape[1], positions)
    joined = torch.cat([tokens, patches], 1)
    return joined.gather(1, index[..., None].expand(-1, -1, tokens.shape[2]))


def spread(values: Tensor, positions: Tensor, patches: int, fill: float) -> Tensor:
    """Per-token values [B, n] along the spliced sequence [B, n + P - 1], `fill` on image rows."""
    index = _source(values.shape[1], patches, positions)
    image = values.new_full((len(values), patches), fill)
    return torch.cat([values, image], 1).gather(1, index)


def seg_rows(ids: Tensor, seg: int, patches: int) -> tuple[Tensor, Tensor]:
    """Batch index [N] and spliced row [N] of the states that predict [SEG], in reading order.

    This is the row before the token's own: the state whose logits predict [SEG] (verified against
    the published code; the next row differs by as much as the states themselves).
    """
    owner, index = (ids == seg).nonzero(as_tuple=True)
    return owner, index + patches - 2


def _source(tokens: int, patches: int, positions: Tensor) -> Tensor:
    """For every spliced row its index into tokens followed by patches: [B, n + P - 1]."""
    row = torch.arange(tokens + patches - 1, device=positions.device)[None]
    position = positions[:, None]
    after = row - patches + 1
    patch = tokens + row - position
    return torch.where(row < position, row, torch.where(row < position + patches, patch, after))
