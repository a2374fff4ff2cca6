"""Answers with masks: every image encoded once, all prompts of a batch continued side by side.

The published code encodes the image and runs the whole sequence again for every new token. Here
CLIP and the region encoder run once an image, the language model keeps its keys and values, and
SAM runs only for images that some [SEG] asks about. Tokens and masks are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gcg_bench.errors import BadOption
from gcg_bench.glamm.decoding import greedy
from gcg_bench.glamm.grounding import full_size
from gcg_bench.glamm.images import ImageInputs
from gcg_bench.glamm.modeling import Glamm, Sight
from gcg_bench.glamm.processing import Prepared
from gcg_bench.glamm.splicing import padded, seg_rows
from gcg_bench.glamm.tokens import Tokenizer

PROMPTS_AT_ONCE = 16
"""Masks decoded together; each needs its own copy of the image embedding."""


@dataclass(frozen=True, eq=False)
class Generated:
    """The model's reply to one prompt. m counts the [SEG] of prompt and reply, in that order.

    Attributes:
        ids: the new tokens, the end token included where it was reached.
        probabilities: of every new token.
        states: [m, D], the states that predict [SEG].
        prompts: [m, E], the same projected for the mask decoder.
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
class Spoken:
    """The words of a reply and the states that its masks will be drawn from.

    Attributes:
        ids: the new tokens, the end token included where it was reached.
        probabilities: of every new token.
        states: [m, D], the states that predict the [SEG] of prompt and reply, in that order.
    """

    ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    states: Tensor


@torch.inference_mode()
def generate(
    model: Glamm, tokenizer: Tokenizer, batch: Sequence[Prepared], *, max_new_tokens: int = 512
) -> list[Generated]:
    """One reply with masks for every prompt, in order.

    Prompts of unequal length are padded on the left and masked; replies do not depend on their
    neighbours but for rounding. Prompts that share an ImageInputs object share its encodings.

    Args:
        model: in evaluation mode, on any device.
        tokenizer: gives the ids of `</s>`, `[SEG]`, `<bbox>` and the padding.
        batch: at least one prompt; their number is the batch size.
        max_new_tokens: the most new tokens, at least 1.

    Raises:
        BadOption: an empty batch or a limit below 1.
        BadData: a prompt without exactly one image, or with more `<bbox>` than boxes.
    """
    return draw(model, batch, speak(model, tokenizer, batch, max_new_tokens=max_new_tokens))


@torch.inference_mode()
def speak(
    model: Glamm, tokenizer: Tokenizer, batch: Sequence[Prepared], *, max_new_tokens: int = 512
) -> list[Spoken]:
    """The first half of `generate`: words and states, without SAM."""
    if not batch or max_new_tokens < 1:
        raise BadOption("generate needs at least one prompt and one new token")
    images, owners = _distinct([prompt.image for prompt in batch])
    sight = model.see(torch.stack([image.pixels for image in images]).to(model.device))
    ids, mask, embedded = _embedded(model, tokenizer, batch, sight, owners)
    replies, states = greedy(
        model,
        embedded,
        None if bool(mask.all()) else mask,
        eos=tokenizer.eos,
        seg=tokenizer.seg,
        limit=max_new_tokens,
    )
    row, place = seg_rows(ids, tokenizer.seg, sight.patches.shape[1])
    asked = [states[k, place[row == k]] for k in range(len(batch))]
    return [
        Spoken(
            reply.ids,
            reply.probabilities,
            torch.cat([before, *(state[None] for state in reply.seg_states)]),
        )
        for before, reply in zip(asked, replies, strict=True)
    ]


@torch.inference_mode()
def draw(model: Glamm, batch: Sequence[Prepared], spoken: Sequence[Spoken]) -> list[Generated]:
    """The second half of `generate`: masks for states. SAM runs once for every image that needs it.

    Args:
        batch: the prompts.
        spoken: what `speak` returned for them.
    """
    images, owners = _distinct([prompt.image for prompt in batch])
    embedded: dict[int, Tensor] = {}
    results = []
    for owner, said in zip(owners, spoken, strict=True):
        image = images[owner]
        if len(said.states) and owner not in embedded:
            pixels = image.grounding_pixels[None].to(model.device)
            embedded[owner] = model.grounding.encode(pixels)
        prompts = model.seg_projection(said.states)
        low, masks = _masks(model, embedded.get(owner), prompts, image)
        results.append(Generated(said.ids, said.probabilities, said.states, prompts, low, masks))
    return results


def _embedded(
    model: Glamm,
    tokenizer: Tokenizer,
    batch: Sequence[Prepared],
    sight: Sight,
    owners: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor]:
    """Left-padded ids [B, n], the mask [B, L] of spliced rows, and their embeddings [B, L, D]."""
    device = model.device
    ids, real = padded([prompt.ids for prompt in batch], pad=tokenizer.pad, left=True)
    ids = ids.to(device)
    none = torch.zeros(0, 4)
    boxes = [none if prompt.boxes is None else prompt.boxes for prompt in batch]
    embedded = model.embed(
        ids,
        sight,
        images=torch.tensor(owners, device=device),
        boxes=[own.to(device) for own in boxes],
        bbox=tokenizer.bbox,
    )
    # All padding is on the left, in front of the image, so the mask grows by true rows there.
    grown = embedded.shape[1] - ids.shape[1]
    mask = torch.cat([real, real.new_ones(len(real), grown)], 1).to(device)
    return ids, mask, embedded


def _masks(
    model: Glamm, embedded: Tensor | None, prompts: Tensor, image: ImageInputs
) -> tuple[Tensor, Tensor]:
    """Low-resolution logits [m, 4g, 4g] and binary masks [m, H, W] of prompts [m, E]."""
    side = model.config.grounding.mask_size
    if embedded is None or not len(prompts):
        none = torch.zeros((0, *image.original), dtype=torch.bool)
        return prompts.new_zeros(0, side, side), none
    lows, masks = [], []
    for some in torch.split(prompts, PROMPTS_AT_ONCE):
        owner = torch.zeros(len(some), dtype=torch.long, device=some.device)
        low, _ = model.grounding.decode(embedded, some, owner)
        logits = full_size(
            low,
            side=model.config.grounding.image_size,
            resized=image.resized,
            original=image.original,
        )
        lows.append(low)
        masks.append((logits > 0).cpu())
    return torch.cat(lows), torch.cat(masks)


def _distinct(images: Sequence[ImageInputs]) -> tuple[list[ImageInputs], list[int]]:
    """The different objects among images, and for every image the index of its own."""
    order: dict[int, int] = {}
    distinct: list[ImageInputs] = []
    for image in images:
        if id(image) not in order:
            order[id(image)] = len(distinct)
            distinct.append(image)
    return distinct, [order[id(image)] for image in images]
