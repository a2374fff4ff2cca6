"""GLaMM: a language model that sees an image and speaks masks, put together from parts passed in.

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
from gcg_bench.glamm.splicing import image_places, seg_rows, splice, spread


@dataclass(frozen=True)
class Sight:
    """What the language model sees of a batch of images.

    Attributes:
        patches: projected patches [B, P, D].
        levels: the CLIP layers that the region encoder reads, [B, P, C] each, earliest first;
            empty for a model without one.
    """

    patches: Tensor
    levels: tuple[Tensor, ...]


@dataclass(frozen=True)
class Forced:
    """A teacher-forced pass.

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
    """The assembled model; `assembly.build` makes one from sizes, `convert.load` from weights.

    Args:
        config: the sizes of all parts.
        vision_tower: transformers' CLIPVisionModel.
        projector: [., C] -> [., D].
        region_encoder: None for a model that takes no boxes.
        language_model: transformers' LlamaForCausalLM.
        seg_projection: [., D] -> [., E].
        grounding: the mask half.
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
        """Where the language model's weights are."""
        return self.embedding.weight.device

    @property
    def embedding(self) -> nn.Embedding:
        """The token embedding table."""
        table: nn.Embedding = self.language_model.model.embed_tokens
        return table

    def see(self, pixels: Tensor) -> Sight:
        """Patches for the language model and levels for regions, from CLIP pixels [B, 3, s, s]."""
        states = self.vision_tower(pixels.to(self.dtype), output_hidden_states=True).hidden_states
        region = self.config.region
        chosen = () if region is None else region.layers(len(states))
        return Sight(
            patches=self.projector(states[self.config.vision.select_layer][:, 1:]),
            levels=tuple(states[index][:, 1:] for index in chosen),
        )

    def embed(
        self,
        ids: Tensor,
        sight: Sight,
        *,
        images: Tensor | None = None,
        boxes: Sequence[Tensor] | None = None,
        bbox: int | None = None,
    ) -> Tensor:
        """The spliced sequence [B, L, D] of token ids [B, n] holding IMAGE once a row.

        Args:
            sight: of I images.
            images: the image [B] of every row; None when B = I and row k shows image k.
            boxes: per row [n_i, 4], xyxy divided by the image's width and height. Their vectors
                replace the embeddings of the row's `bbox` tokens in order.
            bbox: the id of `<bbox>`.

        Raises:
            BadData: a row without exactly one image, or with more `<bbox>` than boxes.
        """
        places = image_places(ids)
        if images is None:
            images = torch.arange(len(ids), device=ids.device)
        tokens = self.embedding(ids.clamp(min=0))
        if boxes is not None and bbox is not None:
            tokens = self._with_regions(tokens, ids == bbox, sight, images, boxes)
        return splice(tokens, sight.patches[images], places)

    def _with_regions(
        self,
        tokens: Tensor,
        marked: Tensor,
        sight: Sight,
        images: Tensor,
        boxes: Sequence[Tensor],
    ) -> Tensor:
        """Token embeddings with region vectors at the marked places; surplus boxes are unused."""
        rows = [row for row, own in enumerate(boxes) if len(own) and bool(marked[row].any())]
        if not rows:
            return tokens
        if self.region_encoder is None:
            raise BadData("this model has no region encoder, but the prompt comes with boxes")
        tokens = tokens.clone()
        by_image: dict[int, list[int]] = {}
        for row in rows:
            by_image.setdefault(int(images[row]), []).append(row)
        for image, sharing in by_image.items():
            # One image at a time: the largest map of the pyramid is 64 times CLIP's own.
            levels = [level[image : image + 1] for level in sight.levels]
            counts = [len(boxes[row]) for row in sharing]
            every = torch.cat([boxes[row] for row in sharing]).to(tokens)
            vectors = self.region_encoder(levels, [every])[0].split(counts)
            for row, own in zip(sharing, vectors, strict=True):
                tokens[row, marked[row]] = _filling(own, int(marked[row].sum())).to(tokens.dtype)
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
    ) -> Forced:
        """One differentiable pass over given answers: words, [SEG] states and masks.

        Args:
            pixels: CLIP pixels [I, 3, s, s] of I images.
            grounding_pixels: SAM pixels [I, 3, S, S] of the same images.
            ids: right-padded token ids [B, n], answers included, IMAGE once a row.
            seg: the id of [SEG].
            mask: [B, n], True on real tokens; None when nothing is padded.
            boxes: as in `embed`, one tensor a row.
            bbox: the id of `<bbox>`.
            images: the image [B] of every row; None when B = I and row k shows image k.
        """
        sight = self.see(pixels)
        embedded = self.embed(ids, sight, images=images, boxes=boxes, bbox=bbox)
        patches = sight.patches.shape[1]
        attended = None if mask is None else spread(mask, image_places(ids), patches, True)
        states = self.language_model.model(
            inputs_embeds=embedded, attention_mask=attended, use_cache=False
        ).last_hidden_state
        owner, rows = seg_rows(ids, seg, patches)
        prompts = self.seg_projection(states[owner, rows])
        low = self._low(grounding_pixels, prompts, owner if images is None else images[owner])
        logits = self.language_model.lm_head(states)
        return Forced(logits, states, owner, rows, prompts, low)

    def _low(self, pixels: Tensor, prompts: Tensor, image: Tensor) -> Tensor:
        """Low-resolution masks [N, 4g, 4g]; without prompts SAM does not run."""
        if not len(prompts):
            side = self.config.grounding.mask_size
            return prompts.new_zeros(0, side, side)
        return self.grounding.decode(self.grounding.encode(pixels), prompts, image)[0]


def _filling(vectors: Tensor, wanted: int) -> Tensor:
    """Region vectors for `wanted` places; one vector serves them all, as in the published code."""
    if len(vectors) not in (1, wanted) and len(vectors) < wanted:
        raise BadData(f"{wanted} <bbox> for {len(vectors)} boxes", field="boxes")
    return vectors.expand(wanted, -1) if len(vectors) == 1 else vectors[:wanted]
