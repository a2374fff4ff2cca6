"""A figure of one image: where things stand, what is written, and that no text in it is markup."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from support.pages import GREY, laid, material, nowhere
from support.worlds import block, phrase

from gcg_bench.errors import BadOption
from gcg_bench.reporting.figure import laid_out, write_figure
from gcg_bench.reporting.figure.outlines import outline
from gcg_bench.types import Grounding

SVG = "{http://www.w3.org/2000/svg}"
ORANGE, BLUE, GREEN = "#e69f00", "#56b4e9", "#009e73"
HOSTILE = "</text><script>alert(1)</script> & \"quotes'"


def world(text="a lamp", **more):
    truth = Grounding("A cat and a dog.", (phrase("A cat", block(0, 0)), phrase("a dog")))
    answer = Grounding(f"A cat. {text}", (phrase("A cat", block(0, 2)), phrase(text)))
    return laid("one image", truth, answer, **more)


def figure(pair):
    found = material([pair]).mistakes.diagnosis
    return laid_out(pair, found)


def written(pair, file):
    why = write_figure(figure(pair), file)
    return why, ElementTree.fromstring(file.read_text("utf-8"))


def test_panels_stand_beside_each_other():
    made = figure(world())
    # 60 x 80 pixels: 420 / 60 = 7 units a pixel would be 560 wide, so 480 / 80 = 6 is used
    assert made.scale == 6
    assert [panel.x for panel in made.panels] == [16, 16 + 480 + 16]
    assert made.wide == 2 * 480 + 3 * 16
    reference, prediction = made.panels
    assert [run.text for run in reference.runs] == ["A cat", "and", "a dog", "."]
    assert [run.number for run in reference.runs] == [1, None, 2, None]
    # the lamp has no partner: a number of its own
    assert [badge.number for badge in prediction.badges] == [1, 3]
    assert [(patch.number, patch.state) for patch in prediction.patches] == [(1, "matched")]


def test_long_captions_turn_at_the_edge():
    words = " ".join(["wolverine"] * 40) + " " + "w" * 400
    made = figure(laid("a", Grounding(words), Grounding("")))
    runs = made.panels[0].runs
    assert len({run.y for run in runs}) > 5
    assert all(run.x + run.wide <= 16 + 480 for run in runs)
    assert "".join(run.text for run in runs).replace(" ", "") == words.replace(" ", "")
    assert made.tall >= max(run.y for run in runs)


def test_svg_has_phrases_in_the_colours_of_their_masks(tmp_path):
    why, drawing = written(world(), tmp_path / "a.svg")
    assert why is None
    texts = [node.text for node in drawing.iter(f"{SVG}text")]
    assert {"Reference", "Prediction", "A cat", "a dog", "a lamp", "1", "2", "3"} <= set(texts)
    tints = [node.get("fill") for node in drawing.iter(f"{SVG}rect") if node.get("fill-opacity")]
    assert tints == [ORANGE, BLUE, ORANGE, GREEN]
    paths = [node for node in drawing.iter(f"{SVG}path") if node.get("fill") == ORANGE]
    assert len(paths) == 2
    assert paths[0].get("transform") == "translate(16.00 34) scale(6.00000)"
    sources = [node.get("href") for node in drawing.iter(f"{SVG}image")]
    assert len(sources) == 2
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not re.search(r"https?://(?!www.w3.org/2000/svg)", (tmp_path / "a.svg").read_text())


def test_png_is_three_times_as_large(tmp_path):
    pair = world()
    assert write_figure(figure(pair), tmp_path / "a.PNG") is None
    made = figure(pair)
    with Image.open(tmp_path / "a.PNG") as picture:
        assert picture.size == (round(3 * made.wide), round(3 * made.tall))
        pixels = np.asarray(picture.convert("RGB"))
    # the reference's cat: 10 x 10 pixels of 18 dots from (16, 34) on; .55 * 120 + .45 * colour
    assert pixels[3 * 34 + 40, 3 * 16 + 40] == pytest.approx([170, 138, 66], abs=2)
    assert pixels[3 * 34 + 400, 3 * 16 + 400] == pytest.approx([GREY] * 3, abs=1)
    assert pixels[5, 5].tolist() == [255, 255, 255]


def test_a_missing_picture_is_a_blank_canvas(tmp_path):
    why, drawing = written(world(picture=nowhere()), tmp_path / "a.svg")
    assert why == "/data/images/gone.jpg: no such image"
    assert not list(drawing.iter(f"{SVG}image"))
    assert "gone.jpg" in write_figure(figure(world(picture=nowhere())), tmp_path / "a.png")


def test_text_stays_text(tmp_path):
    pair = world(HOSTILE)
    pair = replace(pair, sample=replace(pair.sample, query=replace(pair.sample.query, id=HOSTILE)))
    _, drawing = written(pair, tmp_path / "a.svg")
    assert not list(drawing.iter(f"{SVG}script"))
    assert "<script" not in (tmp_path / "a.svg").read_text()
    assert drawing.get("aria-label") == HOSTILE
    assert HOSTILE in " ".join(node.text for node in drawing.iter(f"{SVG}text"))


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(BadOption, match=r"a\.pdf: a figure is written as \.svg or \.png"):
        write_figure(figure(world()), tmp_path / "a.pdf")


def test_outline_on_paper():
    bitmap = np.zeros((4, 5), dtype=bool)
    assert outline(bitmap) == ""
    bitmap[1, 1] = True
    # one pixel from (1, 1) to (2, 2): the middles of its sides, clockwise from the top
    assert outline(bitmap) == "M1.5 1L2 1.5L1.5 2L1 1.5Z"
    bitmap[1, 2:4] = True
    # 3 x 1 pixels: of the long sides only the first and the last middle
    assert outline(bitmap) == "M1.5 1L3.5 1L4 1.5L3.5 2L1.5 2L1 1.5Z"


def test_a_hole_has_an_outline_of_its_own():
    bitmap = np.ones((5, 5), dtype=bool)
    bitmap[2, 2] = False
    paths = outline(bitmap).split("Z")
    assert len(paths) == 3
    assert {"2.5 2", "2 2.5", "2.5 3", "3 2.5"} == set(paths[1].removeprefix("M").split("L"))
