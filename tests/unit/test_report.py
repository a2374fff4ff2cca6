"""The page as a file: what is in it, that it is whole, and that no text in it is markup."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.pages import GREY, PROTOCOL, grey, laid, many, material, nowhere, result
from support.worlds import block, phrase

from gcg_bench import masks
from gcg_bench.analysis.errors import judge_image
from gcg_bench.errors import EnvironmentProblem
from gcg_bench.files.images import file_picture
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.reporting.report import page as page_
from gcg_bench.reporting.report import write_page
from gcg_bench.reporting.report.chosen import listed
from gcg_bench.reporting.report.header import protocols
from gcg_bench.reporting.report.header import settings as flat
from gcg_bench.reporting.report.images import numbers, pieces, records
from gcg_bench.reporting.report.index import Column, columns, index
from gcg_bench.reporting.report.page import embedded
from gcg_bench.reporting.report.phrases import NUMBERS, phrase_index
from gcg_bench.reporting.report.smaller import fitted, shrunk
from gcg_bench.reporting.report.svg import Svg, element
from gcg_bench.reporting.report.thumbnails import LONGEST, thumbnails
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


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Zl", "Zp", "Mn", "Lo"])))
def test_embedded_is_plain_and_comes_back(text):
    value = {"a": [text, None, 1.5], text: "<>&é"}
    made = embedded(value)
    assert not set("<>&") & set(made)
    assert made.isascii()
    assert json.loads(made) == value
    assert json.loads(embedded(["\u202e", {"\u2028": "\ud800"}])) == [
        r"\u202e",
        {r"\u2028": r"\ud800"},
    ]


def test_svg_escapes_all_but_its_own():
    made = element("g", "<b>", element("text", "&"), class_="a\"b'", data_x=1.5, y=None)
    assert made == '<g class="a&quot;b&#x27;" data-x="1.5">&lt;b&gt;<text>&amp;</text></g>'
    assert isinstance(made, Svg)


# masks made smaller


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_shrunk_is_resized(data):
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    share = data.draw(st.sampled_from([0.0, 0.02, 0.3, 0.9, 1.0]))
    drawn = [masks.encode(rng.random((height, width)) < share) for _ in range(3)]
    sizes = [(data.draw(st.integers(1, height)), data.draw(st.integers(1, width))) for _ in drawn]
    expected = [masks.resize(mask, *size) for mask, size in zip(drawn, sizes, strict=True)]
    assert shrunk(drawn, sizes) == expected


def test_shrunk_reads_masks_in_any_number():
    drawn = [masks.from_box((k % 7, 0, 30, 20), 30, 40) for k in range(1100)]
    expected = [masks.resize(mask, 15, 20) for mask in drawn]
    assert shrunk(drawn, [(15, 20)] * 1100) == expected
    assert shrunk([], []) == []


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [
        ((100, 200), 50, (25, 50)),
        ((100, 200), 200, (100, 200)),
        ((100, 200), 512, (100, 200)),
        ((1, 5000), 500, (1, 500)),
        ((5000, 3), 500, (500, 1)),
    ],
)
def test_fitted(size, longest, expected):
    assert fitted(*size, longest) == expected


# records


def test_record_on_paper(world):
    given = material(world)
    first, second = records(given.pairs, given.mistakes.diagnosis, 512)
    reference, predicted = (side["phrases"] for side in first["sides"])
    # the lamp has no mask: hallucinated, with a number of its own; IoU of blocks 2 apart is 8/12
    assert [(p["number"], p["kind"], p["other"]) for p in reference] == [(1, 0, 0), (2, 6, 0)]
    assert [(p["number"], p["kind"], p["other"]) for p in predicted] == [(1, 0, 0), (3, 5, 1)]
    assert predicted[0]["iou"] == 0.6667
    assert (predicted[0]["score"], predicted[1]["mask"]) == (0.5, None)
    assert predicted[0]["mask"] == masks.to_rle(block(0, 2))["counts"]
    assert first["sides"][0]["captions"] == [
        [["A cat", 0], [" and ", -1], ["a dog", 1], [".", -1]],
        [["One cat, one dog.", -1]],
    ]
    assert (first["size"], first["full"], first["seconds"]) == ([60, 80], [60, 80], 1.5)
    assert (second["error"], second["sides"][1]["captions"]) == ("ran out of memory", [[]])


def test_records_with_smaller_masks(world):
    given = material(world)
    first, _ = records(given.pairs, given.mistakes.diagnosis, 40)
    assert (first["size"], first["full"]) == ([30, 40], [60, 80])
    small = masks.to_rle(masks.resize(block(30, 30), 30, 40))["counts"]
    assert first["sides"][0]["phrases"][1]["mask"] == small


def test_numbers_are_shared_by_partners_alone():
    truth = Grounding("", tuple(phrase("a cat", block(0, 12 * k)) for k in range(4)))
    answer = Grounding(
        "",
        (
            phrase("a lamp", block(50, 60)),
            phrase("a cat", block(0, 36)),
            phrase("two dogs", block(0, 1)),
            phrase("two dogs", block(0, 0)),
        ),
    )
    pair = laid("a", truth, answer)
    found = judge_image(pair, PhraseF1())
    assert numbers(found) == ([1, 2, 3, 4], [5, 4, 6, 1])


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5),
)
def test_pieces_are_the_caption(caption, ends):
    spans = [(min(a, b), max(a, b)) for a, b in ends if max(a, b) <= len(caption)]
    grounding = Grounding(caption, tuple(Phrase("x", span=span) for span in spans))
    cut = pieces(grounding)
    assert "".join(text for text, _ in cut) == caption
    assert all(text for text, _ in cut)
    owned = [(text, at) for text, at in cut if at >= 0]
    assert all(text == caption[slice(*spans[at])] for text, at in owned)
    assert len({at for _, at in owned}) == len(owned)


def test_pieces_of_overlapping_phrases():
    spans = [(2, 9), (0, 5), (9, 11)]
    grounding = Grounding("big red car.", tuple(Phrase("x", span=span) for span in spans))
    assert pieces(grounding) == [["big r", 1], ["ed c", -1], ["ar", 2], [".", -1]]


# the index and the header


def test_index_counts_kinds(world):
    given = material(world)
    found = index(given, columns(given.results))
    assert found["ids"] == ["first", "second"]
    assert found["failed"] == [0, 1]
    assert found["seconds"] == [1.5, None]
    names = [kind["name"] for kind in found["kinds"]]
    assert found["reference"][names.index("missed")] == [1, 2]
    assert found["predicted"][names.index("hallucinated")] == [1, 0]
    assert found["texts"][0].split("\n") == [
        *("A cat and a dog.", "One cat, one dog.", "a cat"),
        *("A cat", "a dog", "a lamp"),
    ]
    assert found["metrics"][found["worst"]] == {
        "label": "F1", "lower": False, "factor": 100, "main": True,
    }  # fmt: skip
    assert found["values"][found["worst"]] == [0.5, 0.0]
    assert [entry["lower"] for entry in found["metrics"]] == [False, False, False, True]
    json.dumps(found, allow_nan=False)


def test_phrases_as_numbers(world):
    found = phrase_index(material(world))
    # 2 reference phrases of each image, 2 predicted of the first: cat 3, dog 2, lamp 1
    assert found["classes"] == ["cat", "dog", "lamp"]
    assert found["counts"] == [3, 2, 1]
    assert found["sizes"][0] == "small (under 32² px)"
    first, second = ([of[k : k + 4] for k in range(0, len(of), NUMBERS)] for of in found["of"])
    # kind, size, class, IoU: blocks of 10 x 10 that are 2 apart share 80 of 120 pixels
    cat, lamp = [0, 0, 0, 67], [5, 3, 2, 0]
    assert first == [cat, [6, 0, 1, 0], cat, lamp]
    assert second == [[6, 0, 0, -1], [6, 0, 1, -1]]
    assert found["of"][0][4::NUMBERS][::2] == [60, 60]  # of the cats, which share a word


def test_phrases_without_a_diagnosis_have_size_and_class(world):
    first, second = phrase_index(material(world, mistakes=None))["of"]
    assert first == [-1, 0, 0, -1, -1, -1, 0, 1, -1, -1, -1, 0, 0, -1, -1, -1, 3, 2, -1, -1]
    assert len(second) == 2 * NUMBERS


def test_columns_name_the_protocol_where_protocols_differ(world):
    # every predicted phrase shares a word with a reference phrase: agreement .6, never 1
    other = replace(PROTOCOL, name="official", metrics=(PhraseF1(), Hallucination(0.7)))
    both = [result(world, other), result(world)]
    found = columns(both)
    assert [one.label for one in found] == [
        *("Precision", "Recall", "F1"),
        "Hallucination (official)",
        "Hallucination (strict)",
    ]
    given = replace(material(world), results=both)
    assert index(given, found)["values"][3:] == [[1.0, None], [0.0, None]]


def test_scores_that_are_not_defined_are_null(world):
    (column, *_) = columns([result(world)])
    undefined = replace(column, values=np.array([0.25, np.nan]))
    assert index(material(world), [undefined])["values"] == [[0.25, None]]


def test_index_without_scores(world):
    given = material(world)
    assert index(given, ())["worst"] == -1


def test_header_prints_times_100(world):
    (protocol,) = protocols(material(world))
    _, _, f1, hallucination = protocol.tiles
    # 1 match of 2 + 4 phrases: F1 = 2 / 6
    assert (f1.name, f1.value, f1.interval) == ("F1", "33.3", "25.0–75.0")
    assert (hallucination.interval, hallucination.lower_is_better) == ("", True)
    assert protocol.facts == (("words a caption", "7.2"), ("false-accept rate", "6.2%"))


def test_facts_that_a_protocol_does_not_measure_are_left_out(world):
    given = material(world)
    (whole,) = given.results
    masks_alone = replace(whole, words=None, encoder=None, false_accept=None)
    (protocol,) = protocols(replace(given, results=[masks_alone]))
    assert protocol.facts == ()
    (protocol,) = protocols(replace(given, results=[replace(whole, false_accept=None)]))
    assert protocol.facts[1] == ("false-accept rate", "–")  # of one image alone


def test_settings_become_rows():
    nested = {"a": {"b": 1, "c": [1, 2]}, "d": None, "e": "", "f": False}
    assert flat(nested) == [
        ("a.b", "1"),
        ("a.c", "1, 2"),
        ("d", "not given"),
        ("e", "not given"),
        ("f", "False"),
    ]


# thumbnails


def opened(thumbnail):
    data = base64.b64decode(thumbnail.address.partition(",")[2])
    return Image.open(BytesIO(data))


def test_thumbnails_fit_and_keep_their_order():
    seen = []
    pictures = [grey(1000, 500), nowhere(), grey(20, 30)]
    first, second, third = thumbnails(pictures, 40_000, seen.append)
    assert opened(first).size == (LONGEST // 2, LONGEST)
    assert np.abs(np.asarray(opened(first)).astype(int) - GREY).max() <= 2
    assert (second.address, second.why) == (None, "/data/images/gone.jpg: no such image")
    assert opened(third).size == (30, 20)
    assert sum(seen) == 3


def test_thumbnails_grow_smaller_to_fit_their_budget():
    noise = np.random.default_rng(0).integers(0, 255, (600, 600, 3)).astype(np.uint8)
    picture = type(grey())(600, 600, lambda: noise)
    sizes = {}
    for budget in (400_000, 60_000, 12_000):
        (made,) = thumbnails([picture], budget, lambda _: None)
        assert len(made.address) <= budget + 30
        sizes[budget] = opened(made).size[0]
    assert sizes[400_000] == LONGEST
    assert sizes[400_000] >= sizes[60_000] > sizes[12_000]


def test_thumbnails_of_files(tmp_path):
    # the left half red; turned on its side by EXIF in one of them
    pixels = np.zeros((900, 1200, 3), dtype=np.uint8)
    pixels[:, :600, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "plain.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter to the right
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif)
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    (tmp_path / "none.jpg").write_bytes(b"no image")
    pictures = [
        file_picture(tmp_path / "plain.jpg", 900, 1200),
        file_picture(tmp_path / "plain.png", 900, 1200),
        file_picture(tmp_path / "turned.jpg", 1200, 900),
        file_picture(tmp_path / "turned.jpg", 900, 1200),
        file_picture(tmp_path / "plain.jpg", 90, 90),
        file_picture(tmp_path / "none.jpg", 90, 90),
        file_picture(tmp_path / "gone.jpg", 90, 90),
    ]
    plain, png, turned, unturned, wrong, none, gone = thumbnails(pictures, 90_000, lambda _: None)
    # JPEG decodes to a half, which is near enough to 512; what is read whole is made to fit
    sizes = [opened(made).size for made in (plain, turned, png, unturned)]
    assert sizes == [(600, 450), (450, 600), (512, 384), (512, 384)]
    for made in (plain, png, unturned):
        row = np.asarray(opened(made))[200, :, 0]
        assert row[10] > 200
        assert row[-10] < 50
    column = np.asarray(opened(turned))[:, 200, 0]
    assert column[10] > 200
    assert column[-10] < 50
    assert "900 x 1200" in wrong.why
    assert "not an image" in none.why
    assert "no such image" in gone.why


def test_large_files_are_decoded_to_about_the_size_wanted(tmp_path):
    pixels = np.full((1200, 1600, 3), GREY, dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.jpg")
    (made,) = thumbnails([file_picture(tmp_path / "large.jpg", 1200, 1600)], 90_000, lambda _: None)
    # a half is too large (800), a quarter too small (400)
    assert opened(made).size == (512, 384)


def test_the_script_and_style_cannot_close_their_element():
    from importlib.resources import files

    folder = files("gcg_bench.reporting.report") / "templates"
    names = [file.name for file in folder.iterdir() if file.name.endswith((".js", ".css"))]
    assert {"report.js", "report.css"} <= set(names)
    for name in names:
        assert not re.search(r"</|<!--", (folder / name).read_text("utf-8"))
