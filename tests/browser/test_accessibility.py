"""Every kind of page is checked by axe-core: at two widths, in light and dark, in its states."""

import pytest
from support import axe
from support.annotations import annotation, scene
from support.pages import grey, laid, material
from support.report_pages import choose, images
from support.scored import rows, run_folder
from support.worlds import block, phrase

from gcg_bench.analysis.run_comparison import compare
from gcg_bench.reporting.compare_page import write_page as write_compare
from gcg_bench.reporting.compare_scenes import scenes
from gcg_bench.reporting.leaderboard import Board, write_board
from gcg_bench.reporting.report import write_page as write_report
from gcg_bench.reporting.review_page import Chosen, write_review
from gcg_bench.types import Grounding

pytestmark = [pytest.mark.long, pytest.mark.slow]
CAT, DOG = block(4, 4, 20, 30), block(34, 44, 20, 30)
TRUTH = Grounding("A cat, a dog.", (phrase("A cat", CAT), phrase("a dog", DOG)))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return axe.script(tmp_path_factory.mktemp("axe"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    write_report(material(images()), folder / "report.html")
    made = {"low": [1, 2] * 15, "high": [4, 3] * 15}
    runs = [
        run_folder(folder / name, name, rows(matched), prompt=name)
        for name, matched in made.items()
    ]
    board = Board.of_runs([run.folder for run in runs]).ranked("mIoU", draws=20)
    write_board(board.with_published(anywhere=True), folder / "board.html")
    answers = [
        Grounding("A cat.", (phrase("A cat", CAT),)),
        Grounding("a dog, a lamp", (phrase("a dog", DOG), phrase("a lamp"))),
    ]
    pairs = [laid("image_1", TRUTH, answer) for answer in answers]
    sides = [([pair], material([pair]).mistakes.diagnosis) for pair in pairs]
    contrast = compare(*runs, draws=20)
    listed = {"image_0": ("a lamp", "a cat")}
    write_compare(contrast, folder / "compare.html", captions=listed, scenes=scenes(*sides))
    captioned = scene("a", "A dog and a cat.", "A dog", "a cat", others=("a tree",))
    reviewed = annotation(folder / "annotated", captioned)
    write_review(reviewed, folder / "review.html", {"a": grey()}, Chosen())
    return folder


def grid(browser):
    browser.click(browser.one("#toggle-grid"))


def filters(browser):
    for closed in browser.all("details:not([open]) > summary"):
        if closed.is_displayed():
            browser.click(closed)


def a_phrase(browser):
    browser.hover(browser.all(".says-all .phrase")[0])


def manual(browser):
    browser.press("?")
    assert browser.one("#help").is_displayed()


def nothing_found(browser):
    field = browser.one("input[type=search]")
    field.send_keys("nothing has this name")
    for _ in range(8):
        browser.settle()


def by_id(browser):
    choose(browser, "sort", "id")


def renaming(browser):
    browser.press("e")


def decided(browser):
    browser.press("a")
    browser.press("p")
    browser.press("m")


# page, address -> what is done there before it is looked at
STATES = [
    ("report.html", "", None),
    ("report.html", "#image=mixed", a_phrase),
    ("report.html", "#image=mixed", filters),
    ("report.html", "#image=good", grid),
    ("report.html", "", manual),
    ("report.html", "", nothing_found),
    ("compare.html", "", None),
    ("compare.html", "#scene0", filters),
    ("board.html", "", None),
    ("board.html", "", filters),
    ("board.html", "", nothing_found),
    ("review.html", "", None),
    ("review.html", "", renaming),
    ("review.html", "", decided),
    ("review.html", "", manual),
]


@pytest.fixture
def emulated(browser):
    """Sets the width of the screen and the colours a reader prefers; taken back at the end."""
    driver = browser.driver

    def emulate(width, colours):
        size = {"width": width, "height": 844 if width < 500 else 800}
        size |= {"deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [
            {"name": "prefers-color-scheme", "value": colours},
            {"name": "prefers-reduced-motion", "value": "reduce"},  # no colour halfway
        ]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.settle()

    yield emulate
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("page", "address", "act"), STATES)
def test_nothing_serious_is_found(browser, emulated, source, pages, page, address, act, width):
    browser.open(pages / page, address)
    emulated(width, "light")
    assert browser.run("return innerWidth") == width
    if act is not None:
        act(browser)
    for colours in ("light", "dark"):
        emulated(width, colours)
        dark = browser.run("return matchMedia('(prefers-color-scheme: dark)').matches")
        assert dark == (colours == "dark")
        rules, found = axe.findings(browser.driver, source)
        assert rules > 15
        assert found == []


def test_axe_would_find_something(browser, source, tmp_path):
    file = tmp_path / "bad.html"
    file.write_text("<!doctype html><html><body><img src='data:,'><p style='color:#ccc'>pale")
    browser.open(file)
    _, found = axe.findings(browser.driver, source)
    assert {line.split(": ")[1] for line in found} >= {
        "image-alt",
        "html-has-lang",
        "color-contrast",
    }
