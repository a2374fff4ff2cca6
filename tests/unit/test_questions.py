"""What multimodal language models are asked; the expected words are written by hand."""

import pytest

from gcg_bench.grounding.questions import Asking, needs_boxes
from gcg_bench.types import Picture, Query

IMAGE = Picture(200, 400, lambda: None)
BOX = (40.0, 20.0, 200.0, 100.0)

GCG = Query("a", IMAGE, task="gcg")
CAPTION = Query("a", IMAGE, task="caption")
REFERRING = Query("a", IMAGE, task="referring", expression=" the {width} dog ")
REGIONS = Query("a", IMAGE, task="region_caption", regions=(BOX, (0.0, 0.0, 400.0, 200.0)))
QUERIES = (GCG, CAPTION, REFERRING, REGIONS)

JSON = '{"caption": DESCRIPTION, "phrases": [{"text": PHRASE, "boxes": [BOX, ...]}, ...]}'


@pytest.mark.parametrize(
    ("dialect", "gcg", "referring"),
    [
        ("json", JSON, '{"boxes": [BOX, ...]}'),
        ("glamm", JSON, '{"boxes": [BOX, ...]}'),
        ("qwen", '{"bbox_2d": BOX, "label": PHRASE}', '{"bbox_2d": BOX, "label": WORDS}'),
        ("gemini", '{"box_2d": BOX, "label": PHRASE}', '{"box_2d": BOX, "label": WORDS}'),
        ("internvl", "<ref>PHRASE</ref><box>[BOX, ...]</box>", "<ref>PHRASE</ref><box>"),
        ("deepseek", "<|ref|>PHRASE<|/ref|><|det|>[BOX, ...]<|/det|>", "<|det|>"),
        ("molmo", "point to everything that you name", 'Point to "the {width} dog"'),
    ],
)
def test_a_dialect_is_asked_for_in_its_own_form(dialect, gcg, referring):
    asking = Asking("0-1000", dialect, "dialect")
    assert gcg in asking.instruction(GCG, (56, 112))
    assert referring in asking.instruction(REFERRING, (56, 112))
    assert all(asking.schema(query) is None for query in QUERIES)


@pytest.mark.parametrize(
    ("unit", "regions", "words"),
    [
        ("pixels", "[40, 20, 200, 100] and [0, 0, 400, 200]", "pixels of an image of 400 x 200"),
        ("resized", "[50, 10, 250, 50] and [0, 0, 500, 100]", "in pixels of the image."),
        ("0-1", "[0.1, 0.1, 0.5, 0.5] and [0, 0, 1, 1]", "from 0 to 1."),
        ("0-100", "[10, 10, 50, 50] and [0, 0, 100, 100]", "in percent"),
        ("0-999", "[100, 100, 500, 500] and [0, 0, 999, 999]", "from 0 to 999."),
        ("0-1000", "[100, 100, 500, 500] and [0, 0, 1000, 1000]", "from 0 to 1000."),
        ("0-1000-yx", "[100, 100, 500, 500] and [0, 0, 1000, 1000]", "[y0, x0, y1, x1]"),
    ],
)
def test_regions_and_units_are_those_of_the_model(unit, regions, words):
    asking = Asking(unit, "json", "json")
    text = asking.instruction(REGIONS, (100, 500))
    assert regions in text
    for query in (GCG, REFERRING, REGIONS):
        assert words in asking.instruction(query, (100, 500))
    assert "box" not in asking.instruction(CAPTION, (100, 500)).lower()


def test_only_the_numbers_of_the_image_are_filled_in():
    asking = Asking("pixels", "json", "json")
    template = asking.template(REGIONS)
    assert "{regions}" in template
    assert "{width} x {height}" in template
    filled = asking.instruction(REGIONS, (9, 9))
    assert "{" not in filled
    # words of an expression stay as they are, also those that look like a number's name
    assert 'Locate "the {width} dog"' in asking.instruction(REFERRING, (9, 9))


def test_a_prompt_replaces_the_words_of_the_task_and_not_the_form():
    asking = Asking("0-1000", "json", "json")
    for query, form in ((GCG, JSON), (CAPTION, ""), (REGIONS, "")):
        asked = Query("a", IMAGE, "Say {regions}.", query.regions, task=query.task)
        text = asking.instruction(asked, (9, 9))
        assert text.startswith("Say ")
        assert form in text
    asked = Query("a", IMAGE, "Find {expression}!", task="referring", expression="a dog")
    assert asking.instruction(asked, (9, 9)).startswith("Find a dog! A box is")


def test_a_schema_only_where_boxes_are_wanted():
    asking = Asking("0-1000", "qwen", "schema")
    assert [asking.schema(query) is not None for query in QUERIES] == [True, False, True, False]
    assert [needs_boxes(query) for query in QUERIES] == [True, False, True, False]
    schema = asking.schema(GCG)
    assert schema["required"] == ["caption", "phrases"]
    phrase = schema["properties"]["phrases"]["items"]
    assert phrase["required"] == ["text", "boxes"]
    assert phrase["properties"]["boxes"]["items"] == {
        "type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4,
    }  # fmt: skip
    assert asking.schema(REFERRING)["required"] == ["boxes"]
