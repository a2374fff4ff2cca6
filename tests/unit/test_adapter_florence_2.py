"""Florence-2 as a model: recorded texts, the real classes with small weights, the command line."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import small_grounders

from gcg_bench.adapters import florence_2
from gcg_bench.cli import main
from gcg_bench.errors import BadData, BadOption, EnvironmentProblem
from gcg_bench.execution.models import load_model
from gcg_bench.grounding.masking import BoxMasker
from gcg_bench.masks import area, boxes, decode
from gcg_bench.predictions import write_line
from gcg_bench.types import Grounding, Picture, Prediction, Query

CAPTION = "A red box and a café."
GROUNDED = "A red box<loc_100><loc_200><loc_499><loc_599>a café<loc_0><loc_0><loc_999><loc_999>"
REGION = "<loc_100><loc_200><loc_499><loc_599>"
TRIANGLE = "<loc_0><loc_0><loc_500><loc_0><loc_500><loc_500>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    texts = {
        "<DETAILED_CAPTION>": CAPTION,
        "<CAPTION>": "A box.",
        f"<CAPTION_TO_PHRASE_GROUNDING>{CAPTION}": GROUNDED,
        "<REFERRING_EXPRESSION_SEGMENTATION>a red box": TRIANGLE,
        f"<REGION_TO_DESCRIPTION>{REGION}": f"a red box{REGION}",
    }
    return small_grounders.florence(tmp_path_factory.mktemp("weights") / "florence", texts)


@pytest.fixture(scope="module")
def model(folder):
    return load_model(f"florence-2:{folder}", device="cpu", max_new_tokens=100)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def picture(height=100, width=200):
    return Picture(height, width, lambda: np.zeros((height, width, 3), np.uint8))


def rectangles(phrase):
    """The tightest box x0, y0, x1, y1 of each mask, which is proved to be the whole box."""
    found = []
    for (x, y, w, h), pixels in zip(boxes(phrase.masks), area(phrase.masks), strict=True):
        assert w * h == pixels
        found.append((x, y, x + w, y + h))
    return found


def read(model, text, caption, height=100, width=200):
    pixels = np.zeros((height, width, 3), np.uint8)
    return florence_2.read_phrases(
        model._processor, f"</s><s>{text}</s>", caption, pixels, BoxMasker()
    )


def loc(*numbers):
    return "".join(f"<loc_{number}>" for number in numbers)


# --- recorded texts -------------------------------------------------------------------------------
# An image of 200 x 100 (width x height) has 1000 steps a side; a coordinate is the middle of its
# step, without the digits after the point: step 100 is 20.1 pixels to the right, or 10.05 down.


def test_phrases_of_a_caption(model):
    box, cafe = read(model, GROUNDED, CAPTION)
    assert (box.text, box.span, box.score) == ("A red box", (0, 9), None)
    # the processor leaves out the accent; the words are those of the caption
    assert (cafe.text, cafe.span) == ("a café", (14, 20))
    # 20.1, 20.05, 99.9, 59.95
    assert rectangles(box) == [(20, 20, 99, 59)]
    assert rectangles(cafe) == [(0, 0, 199, 99)]


def test_several_boxes_of_a_phrase(model):
    text = f"Two cats{loc(0, 0, 100, 100)}{loc(500, 500, 600, 600)}a bed{loc(0, 0, 999, 999)}"
    cats, bed = read(model, text, "Two cats on a bed.")
    assert rectangles(cats) == [(0, 0, 20, 10), (100, 50, 120, 60)]
    assert (bed.text, bed.span) == ("a bed", (12, 17))


def test_equal_labels_are_one_phrase_where_the_caption_has_them_once(model):
    text = f"a cat{loc(0, 0, 100, 100)}a cat{loc(500, 500, 600, 600)}"
    (cat,) = read(model, text, "A dog sees a cat.")
    assert (cat.text, cat.span, len(cat.masks)) == ("a cat", (11, 16), 2)
    first, second = read(model, text, "a cat and a cat")
    assert (first.span, second.span) == ((0, 5), (10, 15))
    assert rectangles(second) == [(100, 50, 120, 60)]
    (nowhere,) = read(model, text, "A dog.")
    assert (nowhere.text, nowhere.span, len(nowhere.masks)) == ("a cat", None, 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A red box",
        f"A red box{loc(1, 2, 3)}",
        # a box without an area in the image
        f"A red box{loc(500, 500, 500, 500)}",
    ],
)
def test_texts_without_a_box(model, text):
    assert all(phrase.masks == () for phrase in read(model, text, "A red box."))


def test_exchanged_corners(model):
    (box,) = read(model, f"a box{loc(499, 599, 100, 200)}", "a box")
    assert rectangles(box) == [(20, 20, 99, 59)]


def polygons(model, text, height=100, width=200):
    pixels = np.zeros((height, width, 3), np.uint8)
    return florence_2.read_polygons(model._processor, f"</s><s>{text}</s>", pixels)


def test_polygons_of_an_expression(model):
    # a rectangle from (20, 10) to (120, 60), the corners of steps 100 and 600
    mask = polygons(model, loc(100, 100, 600, 100, 600, 600, 100, 600))
    drawn = np.zeros((100, 200), bool)
    drawn[10:60, 20:120] = True
    assert (decode(mask) == drawn).all()
    # two polygons are united
    two = polygons(
        model,
        loc(100, 100, 600, 100, 600, 600, 100, 600) + "<sep>" + loc(700, 700, 900, 700, 900, 900,
                                                                    700, 900),
    )  # fmt: skip
    drawn[70:90, 140:180] = True
    assert (decode(two) == drawn).all()


@pytest.mark.parametrize("text", ["", "no idea", loc(1, 2), loc(1, 2, 3, 4), loc(1, 2, 3, 4, 5)])
def test_expressions_without_a_polygon(model, text):
    assert polygons(model, text) is None


PIECES = (
    "<loc_0>", "<loc_999>", "<loc_500>", "<loc_100><loc_200><loc_300><loc_400>", "<poly>",
    "</poly>", "<sep>", "a cat", " a dog ", "é", "\n", "<", ">", "<od>", "<s>", "<pad>", "</bbox>",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_whatever_it_writes_can_be_a_prediction(model, text):
    caption = florence_2.read_caption(model._processor, text)
    phrases = read(model, text, caption, height=48, width=64)
    for phrase in phrases:
        assert phrase.span is None or caption[slice(*phrase.span)] == phrase.text
        assert all((mask.height, mask.width) == (48, 64) for mask in phrase.masks)
    mask = polygons(model, text, height=48, width=64)
    assert mask is None or (mask.height, mask.width) == (48, 64)
    assert write_line(Prediction("a", Grounding(caption, phrases)))


# --- instructions ---------------------------------------------------------------------------------

SECOND = "\n<CAPTION_TO_PHRASE_GROUNDING>"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "<DETAILED_CAPTION>" + SECOND),
        ({"prompt": "<MORE_DETAILED_CAPTION>"}, "<MORE_DETAILED_CAPTION>" + SECOND),
        ({"task": "caption"}, "<CAPTION>"),
        ({"task": "caption", "prompt": "<DETAILED_CAPTION>"}, "<DETAILED_CAPTION>"),
        ({"expression": " a Box "}, "<REFERRING_EXPRESSION_SEGMENTATION>a Box"),
        ({"expression": "a", "prompt": "Go."}, "<REFERRING_EXPRESSION_SEGMENTATION>a"),
    ],
)
def test_what_is_asked(model, fields, words):
    assert model.worded(Query("a", picture(), **fields)) == words


def test_regions(model):
    # of an image of 200 x 100: 20.1 / 0.2 = 100.5 steps, 20.05 / 0.1 = 200.5 steps, and so on
    box = (20.1, 20.05, 99.9, 59.95)
    query = Query("a", picture(), regions=(box,), prompt="Describe it.")
    assert florence_2.instruction(query) == f"<REGION_TO_DESCRIPTION>{REGION}"
    assert model.worded(query) == "<REGION_TO_DESCRIPTION>"
    (answer,) = model.answer([query])
    assert answer.raw == f"</s><s>a red box{REGION}</s>"
    assert (answer.grounding.caption, answer.grounding.phrases) == ("a red box", ())
    outside = Query("a", picture(), regions=((-3, 0, 200, 500),))
    assert florence_2.instruction(outside).endswith(">" + loc(0, 0, 999, 999))
    with pytest.raises(BadData, match="image b: florence-2 describes one region at a time"):
        list(model.answer([Query("b", picture(), regions=(box, box))]))


# --- the real classes -----------------------------------------------------------------------------


def test_the_network_writes_the_texts(model):
    queries = [
        Query("gcg", picture()),
        Query("caption", picture(), task="caption"),
        Query("expression", picture(), expression="a red box"),
    ]
    gcg, caption, expression = model.answer(queries)
    assert gcg.raw == f"</s><s>{CAPTION}</s>\n</s><s>{GROUNDED}</s>"
    assert gcg.grounding.caption == CAPTION
    assert [phrase.text for phrase in gcg.grounding.phrases] == ["A red box", "a café"]
    assert rectangles(gcg.grounding.phrases[0]) == [(20, 20, 99, 59)]
    assert (caption.grounding.caption, caption.grounding.phrases) == ("A box.", ())
    (phrase,) = expression.grounding.phrases
    assert (phrase.text, expression.grounding.caption) == ("a red box", "")
    # a triangle with the corners (0, 0), (100, 0), (100, 50): half of 100 x 50 pixels
    assert area(phrase.masks)[0] == pytest.approx(2500, abs=60)
    assert decode(phrase.masks[0])[5, 95]
    assert not decode(phrase.masks[0])[45, 5]
    assert [p.id for p in (gcg, caption, expression)] == ["gcg", "caption", "expression"]
    assert all(p.error is None and p.seconds > 0 for p in (gcg, caption, expression))


def test_settings(model):
    digest = model.settings["weights"]
    assert model.settings == {
        "checkpoint": "florence",
        "weights": digest,
        "max_new_tokens": 100,
        "decoding": "3 beams",
        "dtype": "float32",
        "masks": "boxes",
        "masks_of_expressions": "polygons",
    }
    assert len(digest) == 16


# --- checkpoints ----------------------------------------------------------------------------------


def changed(folder, tmp_path, name, change):
    copy = shutil.copytree(folder, tmp_path / "copy")
    record = json.loads((copy / name).read_text())
    change(record)
    (copy / name).write_text(json.dumps(record))
    return copy


def test_a_processor_that_names_no_kinds_of_answers(folder, tmp_path):
    def forget(record):
        del record["post_processor_config"]

    copy = changed(folder, tmp_path, "processor_config.json", forget)
    model = load_model(f"florence-2:{copy}", device="cpu", max_new_tokens=100)
    (answer,) = model.answer([Query("a", picture())])
    assert [phrase.text for phrase in answer.grounding.phrases] == ["A red box", "a café"]


def test_phrases_that_the_processor_bans(folder, tmp_path):
    def ban(record):
        banned = {"banned_grounding_tokens": ["A red box"]}
        record["post_processor_config"]["phrase_grounding"] = banned

    copy = changed(folder, tmp_path, "processor_config.json", ban)
    model = load_model(f"florence-2:{copy}", device="cpu", max_new_tokens=100)
    (answer,) = model.answer([Query("a", picture())])
    assert [phrase.text for phrase in answer.grounding.phrases] == ["a café"]
    assert model.settings["weights"] != florence_2.find(str(folder)).digest


def test_a_checkpoint_with_code_of_its_own(folder, tmp_path):
    def publish(record):
        record["auto_map"] = {"AutoConfig": "configuration_florence2.Florence2Config"}

    copy = changed(folder, tmp_path, "config.json", publish)
    with pytest.raises(BadData, match=r"auto_map: .*hf download florence-community/Florence-2"):
        load_model(f"florence-2:{copy}", device="cpu")


def test_another_model_and_a_missing_one(folder, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def rename(record):
        record["model_type"] = "kosmos-2"

    copy = changed(folder, tmp_path, "config.json", rename)
    with pytest.raises(BadOption, match="copy is a kosmos-2, and a model florence-2 is one of"):
        florence_2.find(str(copy))
    with pytest.raises(EnvironmentProblem, match="hf download florence-community/Florence-2"):
        florence_2.find()
    with pytest.raises(BadOption, match="--max-new-tokens 0"):
        florence_2.load(str(folder), max_new_tokens=0)
    assert florence_2.weight_bytes(str(folder)) == (folder / "model.safetensors").stat().st_size


# --- the command line -----------------------------------------------------------------------------


def command(folder, out, *more):
    """The exit code of a prediction of two images of shapes."""
    with pytest.raises(SystemExit) as left:
        main(
            ["predict", "--model", f"florence-2:{folder}", "--dataset", "shapes", "--split", "val",
             "--limit", "2", "--device", "cpu", "--max-new-tokens", "100", "--out", str(out), *more]
        )  # fmt: skip
    return left.value.code


def predicted(folder, out, *more):
    """The settings and the lines of a run."""
    assert command(folder, out, *more) == 0
    lines = (out / "predictions.jsonl").read_text("utf-8").splitlines()
    return json.loads((out / "run.json").read_text("utf-8")), [json.loads(line) for line in lines]


def test_a_run_on_shapes(folder, tmp_path):
    settings, lines = predicted(folder, tmp_path / "run")
    assert [line["caption"] for line in lines] == [CAPTION] * 2
    assert [phrase["span"] for phrase in lines[0]["phrases"]] == [[0, 9], [14, 20]]
    assert all(phrase["mask"] for phrase in lines[0]["phrases"])
    # the instruction of the card asks for masks between the words: the model has its own
    assert settings["prompt"] == ""
    assert settings["decoding"]["decoding"] == "3 beams"
    assert len(settings["decoding"]["default_prompt"]) == 8
    assert str(folder) not in json.dumps(settings)


def test_captions_on_shapes(folder, tmp_path):
    settings, lines = predicted(folder, tmp_path / "run", "--task", "caption")
    assert [line["caption"] for line in lines] == ["A box."] * 2
    # the instruction of the task is left out like that of a card
    assert settings["prompt"] == ""


def test_expressions_on_shapes(folder, tmp_path):
    _, lines = predicted(folder, tmp_path / "run", "--task", "referring")
    assert len(lines) == 2
    assert not any("error" in line for line in lines)


def test_regions_on_shapes(folder, tmp_path):
    settings, lines = predicted(folder, tmp_path / "run", "--task", "region_caption")
    assert len(lines) == 2
    assert not any("error" in line or line["phrases"] for line in lines)
    digest = hashlib.sha256(b"<REGION_TO_DESCRIPTION>").hexdigest()[:8]
    assert settings["decoding"]["default_prompt"] == digest
