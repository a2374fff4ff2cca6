"""GLaMM: a language model with an image as input and masks as output, assembled from given parts.

Sizes in the docstrings: B rows, n tokens, P image patches, L = n + P - 1 spliced rows, D and C the
widths of language model and CLIP, E of mask prompts, g the grounding grid, N masks over all rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import CLIPVisionModel, LlamaForCausalLM

from gcg_bench.errors import BadData
from gcg_bench.glamm.configuration import GlammConfig
from gcg_bench.glamm.grounding import GroundingModel
from gcg_bench.glamm.region import RegionEncoder
from gcg_bench.glamm.splicing import image_positions, seg_rows, splice, spread


@dataclass(frozen=True)
class ImageFeatures:
    """The language model's inputs from a batch of images.

    Attributes:
        patches: projected patches [B, P, D].
        levels: the CLIP layers that the region encoder reads, [B, P, C] each, earliest first; empty
            for a model without a region encoder.
    """

    patches: Tensor
    levels: tuple[Tensor, ...]


@dataclass(frozen=True)
class ForcedOutput:
    """The output of a teacher-forced pass.

    Attributes:
        logits: next-token logits [B, L, vocabulary]; row r predicts row r + 1.
        states: last-layer states after the final norm [B, L, D].
        owner: the batch row [N] of every mask.
        rows: the spliced row [N] that predicts its [SEG].
        prompts: projected [SEG] states [N, E].
        masks: low-resolution mask logits [N, 4g, 4g]; positive means inside.
    """

    logits: Tensor
    states: Tensor
    owner: Tensor
    rows: Tensor
    prompts: Tensor
    masks: Tensor


class Glamm(nn.Module):
    """The assembled model; `assembly.build` creates it from sizes, `convert.load` from weights.

    Args:
        config: the sizes of all parts.
        vision_tower: transformers' CLIPVisionModel.
        projector: [., C] -> [., D].
        region_encoder: None for a model without boxes.
        language_model: transformers' LlamaForCausalLM.
        seg_projection: [., D] -> [., E].
        grounding: the part that computes masks.
    """

    def __init__(
        self,
        config: GlammConfig,
        *,
        vision_tower: CLIPVisionModel,
        projector: nn.Module,
        region_encoder: RegionEncoder | None,
        language_model: LlamaForCausalLM,
        seg_projection: nn.Module,
        grounding: GroundingModel,
    ) -> None:
        super().__init__()
        self.config = config
        self.vision_tower = vision_tower
        self.projector = projector
        self.region_encoder = region_encoder
        self.language_model = language_model
        self.seg_projection = seg_projection
        self.grounding = grounding

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the language model's weights."""
        return self.embedding.weight.dtype

    @property
    def device(self) -> torch.device:
        """The device of the language model's weights."""
        return self.embedding.weight.device

    @property
    def embedding(self) -> nn.Embedding:
        """The token embedding table."""
        table: nn.Embedding = self.language_model.model.embed_tokens
        return table

    def encode_images(self, pixels: Tensor) -> ImageFeatures:
        """Patches for the language model and levels for regions, from CLIP pixels [B, 3, s, s]."""
        states = self.vision_tower(pixels.to(self.dtype), output_hidden_states=True).hidden_states
        region = self.config.region
        layers = () if region is None else region.layers(len(states))
        return ImageFeatures(
            patches=self.projector(states[self.config.vision.select_layer][:, 1:]),
            levels=tuple(states[index][:, 1:] for index in layers),
        )

    def embed(
        self,
        ids: Tensor,
        features: ImageFeatures,
        *,
        images: Tensor | None = None,
        boxes: Sequence[Tensor] | None = None,
        bbox: int | None = None,
    ) -> Tensor:
        """The spliced sequence [B, L, D] of token ids [B, n], each row with IMAGE once.

        Args:
            ids: the token ids.
            features: the features of I images.
            images: the image [B] of every row; None when B = I and row k shows image k.
            boxes: for each row [n_i, 4], xyxy divided by the image's width and height. Their
                vectors replace the embeddings of the row's `bbox` tokens in order.
            bbox: the id of `<bbox>`.

        Raises:
            BadData: a row without exactly one image, or with more `<bbox>` than boxes.
        """
        positions = image_positions(ids)
        if images is None:
            images = torch.arange(len(ids), device=ids.device)
        tokens = self.embedding(ids.clamp(min=0))
        if boxes is not None and bbox is not None:
            tokens = self._with_regions(tokens, ids == bbox, features, images, boxes)
        return splice(tokens, features.patches[images], positions)

    def _with_regions(
        self,
        tokens: Tensor,
        marked: Tensor,
        features: ImageFeatures,
        images: Tensor,
        boxes: Sequence[Tensor],
    ) -> Tensor:
        """Token embeddings with region vectors at the marks; surplus boxes are not used."""
        rows = [
            row for row, row_boxes in enumerate(boxes) if len(row_boxes) and bool(marked[row].any())
        ]
        if not rows:
            return tokens
        if self.region_encoder is None:
            raise BadData("this model has no region encoder, but the prompt has boxes")
        tokens = tokens.clone()
        by_image: dict[int, list[int]] = {}
        for row in rows:
            by_image.setdefault(int(images[row]), []).append(row)
        for image, image_rows in by_image.items():
            # One image at a time: the largest map of the pyramid is 64 times as large as CLIP's.
            levels = [level[image : image + 1] for level in features.levels]
            counts = [len(boxes[row]) for row in image_rows]
            image_boxes = torch.cat([boxes[row] for row in image_rows]).to(tokens)
            vectors = self.region_encoder(levels, [image_boxes])[0].split(counts)
            for row, row_vectors in zip(image_rows, vectors, strict=True):
                tokens[row, marked[row]] = _vectors_for_tokens(
                    row_vectors, int(marked[row].sum())
                ).to(tokens.dtype)
        return tokens

    def teacher_forced(
        self,
        *,
        pixels: Tensor,
        grounding_pixels: Tensor,
        ids: Tensor,
        seg: int,
        mask: Tensor | None = None,
        boxes: Sequence[Tensor] | None = None,
        bbox: int | None = None,
        images: Tensor | None = None,
    ) -> ForcedOutput:
        """One differentiable pass over given answers: words, [SEG] states and masks.

        Args:
            pixels: CLIP pixels [I, 3, s, s] of I images.
            grounding_pixels: SAM pixels [I, 3, S, S] of the same images.
            ids: right-padded token ids [B, n], including the answers, each row with IMAGE once.
            seg: the id of [SEG].
            mask: [B, n], True on real tokens; None when nothing is padded.
            boxes: as in `embed`, one tensor for each row.
            bbox: the id of `<bbox>`.
            images: the image [B] of every row; None when B = I and row k shows image k.
        """
        features = self.encode_images(pixels)
        embedded = self.embed(ids, features, images=images, boxes=boxes, bbox=bbox)
        patches = features.patches.shape[1]
        attended = None if mask is None else spread(mask, image_positions(ids), patches, True)
        states = self.language_model.model(
            inputs_embeds=embedded, attention_mask=attended, use_cache=False
        ).last_hidden_state
        owner, rows = seg_rows(ids, seg, patches)
        prompts = self.seg_projection(states[owner, rows])
        low = self._low_resolution(
            grounding_pixels, prompts, owner if images is None else images[owner]
        )
        logits = self.language_model.lm_head(states)
        return ForcedOutput(logits, states, owner, rows, prompts, low)

    def _low_resolution(self, pixels: Tensor, prompts: Tensor, image: Tensor) -> Tensor:
        """Low-resolution masks [N, 4g, 4g]; without prompts SAM does not run."""
        if not len(prompts):
            side = self.config.grounding.mask_size
            return prompts.new_zeros(0, side, side)
        return self.grounding.decode(self.grounding.encode(pixels), prompts, image)[0]


def _vectors_for_tokens(vectors: Tensor, count: int) -> Tensor:
    """Region vectors for `count` tokens; a single vector is repeated, as in the published code."""
    if len(vectors) not in (1, count) and len(vectors) < count:
        raise BadData(f"{count} <bbox> for {len(vectors)} boxes", field="boxes")
    return vectors.expand(count, -1) if len(vectors) == 1 else vectors[:count]
