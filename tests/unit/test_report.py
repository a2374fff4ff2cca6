"""The page as a file: what is in it, that it is whole, and that no text in it is markup."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from support.pages import grey, laid, many, material, nowhere
from support.worlds import block, phrase

from gcg_bench import masks
from gcg_bench.errors import EnvironmentProblem
from gcg_bench.reporting.report import page as page_
from gcg_bench.reporting.report import write_page
from gcg_bench.reporting.report.chosen import listed
from gcg_bench.reporting.report.index import Column, columns
from gcg_bench.types import SILENCE, Grounding, Phrase

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }} {% raw %}",
    "&lt;b&gt; <!-- <script>",
    "\u202eright to left\u202c \u05d0\u05d1\u05d2",
    "line\u2028breaks\u2029here",
    "half \ud83d a pair",
    "emoji 🐈‍⬛ 𝔘nicode",
    "nul \x00 and bell \x07",
    "x" * 10_000,
)
SPELT = {
    "\u202e": r"\u202e", "\u202c": r"\u202c", "\u2028": r"\u2028", "\u2029": r"\u2029",
    "\ud83d": r"\ud83d", "\u200d": r"\u200d", "\x00": r"\x00", "\x07": r"\x07",
}  # fmt: skip


def spelt(text):
    """The text as a page shows it."""
    return "".join(SPELT.get(letter, letter) for letter in text)


class Page(HTMLParser):
    """What a browser would see: elements with attributes, and the text of scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.elements = []
        self.inside = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.elements and self.elements[-1][0] in ("script", "style"):
            self.inside.setdefault(len(self.elements) - 1, data)

    def all(self, name):
        return [
            (attributes, self.inside.get(k, ""))
            for k, (tag, attributes) in enumerate(self.elements)
            if tag == name
        ]


@pytest.fixture
def world():
    truth = Grounding(
        "A cat and a dog.", (phrase("A cat", block(0, 0)), phrase("a dog", block(30, 30)))
    )
    answer = Grounding("a cat", (phrase("a cat", block(0, 2), score=0.5), phrase("a lamp")))
    return [
        laid("first", truth, answer, "One cat, one dog.", raw="<p>a cat</p>", seconds=1.5),
        laid("second", truth, SILENCE, picture=nowhere(), error="ran out of memory"),
    ]


def written(tmp_path, given):
    file = tmp_path / "report.html"
    result = write_page(given, file)
    return result, file.read_text(encoding="utf-8")


def test_page_holds_every_image(tmp_path, world):
    result, html = written(tmp_path, material(world))
    page = Page(html)
    found = [json.loads(text) for attributes, text in page.all("script") if attributes.get("class")]
    assert [one["id"] for one in found] == ["first", "second"]
    assert found[0]["picture"].startswith("data:image/jpeg;base64,")
    assert found[0]["why"] is None
    assert found[1]["picture"] is None
    assert found[1]["why"] == "/data/images/gone.jpg: no such image"
    assert (result.images, result.blank, result.why) == (2, 1, found[1]["why"])
    assert result.size == (tmp_path / "report.html").stat().st_size
    assert "1 of 2 pictures are missing" in html


def test_page_speaks_of_intervals_only_where_they_were_drawn(tmp_path, world):
    given = material(world)
    assert "bootstrap intervals" in written(tmp_path, given)[1]
    (drawn,) = given.results
    bare = tuple(replace(score, low=None, high=None) for score in drawn.scores)
    without = replace(given, results=[replace(drawn, scores=bare)])
    assert "bootstrap intervals" not in written(tmp_path, without)[1]


def test_page_comes_with_a_policy_that_fits_it(tmp_path, world):
    _, html = written(tmp_path, material(world))
    page = Page(html)
    (policy,) = [
        attributes["content"]
        for attributes, _ in page.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    ((_, style),) = page.all("style")
    (script,) = [text for attributes, text in page.all("script") if not attributes]

    def hashed(text):
        return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; img-src data:; style-src '{hashed(style)}';"
        f" script-src '{hashed(script)}'; base-uri 'none'; form-action 'none'"
    )


def test_page_asks_for_nothing(tmp_path, world):
    _, html = written(tmp_path, material(world))
    page = Page(html)
    reached = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "action", "srcset", "poster", "data", "xlink:href")
    ]
    assert reached
    assert all(value.startswith("#") or value == "data:," for value in reached)
    assert not any(name.startswith("on") for _, a in page.elements for name in a)
    assert not any("style" in attributes for _, attributes in page.elements)
    ((_, style),) = page.all("style")
    assert "url(" not in style.replace("url(#stripes)", "")
    assert "@import" not in style


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(tmp_path, text):
    words = Grounding(text, (Phrase(text, (block(0, 0),)), Phrase(text)))
    calm = Grounding("a", (Phrase("a", (block(0, 0),)), Phrase("a")))

    def skeleton(id_, grounding, says):
        given = material(
            [
                laid(id_, grounding, grounding, says, raw=says),
                laid("b", grounding, SILENCE, error=says),
            ],
            title=says,
            settings={says: says, "model": [says]},
        )
        _, html = written(tmp_path, given)
        page = Page(html)
        shown = [tag for tag, _ in page.elements]
        return shown, [json.loads(t) for a, t in page.all("script") if a.get("class")]

    shown, (record, failed) = skeleton(text, words, text)
    expected, _ = skeleton("a", calm, "a")
    assert shown == expected  # not one element more than with calm text
    assert (record["id"], record["raw"], failed["error"]) == (spelt(text),) * 3
    assert record["sides"][0]["phrases"][0]["text"] == spelt(text)
    assert "".join(piece[0] for piece in record["sides"][1]["captions"][0]) == spelt(text)


def test_page_says_when_the_model_sees_the_references(tmp_path, world):
    _, html = written(tmp_path, material(world, settings={"oracle": True}))
    assert 'id="oracle"' in html
    _, html = written(tmp_path, material(world, settings={"oracle": False}))
    assert 'id="oracle"' not in html


def test_page_is_whole_or_not_there(tmp_path, world):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(EnvironmentProblem, match=r"report\.html"):
        write_page(material(world), tmp_path / "report.html")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_page_of_one_empty_image(tmp_path):
    _, html = written(tmp_path, material([laid("a", SILENCE, SILENCE)]))
    assert "No score differs between the images." in html


def test_page_of_many_phrases_counts_points_in_cells(tmp_path):
    _, html = written(tmp_path, material(many(1600)))
    page = Page(html)
    assert not [a for tag, a in page.elements if "data-image" in a]
    assert "The stronger the colour, the more phrases" in html
    _, few = written(tmp_path, material(many(30)))
    points = [a for tag, a in Page(few).elements if "data-image" in a]
    assert [int(point["data-image"]) for point in points] == list(range(30))


def test_a_page_of_too_many_images_lists_the_worst_the_best_and_a_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(page_, "MOST", 20)
    monkeypatch.setattr(page_, "SAMPLED", 12)
    # every third is matched: F1 is 1 for images 0, 3, ... and 0 for the others
    given = material(many(30))
    result, html = written(tmp_path, given)
    page = Page(html)
    found = [json.loads(text) for attributes, text in page.all("script") if attributes.get("class")]
    ids = [record["id"] for record in found]
    assert (len(ids), ids) == (12, sorted(set(ids)))
    assert {f"image_{k:05}" for k in (1, 2, 4)} <= set(ids)  # the first of the worst
    assert {f"image_{k:05}" for k in (21, 24, 27)} <= set(ids)  # the last of the best
    (shown,) = [json.loads(text) for attributes, text in page.all("script")
                if attributes.get("id") == "index"]  # fmt: skip
    assert shown["ids"] == ids
    main = shown["values"][shown["worst"]]
    assert main == [float(int(id_[-5:]) % 3 == 0) for id_ in ids]
    assert (
        "12 of 30 images are listed.</b> They are the 3 worst and the 3 best by F1, and 6" in html
    )
    assert "<b>30</b> images" in html  # the counts and the scores are of all
    assert (result.images, result.total) == (12, 30)
    assert not [a for tag, a in page.elements if "data-image" in a]
    assert written(tmp_path, given)[1] == html  # the sample is the same each time
    monkeypatch.setattr(page_, "MOST", 30)
    assert "are listed" not in written(tmp_path, given)[1]


def test_texts_that_are_too_long_shorten_the_list(tmp_path, monkeypatch):
    monkeypatch.setattr(page_, "_FEWEST", 2)
    _, whole = written(tmp_path, material(many(16)))
    (text,) = [text for attributes, text in Page(whole).all("script")
               if attributes.get("id") == "index"]  # fmt: skip
    records = [t for attributes, t in Page(whole).all("script") if attributes.get("class")]
    pictures = sum(len(json.loads(record)["picture"]) for record in records if '"data:' in record)
    monkeypatch.setattr(page_, "_TEXTS", (len(text) + sum(map(len, records)) - pictures) // 2)
    result, html = written(tmp_path, material(many(16)))
    assert result.images in (2, 4, 8)
    assert f"{result.images} of 16 images are listed" in html


@pytest.mark.parametrize("way", ["higher", "lower"])
def test_the_worst_are_worst_whichever_way_a_score_goes(way):
    given = material(many(40))
    spec = replace(columns(given.results)[0].spec, direction=way)
    values = np.r_[np.full(4, np.nan), np.arange(36) / 36]
    chosen = listed(given, [Column("a score", spec, values)], 8)
    ids = [int(pair.sample.id[-5:]) for pair in chosen.material.pairs]
    assert {4, 5, 38, 39} <= set(ids)
    assert (chosen.worst, chosen.best, chosen.random, chosen.by) == (2, 2, 4, "a score")
    nothing = listed(given, [Column("a score", spec, np.full(40, np.nan))], 8)
    assert (nothing.worst, nothing.best, nothing.random) == (0, 0, 8)
    assert not listed(given, [], 40).is_sample
    assert listed(given, [], 5).by == ""


@pytest.mark.slow
def test_five_hundred_pictures_stay_under_20_mb(tmp_path):
    # photographs are noise to JPEG; random pixels are the worst there is
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (480, 640, 3)).astype(np.uint8)
    truth = Grounding("a cat", (Phrase("a cat", (masks.from_box((0, 0, 99, 99), 480, 640),)),))
    one = laid("a", truth, truth, picture=grey(480, 640))
    picture = type(one.sample.query.image)(480, 640, lambda: noise)
    images = [laid(f"{k}", truth, truth, picture=picture) for k in range(500)]
    result, _ = written(tmp_path, material(images))
    assert result.size < 20_000_000


def test_the_script_and_style_cannot_close_their_element():
    from importlib.resources import files

    folder = files("gcg_bench.reporting.report") / "templates"
    names = [file.name for file in folder.iterdir() if file.name.endswith((".js", ".css"))]
    assert {"report.js", "report.css"} <= set(names)
    for name in names:
        assert not re.search(r"</|<!--", (folder / name).read_text("utf-8"))
