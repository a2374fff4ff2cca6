"""Reports of other tasks: expressions with the kinds of their answers, regions and captions."""

import numpy as np
import pytest
from support.worlds import HEIGHT, WIDTH, block

from gcg_bench import tasks
from gcg_bench.reporting.report import Material, write_page
from gcg_bench.types import SILENCE, Grounding, Pair, Phrase, Picture, Prediction, Query, Sample

LEFT, RIGHT = block(20, 4, 20, 16), block(20, 60, 20, 16)
DARK, LIGHT = 60, 200
REFERRING = tasks.load("generalized_referring")
REGIONS = tasks.load("region_caption")


def flat(grey):
    return Picture(HEIGHT, WIDTH, lambda: np.full((HEIGHT, WIDTH, 3), grey, dtype=np.uint8))


def asked(id_, image, words, target, answer, **more):
    """One expression: `target` and `answer` are masks or nothing."""
    truth = Grounding("", (Phrase(words, (target,) if target else ()),))
    said = Grounding("It is .", (Phrase(None, (answer,)),)) if answer else SILENCE
    query = Query(id_, image, expression=words, image_id=id_.split("#")[0])
    return Pair(Sample(query, truth, ()), Prediction(id_, said, **more), {})


def described(id_, image, box, captions, answer):
    truth, said = Grounding(captions[0], ()), Grounding(answer, ())
    query = Query(id_, image, regions=(box,), image_id=id_.split("#")[0])
    return Pair(Sample(query, truth, captions), Prediction(id_, said), {})


def write(folder, task, pairs):
    made = Material("a model on a set", pairs, [], None, {}, {}, task.panels, task.parts)
    return write_page(made, folder / f"{task.name}.html").file


@pytest.fixture(scope="module")
def expressions(tmp_path_factory):
    dark, light = flat(DARK), flat(LIGHT)
    pairs = [
        asked("a#0", dark, "the left block", LEFT, LEFT),
        asked("a#1", dark, "the right block", RIGHT, LEFT),
        asked("a#2", dark, "the purple block", None, LEFT),
        asked("b#0", light, "the red block", None, None),
        asked("b#1", light, "the right one", RIGHT, None),
        asked("b#2", light, "any block", LEFT, None, error="no memory"),
    ]
    return write(tmp_path_factory.mktemp("report"), REFERRING, pairs)


def rows(browser):
    return [row.text.split("\n")[0] for row in browser.all("#rail .row")]


def pixel(browser, side, x, y):
    """The colour of a stage's canvas at a place of the picture."""
    return browser.run(
        "const c = document.querySelectorAll('.stage canvas')[arguments[0]];"
        "const [x, y, width, height] = [...arguments].slice(1);"
        "const at = [x * c.width / width, y * c.height / height];"
        "const copy = document.createElement('canvas');"
        "[copy.width, copy.height] = [c.width, c.height];"
        "const pen = copy.getContext('2d', { willReadFrequently: true });"
        "pen.drawImage(c, 0, 0);"
        "return [...pen.getImageData(at[0] | 0, at[1] | 0, 1, 1).data].slice(0, 3)",
        side, x, y, WIDTH, HEIGHT,
    )  # fmt: skip


def test_the_kind_of_an_answer_is_said_and_chosen(browser, expressions):
    browser.open(expressions, "#answers")
    shown = (
        "return [...document.querySelectorAll('.part')].filter((p) => !p.hidden).map((p) => p.id)"
    )
    assert browser.run(shown) == ["answers"]
    kinds = [row.text.split("\n")[0] for row in browser.all("#answers tbody tr")]
    assert [kind.split(" IoU")[0] for kind in kinds] == [
        "right", "rightly refused", "wrong object", "refused", "not refused", "failed",
    ]  # fmt: skip
    browser.click(browser.all("#answers tbody button")[2])
    assert browser.run(shown) == ["images"]
    assert rows(browser) == ["a#1"]
    assert browser.text("#count") == "1 of 6 queries"
    assert browser.text(".asked") == "Expression the right block wrong object IoU 0.00"
    assert browser.text("#rail .row .says") == "wrong object: the right block"


def test_an_expression_shows_masks_and_no_captions(browser, expressions):
    browser.open(expressions, "#image=a%230")
    assert not browser.all(".says-all")
    assert browser.text(".asked") == "Expression the left block right IoU 1.00"
    # both sides are the first colour, for both are the answer to the expression
    assert pixel(browser, 0, 12, 30) == pixel(browser, 1, 12, 30) != [DARK] * 3
    browser.open(expressions, "#image=a%232")
    assert [cell.text for cell in browser.all(".reckoning tbody tr")] == [
        "prediction\n1(no words)\n1 –",
        "reference\n1(no target)\n0 –",
    ]


def test_queries_of_one_image_share_its_picture(browser, expressions):
    held = expressions.read_text("utf-8").count("data:image/jpeg")
    assert held == 2
    for address, grey in (("a%232", DARK), ("b%230", LIGHT), ("b%231", LIGHT)):
        browser.open(expressions, f"#image={address}")
        assert max(abs(value - grey) for value in pixel(browser, 0, 70, 5)) <= 3


def test_a_region_shows_one_picture_with_its_box_and_every_caption(browser, tmp_path):
    pairs = [
        described("a#0", flat(DARK), (10.0, 10.0, 40.0, 30.0), ("a cat", "the cat"), "a dog"),
        described("a#1", flat(DARK), (50.0, 5.0, 70.0, 40.0), ("a lamp",), "a lamp"),
    ]
    page = write(tmp_path, REGIONS, pairs)
    browser.open(page, "#image=a%230")
    assert len(browser.all(".stage canvas")) == 1
    assert not browser.all(".reckoning")
    assert browser.run("return document.querySelector('.toggles').hidden") is True
    said = [part.text for part in browser.all(".says-all")]
    assert said[0].split("\n")[1:] == ["a cat", "1 more reference caption", "the cat"]
    assert said[1].split("\n")[1:] == ["a dog"]
    # the box is dashed in dark and light; inside, the picture is as it was
    edge = [pixel(browser, 0, x, 10) for x in np.arange(12, 38, 0.5).tolist()]
    assert min(sum(one) for one in edge) < 3 * 40
    assert max(sum(one) for one in edge) > 3 * 200
    assert max(abs(value - DARK) for value in pixel(browser, 0, 25, 20)) <= 3
