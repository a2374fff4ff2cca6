"""Masks from [SEG] vectors: SAM's image encoder, prompt encoder and mask decoder."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.sam.modeling_sam import (
    SamMaskDecoder,
    SamPromptEncoder,
    SamVisionEncoder,
)


class GroundingModel(nn.Module):
    """SAM with one prompt token for each mask: the projected state that predicts [SEG].

    Args:
        image_encoder: transformers' SamVisionEncoder.
        prompt_encoder: transformers' SamPromptEncoder; only the empty mask's embedding and the
            random position matrix are used, the rest is kept because checkpoints contain its
            weights.
        mask_decoder: transformers' SamMaskDecoder.
    """

    def __init__(
        self,
        *,
        image_encoder: SamVisionEncoder,
        prompt_encoder: SamPromptEncoder,
        mask_decoder: SamMaskDecoder,
    ) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.prompt_encoder = prompt_encoder
        self.mask_decoder = mask_decoder

    def encode(self, pixels: Tensor) -> Tensor:
        """Image embeddings [B, E, g, g] from normalised, padded pixels [B, 3, S, S]."""
        embedded: Tensor = self.image_encoder(pixels.to(self._dtype)).last_hidden_state
        return embedded

    def positions(self, grid: int) -> Tensor:
        """Position encoding [1, E, g, g] of the cells' centres, in the precision of the weights."""
        matrix: Tensor = self.prompt_encoder.shared_embedding.positional_embedding
        centres = (torch.arange(grid, device=matrix.device) + 0.5).to(matrix.dtype) / grid
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        angles = 2 * math.pi * ((2 * torch.stack([x, y], -1) - 1) @ matrix)
        return torch.cat([angles.sin(), angles.cos()], -1).permute(2, 0, 1)[None]

    def decode(self, embedded: Tensor, prompts: Tensor, owner: Tensor) -> tuple[Tensor, Tensor]:
        """Low-resolution mask logits [N, 4g, 4g] and predicted IoU [N] of at least one prompt.

        Args:
            embedded: image embeddings [B, E, g, g].
            prompts: projected [SEG] states [N, E], any number for each image.
            owner: the image [N] of every prompt.
        """
        grid = embedded.shape[-1]
        images = embedded[owner]
        empty = self.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        masks, quality = self.mask_decoder(
            image_embeddings=images,
            image_positional_embeddings=self.positions(grid).expand_as(images),
            sparse_prompt_embeddings=prompts[:, None, None].to(embedded.dtype),
            dense_prompt_embeddings=empty.expand_as(images),
            multimask_output=False,
        )
        return masks[:, 0, 0], quality[:, 0, 0]

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.mask_decoder.parameters()).dtype


def full_size(
    low: Tensor, *, side: int, resized: tuple[int, int], original: tuple[int, int]
) -> Tensor:
    """Mask logits [n, H, W] in float32 at the image's own size; positive means inside.

    Two resizes as published: to the encoder's square, then, without the padding, to the image.

    Args:
        low: low-resolution logits [n, h, w].
        side: the encoder's image size S.
        resized: height and width of the image inside that square.
        original: height H and width W of the image.
    """
    if not len(low):
        return low.new_zeros((0, *original), dtype=torch.float32)
    square = functional.interpolate(
        low[:, None].float(), (side, side), mode="bilinear", align_corners=False
    )
    unpadded = square[..., : resized[0], : resized[1]]
    return functional.interpolate(unpadded, original, mode="bilinear", align_corners=False)[:, 0]
