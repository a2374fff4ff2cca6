"""Pipelines of captioner, grounder and masker, from the command line, on tiny random models."""

import json
from hashlib import sha256

import numpy as np
import pytest
from support import small_detectors, small_llava

from gcg_bench.adapters.glamm_tiny import FOLDER
from gcg_bench.data import load_dataset
from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.execution.models import load_model
from gcg_bench.files import paths
from gcg_bench.grounding.captioning import INSTRUCTION
from gcg_bench.grounding.regions import Wanted
from gcg_bench.masks import area, from_box
from gcg_bench.types import Picture, Query

PIXELS = np.random.default_rng(5).integers(0, 256, (30, 40, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    small_detectors.grounding_dino(folder / "dino")
    small_detectors.sam(folder / "sam")
    return folder


@pytest.fixture(scope="module")
def llava(tmp_path_factory):
    answer = "<p> a red box </p> is next to <p> a blue circle </p> ."
    return small_llava.llava(tmp_path_factory.mktemp("captioner") / "llava", answer)


@pytest.fixture(scope="module")
def captions(tmp_path_factory):
    """Reference captions of `shapes` without masks, one phrase beside the caption, one failure."""
    samples = load_dataset("shapes", "val", limit=4).samples
    lines = [
        {
            "id": sample.id,
            "caption": sample.truth.caption,
            "phrases": [
                {"text": phrase.text, "span": list(phrase.span)} for phrase in sample.truth.phrases
            ],
        }
        for sample in samples
    ]
    lines[1]["phrases"].append({"text": "a yellow dog"})
    lines[3] = {"id": samples[3].id, "error": "the captioner failed"}
    file = tmp_path_factory.mktemp("captions") / "captions.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


SPLIT = ("--dataset", "shapes", "--split", "val", "--device", "cpu", "--quiet")


def predicted(run, folder, model):
    code, _, err = run("predict", "--model", model, *SPLIT, "--limit", "4", "--out", folder)
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    return code, err, lines, json.loads((folder / "run.json").read_text())


def test_captions_of_a_file_are_grounded_anew(run, tmp_path, parts, captions):
    spec = f"grounded:predictions:{captions}+{parts / 'dino'}+{parts / 'sam'}"
    code, _, lines, settings = predicted(run, tmp_path / "run", spec)
    assert code == 1  # the captioner failed for one image
    samples = load_dataset("shapes", "val", limit=4).samples
    assert [line["id"] for line in lines] == [sample.id for sample in samples]
    assert lines[3]["error"] == "the captioner failed"
    for line, sample in zip(lines[:3], samples, strict=False):
        assert line["caption"] == sample.truth.caption
        texts = [phrase["text"] for phrase in line["phrases"]]
        assert texts[: len(sample.truth.phrases)] == [p.text for p in sample.truth.phrases]
        assert all(0.3 < phrase["score"] < 1 for phrase in line["phrases"] if "score" in phrase)
    assert lines[1]["phrases"][-1]["text"] == "a yellow dog"
    assert any(phrase.get("masks") or phrase.get("mask") for phrase in lines[0]["phrases"])
    decoding = settings["settings"]["decoding"] if "settings" in settings else settings["decoding"]
    assert decoding["captioner"] == "predictions"
    assert decoding["captioner_settings"]["predictions"]
    assert (decoding["grounder"], decoding["masker"]) == ("dino", "sam")
    assert (decoding["threshold"], decoding["nms"]) == (0.3, 0.7)
    assert len(decoding["grounder_weights"]) == len(decoding["masker_weights"]) == 16
    assert str(parts) not in json.dumps(settings)
    assert str(captions.parent) not in json.dumps(settings)


def test_a_language_model_writes_captions_that_a_detector_grounds(run, tmp_path, parts, llava):
    spec = f"grounded:{llava}+{parts / 'dino'}+{parts / 'sam'}"
    code, _, lines, settings = predicted(run, tmp_path / "run", spec)
    assert code == 0
    decoding = settings["settings"]["decoding"] if "settings" in settings else settings["decoding"]
    assert decoding["captioner"] == "llava"
    assert decoding["captioner_settings"]["kind"] == "llava"
    assert len(decoding["captioner_settings"]["weights"]) == 16
    assert decoding["default_prompt"] == sha256(INSTRUCTION.encode()).hexdigest()[:8]
    assert lines[0]["raw"] == "<p> a red box </p> is next to <p> a blue circle </p> ."
    assert {line["caption"] for line in lines} == {"a red box is next to a blue circle."}
    model = load_model(f"grounded:none+{parts / 'dino'}", device="cpu")
    samples = load_dataset("shapes", "val", limit=1).samples
    regions = model._grounder.regions(
        samples[0].query.image.read(),
        "a red box is next to a blue circle.",
        [Wanted("a red box", (0, 9)), Wanted("a blue circle", (21, 34))],
    )
    phrases = lines[0]["phrases"]
    assert [phrase["text"] for phrase in phrases] == ["a red box", "a blue circle"]
    assert [phrase["span"] for phrase in phrases] == [[0, 9], [21, 34]]
    for phrase, found in zip(phrases, regions, strict=True):
        expected = round(max(region.score for region in found), 6) if found else None
        assert phrase.get("score") == expected


@pytest.mark.skipif(not (FOLDER / "model.safetensors").is_file(), reason="glamm-tiny is not here")
def test_another_model_may_write_the_captions(run, tmp_path, parts):
    spec = f"grounded:glamm-tiny+{parts / 'dino'}"
    code, _, lines, settings = predicted(run, tmp_path / "new", spec)
    own_code, _, own, _ = predicted(run, tmp_path / "own", "glamm-tiny")
    assert (code, own_code) == (0, 0)
    decoding = settings["settings"]["decoding"] if "settings" in settings else settings["decoding"]
    assert decoding["captioner"] == "glamm-tiny"
    assert decoding["captioner_settings"]["checkpoint"] == "glamm-tiny"
    texts = [[phrase["text"] for phrase in line["phrases"]] for line in lines]
    assert [line["id"] for line in lines] == [line["id"] for line in own]
    assert [line["caption"] for line in lines] == [line["caption"] for line in own]
    assert texts == [[phrase["text"] for phrase in line["phrases"]] for line in own]
    assert [line["phrases"] for line in lines] != [line["phrases"] for line in own]


def test_a_language_model_takes_its_own_options(parts, llava):
    spec = f"grounded:{llava}+{parts / 'dino'}"
    model = load_model(spec, device="cpu", max_new_tokens=3)
    (prediction,) = model.answer([Query("1", Picture(30, 40, lambda: PIXELS))])
    assert prediction.grounding.caption == "a red"
    with pytest.raises(BadOption, match="takes no speed"):
        load_model(spec, device="cpu", speed=3)
    with pytest.raises(BadOption, match="max_new_tokens 0"):
        load_model(spec, device="cpu", max_new_tokens=0)


def test_referring_from_prediction_to_score(run, tmp_path, parts):
    spec = f"grounded:none+{parts / 'dino'}"
    code, out, _ = run(
        "evaluate", "--model", spec, *SPLIT, "--task", "referring", "--limit", "3",
        "--out", tmp_path / "run", "--json", "--no-report", "--model-arg", "nms=0.5",
    )  # fmt: skip
    assert code == 0
    official, strict = json.loads(out)
    assert (official["task"], strict["protocol"]) == ("referring", "strict")
    lines = (tmp_path / "run" / "predictions.jsonl").read_text().splitlines()
    assert len(lines) >= 3
    assert all(len(json.loads(line)["phrases"]) == 1 for line in lines)


def test_without_a_masker_the_masks_are_the_boxes(parts):
    model = load_model(f"grounded:none+{parts / 'dino'}", device="cpu")
    assert model.settings["masks"] == "boxes"
    query = Query("1", Picture(30, 40, lambda: PIXELS), task="referring", expression="the red box")
    (prediction,) = model.answer([query])
    (phrase,) = prediction.grounding.phrases
    (mask,) = phrase.masks
    rows, columns = np.nonzero(_bitmap(mask))
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert mask == from_box(box, 30, 40)
    assert phrase.text == "the red box"


def _bitmap(mask):
    from gcg_bench.masks import decode

    return decode(mask)


def test_expressions_without_a_target_may_be_refused(parts):
    picture = Picture(30, 40, lambda: PIXELS)
    query = Query("1", picture, task="generalized_referring", expression="the red box")
    unsure = load_model(f"grounded:none+{parts / 'dino'}", device="cpu", threshold=0.999)
    (prediction,) = unsure.answer([query])
    assert (prediction.refused, prediction.grounding.phrases) == (True, ())
    sure = load_model(f"grounded:none+{parts / 'dino'}", device="cpu", threshold=0.0, nms=1.0)
    (prediction,) = sure.answer([query])
    assert prediction.refused is False
    (phrase,) = prediction.grounding.phrases
    assert len(phrase.masks) > 1
    assert all(area(phrase.masks) > 0)


def test_a_task_that_it_cannot_answer_is_refused(run, parts):
    model = f"grounded:none+{parts / 'dino'}"
    code, _, err = run("predict", "--model", model, *SPLIT, "--task", "caption")
    assert code == 2
    assert "the model grounded does not answer the task caption; it answers gcg, referring" in err


def test_a_pipeline_without_captioner_writes_no_captions(run, parts, tmp_path):
    model = f"grounded:none+{parts / 'dino'}"
    code, _, err = run("predict", "--model", model, *SPLIT, "--out", tmp_path / "x")
    assert code == 2
    assert "name a captioner" in err


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("a", BadOption, "two or three parts"),
        ("a+b+c+d", BadOption, "two or three parts"),
        ("none+", BadOption, "two or three parts"),
        (
            "none+{dino}+{dino}",
            BadOption,
            "dino is a grounding-dino, and a masker is",
        ),
        ("none+{sam}", BadOption, "sam is a sam, and a grounder is one of: clipseg"),
        ("nobody+{dino}", BadOption, "nobody is no captioner"),
        ("copy-truth+{dino}", BadOption, "sees the references"),
        ("none+nobody/nothing", EnvironmentProblem, "`hf download nobody/nothing`"),
        ("none+facebook/sam3", EnvironmentProblem, "gated"),
    ],
)
def test_what_is_no_pipeline_is_refused(parts, text, error, words):
    spec = text.format(dino=parts / "dino", sam=parts / "sam")
    with pytest.raises(error) as caught:
        load_model(f"grounded:{spec}", device="cpu")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"threshold": 1.5}, "threshold"), ({"nms": -1.0}, "nms"), ({"dtype": "int8"}, "dtype"),
     ({"max_new_tokens": 5}, "takes no max_new_tokens")],
)  # fmt: skip
def test_options_that_nothing_can_use_are_refused(parts, captions, options, words):
    with pytest.raises(BadOption, match=words):
        load_model(f"grounded:{captions}+{parts / 'dino'}", device="cpu", **options)


@pytest.mark.parametrize(("captioner", "count"), [("none", 2), ("LLAVA", 3), ("glamm-tiny", 3)])
def test_the_doctor_looks_for_all_parts(run, parts, llava, captioner, count):
    captioner = captioner.replace("LLAVA", str(llava))
    spec = f"grounded:{captioner}+{parts / 'dino'}+{parts / 'sam'}"
    _, out, _ = run("doctor", "--model", spec, "--json")
    findings = {finding["what"]: finding for finding in json.loads(out)["findings"]}
    weights = findings[f"model {spec}"]
    assert weights["status"] == "ok"
    assert weights["found"].count("model.safetensors") == count
    assert findings[f"memory of {spec}"]["found"].startswith("about 1.0 GB, of which weights 0.0")


def test_names_of_pipelines_hold_no_folders():
    name = paths.private_name(
        "grounded:predictions:/home/me/a.jsonl+/data/dino+facebook/sam-vit-base"
    )
    assert name == "grounded:predictions:a.jsonl+dino+facebook/sam-vit-base"
