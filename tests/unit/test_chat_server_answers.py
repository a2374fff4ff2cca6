"""Models on servers, against a real HTTP server on loopback: questions, and what answers become."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import small_detectors
from support.chat import Answer, listing, reply, serving
from support.chat_models import (
    DOGS,
    HEIGHT,
    PIXELS,
    WIDTH,
    always,
    only,
    pixels_of,
    query,
    recorded_waits,
    saying,
    without_key,
)

from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.execution.models import load_model
from gcg_bench.grounding.sending import sent_size
from gcg_bench.types import Picture, Query


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    without_key(monkeypatch)


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Waits are recorded, not waited for."""
    return recorded_waits(monkeypatch)


# Answers ---------------------------------------------------------------------------------------


def test_a_grounded_caption_becomes_phrases_with_boxes_as_masks():
    with serving(answers=saying(DOGS)) as server:
        prediction = only(server)
    assert prediction.error is None
    assert prediction.grounding.caption == "Two dogs on the grass."
    dogs, grass = prediction.grounding.phrases
    assert (dogs.text, dogs.span, dogs.score) == ("Two dogs", (0, 8), None)
    assert (grass.text, grass.span, grass.masks) == ("the grass", (12, 21), ())
    first, second = map(pixels_of, dogs.masks)
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    wanted[:30, :50] = True
    assert (first == wanted).all()
    assert (second == wanted[::-1, ::-1]).all()
    assert json.loads(prediction.raw) == DOGS
    assert prediction.seconds > 0


def test_what_is_asked():
    with serving(answers=saying(DOGS)) as server:
        only(server, seed=5, max_new_tokens=99)
        (body,) = server.asked
        assert (body["model"], body["temperature"], body["seed"]) == (
            "Qwen/Qwen3-VL-8B-Instruct", 0, 5,
        )  # fmt: skip
        assert body["max_tokens"] == 99
        schema = body["response_format"]["json_schema"]["schema"]
        assert set(schema["properties"]) == {"caption", "phrases"}
        (text,) = server.texts
        assert "from 0 to 1000" in text
        assert "exactly as it stands in the description" in text


TASKS = {
    "gcg": (query(), "Describe the image in detail", True),
    "referring": (query(task="referring", expression=" the {width} dog "), "the {width} dog", True),
    "caption": (query(task="caption"), "in a few sentences of plain text", False),
    "region_caption": (
        query(task="region_caption", regions=((10.0, 6.0, 50.0, 30.0),)),
        "[100, 100, 500, 500]",
        False,
    ),
}


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_its_instruction(task):
    asked, words, has_schema = TASKS[task]
    with serving(answers=saying({"boxes": [[0, 0, 500, 500]]})) as server:
        prediction = only(server, asked)
        assert words in server.texts[0]
        assert ("response_format" in server.asked[0]) == has_schema
    assert prediction.error is None
    if task == "referring":
        (phrase,) = prediction.grounding.phrases
        assert pixels_of(phrase.masks[0]).sum() == 30 * 50
        assert (prediction.grounding.caption, prediction.refused) == ("", None)
    elif not has_schema:
        assert prediction.grounding.phrases == ()
        assert "boxes" in prediction.grounding.caption


def test_an_expression_that_fits_nothing_is_refused():
    asked = query(task="generalized_referring", expression="a cat")
    with serving(answers=saying({"boxes": []})) as server:
        assert only(server, asked).refused is True
    with serving(answers=saying({"boxes": [[0, 0, 9, 9], [900, 900, 999, 999]]})) as server:
        prediction = only(server, asked)
    assert prediction.refused is False
    assert len(prediction.grounding.phrases[0].masks) == 2


def test_a_prompt_comes_in_the_place_of_the_own_words():
    with serving(answers=saying(DOGS)) as server:
        assert load_model(server.url).own_instruction is True
        only(server, query(prompt="Name all animals."))
        assert server.texts[0].startswith("Name all animals. A box is [x0")


def test_the_wording_depends_on_the_task_and_not_on_the_image():
    with serving() as server:
        model = load_model(server.url)
    wide = Query("x", Picture(5, 999, lambda: PIXELS), regions=((1.0, 2.0, 3.0, 4.0),))
    assert model.worded(wide) == model.worded(TASKS["region_caption"][0])
    assert len({model.worded(asked) for asked, *_ in TASKS.values()}) == len(TASKS)


@pytest.mark.parametrize(
    ("name", "text", "box"),
    [
        # 60 x 100 is sent as 56 x 112: 28 of 56 rows are 30 of 60, 56 of 112 columns 50 of 100
        ("Qwen/Qwen2.5-VL-7B-Instruct", '[{"bbox_2d": [0, 0, 56, 28], "label": "dog"}]', (50, 30)),
        ("Qwen/Qwen3-VL-8B", '[{"bbox_2d": [0, 0, 500, 250], "label": "dog"}]', (50, 15)),
        ("OpenGVLab/InternVL3-8B", "<ref>dog</ref><box>[[0, 0, 500, 250]]</box>", (50, 15)),
        ("deepseek-ai/deepseek-vl2", "<|ref|>dog<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>",
         (100, 60)),
        ("gemini-2.5-pro", '[{"box_2d": [0, 0, 500, 250], "label": "dog"}]', (25, 30)),
    ],
)  # fmt: skip
def test_the_unit_comes_from_the_name_of_the_model(name, text, box):
    refuses = always({"error": {"message": "no response_format"}}, status=400)

    def trial(body):
        return refuses(body) if "response_format" in body else Answer()

    with serving(models=listing(name), answers=saying(text), trial=trial) as server:
        model = load_model(server.url)
        assert model.settings["form"] == "dialect"
        (prediction,) = model.answer([query()])
        assert "response_format" not in server.asked[0]
    (phrase,) = prediction.grounding.phrases
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    wanted[: box[1], : box[0]] = True
    assert (pixels_of(phrase.masks[0]) == wanted).all()


def test_the_unit_that_the_user_names_comes_first():
    with serving(answers=saying({"boxes": [[0.0, 0.0, 0.5, 1.0]]})) as server:
        model = load_model(server.url, coordinates="0-1")
        (prediction,) = model.answer([query(expression="dog")])
        schema = server.asked[0]["response_format"]["json_schema"]["schema"]
    assert model.settings["coordinates"] == "0-1"
    assert pixels_of(prediction.grounding.phrases[0].masks[0]).sum() == 60 * 50
    assert schema["properties"]["boxes"]["items"]["items"] == {"type": "number"}


def test_a_model_of_unknown_unit_captions_but_does_not_ground():
    with serving(models=listing("llava-v1.6"), answers=saying("A dog.")) as server:
        model = load_model(server.url)
        captions = [query(task="caption")]
        model.prepare(captions)
        (prediction,) = model.answer(captions)
        assert prediction.grounding.caption == "A dog."
        for asked in (query(), query(expression="dog"), query(regions=((0.0, 0.0, 1.0, 1.0),))):
            with pytest.raises(BadOption, match=r"unit of the coordinates of 'llava-v1\.6'"):
                model.prepare([*captions, asked])
        load_model(server.url, coordinates="0-1000").prepare([query()])


def test_odd_answers_are_counted():
    box = {"text": "A dog", "boxes": [[0, 0, 1100, 500], [500, 500, 0, 0], [1, 2], [5, 5, 5, 5]]}
    texts = {
        "image 0": (json.dumps({"caption": "A dog.", "phrases": [box]}), "stop"),
        "image 1": ('{"caption": "A dog.", "phrases": [{"text": "A d', "length"),
        "image 2": ("I cannot do that.", "stop"),
        "image 3": (json.dumps({"caption": "A.", "phrases": [{"text": "B", "boxes": []}]}), "stop"),
    }
    waiting = iter(texts.values())
    with serving(answers=lambda _: Answer(reply(*next(waiting)))) as server:
        model = load_model(server.url, concurrency=1)
        found = {p.id: p for p in model.answer([query(k) for k in range(4)])}
    assert model.notes() == [
        "answers that reached the limit of tokens, of which what was complete is read: 1",
        "answers of incomplete JSON, of which what was complete is read: 1",
        "answers of plain text where boxes were asked for: 1",
        "boxes that left their image and were clipped: 1",
        "boxes with corners in another order: 1",
        "boxes or points without a pixel in their image, or without the numbers that they need,"
        " which were left out: 2",
        "phrases that do not stand in their caption: 1",
    ]
    assert [len(p.masks) for p in found["image 0"].grounding.phrases] == [2]
    assert found["image 1"].grounding.caption == "A dog."
    assert found["image 2"].grounding.caption == "I cannot do that."
    assert [p.span for p in found["image 3"].grounding.phrases] == [None]


def test_a_masker_makes_masks_of_boxes_and_points(tmp_path):
    sam = small_detectors.sam(tmp_path / "sam")
    texts = iter([json.dumps(DOGS), '<points coords="1 1 500 500">two dogs</points>'])
    with serving(answers=lambda _: Answer(reply(next(texts)))) as server:
        model = load_model(server.url, masker=str(sam), device="cpu", concurrency=1)
        boxed, pointed = model.answer([query(0), query(1)])
    assert model.settings["masker"] == "sam"
    assert len(model.settings["masker_weights"]) == 16
    assert "boxes" not in model.settings["masks"].split()
    # random weights: the sizes are right, and what is empty is left out and counted
    masks = [mask for phrase in boxed.grounding.phrases for mask in phrase.masks]
    empty = model.notes()[0].split()[-1] if model.notes() else "0"
    (phrase,) = pointed.grounding.phrases
    assert len(masks) + len(phrase.masks) + int(empty) == 3
    assert all((mask.height, mask.width) == (HEIGHT, WIDTH) for mask in (*masks, *phrase.masks))


def test_a_masker_that_is_none_is_refused_before_the_server_is_asked_a_question():
    with serving() as server:
        with pytest.raises(EnvironmentProblem, match="hf download nobody/sam"):
            load_model(server.url, masker="nobody/sam")
        assert server.trials == server.asked == []


# Images ----------------------------------------------------------------------------------------


def test_an_image_is_sent_at_a_size_that_the_model_keeps():
    with serving(models=listing("Qwen2.5-VL-7B"), answers=saying(DOGS)) as server:
        only(server, max_pixels=28 * 28 * 6)
        assert server.sizes == [(56, 84)]


@given(
    st.integers(1, 9000), st.integers(1, 9000), st.integers(4 * 32 * 32, 10**6),
    st.sampled_from([1, 28, 32]),
)  # fmt: skip
def test_every_image_is_sent_within_the_budget(height, width, most, multiple):
    rows, columns = sent_size(height, width, most=most, multiple=multiple)
    assert rows * columns <= most
    assert rows % multiple == columns % multiple == 0
    assert min(rows, columns) >= (1 if multiple == 1 else 2 * multiple)
    if multiple == 1 and height * width <= most:
        assert (rows, columns) == (height, width)
    if min(rows, columns) > 2 * multiple and min(height, width) > 2 * multiple:
        scale = min(1, (most / (height * width)) ** 0.5)
        assert abs(rows - height * scale) <= multiple
        assert abs(columns - width * scale) <= multiple
