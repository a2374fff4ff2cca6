"""Pages of unusual runs: without a diagnosis or images, with many images, with hostile text."""

import json
from urllib.parse import quote

import numpy as np
import pytest
from support.pages import laid, many, material, nowhere
from support.report_pages import LEFT, images, opened, phrases, pixels, rows, toggle
from support.worlds import HEIGHT, WIDTH

from gcg_bench import masks
from gcg_bench.reporting.report import write_page
from gcg_bench.types import SILENCE, Grounding, Phrase


def test_without_a_diagnosis_phrases_have_no_kinds(browser, tmp_path):
    write_page(material(images(), mistakes=None), tmp_path / "plain.html")
    browser.open(tmp_path / "plain.html", "#image=mixed")
    tabs = "return [...document.querySelectorAll('.tabs a')].map((a) => a.textContent)"
    assert browser.run(tabs) == ["Images", "Plots", "About"]
    choices = "return [...document.getElementById(arguments[0]).options].map((o) => o.value)"
    assert browser.run(choices, "kind") == ["", "failed"]
    assert browser.run(choices, "sort")[-3:] == ["seconds", "order", "id"]
    assert not browser.all(".mark.k-matched")
    assert not browser.all("#rail .row .tally")
    # three phrases a side, each on a line of its own; reference phrases count from 1
    assert len(browser.all(".reckoning tbody tr")) == 6
    assert browser.text(".reckoning tbody tr .badge") == "4"
    browser.hover(phrases(browser, 1)[0])
    assert browser.text(".link .ends").startswith("4")
    assert not browser.all(".link .gauge")
    assert len(browser.all(".reckoning tr.lit")) == 1


def test_without_images_the_other_parts_are_there(browser, tmp_path):
    panels = ("scores", "mistakes", "distributions")
    write_page(material(images(), panels=panels), tmp_path / "bare.html")
    browser.open(tmp_path / "bare.html", "#image=mixed")
    shown = (
        "return [...document.querySelectorAll('.part')].filter((p) => !p.hidden).map((p) => p.id)"
    )
    assert browser.run(shown) == ["mistakes"]
    browser.run("location.hash = '#plots'")
    browser.settle()
    assert browser.run(shown) == ["plots"]
    browser.click(browser.one("#theme"))


def test_only_rows_in_sight_exist(browser, tmp_path):
    write_page(material(many(2500)), tmp_path / "many.html")
    browser.open(tmp_path / "many.html", "#image=image_02000")
    assert browser.text("#count") == "2,500 images"
    assert 0 < len(browser.all("#rail .row")) < 40
    assert opened(browser) == "image_02000"
    browser.run("document.getElementById('list').scrollTop = 1e9")
    browser.settle()
    browser.settle()
    assert 0 < len(browser.all("#rail .row")) < 40
    assert rows(browser)[-1] == "image_02499"


@pytest.mark.parametrize("seed", range(4))
def test_run_lengths_are_read_as_they_are_written(browser, tmp_path, seed):
    """Masks of every shape, drawn by the page and compared with what pycocotools decodes."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((HEIGHT // 10, WIDTH // 10)) < 0.5
    bitmaps = [
        np.kron(coarse, np.ones((10, 10), dtype=bool)),
        np.ones((HEIGHT, WIDTH), dtype=bool),
        np.kron(~coarse, np.ones((10, 10), dtype=bool)),
        np.zeros((HEIGHT, WIDTH), dtype=bool),
    ]
    bitmap = bitmaps[seed]
    truth = Grounding("a cat", (Phrase("a cat", (masks.encode(bitmap),)),))
    write_page(material([laid("a", truth, truth, picture=nowhere())]), tmp_path / "one.html")
    browser.open(tmp_path / "one.html")
    toggle(browser, "outlines", "numbers")
    # two pixels from any corner of the tiles, where the page's slopes cannot reach
    inside = [(x, y) for x in range(2, WIDTH, 5) for y in range(2, HEIGHT, 5)]
    drawn = [colour[3] > 60 for colour in pixels(browser, 0, inside)]
    assert drawn == [bool(bitmap[y, x]) for x, y in inside]


HOSTILE = {
    "script": "</script><script>window.ran = 1</script>",
    "image": "<img src=x onerror='window.ran = 1'>",
    "quotes": '"\'><svg onload="window.ran = 1">',
    "link": "javascript:window.ran=1",
    "right to left": "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd",
    "emoji": "a 🐈‍⬛ and 👩🏽‍🚒",
    "line breaks": "one\u2028two\u2029three",
    "long": "w" * 10_000,
    "half a pair": "half \ud83d",
}


UNSEEN = "\u202e\u202c\u200d\u2028\u2029\ud83d"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_shown_and_nothing_runs(browser, tmp_path, name):
    text = HOSTILE[name]
    grounding = Grounding(f"{text} and {text}", (Phrase(text, (LEFT,)), Phrase(text)))
    given = material(
        [
            laid(text, grounding, grounding, text, raw=text, picture=nowhere()),
            laid("failed", grounding, SILENCE, error=text, picture=nowhere()),
        ],
        title=text,
        settings={"model": text, text: text},
    )
    write_page(given, tmp_path / "report.html")
    text = "".join(rf"\u{ord(sign):04x}" if sign in UNSEEN else sign for sign in text)
    browser.open(tmp_path / "report.html", f"#image={quote(text, safe='')}")
    told = browser.run(
        "const t = (s) => document.querySelector(s).textContent;"
        "return JSON.stringify({ran: window.ran === undefined, id: t('.which h2'),"
        " caption: [...document.querySelectorAll('.says-all .caption')].map((c) => c.textContent),"
        " cell: t('.reckoning .text bdi'), raw: [...document.querySelectorAll('.viewer .code')]"
        ".map((c) => c.textContent)[0], links: [...document.querySelectorAll('a')]"
        ".map((a) => a.getAttribute('href')), scripts: document.scripts.length,"
        " pictures: document.images.length,"
        " wide: document.documentElement.scrollWidth})"
    )
    shown = json.loads(told)
    assert shown["ran"]
    assert shown["id"] == text[:300]
    assert text in shown["caption"][0]
    assert shown["caption"][0].count(text[:200]) >= 2
    assert shown["cell"] == text[:400]
    assert shown["raw"] == text
    assert all(link.startswith("#") for link in shown["links"])
    assert shown["scripts"] == 4  # the index, two records, the page's own
    assert shown["pictures"] == 0
    assert shown["wide"] <= 1440
    node = phrases(browser, 1)[0]
    browser.run("arguments[0].focus()", node)
    browser.settle()
    assert "matched" in browser.text(".link")
    browser.run("location.hash = '#image=failed'")
    browser.settle()
    assert browser.text(".failure bdi") == text
    for part in ("mistakes", "plots", "about"):
        browser.run(f"location.hash = '#{part}'")
        browser.settle()
    assert browser.run("return window.ran === undefined")
