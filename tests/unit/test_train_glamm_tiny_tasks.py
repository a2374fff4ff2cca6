"""The training of glamm-tiny on all tasks: rows of conversations, vocabulary, resuming."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gcg_bench.data.shapes.composing import compose_scene
from gcg_bench.data.shapes.sampling import samples
from gcg_bench.glamm.convert import load, save
from gcg_bench.glamm.prompts import (
    CAPTION,
    CAPTION_WITH_MASKS,
    DESCRIBE_REGION,
    conversation,
    segment,
)
from gcg_bench.glamm.splicing import IGNORE

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def tools():
    """The modules of the tool, by name."""
    sys.path.insert(0, str(TOOLS))
    try:
        import train_glamm_tiny
        from tiny_training import (
            loop,
            pool,
            recipe,
            style,
            task_batches,
            task_pool,
            task_stage,
            vocabulary,
        )
    finally:
        sys.path.remove(str(TOOLS))
    return SimpleNamespace(
        command=train_glamm_tiny,
        loop=loop,
        pool=pool,
        recipe=recipe,
        style=style,
        task_batches=task_batches,
        task_pool=task_pool,
        task_stage=task_stage,
        vocabulary=vocabulary,
    )


@pytest.fixture(scope="module")
def tokenizer(tools):
    return tools.vocabulary.build_vocabulary()


@pytest.fixture(scope="module")
def captioning(tools, tmp_path_factory):
    """A model of captions with masks, as the stage `whole` exports it, with random weights."""
    folder = tmp_path_factory.mktemp("captioning")
    tokenizer = tools.vocabulary.build_vocabulary(tasks=False)
    save(tools.command.initial_model(tokenizer).model, folder, dtype=torch.float16)
    tokenizer.save(folder)
    return folder


@pytest.fixture(scope="module")
def work(tools, tmp_path_factory):
    """A folder with a pool of six scenes for each level."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tools.task_pool, "SHARD", 6)
        for level in tools.task_pool.LEVELS:
            tools.task_pool.write_shard(folder / "pool", level, 0, clip_size=160, sam_size=160)
    return folder


@pytest.fixture
def pool(tools, tokenizer, work, monkeypatch):
    """The pool of `work`, with one shard for each level."""
    monkeypatch.setattr(tools.task_batches, "SHARD", 6)
    monkeypatch.setattr(tools.task_batches, "STAGE_SHARDS", {"refuse": 1})
    return tools.task_batches.TaskPool(work / "pool", tokenizer, "refuse")


def small_stage(tools):
    """The last stage with two steps of two scenes."""
    return replace(tools.recipe.stage("refuse"), steps=2, batch=2)


def test_pieces_of_captions_stay(tools, tokenizer):
    """A caption with its prompt has the same pieces in both vocabularies."""
    old = tools.vocabulary.build_vocabulary(tasks=False)
    for index in range(20):
        words = tools.pool.tagged(tools.style.plain_caption(compose_scene("train", index)))
        prompt = conversation([(CAPTION_WITH_MASKS, words)])
        before, after = (t.encode_prompt(prompt) for t in (old, tokenizer))
        assert [old.pieces[k] for k in before if k >= 0] == [
            tokenizer.pieces[k] for k in after if k >= 0
        ]
    assert set(old.pieces) < set(tokenizer.pieces)
    for before, after in tools.vocabulary.shared_rows(old, tokenizer):
        assert old.pieces[before] == tokenizer.pieces[after]


def test_texts_of_all_tasks_have_no_letters(tools, tokenizer):
    """Expressions, descriptions and replies are words; no word is split."""
    texts = [tools.task_batches.reply(count) for count in range(4)]
    for index in range(40):
        for sample in samples("generalized_referring", "train", index):
            texts.append(sample.query.expression)
        for sample in samples("region_caption", "train", index):
            texts += sample.captions
    for text in texts:
        pieces = [tokenizer.pieces[k] for k in tokenizer.encode(text)]
        assert all(len(piece.strip("▁")) > 1 for piece in pieces if piece.strip("▁.,aA")), text
    for instruction in (CAPTION, DESCRIBE_REGION, segment("red circle")):
        assert len(tokenizer.encode_prompt(conversation([(instruction, None)]))) <= 12


def test_replies_have_a_mark_for_each_thing(tools):
    assert [tools.task_batches.reply(count) for count in range(4)] == [
        "There is no such object.",
        "It is [SEG].",
        "They are [SEG] and [SEG].",
        "They are [SEG], [SEG] and [SEG].",
    ]


def test_expressions_of_the_pool_are_of_its_scene(tools):
    for index in range(10):
        scene = compose_scene("train", index)
        queries = tools.task_pool.scene_queries(scene)
        for drawn in (queries.easy, queries.expressions):
            for text, targets in drawn["one"]:
                assert len(targets) == 1
                assert text.split()[0] not in ("a", "an", "the")
            assert all(len(targets) > 1 for _, targets in drawn["several"])
            assert all(not targets for _, targets in drawn["none"])
        assert queries.easy["one"] != queries.expressions["one"]
        for position, ((x0, y0, x1, y1), text) in enumerate(
            zip(queries.boxes, queries.things, strict=True)
        ):
            rows, columns = np.nonzero(scene.visible(position))
            assert x0 == pytest.approx(columns.min() / scene.width)
            assert y1 == pytest.approx((rows.max() + 1) / scene.height)
            assert (x0 < x1, y0 < y1) == (True, True)
            assert f"{scene.things[position].colour} {scene.things[position].shape}" in text


def test_masks_and_facts_of_a_pair_are_those_of_its_phrase(tools):
    scene = compose_scene("train", 40)
    pair = next(members for members in scene.mentions if len(members) == 2)
    phrase = tools.pool.render_scene(scene, clip_size=160, sam_size=160, groups=[pair])
    things = tools.pool.render_scene(
        scene, clip_size=160, sam_size=160, groups=[(position,) for position in pair]
    )
    assert np.allclose(tools.task_batches.group_facts(things.facts), phrase.facts[0])
    difference = things.masks.astype(int).sum(0) - phrase.masks[0]
    assert np.abs(difference).max() <= 1


def test_batch_has_an_answer_for_every_conversation(tools, tokenizer, pool):
    batch = pool.step(small_stage(tools), 0)
    assert int((batch.ids == tokenizer.seg).sum()) == len(batch.masks) == len(batch.facts)
    assert int((batch.ids == tokenizer.bbox).sum()) == sum(map(len, batch.boxes))
    for ids, tasks, segments in zip(
        batch.ids.tolist(), batch.tasks.tolist(), batch.segments.tolist(), strict=True
    ):
        for segment_ in range(1, max(segments) + 1):
            own = [k for k, value in enumerate(segments) if value == segment_]
            learnt = [ids[k] for k in own if tasks[k] != IGNORE]
            assert learnt[-1] == tokenizer.eos
            assert tokenizer.decode([ids[k] for k in own if tasks[k] == IGNORE]).endswith(
                "ASSISTANT:"
            )
    assert {*batch.tasks.unique().tolist()} >= {IGNORE, 0, 2, 3}


def test_row_of_conversations_equals_single_conversations(tools, tokenizer, captioning, pool, work):
    """Logits and prompts of masks in a packed row are those of the model on each prompt alone."""
    training_model = tools.command.task_model(captioning, tokenizer).eval()
    model = training_model.model
    batch = pool.step(small_stage(tools), 1)
    with torch.no_grad():
        logits, prompts = training_model.outputs(batch)
    patches = model.config.vision.tokens
    start = batch.segments[0].tolist().count(0)
    row = 0
    segments = batch.segments[row]
    offset = 0
    compared = set()
    for number in range(1, int(segments.max()) + 1):
        ids = batch.ids[row][(segments == 0) | (segments == number)][None]
        boxes = [batch.boxes[row]] if tokenizer.bbox in ids[0].tolist() else None
        with torch.no_grad():
            forced = model.teacher_forced(
                pixels=batch.pixels[row : row + 1],
                grounding_pixels=torch.zeros(1, 3, 160, 160),
                ids=ids,
                seg=tokenizer.seg,
                boxes=boxes,
                bbox=tokenizer.bbox,
            )
        where = (segments == number).nonzero()[:, 0] + patches - 1
        alone = forced.logits[0, start + patches - 1 :]
        assert torch.allclose(logits[row, where], alone, atol=1e-4)
        masks = len(forced.prompts)
        assert torch.allclose(prompts[offset : offset + masks], forced.prompts, atol=1e-4)
        offset += masks
        compared.add((masks > 0, boxes is not None))
    assert compared >= {(True, False), (False, True), (False, False)}


def test_start_of_the_stage_is_the_model_of_captions(tools, tokenizer, captioning, pool):
    """Before the first step, the pieces of captions have the scores that the old model gives."""
    old_tokenizer = tools.vocabulary.build_vocabulary(tasks=False)
    rows = tools.vocabulary.shared_rows(old_tokenizer, tokenizer)
    words = tools.pool.tagged(tools.style.plain_caption(compose_scene("train", 3)))
    prompt = conversation([(CAPTION_WITH_MASKS, words)])
    pixels = pool.step(small_stage(tools), 0).pixels[:1]
    found = []
    for model, own in (
        (load(captioning), old_tokenizer),
        (tools.command.task_model(captioning, tokenizer).model, tokenizer),
    ):
        ids = torch.tensor([own.encode_prompt(prompt)])
        with torch.no_grad():
            forced = model.eval().teacher_forced(
                pixels=pixels, grounding_pixels=torch.zeros(1, 3, 160, 160), ids=ids, seg=own.seg
            )
        found.append(forced.logits[0])
    before = found[0][:, [old for old, _ in rows]]
    after = found[1][:, [new for _, new in rows]]
    assert torch.allclose(before, after, atol=1e-5)


def test_resumes_identically(tools, tokenizer, captioning, pool, monkeypatch, tmp_path):
    """Two steps in one run end with the same weights as one step, a restart and one more."""
    monkeypatch.setattr(tools.loop, "LOG_EVERY", 1)
    monkeypatch.setattr(tools.loop, "HELDOUT", 2)
    stage = small_stage(tools)

    def trained(folder, *ends):
        folder.mkdir()
        for end in ends:
            model = tools.command.task_model(captioning, tokenizer)
            before = {key: value.clone() for key, value in model.state_dict().items()}
            tools.loop.run(model, stage, pool, folder, until=end)
        return model.state_dict(), before

    first, before = trained(tmp_path / "a", 2)
    second, _ = trained(tmp_path / "b", 1, 2)
    assert all(torch.equal(first[key], second[key]) for key in first)
    parts = tuple(f"model.{part}." for part in tools.task_stage.PARTS)
    changed = {key for key in first if not torch.equal(first[key], before[key])}
    assert all(key.startswith(parts) for key in changed)
    for part in parts:
        assert any(key.startswith(part) for key in changed), part


def test_export_has_all_parts(tools, tokenizer, captioning, pool, tmp_path):
    """The exported model has the trained weights in half precision, and a region encoder."""
    work = tmp_path / "work"
    work.mkdir()
    (work / tools.command.CAPTIONING).symlink_to(captioning, target_is_directory=True)
    model = tools.command.task_model(captioning, tokenizer)
    tools.loop.run(model, small_stage(tools), pool, work, until=1)
    tools.command.export(work, tmp_path / "out", stage="refuse")
    exported = load(tmp_path / "out")
    assert exported.config.region == tools.recipe.REGION
    assert exported.config.language.vocab_size == tokenizer.vocabulary
    weights = exported.state_dict()
    for key, value in model.model.state_dict().items():
        assert torch.equal(weights[key], value.half().float()), key
