"""The training of glamm-tiny: it shows what the model will see, and it resumes."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gcg_bench.glamm.answers import read_answer
from gcg_bench.glamm.grounding import full_size
from gcg_bench.glamm.images import image_inputs
from gcg_bench.glamm.prompts import CAPTION_WITH_MASKS, conversation
from gcg_bench.shapes.composing import scene
from gcg_bench.shapes.grammar import tell

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def tools():
    """The tool's modules, by name."""
    sys.path.insert(0, str(TOOLS))
    try:
        import train_glamm_tiny
        from tiny_training import batches, loop, pool, recipe, stages, vocabulary
    finally:
        sys.path.remove(str(TOOLS))
    return {
        module.__name__.rpartition(".")[2]: module
        for module in (train_glamm_tiny, batches, loop, pool, recipe, stages, vocabulary)
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
    monkeypatch.setattr(tools["recipe"], "SHARDS", dict.fromkeys(tools["pool"].LEVELS, 1))
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
        told = tell(scene("train", index), 0)
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


def test_easy_scenes_fade_out(tools):
    stage = replace(tools["recipe"].STAGES[0], steps=100, easy=20, middle=40)
    mixture = tools["batches"].mixture
    assert mixture(stage, 0) == [1, 0, 0]
    assert mixture(stage, 10) == pytest.approx([0.5, 0.5 * 0.75, 0.5 * 0.25])
    assert mixture(stage, 99) == [0, 0, 1]


@pytest.mark.parametrize("name", ["eyes", "more", "whole"])
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
    parts = ("probe.", *(f"model.{part}." for part in tools["stages"].PARTS[name]))
    changed = {key for key in after if not torch.equal(after[key], before[key])}
    assert changed
    assert all(key.startswith(parts) for key in changed)
    lines = [(tmp_path / side / "losses.jsonl").read_text().count("\n") for side in "ab"]
    assert lines[0] == lines[1] == 4  # three steps and one look at held-out scenes
