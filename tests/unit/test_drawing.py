"""show(): masks where they are, in their colours, and a page for notebooks that is only text."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from support.pages import GREY, grey, laid, nowhere
from support.worlds import HEIGHT, WIDTH, block, phrase

from gcg_bench import masks
from gcg_bench.errors import BadOption
from gcg_bench.reporting.draw import COLOURS, show
from gcg_bench.types import SILENCE, Grounding, Phrase, Prediction

TRUTH = Grounding("a cat, a dog", (phrase("a cat", block(10, 10, 30, 20)), phrase("a dog")))
ANSWER = Grounding("a cat", (phrase("a cat", block(10, 40, 30, 20)),))


def mixed(position):
    """A colour at .45 over grey, by hand."""
    return [int(0.55 * GREY + 0.45 * part) for part in COLOURS[position]]


def test_masks_lie_on_the_picture():
    pair = laid("a", TRUTH, ANSWER, picture=grey())
    drawn = np.asarray(show(pair.sample, pair.prediction).image)
    assert drawn.shape == (HEIGHT, 2 * WIDTH + 12, 3)
    right = WIDTH + 12
    assert drawn[35, 15].tolist() == mixed(0)
    assert drawn[35, 45].tolist() == [GREY] * 3
    assert drawn[35, right + 45].tolist() == mixed(0)
    assert drawn[35, right + 15].tolist() == [GREY] * 3
    # outlines are the colour itself, two pixels inside the mask
    assert drawn[10, 13].tolist() == drawn[11, 13].tolist() == list(COLOURS[0])
    assert drawn[9, 13].tolist() == [GREY] * 3
    assert drawn[35, WIDTH + 5].tolist() == [255] * 3


def test_reference_alone():
    pair = laid("a", TRUTH, ANSWER)
    drawing = show(pair.sample)
    assert drawing.image.size == (WIDTH, HEIGHT)
    assert [title for title, _ in drawing.sides] == ["reference"]


def test_small_masks_lie_over_large_ones():
    both = Grounding("", (phrase("a", block(20, 20, 5, 5)), phrase("b", block(0, 0, 60, 80))))
    drawn = np.asarray(show(laid("a", both, both).sample).image)
    assert drawn[20, 20].tolist() == list(COLOURS[0])


def test_without_a_picture():
    pair = laid("a", TRUTH, ANSWER, picture=nowhere())
    drawing = show(pair.sample, pair.prediction)
    assert drawing.note == "drawn on a blank canvas: /data/images/gone.jpg: no such image"
    assert "/data/images/gone.jpg" in drawing._repr_html_()
    assert len(set(map(tuple, np.asarray(drawing.image).reshape(-1, 3).tolist()))) > 3


def test_nothing_to_draw():
    empty = Grounding("", (Phrase("a", (block(0, 0, 0, 0),)), Phrase(None)))
    pair = laid("a", empty, Grounding(""))
    drawing = show(pair.sample, pair.prediction)
    assert np.asarray(drawing.image)[:, :WIDTH].tolist() == np.full((60, 80, 3), GREY).tolist()


def test_notebooks_show_text_as_text():
    hostile = "<script>alert(1)</script>"
    grounding = Grounding(hostile, (Phrase(hostile, (block(0, 0),)), Phrase(None)))
    answered, failed = laid("a", grounding, grounding), laid("a", grounding, SILENCE, error=hostile)
    for pair, count in ((answered, 4), (failed, 3)):
        drawing = show(pair.sample, pair.prediction)
        shown = drawing._repr_html_()
        assert "<script" not in shown
        assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt;") == count
    assert "(no words)" in shown
    assert Image.open(BytesIO(drawing._repr_png_())).size == drawing.image.size


def test_saving(tmp_path):
    drawing = show(laid("a", TRUTH, ANSWER).sample)
    drawing.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (WIDTH, HEIGHT)
    with pytest.raises(BadOption, match="nothing"):
        drawing.save(tmp_path / "a.nothing")


def test_refusals():
    sample = laid("a", TRUTH, ANSWER).sample
    with pytest.raises(BadOption, match="image 'b', not 'a'"):
        show(sample, Prediction("b"))
    other = Grounding("", (Phrase("x", (masks.from_box((0, 0, 5, 5), 10, 10),)),))
    with pytest.raises(BadOption, match="60 x 80"):
        show(sample, Prediction("a", other))
