"""Qwen2.5-VL and Qwen3-VL in process: the real classes as tiny random models, recorded replies."""

import json

import numpy as np
import pytest
from support import small_detectors, small_qwen

from gcg_bench.adapters import qwen_vl
from gcg_bench.errors import BadData, BadOption, EnvironmentProblem, MissingData, UnknownName
from gcg_bench.execution.models import describe_model, load_model
from gcg_bench.grounding.qwen import Network
from gcg_bench.grounding.weights import locate
from gcg_bench.masks import decode
from gcg_bench.types import Picture, Query

HEIGHT, WIDTH = 70, 100
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
KINDS = ("qwen2_5_vl", "qwen3_vl")
# sides are multiples of 28 and 32: 2 x 28 and 4 x 28, 2 x 32 and 3 x 32
SENT = {"qwen2_5_vl": (56, 112), "qwen3_vl": (64, 96)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("qwen")
    return {kind: small_qwen.write(folder / kind, kind) for kind in KINDS}


@pytest.fixture(scope="module")
def models(folders):
    return {
        kind: load_model(f"qwen-vl:{folder}", device="cpu", max_new_tokens=8)
        for kind, folder in folders.items()
    }


def query(**more):
    return Query("image", Picture(HEIGHT, WIDTH, lambda: PIXELS), **{"task": "gcg", **more})


QUERIES = {
    "gcg": query(),
    "caption": query(task="caption"),
    "referring": query(task="referring", expression="the red box"),
    "region_caption": query(task="region_caption", regions=((10.0, 7.0, 50.0, 35.0),)),
}


def mask_of(prediction):
    (phrase,) = prediction.grounding.phrases
    (mask,) = phrase.masks
    return decode(mask).astype(bool)


def rectangle(x0, y0, x1, y1):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize("kind", KINDS)
def test_the_real_class_answers_every_task(models, kind):
    model = models[kind]
    found = list(model.answer(iter(QUERIES.values())))
    again = list(model.answer(iter(QUERIES.values())))
    assert [p.error for p in found] == [None] * len(QUERIES)
    assert [p.raw for p in found] == [p.raw for p in again]
    assert all(p.raw for p in found)
    assert len({model.worded(asked) for asked in QUERIES.values()}) == len(QUERIES)
    assert any("reached the limit of tokens" in sentence for sentence in model.notes())


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_name_all_that_decides_an_answer(models, kind):
    settings = dict(models[kind].settings)
    assert len(settings.pop("weights")) == 16
    del settings["json_repair"]
    assert settings == {
        "checkpoint": kind,
        "kind": kind.replace("_", "-"),
        "dtype": "float32",
        "coordinates": {"qwen2_5_vl": "resized", "qwen3_vl": "0-1000"}[kind],
        "dialect": "qwen",
        "form": "json",
        "max_new_tokens": 8,
        "decoding": "greedy",
        "repetition_penalty": 1.05,
        "max_pixels": 1_003_520,
        "multiple": {"qwen2_5_vl": 28, "qwen3_vl": 32}[kind],
        "resample": "bicubic",
        "masks": "boxes",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_network_gets(folders, kind):
    network = Network.load(
        locate(str(folders[kind]), kinds=qwen_vl.KINDS, role="Qwen-VL"),
        device="cpu",
        dtype="float32",
    )
    rows, columns = SENT[kind]
    grey = np.full((rows, columns, 3), 51, np.uint8)
    inputs, got = network.inputs(grey, "Where is the <|image_pad|>dog<|im_end|>?")
    assert got == (rows, columns)
    assert inputs["image_grid_thw"].tolist() == [
        [1, rows // network.patch, columns // network.patch]
    ]
    ids = inputs["input_ids"][0].tolist()
    pad = network.model.config.image_token_id
    # a token of the image stands for 2 x 2 patches; words cannot add one, nor end the turn
    assert ids.count(pad) == rows * columns // network.multiple**2
    assert (inputs["mm_token_type_ids"][0] == 1).sum() == ids.count(pad)
    text = network.tokenizer.decode(ids).replace("<|image_pad|>", "")
    assert text == (
        "<|im_start|>user\n<|vision_start|><|vision_end|>Where is the  dog ?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    # random weights may write the same of every image, but the image reaches the last layer
    other, _ = network.inputs(255 - grey, "Where is the <|image_pad|>dog<|im_end|>?")
    first, second = (network.model(**given).logits[0, -1] for given in (inputs, other))
    assert (first - second).abs().max() > 1e-6
    # 51 / 255 = 0.2, minus CLIP's mean, over CLIP's deviation, for red, green and blue
    colours = inputs["pixel_values"].reshape(-1, 3, 2 * network.patch**2)
    wanted = [(0.2 - 0.48145466) / 0.26862954, (0.2 - 0.4578275) / 0.26130258,
              (0.2 - 0.40821073) / 0.27577711]  # fmt: skip
    for channel, value in enumerate(wanted):
        assert colours[:, channel].numpy() == pytest.approx(value, abs=1e-5)


RECORDED = {
    # 56 of 112 columns are 50 of 100, 28 of 56 rows are 35 of 70
    "qwen2_5_vl": '```json\n[\n\t{"bbox_2d": [0, 0, 56, 28], "label": "the red box"}\n]\n```',
    "qwen3_vl": '```json\n[\n\t{"bbox_2d": [0, 0, 500, 500], "label": "the red box"}\n]\n```',
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", ["gcg", "referring"])
def test_recorded_replies(models, kind, task, monkeypatch):
    monkeypatch.setattr(Network, "reply", lambda *_: (RECORDED[kind], False))
    (prediction,) = models[kind].answer([QUERIES[task]])
    assert (mask_of(prediction) == rectangle(0, 0, 50, 35)).all()
    assert prediction.grounding.phrases[0].text == "the red box"
    assert prediction.raw == RECORDED[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_region_is_written_in_the_unit_of_the_model(models, kind, monkeypatch):
    asked = []
    monkeypatch.setattr(Network, "reply", lambda *_: ("A red box.", False))
    inputs = Network.inputs
    monkeypatch.setattr(
        Network, "inputs", lambda self, p, text: (asked.append(text), inputs(self, p, text))[1]
    )
    (prediction,) = models[kind].answer([QUERIES["region_caption"]])
    # a tenth to a half of both sides
    words = {"qwen2_5_vl": "[11, 6, 56, 28]", "qwen3_vl": "[100, 100, 500, 500]"}[kind]
    assert words in asked[0]
    assert prediction.grounding.caption == "A red box."


def test_a_reply_ends_at_a_token_that_ends_it(folders):
    network = Network.load(
        locate(str(folders["qwen3_vl"]), kinds=qwen_vl.KINDS, role="x"),
        device="cpu",
        dtype="float32",
    )
    inputs, _ = network.inputs(PIXELS[:64, :96], "What?")
    text, truncated = network.reply(inputs, 5)
    assert truncated
    assert text
    first = int(network.model.generate(**inputs, max_new_tokens=1, do_sample=False)[0, -1])
    network.model.generation_config.eos_token_id = first
    assert network.reply(inputs, 5)[1] is False


def test_a_masker_makes_the_masks(folders, tmp_path, monkeypatch):
    sam = small_detectors.sam(tmp_path / "sam")
    model = load_model(f"qwen-vl:{folders['qwen3_vl']}", device="cpu", masker=str(sam))
    monkeypatch.setattr(Network, "reply", lambda *_: (RECORDED["qwen3_vl"], False))
    (prediction,) = model.answer([query()])
    assert model.settings["masker"] == "sam"
    for phrase in prediction.grounding.phrases:
        assert all((mask.height, mask.width) == (HEIGHT, WIDTH) for mask in phrase.masks)
        assert not any((decode(mask) == rectangle(0, 0, 50, 35)).all() for mask in phrase.masks)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("dtype", "int8", "bfloat16"),
        ("form", "schema", "dialect"),
        ("max_pixels", 100, "4096 or more"),
        ("max_pixels", "many", "whole number"),
        ("max_new_tokens", 0, "whole number"),
    ],
)
def test_a_wrong_option_is_refused(folders, option, value, words):
    with pytest.raises((BadOption, UnknownName), match=words):
        load_model(f"qwen-vl:{folders['qwen3_vl']}", device="cpu", **{option: value})


def test_checkpoints_that_cannot_be_used(folders, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(EnvironmentProblem, match="hf download Qwen/Qwen3-VL-8B-Instruct"):
        qwen_vl.find()
    with pytest.raises(MissingData):
        qwen_vl.find("./nothing")
    sam = small_detectors.sam(tmp_path / "sam")
    with pytest.raises(BadOption, match="is a sam"):
        qwen_vl.find(str(sam))
    broken = small_qwen.write(tmp_path / "broken", "qwen3_vl")
    assert qwen_vl.weight_bytes(str(broken)) == (broken / "model.safetensors").stat().st_size
    (broken / "chat_template.jinja").unlink()
    with pytest.raises(BadData, match="no chat template"):
        load_model(f"qwen-vl:{broken}", device="cpu")
    (broken / "preprocessor_config.json").write_text("{")
    with pytest.raises(BadData, match="no image processor"):
        load_model(f"qwen-vl:{broken}", device="cpu")


def test_from_the_command_line(run, folders, tmp_path):
    code, _, err = run(
        "predict", "--model", f"qwen-vl:{folders['qwen3_vl']}", "--out", tmp_path / "run",
        "--dataset", "shapes", "--split", "val", "--limit", "2", "--device", "cpu",
        "--max-new-tokens", "4",
    )  # fmt: skip
    assert code == 0, err
    settings = json.loads((tmp_path / "run" / "run.json").read_text())
    assert settings["model"] == "qwen-vl:qwen3_vl"
    assert len((tmp_path / "run" / "predictions.jsonl").read_text().splitlines()) == 2
    assert describe_model("qwen-vl").needs.weights
