"""Generates answers with masks: each image is encoded once, and all prompts of a batch run
together.

The published code encodes the image and runs the whole sequence again for every new token. Here
CLIP and the region encoder run once for each image, the language model keeps its keys and values,
and SAM runs only for images with a [SEG]. Tokens and masks are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gcg_bench.errors import BadOption
from gcg_bench.glamm.decoding import greedy
from gcg_bench.glamm.grounding import full_size
from gcg_bench.glamm.images import ImageInputs
from gcg_bench.glamm.modeling import Glamm, ImageFeatures
from gcg_bench.glamm.processing import Prepared
from gcg_bench.glamm.splicing import padded, seg_rows
from gcg_bench.glamm.tokens import Tokenizer

PROMPTS_AT_ONCE = 16
"""Number of masks decoded together; each needs its own copy of the image embedding."""


@dataclass(frozen=True, eq=False)
class GeneratedAnswer:
    """The model's reply to one prompt. m counts the [SEG] of prompt and reply, in that order.

    Attributes:
        ids: the new tokens, including the end token if it was reached.
        probabilities: the probability of every new token.
        states: [m, D], the states that predict [SEG].
        prompts: [m, E], the states projected for the mask decoder.
        low: low-resolution mask logits [m, 4g, 4g].
        masks: [m, H, W], True inside, at the image's own size, on the CPU.
    """

    ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    states: Tensor
    prompts: Tensor
    low: Tensor
    masks: Tensor


@dataclass(frozen=True, eq=False)
class GeneratedText:
    """The tokens of a reply, and the states for its masks.

    Attributes:
        ids: the new tokens, including the end token if it was reached.
        probabilities: the probability of every new token.
        states: [m, D], the states that predict the [SEG] of prompt and reply, in that order.
    """

    ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    states: Tensor


@torch.inference_mode()
def generate(
    model: Glamm, tokenizer: Tokenizer, batch: Sequence[Prepared], *, max_new_tokens: int = 512
) -> list[GeneratedAnswer]:
    """One reply with masks for every prompt, in order.

    Prompts of unequal length are padded on the left and masked; other prompts of the batch change a
    reply by rounding only. Prompts that share an ImageInputs object share its encodings.

    Args:
        model: in evaluation mode, on any device.
        tokenizer: gives the ids of `</s>`, `[SEG]`, `<bbox>` and the padding.
        batch: at least one prompt; their number is the batch size.
        max_new_tokens: the maximum number of new tokens, at least 1.

    Raises:
        BadOption: an empty batch or a limit below 1.
        BadData: a prompt without exactly one image, or with more `<bbox>` than boxes.
    """
    return generate_masks(
        model, batch, generate_text(model, tokenizer, batch, max_new_tokens=max_new_tokens)
    )


@torch.inference_mode()
def generate_text(
    model: Glamm, tokenizer: Tokenizer, batch: Sequence[Prepared], *, max_new_tokens: int = 512
) -> list[GeneratedText]:
    """The first half of `generate`: tokens and states, without SAM."""
    if not batch or max_new_tokens < 1:
        raise BadOption("generate needs at least one prompt and one new token")
    images, owners = _distinct_images([prompt.image for prompt in batch])
    features = model.encode_images(torch.stack([image.pixels for image in images]).to(model.device))
    ids, mask, embedded = _embedded(model, tokenizer, batch, features, owners)
    replies, states = greedy(
        model,
        embedded,
        None if bool(mask.all()) else mask,
        eos=tokenizer.eos,
        seg=tokenizer.seg,
        limit=max_new_tokens,
    )
    rows, positions = seg_rows(ids, tokenizer.seg, features.patches.shape[1])
    prompt_states = [states[k, positions[rows == k]] for k in range(len(batch))]
    return [
        GeneratedText(
            reply.ids,
            reply.probabilities,
            torch.cat([own_states, *(state[None] for state in reply.seg_states)]),
        )
        for own_states, reply in zip(prompt_states, replies, strict=True)
    ]


@torch.inference_mode()
def generate_masks(
    model: Glamm, batch: Sequence[Prepared], texts: Sequence[GeneratedText]
) -> list[GeneratedAnswer]:
    """The second half of `generate`: masks from states. SAM runs once for every image that needs
    it.

    Args:
        model: as in `generate`.
        batch: the prompts.
        texts: the results of `generate_text` for them.
    """
    images, owners = _distinct_images([prompt.image for prompt in batch])
    embedded: dict[int, Tensor] = {}
    results = []
    for owner, text in zip(owners, texts, strict=True):
        image = images[owner]
        if len(text.states) and owner not in embedded:
            pixels = image.grounding_pixels[None].to(model.device)
            embedded[owner] = model.grounding.encode(pixels)
        prompts = model.seg_projection(text.states)
        low, masks = _masks(model, embedded.get(owner), prompts, image)
        results.append(
            GeneratedAnswer(text.ids, text.probabilities, text.states, prompts, low, masks)
        )
    return results


def _embedded(
    model: Glamm,
    tokenizer: Tokenizer,
    batch: Sequence[Prepared],
    features: ImageFeatures,
    owners: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor]:
    """Left-padded ids [B, n], the mask [B, L] of spliced rows, and their embeddings [B, L, D]."""
    device = model.device
    ids, real = padded([prompt.ids for prompt in batch], pad=tokenizer.pad, left=True)
    ids = ids.to(device)
    no_boxes = torch.zeros(0, 4)
    boxes = [no_boxes if prompt.boxes is None else prompt.boxes for prompt in batch]
    embedded = model.embed(
        ids,
        features,
        images=torch.tensor(owners, device=device),
        boxes=[row_boxes.to(device) for row_boxes in boxes],
        bbox=tokenizer.bbox,
    )
    # All padding is on the left, before the image, so the image adds only True rows to the mask.
    added = embedded.shape[1] - ids.shape[1]
    mask = torch.cat([real, real.new_ones(len(real), added)], 1).to(device)
    return ids, mask, embedded


def _masks(
    model: Glamm, embedded: Tensor | None, prompts: Tensor, image: ImageInputs
) -> tuple[Tensor, Tensor]:
    """Low-resolution logits [m, 4g, 4g] and binary masks [m, H, W] of prompts [m, E]."""
    side = model.config.grounding.mask_size
    if embedded is None or not len(prompts):
        no_masks = torch.zeros((0, *image.original), dtype=torch.bool)
        return prompts.new_zeros(0, side, side), no_masks
    lows, masks = [], []
    for part in torch.split(prompts, PROMPTS_AT_ONCE):
        owner = torch.zeros(len(part), dtype=torch.long, device=part.device)
        low, _ = model.grounding.decode(embedded, part, owner)
        logits = full_size(
            low,
            side=model.config.grounding.image_size,
            resized=image.resized,
            original=image.original,
        )
        lows.append(low)
        masks.append((logits > 0).cpu())
    return torch.cat(lows), torch.cat(masks)


def _distinct_images(images: Sequence[ImageInputs]) -> tuple[list[ImageInputs], list[int]]:
    """The distinct image objects, and for every image its index among them."""
    index_by_id: dict[int, int] = {}
    distinct: list[ImageInputs] = []
    for image in images:
        if id(image) not in index_by_id:
            index_by_id[id(image)] = len(distinct)
            distinct.append(image)
    return distinct, [index_by_id[id(image)] for image in images]
