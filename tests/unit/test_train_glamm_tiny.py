"""The training of glamm-tiny: it shows what the model will see, and it resumes."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gcg_bench.data.shapes.composing import scene
from gcg_bench.glamm.answers import read_answer
from gcg_bench.glamm.grounding import full_size
from gcg_bench.glamm.images import image_inputs
from gcg_bench.glamm.prompts import CAPTION_WITH_MASKS, conversation

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def tools():
    """The tool's modules, by name."""
    sys.path.insert(0, str(TOOLS))
    try:
        import train_glamm_tiny
        from tiny_training import (
            batches,
            loop,
            muon,
            pool,
            probe,
            recipe,
            stages,
            style,
            vocabulary,
        )
    finally:
        sys.path.remove(str(TOOLS))
    return {
        module.__name__.rpartition(".")[2]: module
        for module in (
            train_glamm_tiny,
            batches,
            loop,
            muon,
            pool,
            probe,
            recipe,
            stages,
            style,
            vocabulary,
        )
    }


@pytest.fixture(scope="module")
def tokenizer(tools):
    return tools["vocabulary"].learn()


@pytest.fixture(scope="module")
def work(tools, tmp_path_factory):
    """A folder with a pool of six scenes a level."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("pool", "batches"):
            patch.setattr(tools[name], "SHARD", 6)
        for level in tools["pool"].LEVELS:
            tools["pool"].write_shard(folder / "pool", level, 0, clip_size=160, sam_size=160)
    return folder


@pytest.fixture
def small(tools, monkeypatch):
    """One shard a level, two scenes a batch, three steps a stage."""
    for name in ("pool", "batches"):
        monkeypatch.setattr(tools[name], "SHARD", 6)
    monkeypatch.setattr(tools["batches"], "SHARDS", dict.fromkeys(tools["pool"].LEVELS, 1))
    monkeypatch.setattr(tools["loop"], "LOG_EVERY", 1)
    monkeypatch.setattr(tools["loop"], "HELDOUT", 6)
    stages = [replace(one, steps=3, batch=2) for one in tools["recipe"].STAGES]
    return {one.name: one for one in stages}


def test_pool_shows_what_the_processor_shows(tools):
    """Pixels in the pool are those that the model's own preparation makes of the same picture."""
    for index in range(6):
        made = scene("train", index)
        drawn = tools["pool"].draw(made, clip_size=160, sam_size=160)
        wanted = image_inputs(made.render(), clip_size=160, sam_size=160, crop=False)
        clip = tools["batches"].clip_input(np.stack([drawn.clip]))[0]
        sam = tools["batches"].sam_input(np.stack([drawn.sam]), np.array([drawn.resized]))[0]
        assert torch.allclose(clip, wanted.pixels, atol=1e-5)
        assert torch.allclose(sam, wanted.grounding_pixels, atol=1e-5)
        assert drawn.resized == wanted.resized


def test_pool_masks_become_the_masks_of_the_scene(tools):
    """The shares of cells, read as logits and brought to full size, are the true masks."""
    for index in range(6):
        made = scene("train", index)
        drawn = tools["pool"].draw(made, clip_size=160, sam_size=160)
        low = torch.logit(torch.from_numpy(drawn.masks).float() / 255, eps=1e-3)
        size = (made.height, made.width)
        said = full_size(low, side=160, resized=drawn.resized, original=size).numpy() > 0
        for mask, members in zip(said, made.mentions, strict=True):
            wanted = np.any([made.visible(place) for place in members], axis=0)
            assert (mask & wanted).sum() / (mask | wanted).sum() > 0.88


def test_facts_are_of_the_scene(tools):
    made = scene("train", 40)
    pair = next(members for members in made.mentions if len(members) == 2)
    row = tools["pool"].facts(made, pair)
    names = [kinds[int(at)] for kinds, at in zip(tools["pool"].KINDS, row, strict=False)]
    thing = made.things[pair[0]]
    assert names == [thing.shape, thing.colour, thing.texture, thing.size]
    columns = np.nonzero(made.visible(pair[1]))[1]
    assert row[8] == pytest.approx((columns.mean() + 0.5) / made.width)
    assert row[10] == pytest.approx((columns.max() - columns.min() + 1) / made.width)
    assert row[-1] == 1


def test_words_come_back_as_phrases(tools, tokenizer):
    """What the model is taught to say reads back as the scene's own phrases, each with one mask."""
    prompt = tokenizer.encode_prompt(conversation([(CAPTION_WITH_MASKS, None)]))
    for index in range(20):
        told = tools["style"].plainly(scene("train", index))
        words = tools["pool"].tagged(told)
        ids = tokenizer.encode_prompt(conversation([(CAPTION_WITH_MASKS, words)]))
        assert ids[: len(prompt)] == prompt
        assert (ids[-1], tokenizer.unk in ids) == (tokenizer.eos, False)
        answer = read_answer(tokenizer, prompt, ids[len(prompt) :])
        assert [phrase.text for phrase in answer.phrases] == [
            told.caption[start:end] for start, end in told.spans
        ]
        assert [phrase.masks for phrase in answer.phrases] == [(k,) for k in range(len(told.spans))]


def test_vocabulary_reads_any_ascii(tokenizer):
    text = "Say, what's 7 + (3 - 1)? ~ {x}"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.unk not in tokenizer.encode(text)


def test_labels_are_the_answer(tools, tokenizer, work, small):
    pool = tools["batches"].Pool(work / "pool", tokenizer)
    batch = pool.step(small["whole"], 0)
    for ids, labels in zip(batch.ids.tolist(), batch.labels.tolist(), strict=True):
        learnt = [label for label in labels if label >= 0]
        assert tokenizer.decode(learnt).endswith("</s>")
        assert labels.index(learnt[0]) == ids.index(learnt[0], ids.index(-200))
    assert int((batch.ids == tokenizer.seg).sum()) == len(batch.masks) == len(batch.facts)


def test_learning_rate_rises_stays_and_falls(tools):
    stage = replace(tools["recipe"].STAGES[0], steps=100, rate=1.0, warmup=10, level=40)
    rate = tools["loop"].rate
    assert [rate(stage, step) for step in (0, 9, 30, 50)] == [0.1, 1, 1, 1]
    assert rate(stage, 75) == pytest.approx(0.02 + 0.98 * 0.5)
    assert rate(stage, 99) == pytest.approx(0.02 + 0.98 * 0.02)


def test_style_says_the_same_thing_the_same_way(tools):
    """Two sentences of three mentions at most; all things named once; nothing thrown."""
    for index in range(30):
        made = scene("train", index)
        told = tools["style"].plainly(made)
        assert told == tools["style"].plainly(made)
        assert len(told.spans) == len(made.mentions)
        assert told.caption.count(".") == -(-len(made.mentions) // 3)
        assert not {"lies", "sits", "lie", "sit", "with"} & set(told.caption.split())


def test_muon_steps_have_singular_values_of_about_one(tools):
    generator = torch.Generator().manual_seed(3)
    for shape in ((2, 48, 48), (1, 96, 32), (3, 32, 96)):
        made = tools["muon"].orthogonal(torch.randn(shape, generator=generator))
        assert made.shape == shape
        values = torch.linalg.svdvals(made)
        assert float(values.max()) < 1.3
        assert float(values.median()) > 0.6


def test_muon_finds_the_least_squares(tools):
    generator = torch.Generator().manual_seed(3)
    wanted = torch.randn(6, 6, generator=generator)
    weight = torch.nn.Parameter(torch.zeros(6, 6))
    stepper = tools["muon"].Muon([weight], lr=0.1, weight_decay=0.0)
    for step in range(300):
        stepper.param_groups[0]["lr"] = 0.1 * (1 - step / 300)
        stepper.zero_grad()
        (weight - wanted).square().sum().backward()
        stepper.step()
    assert torch.allclose(weight, wanted, atol=0.05)


def test_silhouette_is_the_mask_around_a_thing(tools):
    """A square mask fills the middle of its silhouette and leaves an edge free."""
    masks = torch.zeros(1, 80, 80)
    masks[0, 20:40, 10:30] = 1
    facts = torch.zeros(1, tools["pool"].FACTS)
    facts[0, 4:8] = facts[0, 8:12] = torch.tensor([0.25, 0.5, 0.25, 1 / 3])
    batch = SimpleNamespace(
        masks=masks,
        facts=facts,
        owner=torch.tensor([0]),
        resized=torch.tensor([[120, 160]]),
    )
    found = tools["probe"].silhouettes(batch).reshape(2, 8, 8)
    assert torch.equal(found[0], found[1])
    assert bool((found[0, 1:7, 1:7] > 0.9).all())
    assert bool((found[0, 0] < 0.5).all())
    assert bool((found[0, :, 7] < 0.5).all())


@pytest.mark.parametrize("name", ["see", "eyes", "words", "whole"])
def test_resumes_identically(tools, tokenizer, work, small, tmp_path, name):
    """Three steps in one go leave the weights that one step, a fresh start and two leave."""
    pool = tools["batches"].Pool(work / "pool", tokenizer)
    first = tools["train_glamm_tiny"].fresh(tokenizer)
    before = {key: value.clone() for key, value in first.state_dict().items()}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    run = tools["loop"].run
    run(first, small[name], pool, tmp_path / "a", until=3)
    run(tools["train_glamm_tiny"].fresh(tokenizer), small[name], pool, tmp_path / "b", until=1)
    second = tools["train_glamm_tiny"].fresh(tokenizer)
    run(second, small[name], pool, tmp_path / "b", until=3)
    after, again = first.state_dict(), second.state_dict()
    assert all(torch.equal(after[key], again[key]) for key in after)
    probe = ("probe.",) if name in tools["stages"].PROBED else ()
    parts = (*probe, *(f"model.{part}." for part in tools["stages"].PARTS[name]))
    changed = {key for key in after if not torch.equal(after[key], before[key])}
    assert changed
    assert all(key.startswith(parts) for key in changed)
    lines = [(tmp_path / side / "losses.jsonl").read_text().count("\n") for side in "ab"]
    assert lines[0] == lines[1] == 4  # three steps and one look at held-out scenes
