"""Kosmos-2 as a model: recorded texts, the real classes with small weights, the command line."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import small_detectors, small_grounders

from gcg_bench.adapters import kosmos_2
from gcg_bench.cli import main
from gcg_bench.errors import BadData, BadOption, EnvironmentProblem
from gcg_bench.execution.models import load_model
from gcg_bench.grounding.masking import BoxMasker
from gcg_bench.masks import area, boxes
from gcg_bench.predictions import write_line
from gcg_bench.types import Grounding, Picture, Prediction, Query

SNOWMAN = (
    "<phrase> a snowman</phrase><object><patch_index_0044><patch_index_0863></object> warming"
    " himself by<phrase> a fire</phrase><object><patch_index_0005><patch_index_0911></object>."
)
CATS = (
    "<phrase> Two cats</phrase><object><patch_index_0000><patch_index_0527>"
    "</delimiter_of_multi_objects/><patch_index_0528><patch_index_1023></object> on a bed."
)
BOX = "<object><patch_index_0033><patch_index_0099></object>"
WORDS = (
    "Describe this image in detail An of a snowman warming himself by fire Two cats on bed red box"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    texts = {
        kosmos_2.CAPTION_WITH_BOXES: SNOWMAN,
        "<grounding> An image of": CATS,
        "An image of": " a bed.",
        "<grounding><phrase> a red box</phrase>": BOX,
    }
    return small_grounders.kosmos(
        tmp_path_factory.mktemp("weights") / "kosmos", texts, WORDS.split()
    )


@pytest.fixture(scope="module")
def model(folder):
    return load_model(f"kosmos-2:{folder}", device="cpu", max_new_tokens=64)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def picture(height=64, width=64):
    return Picture(height, width, lambda: np.zeros((height, width, 3), np.uint8))


def rectangles(phrase):
    """The tightest box x0, y0, x1, y1 of each mask, which is proved to be the whole box."""
    found = []
    for (x, y, w, h), pixels in zip(boxes(phrase.masks), area(phrase.masks), strict=True):
        assert w * h == pixels
        found.append((x, y, x + w, y + h))
    return found


def read(model, text, height=64, width=64):
    pixels = np.zeros((height, width, 3), np.uint8)
    return kosmos_2.read_reply(model._processor, text, pixels, BoxMasker())


# --- recorded texts -------------------------------------------------------------------------------
# A cell of the 32 x 32 grid has two pixels of an image of 64 x 64. Cell 44 is in column 12 of row
# 1, and corners are the middles of cells: 25, 3.


def test_the_documented_text(model):
    caption, (snowman, fire) = read(model, SNOWMAN)
    assert caption == "a snowman warming himself by a fire."
    assert (snowman.text, snowman.span) == ("a snowman", (0, 9))
    assert (fire.text, fire.span) == ("a fire", (29, 35))
    assert rectangles(snowman) == [(25, 3, 63, 53)]  # cell 863 is in column 31 of row 26
    assert rectangles(fire) == [(11, 1, 31, 57)]  # 5 is in column 5 of row 0, 911 in 15 of 28
    assert (snowman.score, fire.score) == (None, None)


def test_boxes_are_shares_of_each_side(model):
    _, (snowman, _) = read(model, SNOWMAN, height=128, width=32)
    # x: 12.5 and 31.5 thirty-seconds of 32, y: 1.5 and 26.5 thirty-seconds of 128; a box has the
    # pixels whose middles are inside
    assert rectangles(snowman) == [(12, 6, 31, 106)]


def test_several_boxes_of_one_phrase(model):
    caption, (cats,) = read(model, CATS)
    assert caption == "Two cats on a bed."
    assert (cats.text, cats.span) == ("Two cats", (0, 8))
    # 0 to 527: column 15 of row 16; 528 to 1023: column 16 of row 16 to column 31 of row 31
    assert rectangles(cats) == [(1, 1, 31, 33), (33, 33, 63, 63)]


@pytest.mark.parametrize(
    ("text", "caption", "phrases"),
    [
        ("A red box.", "A red box.", []),
        ("", "", []),
        # no words: a mask without a phrase
        (f"A box{BOX}.", "A box.", [(None, None, 1)]),
        # words without a box are words
        ("<phrase> a box</phrase> and a cat", "a box and a cat", []),
        # a text that was cut at the token limit
        ("<phrase> a box</phrase><object><patch_index_0001>", "a box", []),
        (f"<phrase> a</phrase>{BOX} and<phrase> a ca", "a and a ca", [("a", (0, 1), 1)]),
        # one cell
        (
            "  On<phrase> a box </phrase><object><patch_index_0000><patch_index_0000></object>  ",
            "On a box",
            [("a box", (3, 8), 1)],
        ),
    ],
)  # fmt: skip
def test_other_texts(model, text, caption, phrases):
    read_caption, read_phrases = read(model, text)
    assert read_caption == caption
    found = [(phrase.text, phrase.span, len(phrase.masks)) for phrase in read_phrases]
    assert found == phrases


def test_a_single_cell_and_exchanged_corners(model):
    cell = "<phrase> a</phrase><object><patch_index_0000><patch_index_0000></object>"
    assert rectangles(read(model, cell)[1][0]) == [(0, 0, 2, 2)]
    exchanged = SNOWMAN.replace("0044", "@").replace("0863", "0044").replace("@", "0863")
    assert rectangles(read(model, exchanged)[1][0]) == [(25, 3, 63, 53)]


PIECES = (
    "<phrase>", "</phrase>", "<object>", "</object>", "</delimiter_of_multi_objects/>", "<", ">",
    "<patch_index_0000>", "<patch_index_1023>", "<patch_index_9999>", " a cat", "  ", "\n", "é",
    "<object><patch_index_0005><patch_index_0911></object>", "</image>", "<grounding>",
    "<phrase> x</phrase><object><patch_index_0044><patch_index_0863></object>",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_whatever_it_writes_can_be_a_prediction(model, text):
    caption, phrases = read(model, text, height=48, width=64)
    for phrase in phrases:
        assert phrase.span is None or caption[slice(*phrase.span)] == phrase.text
        assert all((mask.height, mask.width) == (48, 64) for mask in phrase.masks)
        assert all(area(phrase.masks) > 0)
    assert write_line(Prediction("a", Grounding(caption, phrases)))


# --- instructions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "<grounding> Describe this image in detail:"),
        ({"task": "gcg"}, "<grounding> Describe this image in detail:"),
        ({"prompt": "An image of"}, "<grounding> An image of"),
        ({"prompt": "<grounding> An image of"}, "<grounding> An image of"),
        ({"task": "caption"}, "An image of"),
        ({"task": "caption", "prompt": "A photo of"}, "A photo of"),
        ({"expression": " The red box "}, "<grounding><phrase> The red box</phrase>"),
        ({"expression": "a box", "prompt": "Mark it."}, "<grounding><phrase> a box</phrase>"),
    ],
)
def test_what_is_asked(model, fields, words):
    assert model.worded(Query("a", picture(), **fields)) == words


def test_regions_are_refused(model):
    with pytest.raises(BadData, match="image a: kosmos-2 describes no regions"):
        list(model.answer([Query("a", picture(), regions=((0, 0, 5, 5),))]))


# --- the real classes -----------------------------------------------------------------------------


def test_the_network_writes_the_texts(model):
    queries = [
        Query("detailed", picture()),
        Query("prompted", picture(32, 48), "An image of"),
        Query("caption", picture(), task="caption"),
        Query("expression", picture(), expression="a red box"),
    ]
    detailed, prompted, caption, expression = model.answer(queries)
    assert (detailed.raw, prompted.raw) == (SNOWMAN, CATS)
    assert detailed.grounding.caption == "a snowman warming himself by a fire."
    assert rectangles(detailed.grounding.phrases[1]) == [(11, 1, 31, 57)]
    assert prompted.grounding.phrases[0].text == "Two cats"
    assert {(m.height, m.width) for m in prompted.grounding.phrases[0].masks} == {(32, 48)}
    assert caption.grounding.caption == "a bed."
    assert caption.grounding.phrases == ()
    assert expression.grounding.caption == ""
    (phrase,) = expression.grounding.phrases
    assert (phrase.text, phrase.span) == ("a red box", None)
    assert rectangles(phrase) == [(3, 3, 7, 7)]  # cells 33 and 99: column 1 of row 1, 3 of row 3
    assert [p.id for p in (detailed, prompted, caption)] == ["detailed", "prompted", "caption"]
    assert all(p.error is None and p.seconds > 0 for p in (detailed, prompted, caption))


def test_settings(model):
    digest = model.settings["weights"]
    assert model.settings == {
        "checkpoint": "kosmos",
        "weights": digest,
        "max_new_tokens": 64,
        "decoding": "greedy",
        "dtype": "float32",
        "masks": "boxes",
    }
    assert len(digest) == 16


def test_half_precision_keeps_the_form(folder):
    half = load_model(f"kosmos-2:{folder}", device="cpu", max_new_tokens=64, dtype="bfloat16")
    (answer,) = half.answer([Query("a", picture())])
    assert half.settings["dtype"] == "bfloat16"
    assert answer.grounding.caption.startswith("a snowman")


def test_boxes_become_masks_by_a_sam(folder, tmp_path):
    sam = small_detectors.sam(tmp_path / "sam")
    masked = load_model(f"kosmos-2:{folder}", device="cpu", max_new_tokens=64, masker=str(sam))
    assert masked.settings["masks"] == "one mask a box, logits above 0"
    assert masked.settings["masker"] == "sam"
    (answer,) = masked.answer([Query("a", picture(48, 64), "An image of")])
    (cats,) = answer.grounding.phrases
    assert [(mask.height, mask.width) for mask in cats.masks] == [(48, 64)] * 2


# --- checkpoints ----------------------------------------------------------------------------------


def test_images_must_not_be_cropped(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (file,) = [f for f in copy.glob("*processor_config.json") if "crop_size" in f.read_text()]
    text = file.read_text()
    record = json.loads(text)
    images = record.get("image_processor", record)
    published = {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}
    images.update(published)
    file.write_text(json.dumps(record))
    with pytest.raises(BadData, match=r"size: images are cropped.*use_square_size"):
        load_model(f"kosmos-2:{copy}", device="cpu")
    images["use_square_size"] = True
    file.write_text(json.dumps(record))
    processor = load_model(f"kosmos-2:{copy}", device="cpu")._processor
    assert dict(processor.image_processor.size) == {"height": 224, "width": 224}


def test_another_model_and_a_missing_one(folder, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    copy = shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "model_type": "llava"}))
    with pytest.raises(BadOption, match="copy is a llava, and a model kosmos-2 is one of"):
        kosmos_2.find(str(copy))
    with pytest.raises(EnvironmentProblem, match="hf download microsoft/kosmos-2-patch14-224"):
        kosmos_2.find()
    with pytest.raises(BadOption, match="--max-new-tokens 0"):
        kosmos_2.load(str(folder), max_new_tokens=0)
    assert kosmos_2.weight_bytes(str(folder)) == (folder / "model.safetensors").stat().st_size


# --- the command line -----------------------------------------------------------------------------


def command(folder, out, *more):
    """The exit code of a prediction of two images of shapes."""
    with pytest.raises(SystemExit) as left:
        main(
            ["predict", "--model", f"kosmos-2:{folder}", "--dataset", "shapes", "--split", "val",
             "--limit", "2", "--device", "cpu", "--max-new-tokens", "64", "--out", str(out), *more]
        )  # fmt: skip
    return left.value.code


def predicted(folder, out, *more):
    """The settings and the lines of a run."""
    assert command(folder, out, *more) == 0
    lines = (out / "predictions.jsonl").read_text("utf-8").splitlines()
    return json.loads((out / "run.json").read_text("utf-8")), [json.loads(line) for line in lines]


def test_a_run_on_shapes(folder, tmp_path):
    settings, lines = predicted(folder, tmp_path / "run")
    assert [line["caption"] for line in lines] == ["a snowman warming himself by a fire."] * 2
    assert [phrase["span"] for phrase in lines[0]["phrases"]] == [[0, 9], [29, 35]]
    assert all(phrase["mask"] for phrase in lines[0]["phrases"])
    # the instruction of the card asks for masks between the words: the model has its own
    assert settings["prompt"] == ""
    assert settings["decoding"]["masks"] == "boxes"
    assert len(settings["decoding"]["default_prompt"]) == 8
    assert str(folder) not in json.dumps(settings)


def test_a_prompt_of_the_user(folder, tmp_path):
    settings, lines = predicted(folder, tmp_path / "run", "--prompt", "An image of")
    assert [line["caption"] for line in lines] == ["Two cats on a bed."] * 2
    assert settings["prompt"] == "An image of"


def test_a_task_that_it_does_not_answer(folder, tmp_path, capsys):
    assert command(folder, tmp_path / "run", "--task", "region_caption") == 2
    assert "kosmos-2 does not answer the task region_caption" in capsys.readouterr().err
