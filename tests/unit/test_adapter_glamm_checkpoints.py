"""The adapter glamm: checkpoints, options, the command line, and answers of the published code."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from pycocotools import mask as coco
from support import small_glamm
from support.glamm_answers import QUERIES, TOKENS, model, picture, same

from gcg_bench import machine
from gcg_bench.adapters import glamm, glamm_tiny
from gcg_bench.errors import BadData, BadOption, EnvironmentProblem, MissingData
from gcg_bench.execution.models import load_model
from gcg_bench.files.images import file_picture
from gcg_bench.glamm.inference import instruction
from gcg_bench.glamm.prompts import CAPTION, CAPTION_WITH_MASKS, DESCRIBE_REGION
from gcg_bench.machine import Memory
from gcg_bench.masks import to_rle
from gcg_bench.types import Query

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "glamm"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_glamm.write(tmp_path_factory.mktemp("weights") / "small")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty Hugging Face cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def download(hub: Path, identifier: str, folder: Path) -> Path:
    """Copies a folder into the cache, in the layout of a download."""
    home = hub / f"models--{identifier.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("0" * 40)
    return Path(shutil.copytree(folder, home / "snapshots" / ("0" * 40)))


@pytest.fixture(scope="module")
def alone(folder):
    """The answer to every query, one query at a time."""
    speaker = model(folder, batch_size=1)
    return [answer for query in QUERIES for answer in speaker.answer([query])]


# --- checkpoints ------------------------------------------------------------------------------


def test_settings_say_what_decides_the_answers(folder, tmp_path):
    first = model(folder).settings
    assert first["checkpoint"] == "small"
    assert (first["max_new_tokens"], first["decoding"], first["dtype"]) == (24, "greedy", "float32")
    assert load_model(f"glamm:{folder}").settings["max_new_tokens"] == 512
    moved = Path(shutil.copytree(folder, tmp_path / "small"))
    assert model(moved).settings == first
    other = small_glamm.write(tmp_path / "other" / "small", seed=1)
    assert model(other).settings["weights"] != first["weights"]
    assert not {"prompt", "dataset", "split", "missing", "n"} & set(first)


def test_batches_follow_from_the_device_not_from_what_is_free(folder, monkeypatch):
    read = []
    monkeypatch.setattr(machine, "memory_of", lambda device: read.append(device) or None)
    assert model(folder).batch_size == 8
    assert read == ["cpu"]
    # expected: weights, 16 masks at 64 x 64 and twice at a megapixel, and, in an image's cache,
    # 90 + 16 - 1 + 24 rows of 2 layers' keys and values of width 32, all in four bytes
    weights = sum(weight.numel() for weight in model(folder)._model.parameters())
    fixed, image = 4 * (weights + 16 * (64 * 64 + 2_000_000)), 4 * 129 * 2 * 2 * 32
    for images, size in ((1000, 8), (8.01, 8), (7.99, 4), (3, 2), (1.5, 1)):
        total = int((fixed + images * image) / 0.8)
        monkeypatch.setattr(machine, "memory_of", lambda _, t=total: Memory(t, 0))
        assert model(folder).batch_size == size
    monkeypatch.setattr(machine, "memory_of", lambda _: Memory(10**5, 10**5))
    with pytest.raises(EnvironmentProblem, match="or use glamm-tiny"):
        model(folder)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"batch_size": "many"}, "--batch-size many"),
        ({"batch_size": 0}, "--batch-size 0"),
        ({"max_new_tokens": 0}, "--max-new-tokens 0"),
        ({"dtype": "int8"}, "int8"),
    ],
)
def test_options_that_are_none(folder, options, word):
    with pytest.raises(BadOption, match=word):
        model(folder, **options)


def test_devices_that_are_none(folder):
    with pytest.raises(BadOption, match="--device quantum"):
        load_model(f"glamm:{folder}", device="quantum")
    if not torch.cuda.is_available():
        with pytest.raises(EnvironmentProblem, match="0 CUDA devices"):
            load_model(f"glamm:{folder}", device="cuda")


def without_tower(folder: Path, to: Path) -> Path:
    """The checkpoint as published: CLIP's weights are in another model, which config.json names."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, to)
    weights = load_file(to / "model.safetensors")
    kept = {name: t for name, t in weights.items() if "vision_tower" not in name}
    save_file(kept, to / "model.safetensors", metadata={"format": "pt"})
    settings = json.loads((to / "config.json").read_text())
    vision = settings.pop("vision")
    settings |= {"mm_vision_tower": "openai/clip-tiny", "mm_vision_select_layer": -2}
    (to / "config.json").write_text(json.dumps(settings))
    tower = to.with_name("clip")
    tower.mkdir()
    prefix = "model.vision_tower.vision_tower."
    own = {name.removeprefix(prefix): t for name, t in weights.items() if name.startswith(prefix)}
    save_file(own, tower / "model.safetensors", metadata={"format": "pt"})
    (tower / "config.json").write_text(json.dumps({"vision_config": vision}))
    return tower


def test_ids_are_found_in_the_cache_with_the_tower_they_need(hub, folder, tmp_path, alone):
    tower = without_tower(folder, tmp_path / "published")
    download(hub, "MBZUAI/GLaMM-GCG", tmp_path / "published")
    with pytest.raises(EnvironmentProblem, match="hf download openai/clip-tiny"):
        load_model("glamm", device="cpu")
    download(hub, "openai/clip-tiny", tower)
    speaker = load_model("glamm", device="cpu", max_new_tokens=TOKENS)
    assert speaker.settings["checkpoint"] == "MBZUAI/GLaMM-GCG"
    for found, wanted in zip(speaker.answer(QUERIES[:3]), alone, strict=False):
        same(found, wanted)
    assert glamm.find("GLaMM-GCG") == glamm.find("MBZUAI/GLaMM-GCG") == glamm.find()
    with pytest.raises(EnvironmentProblem, match="hf download MBZUAI/GLaMM-RefSeg"):
        glamm.find("GLaMM-RefSeg")


def test_a_download_that_is_not_whole(hub, folder):
    lying = download(hub, "someone/else", folder)
    (lying / "model.safetensors").unlink()
    with pytest.raises(EnvironmentProblem, match=r"missing model\.safetensors\. .*hf download"):
        glamm.find("someone/else")
    index = {"weight_map": {"a": "one.bin", "b": "two.bin"}}
    (lying / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    (lying / "one.bin").write_bytes(b"")
    with pytest.raises(EnvironmentProblem, match=r"missing two\.bin"):
        glamm.find("someone/else")
    (lying / "pytorch_model.bin.index.json").write_text("[]")
    with pytest.raises(BadData, match="not an index"):
        glamm.find("someone/else")


def test_paths_that_lead_nowhere(hub, tmp_path):
    with pytest.raises(MissingData, match="no such folder"):
        glamm.find(str(tmp_path / "gone"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(EnvironmentProblem, match=r"config\.json"):
        glamm.find(str(tmp_path / "empty"))


def test_a_build_without_glamm_tiny_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(glamm_tiny, "FOLDER", tmp_path / "gone")
    with pytest.raises(EnvironmentProblem, match="does not contain glamm-tiny"):
        load_model("glamm-tiny")


def test_glamm_tiny_is_the_same_code(monkeypatch, folder, alone):
    monkeypatch.setattr(glamm_tiny, "FOLDER", folder)
    speaker = load_model("glamm-tiny", device="cpu", max_new_tokens=TOKENS)
    assert speaker.settings["checkpoint"] == "glamm-tiny"
    for found, wanted in zip(speaker.answer(QUERIES), alone, strict=True):
        same(found, wanted)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_it_runs_in_bfloat16_and_says_the_same_in_float32(folder, alone):
    half = load_model(f"glamm:{folder}", device="cuda", max_new_tokens=TOKENS)
    assert (half.settings["dtype"], half.batch_size) == ("bfloat16", 32)
    assert all(answer.error is None for answer in half.answer(QUERIES))
    exact = load_model(f"glamm:{folder}", device="cuda", max_new_tokens=TOKENS, dtype="float32")
    for found, wanted in zip(exact.answer(QUERIES), alone, strict=True):
        same(found, wanted)


# --- the command line -------------------------------------------------------------------------


SHAPES = ("--dataset", "shapes", "--split", "val", "--limit", "5", "--device", "cpu", "--quiet")


def test_missing_weights_end_at_once_with_what_to_download(run, hub, tmp_path):
    code, out, err = run("predict", "--model", "glamm", *SHAPES)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    for word in (
        "MBZUAI/GLaMM-GCG", "hf download openai/clip-vit-large-patch14-336", "--model glamm:FOLDER",
        "HF_HOME", "glamm-tiny",
    ):  # fmt: skip
        assert word in err
    assert not (tmp_path / "runs").exists()


def test_a_run_records_the_checkpoint_and_goes_on_to_the_same_bytes(run, folder, tmp_path):
    typed = (
        "predict", "--model", f"glamm:{folder}", *SHAPES, "--batch-size", "2",
        "--max-new-tokens", "12", "--prompt", "describe",
    )  # fmt: skip
    assert run(*typed, "--out", "whole")[0] == 0
    settings = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert settings["prompt"] == "describe"
    assert settings["decoding"]["max_new_tokens"] == 12
    assert settings["decoding"]["checkpoint"] == "small"
    assert run(*typed, "--out", "cut")[0] == 0
    file = tmp_path / "cut" / "predictions.jsonl"
    kept = file.read_text().splitlines(keepends=True)
    file.write_text(kept[0] + kept[1][:30])  # cut off in the middle of the first block
    assert run(*typed, "--out", "cut")[0] == 0

    def lines(name):
        text = (tmp_path / name / "predictions.jsonl").read_text()
        return re.sub(r', "(seconds|crc32)": [^,}]*', "", text)  # the checksum covers the times

    assert lines("cut") == lines("whole")
    assert lines("cut").count("\n") == 5
    code, _, err = run(*typed[:-4], "--out", "cut")
    assert code == 2
    assert "was 'describe'" in err


# --- the published code's answers -------------------------------------------------------------


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/glamm beside the repository")
def test_answers_are_those_of_the_published_code():
    goldens = json.loads((SHARED / "goldens" / "golden.json").read_text())
    asked = {}
    for name in ("gcg_A", "gcg_B", "region_A_circle", "region_A_two_boxes", "refseg_A"):
        entry = goldens[name]
        file = SHARED / "inputs" / f"{entry['image']}.png"
        with Image.open(file) as image:
            width, height = image.size
        boxes = entry.get("raw_boxes_xyxy") or [entry[k] for k in ("raw_box_xyxy",) if k in entry]
        # the default prompts must be the published ones; the referring prompt is the user's
        prompt = entry["instruction"] if name.startswith("refseg") else ""
        regions = tuple(tuple(float(side) for side in box) for box in boxes)
        asked[name] = Query(name, file_picture(file, height, width), prompt, regions)
    speaker = load_model(f"glamm:{SHARED / 'tiny_checkpoint' / 'glamm'}", device="cpu")
    for answer in speaker.answer(asked.values()):
        entry = goldens[answer.id]
        assert answer.error is None
        if "caption" in entry:
            assert answer.grounding.caption == entry["caption"]
        if "phrases" in entry:
            assert [phrase.text for phrase in answer.grounding.phrases] == entry["phrases"]
        if "text_output" in entry:
            assert answer.raw == entry["text_output"]
        masks = [m for phrase in answer.grounding.phrases for m in phrase.masks]
        for mask, golden in zip(masks, entry["pred_masks_coco_rle"], strict=True):
            overlap = coco.iou([to_rle(mask)], [golden], [False])
            assert overlap[0, 0] > 0.999


# --- other tasks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({"expression": " The LEFT Dog "}, "Can you segment the the left dog in this image?"),
        ({"prompt": "Mark it.", "expression": "x"}, "Mark it."),
        ({"regions": ((0.0, 0.0, 9.0, 9.0),)}, DESCRIBE_REGION),
        ({"task": "caption"}, CAPTION),
        ({"task": "gcg"}, CAPTION_WITH_MASKS),
    ],
)
def test_the_instruction_is_that_of_the_task(query, asked):
    assert instruction(Query("a", picture(0), **query)) == asked


@pytest.mark.parametrize(
    ("more", "masks"),
    [
        ({"forced": "It is [SEG]."}, 1),
        ({"forced": "[SEG] and [SEG]."}, 2),
        ({"forced": "There is none."}, 0),
        ({"forced": "It is [SEG].", "turns": ("Where is the cat?", "It is [SEG].")}, 1),
    ],
)
def test_a_reply_that_is_given_beforehand_gives_its_own_masks(folder, more, masks):
    query = Query("a", picture(0), expression="dog", **more)
    (answer,) = model(folder).answer([query])
    assert (answer.error, answer.raw) == (None, more["forced"])
    assert sum(len(phrase.masks) for phrase in answer.grounding.phrases) == masks
    # beside a query that the model answers itself
    both = list(model(folder, batch_size=2).answer([query, QUERIES[1]]))
    assert [one.error for one in both] == [None, None]
    assert sum(len(phrase.masks) for phrase in both[0].grounding.phrases) == masks


def test_an_earlier_turn_without_its_reply_is_a_failure(folder):
    (answer,) = model(folder).answer([Query("a", picture(0), "x", turns=("only a question",))])
    assert "in alternation" in answer.error
