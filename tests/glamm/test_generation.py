"""Generation on a random model: cache, batch and boxes do not change the results.

The published goldens are not needed. The references are the slow way, which runs the whole sequence
again for every token, and `teacher_forced`, which shares no loop with `generate`.
"""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from gcg_bench.errors import BadData, BadOption
from gcg_bench.glamm import generation
from gcg_bench.glamm.assembly import build
from gcg_bench.glamm.generation import generate
from gcg_bench.glamm.grounding import full_size

BOX = (3.0, 4.0, 20.0, 18.0)


def slowly(model, tokenizer, prompt, limit):
    """Runs the whole sequence for every token: one prompt, no cache, no padding."""
    ids = torch.tensor([prompt.ids])
    sight = model.encode_images(prompt.image.pixels[None])
    boxes = None if prompt.boxes is None else [prompt.boxes]
    for _ in range(limit):
        embedded = model.embed(ids, sight, boxes=boxes, bbox=tokenizer.bbox)
        logits = model.language_model(inputs_embeds=embedded, use_cache=False).logits[0, -1]
        ids = torch.cat([ids, logits.argmax()[None, None]], 1)
        if int(ids[0, -1]) == tokenizer.eos:
            break
    return ids


@pytest.fixture(scope="module")
def prompts(processor, pictures):
    """Prompts of several lengths, an earlier turn with a mask, boxes, two prompts on one image."""
    return [
        processor.prepare(pictures[0], "describe it"),
        processor.prepare(pictures[1], "a much longer instruction, with masks please"),
        processor.prepare(pictures[2], "and this?", history=[("what?", "<p> a </p> [SEG]")]),
        processor.prepare(pictures[3], "describe <bbox> and <bbox>", boxes=[BOX, BOX[::1]]),
        processor.prepare(pictures[0], "what is in <bbox>?", boxes=[(0, 0, 9, 9)]),
    ]


@pytest.fixture(scope="module", params=["random", "speaking"])
def speaker(request, small, tokenizer):
    """The random model, and one with a higher probability of [SEG] and of the end token."""
    if request.param == "random":
        return small
    model = copy.deepcopy(small)
    head, noise = model.language_model.lm_head.weight, torch.Generator().manual_seed(5)
    for token in (tokenizer.seg, tokenizer.eos):
        head[token] += torch.randn(head.shape[1], generator=noise) * 0.7
    return model


def test_cached_generation_equals_running_everything_again(speaker, tokenizer, prompts):
    segs = 0
    for prompt in prompts:
        reply = generate(speaker, tokenizer, [prompt], max_new_tokens=12)[0]
        ids = slowly(speaker, tokenizer, prompt, 12)
        assert list(reply.ids) == ids[0, len(prompt.ids) :].tolist()
        forced = speaker.teacher_forced(
            pixels=prompt.image.pixels[None],
            grounding_pixels=prompt.image.grounding_pixels[None],
            ids=ids,
            seg=tokenizer.seg,
            boxes=None if prompt.boxes is None else [prompt.boxes],
            bbox=tokenizer.bbox,
        )
        assert torch.allclose(reply.prompts, forced.prompts, atol=1e-4)
        assert torch.allclose(reply.low, forced.masks, atol=1e-4)
        logits = full_size(
            forced.masks, side=64, resized=prompt.image.resized, original=prompt.image.original
        )
        assert (reply.masks != (logits > 0)).float().mean() < 1e-3 or not len(logits)
        chances = forced.logits[0].softmax(-1)
        rows = range(len(prompt.ids) + 16 - 2, chances.shape[0] - 1)
        expected = [chances[row, token].item() for row, token in zip(rows, reply.ids, strict=True)]
        assert reply.probabilities == pytest.approx(expected, abs=1e-4)
        segs += len(reply.masks)
    assert segs >= 1  # at least the one in the prompt, so the comparison is not empty


def test_a_batch_says_what_each_says_alone(speaker, tokenizer, prompts):
    together = generate(speaker, tokenizer, prompts, max_new_tokens=12)
    for reply, prompt in zip(together, prompts, strict=True):
        alone = generate(speaker, tokenizer, [prompt], max_new_tokens=12)[0]
        assert reply.ids == alone.ids
        assert reply.probabilities == pytest.approx(alone.probabilities, abs=1e-4)
        assert torch.allclose(reply.low, alone.low, atol=1e-4)
        assert reply.masks.shape == alone.masks.shape


def test_finished_rows_leave_and_the_others_go_on(small, tokenizer, prompts, monkeypatch):
    """For any end token, every row stops at its first one and the other rows do not change."""

    def replies(batch, end):
        monkeypatch.setattr(tokenizer, "eos", end)
        return [reply.ids for reply in generate(small, tokenizer, batch, max_new_tokens=10)]

    alone = [replies([prompt], -1)[0] for prompt in prompts]
    assert {len(ids) for ids in alone} == {10}
    for end in {ids[k] for ids in alone for k in (0, 2, 5)}:
        expected = [ids[: ids.index(end) + 1] if end in ids else ids for ids in alone]
        assert replies(prompts, end) == expected


def test_sam_runs_once_an_image_and_only_when_asked(
    small, tokenizer, processor, pictures, monkeypatch
):
    runs = []
    encode = small.grounding.encode
    monkeypatch.setattr(small.grounding, "encode", lambda x: runs.append(len(x)) or encode(x))
    monkeypatch.setattr(generation, "PROMPTS_AT_ONCE", 2)
    plain = processor.prepare(pictures[1], "describe it")
    asked = [
        processor.prepare(pictures[0], "and?", history=[("what?", "[SEG] [SEG] [SEG]")]),
        processor.prepare(pictures[0], "so?", history=[("what?", "[SEG]")]),
    ]
    replies = generate(small, tokenizer, [plain, *asked], max_new_tokens=1)
    assert [len(reply.masks) for reply in replies] == [
        (reply.ids[0] == tokenizer.seg) + before
        for reply, before in zip(replies, (0, 3, 1), strict=True)
    ]
    assert runs == [1] * (1 + (len(replies[0].masks) > 0))
    assert replies[0].masks.shape[1:] == pictures[1].original
    assert replies[1].masks.dtype == torch.bool


def test_boxes_change_what_is_said(small, tokenizer, processor, pictures):
    """A box has an effect: two boxes give two different states at `<bbox>`, no box a third."""
    ids = torch.tensor([processor.prepare(pictures[0], "what is <bbox>?", boxes=[BOX]).ids])
    sight = small.encode_images(pictures[0].pixels[None])
    rows = [
        small.embed(ids, sight, boxes=boxes, bbox=tokenizer.bbox)
        for boxes in ([torch.tensor([[0.1, 0.1, 0.5, 0.5]])], [torch.tensor([[0.5, 0.2, 1, 1]])])
    ]
    rows.append(small.embed(ids, sight))
    changed = [
        (a != b).any(-1).nonzero().tolist() for a, b in ((rows[0], rows[1]), (rows[0], rows[2]))
    ]
    place = (ids[0] == tokenizer.bbox).nonzero().item() + 16 - 1
    assert changed == [[[0, place]], [[0, place]]]


def test_one_box_serves_all_marks_and_surplus_boxes_are_unused(
    small, tokenizer, processor, pictures
):
    ids = torch.tensor([processor.prepare(pictures[0], "<bbox> or <bbox>?", boxes=[BOX]).ids])
    sight = small.encode_images(pictures[0].pixels[None])
    one = torch.tensor([[0.1, 0.1, 0.5, 0.5]])
    both = torch.tensor([[0.1, 0.1, 0.5, 0.5], [0.5, 0.2, 1, 1]])
    more = torch.cat([both, one])
    places = (ids[0] == tokenizer.bbox).nonzero()[:, 0] + 16 - 1

    def vectors(boxes):
        return small.embed(ids, sight, boxes=[boxes], bbox=tokenizer.bbox)[0, places]

    assert torch.equal(*vectors(one))
    assert torch.allclose(vectors(both), vectors(more), atol=1e-6)
    assert not torch.allclose(*vectors(both))
    ids = torch.tensor([processor.prepare(pictures[0], "<bbox><bbox><bbox>", boxes=[BOX]).ids])
    with pytest.raises(BadData, match="3 <bbox> for 2 boxes"):
        small.embed(ids, sight, boxes=[both], bbox=tokenizer.bbox)


def test_a_model_without_region_encoder_refuses_boxes(small_config, tokenizer, prompts):
    model = build(replace(small_config, region=None)).eval()
    assert len(generate(model, tokenizer, prompts[:2], max_new_tokens=1)) == 2
    with pytest.raises(BadData, match="no region encoder"):
        generate(model, tokenizer, prompts, max_new_tokens=1)


def test_nothing_to_do_is_an_error(small, tokenizer, prompts):
    with pytest.raises(BadOption):
        generate(small, tokenizer, [])
    with pytest.raises(BadOption):
        generate(small, tokenizer, prompts, max_new_tokens=0)


def test_padding_tokens_in_a_prompt_are_attended_to(small, tokenizer, processor, pictures):
    """The published generation has no attention mask, so an unknown word is used like any other."""
    rng = np.random.default_rng(1)
    image = processor.image(rng.integers(0, 256, (30, 30, 3), dtype=np.uint8))
    prompt = processor.prepare(image, "a <unk> b")
    assert tokenizer.pad in prompt.ids
    reply = generate(small, tokenizer, [prompt], max_new_tokens=6)[0]
    assert list(reply.ids) == slowly(small, tokenizer, prompt, 6)[0, len(prompt.ids) :].tolist()
