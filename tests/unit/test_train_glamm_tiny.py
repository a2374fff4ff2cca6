"""The training of glamm-tiny: the pool holds the model's inputs, and a stage resumes exactly."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gcg_bench.data.shapes.composing import compose_scene
from gcg_bench.glamm.answers import read_answer
from gcg_bench.glamm.grounding import full_size
from gcg_bench.glamm.images import image_inputs
from gcg_bench.glamm.prompts import CAPTION_WITH_MASKS, conversation

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def tools():
    """The modules of the tool, by name."""
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
    return tools["vocabulary"].build_vocabulary(tasks=False)


@pytest.fixture(scope="module")
def work(tools, tmp_path_factory):
    """A folder with a pool of six scenes for each level."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("pool", "batches"):
            patch.setattr(tools[name], "SHARD", 6)
        for level in tools["pool"].LEVELS:
            tools["pool"].write_shard(folder / "pool", level, 0, clip_size=160, sam_size=160)
    return folder


@pytest.fixture
def small(tools, monkeypatch):
    """One shard for each level, two scenes in a batch, two steps in a stage."""
    for name in ("pool", "batches"):
        monkeypatch.setattr(tools[name], "SHARD", 6)
    monkeypatch.setattr(tools["batches"], "SHARDS", dict.fromkeys(tools["pool"].LEVELS, 1))
    monkeypatch.setattr(tools["loop"], "LOG_EVERY", 1)
    monkeypatch.setattr(tools["loop"], "HELDOUT", 2)
    stages = [replace(stage, steps=2, batch=2) for stage in tools["recipe"].STAGES]
    return {stage.name: stage for stage in stages}


def test_pool_shows_what_the_processor_shows(tools):
    """The pool's pixels equal those of the model's own preparation of the same image."""
    for index in range(6):
        scene = compose_scene("train", index)
        rendered = tools["pool"].render_scene(scene, clip_size=160, sam_size=160)
        inputs = image_inputs(scene.render(), clip_size=160, sam_size=160, crop=False)
        clip = tools["batches"].clip_input(np.stack([rendered.clip]))[0]
        sam = tools["batches"].sam_input(np.stack([rendered.sam]), np.array([rendered.resized]))[0]
        assert torch.allclose(clip, inputs.pixels, atol=1e-5)
        assert torch.allclose(sam, inputs.grounding_pixels, atol=1e-5)
        assert rendered.resized == inputs.resized


def test_pool_masks_become_the_masks_of_the_scene(tools):
    """The shares of cells, used as logits and brought to full size, are the true masks."""
    for index in range(6):
        scene = compose_scene("train", index)
        rendered = tools["pool"].render_scene(scene, clip_size=160, sam_size=160)
        low = torch.logit(torch.from_numpy(rendered.masks).float() / 255, eps=1e-3)
        size = (scene.height, scene.width)
        predicted = full_size(low, side=160, resized=rendered.resized, original=size).numpy() > 0
        for mask, members in zip(predicted, scene.mentions, strict=True):
            target = np.any([scene.visible(position) for position in members], axis=0)
            assert (mask & target).sum() / (mask | target).sum() > 0.88


def test_facts_are_of_the_scene(tools):
    scene = compose_scene("train", 40)
    pair = next(members for members in scene.mentions if len(members) == 2)
    row = tools["pool"].facts(scene, pair)
    names = [kinds[int(index)] for kinds, index in zip(tools["pool"].KINDS, row, strict=False)]
    thing = scene.things[pair[0]]
    assert names == [thing.shape, thing.colour, thing.texture, thing.size]
    columns = np.nonzero(scene.visible(pair[1]))[1]
    assert row[8] == pytest.approx((columns.mean() + 0.5) / scene.width)
    assert row[10] == pytest.approx((columns.max() - columns.min() + 1) / scene.width)
    assert row[-1] == 1


def test_words_come_back_as_phrases(tools, tokenizer):
    """The training text is parsed into the scene's own phrases, each with one mask."""
    prompt = tokenizer.encode_prompt(conversation([(CAPTION_WITH_MASKS, None)]))
    for index in range(20):
        caption = tools["style"].plain_caption(compose_scene("train", index))
        words = tools["pool"].tagged(caption)
        ids = tokenizer.encode_prompt(conversation([(CAPTION_WITH_MASKS, words)]))
        assert ids[: len(prompt)] == prompt
        assert (ids[-1], tokenizer.unk in ids) == (tokenizer.eos, False)
        answer = read_answer(tokenizer, prompt, ids[len(prompt) :])
        assert [phrase.text for phrase in answer.phrases] == [
            caption.caption[start:end] for start, end in caption.spans
        ]
        assert [phrase.masks for phrase in answer.phrases] == [
            (k,) for k in range(len(caption.spans))
        ]


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
    """At most three mentions in a sentence; all things named once; no random choice."""
    for index in range(30):
        scene = compose_scene("train", index)
        caption = tools["style"].plain_caption(scene)
        assert caption == tools["style"].plain_caption(scene)
        assert len(caption.spans) == len(scene.mentions)
        assert caption.caption.count(".") == -(-len(scene.mentions) // 3)
        assert not {"lies", "sits", "lie", "sit", "with"} & set(caption.caption.split())


def test_muon_steps_have_singular_values_of_about_one(tools):
    generator = torch.Generator().manual_seed(3)
    for shape in ((2, 48, 48), (1, 96, 32), (3, 32, 96)):
        matrices = tools["muon"].orthogonal(torch.randn(shape, generator=generator))
        assert matrices.shape == shape
        values = torch.linalg.svdvals(matrices)
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
    silhouettes = tools["probe"].silhouettes(batch).reshape(2, 8, 8)
    assert torch.equal(silhouettes[0], silhouettes[1])
    assert bool((silhouettes[0, 1:7, 1:7] > 0.9).all())
    assert bool((silhouettes[0, 0] < 0.5).all())
    assert bool((silhouettes[0, :, 7] < 0.5).all())


# without hardware for bfloat16 a step of it takes ten times as long, so one stage is enough
@pytest.mark.parametrize(
    ("name", "precision"),
    [("see", torch.bfloat16), *((name, torch.float32) for name in ("eyes", "words", "whole"))],
)
def test_resumes_identically(tools, tokenizer, work, small, tmp_path, name, precision):
    """Two steps in one run end with the same weights as one step, a restart and one more.

    The second step needs what the optimisers kept of the first.
    """
    pool = tools["batches"].Pool(work / "pool", tokenizer)

    def trained(folder, *ends):
        """A new model after runs that end at these steps, and its first weights."""
        folder.mkdir()
        for end in ends:
            model = tools["train_glamm_tiny"].initial_model(tokenizer)
            before = {key: value.clone() for key, value in model.state_dict().items()}
            tools["loop"].run(model, small[name], pool, folder, until=end, precision=precision)
        return model, before

    first, before = trained(tmp_path / "a", 2)
    second, _ = trained(tmp_path / "b", 1, 2)
    after, again = first.state_dict(), second.state_dict()
    assert all(torch.equal(after[key], again[key]) for key in after)
    probe = ("probe.",) if name in tools["stages"].PROBED else ()
    parts = (*probe, *(f"model.{part}." for part in tools["stages"].PARTS[name]))
    changed = {key for key in after if not torch.equal(after[key], before[key])}
    assert changed
    assert all(key.startswith(parts) for key in changed)
    lines = [(tmp_path / side / "losses.jsonl").read_text().count("\n") for side in "ab"]
    assert lines[0] == lines[1] == 3  # two steps and one line of held-out figures
