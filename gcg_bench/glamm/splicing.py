"""One sequence out of words and an image: where patches go, which rows predict [SEG].

A prompt's token ids hold IMAGE once. In the model's sequence that one place becomes P image rows,
so a token at index i behind it sits at row i + P - 1, and the row that predicts it is i + P - 2.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from gcg_bench.errors import BadData

IMAGE = -200
"""Stands for the image among token ids; not a token."""

IGNORE = -100
"""Stands in labels for rows that nothing is learnt from."""


def padded(rows: Sequence[Sequence[int]], *, pad: int, left: bool = False) -> tuple[Tensor, Tensor]:
    """Rows of unequal length as ids [B, n] and a mask [B, n], True on real tokens."""
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad)
    mask = torch.zeros((len(rows), longest), dtype=torch.bool)
    for index, row in enumerate(rows):
        place = slice(longest - len(row), longest) if left else slice(0, len(row))
        ids[index, place] = torch.tensor(row)
        mask[index, place] = True
    return ids, mask


def image_places(ids: Tensor) -> Tensor:
    """Index [B] of the image in every row of ids [B, n].

    Raises:
        BadData: a row does not hold exactly one image.
    """
    found = ids == IMAGE
    counts = found.sum(1).tolist()
    for row, count in enumerate(counts):
        if count != 1:
            raise BadData(f"prompt {row} of the batch holds <image> {count} times instead of once")
    return found.int().argmax(1)


def splice(tokens: Tensor, patches: Tensor, places: Tensor) -> Tensor:
    """Tokens [B, n, D] with patches [B, P, D] in the image's place: [B, n + P - 1, D]."""
    index = _source(tokens.shape[1], patches.shape[1], places)
    joined = torch.cat([tokens, patches], 1)
    return joined.gather(1, index[..., None].expand(-1, -1, tokens.shape[2]))


def spread(values: Tensor, places: Tensor, patches: int, fill: float) -> Tensor:
    """Per-token values [B, n] along the spliced sequence [B, n + P - 1], `fill` on image rows."""
    index = _source(values.shape[1], patches, places)
    image = values.new_full((len(values), patches), fill)
    return torch.cat([values, image], 1).gather(1, index)


def seg_rows(ids: Tensor, seg: int, patches: int) -> tuple[Tensor, Tensor]:
    """Batch index [N] and spliced row [N] of the states that predict [SEG], in reading order.

    The row before the token's own, so the state whose logits say [SEG] (verified against the
    published code; the next row differs by as much as the states themselves).
    """
    owner, index = (ids == seg).nonzero(as_tuple=True)
    return owner, index + patches - 2


def _source(tokens: int, patches: int, places: Tensor) -> Tensor:
    """For every spliced row its index into tokens followed by patches: [B, n + P - 1]."""
    row = torch.arange(tokens + patches - 1, device=places.device)[None]
    place = places[:, None]
    behind = row - patches + 1
    inside = tokens + row - place
    return torch.where(row < place, row, torch.where(row < place + patches, inside, behind))
