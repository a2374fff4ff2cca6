"""The pages of compare and leaderboard in a real browser: sorting, hostile text, no request."""

import pytest
from support.pages import laid, material
from support.scored import rows, run_folder
from support.worlds import block, phrase

from gcg_bench.analysis.run_comparison import compare
from gcg_bench.reporting.compare_page import write_page
from gcg_bench.reporting.compare_scenes import scenes
from gcg_bench.reporting.leaderboard import Board, write_board
from gcg_bench.types import Grounding

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
CAT, DOG = block(4, 4, 20, 30), block(34, 44, 20, 30)
TRUTH = Grounding("A cat, a dog.", (phrase("A cat", CAT), phrase("a dog", DOG)))


@pytest.fixture
def runs(tmp_path):
    made = {"low": [1, 2] * 15, HOSTILE: [4, 3] * 15, "silent": [0] * 30}
    return [
        run_folder(tmp_path / str(k), model, rows(matched), prompt=model)
        for k, (model, matched) in enumerate(made.items())
    ]


def column(browser, place):
    """The cells of a column, section after section of the first table."""
    cells = f"table.sortable tbody tr:not(.kind) > :nth-child({place})"
    first = "return document.querySelector('table.sortable').contains(arguments[0])"
    return [cell.text for cell in browser.all(cells) if browser.run(first, cell)]


def test_a_board_is_sorted_by_a_click_and_keeps_its_line(browser, runs, tmp_path):
    board = Board.of_runs([run.folder for run in runs]).ranked("mIoU", draws=100)
    write_board(board.with_published(anywhere=True), tmp_path / "board.html")
    browser.open(tmp_path / "board.html")
    assert browser.driver.title == "Leaderboard"
    names = [text.split("\n")[0] for text in column(browser, 2)]
    assert names[:3] == [HOSTILE, "low", "silent"]
    assert any(name.startswith("BuboGPT") for name in names)
    heading = browser.all("table.sortable th button")[1]
    browser.click(heading)
    assert browser.run("return document.querySelector('th[aria-sort]').ariaSort") == "ascending"
    ascending = [text.split("\n")[0] for text in column(browser, 2)]
    browser.click(heading)
    descending = [text.split("\n")[0] for text in column(browser, 2)]
    # what stands under a line stays there
    assert set(ascending[:2]) == set(descending[:2]) == set(names[:2])
    assert ascending[2] == descending[2] == "silent"
    assert ascending[:2] == descending[:2][::-1]
    assert sorted(ascending[3:]) == sorted(descending[3:]) == sorted(names[3:])
    assert browser.driver.title == "Leaderboard"


def test_scores_are_sorted_as_numbers_and_gaps_come_last(browser, runs, tmp_path):
    board = Board.of_runs([runs[0].folder]).ranked("mIoU").with_published(anywhere=True)
    write_board(board, tmp_path / "board.html")
    browser.open(tmp_path / "board.html")
    heads = [head.text for head in browser.all("table.sortable:first-of-type th")]
    place = next(k for k, head in enumerate(heads) if head.startswith("CIDEr"))
    browser.click(browser.all("table.sortable th button")[place])
    told = [text.split("\n")[0] for text in column(browser, place + 1)[1:]]
    known = [float(text) for text in told if text != "–"]
    assert told[: len(known)] == [f"{value:.1f}" for value in known]
    assert known == sorted(known, reverse=True)
    assert known[0] == 56.2


def shown(browser):
    """The models of the rows that can be seen, table after table."""
    rows = [row for row in browser.all("table.sortable tbody tr:not(.kind)") if row.is_displayed()]
    return [row.find_element("css selector", "th").text.split("\n")[0] for row in rows]


def test_a_board_is_searched_and_filtered(browser, runs, tmp_path):
    board = Board.of_runs([run.folder for run in runs]).ranked("mIoU", draws=20)
    write_board(board.with_published(anywhere=True), tmp_path / "board.html")
    browser.open(tmp_path / "board.html")
    assert browser.text("form output") == "40 of 40 rows"  # 3 runs of 2 protocols, 34 of papers
    assert len(shown(browser)) == 40
    browser.one("input[type=search]").send_keys("LOW")
    browser.settle()
    assert shown(browser) == ["low", "low"]
    assert browser.text("form output") == "2 of 40 rows"
    # the heading of a part without rows is hidden with them
    headings = [kind for kind in browser.all("tr.kind") if kind.is_displayed()]
    assert headings == []
    browser.one("input[type=search]").clear()
    browser.run(
        "document.querySelector('input').dispatchEvent(new Event('input', {bubbles: true}))"
    )
    choose = "const s = document.querySelector('select'); s.value = arguments[0];"
    choose += "s.dispatchEvent(new Event('input', {bubbles: true}))"
    browser.run(choose, "baseline")
    assert shown(browser) == ["silent", "silent"]
    browser.run(choose, "published")
    assert len(shown(browser)) == 34
    assert browser.text("form output") == "34 of 40 rows"


def test_the_model_stays_in_sight_on_a_phone(browser, runs, tmp_path):
    write_board(
        Board.of_runs([runs[0].folder]).ranked("mIoU").with_published(anywhere=True),
        tmp_path / "board.html",
    )
    browser.open(tmp_path / "board.html")
    browser.driver.set_window_size(390, 844)
    browser.settle()
    left = "return document.querySelector(arguments[0]).getBoundingClientRect().left"
    seen = []
    for scrolled in (80, 180):
        browser.run("document.querySelector('.card').scrollLeft = arguments[0]", scrolled)
        browser.settle()
        seen.append((browser.run(left, "tbody th"), browser.run(left, "tbody td.by")))
    (model, score), (model_after, score_after) = seen
    assert abs(model_after - model) < 1
    assert 0 < model < 390 / 2
    assert abs(score - score_after - 100) < 1


def test_a_comparison_is_read_as_text(browser, runs, tmp_path):
    found = compare(runs[0], runs[1], draws=100)
    listed = {"image_0": (HOSTILE, "a cat")}
    write_page(found, tmp_path / "compare.html", captions=listed)
    browser.open(tmp_path / "compare.html")
    assert browser.driver.title == f"{HOSTILE} against low"
    assert browser.text("h1") == f"{HOSTILE} against low"
    assert len(browser.all("circle.point")) == 30
    assert len(browser.all("svg.forest")) == len(found.scores)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")


def pictured(a, b, page):
    """The page of two answers to one image, with pictures."""
    pairs = [laid("one", TRUTH, answer) for answer in (a, b)]
    sides = [([pair], material([pair]).mistakes.diagnosis) for pair in pairs]
    made = [run_folder(page.parent / name, name, rows([1] * 30)) for name in "xy"]
    (page.parent / "x" / "report.html").write_text("the report of x")
    contrast = compare(*made, draws=10)
    write_page(contrast, page, captions={}, scenes=scenes(*sides))
    return scenes(*sides)["one"]


def test_pictures_of_reference_a_and_b(browser, tmp_path):
    a = Grounding("A cat.", (phrase("A cat", CAT),))
    b = Grounding(f"a dog, {HOSTILE}", (phrase("a dog", DOG), phrase(HOSTILE)))
    scene = pictured(a, b, tmp_path / "c.html")
    assert scene.gained == ((2, "a dog"),)
    assert scene.lost == ((1, "A cat"),)
    browser.open(tmp_path / "c.html", "#scene0")
    assert browser.driver.title == "y against x"
    assert [title.text for title in browser.all(".panels h4")] == ["Reference", "A", "B"]
    tops = {panel.location["y"] for panel in browser.all(".panels .stage")}
    assert len(tops) == 1
    said = [words.text.replace("\n", "") for words in browser.all(".panels .caption")]
    assert said == ["1A cat, 2a dog.", "1A cat.", f"2a dog, 3{HOSTILE}"]
    changes = browser.all(".scene-head .better, .scene-head .worse")
    assert [" ".join(part.text.split()) for part in changes] == [
        "+ a dog gained",
        "− A cat lost",
    ]
    links = [link.get_attribute("href") for link in browser.all(".scene-links a")]
    assert links == [(tmp_path / "x" / "report.html").as_uri() + "#image=one"]
    drawn = browser.run(
        "return [...document.querySelectorAll('.panels canvas')].map((c) => {"
        " const copy = document.createElement('canvas');"
        " copy.width = c.width; copy.height = c.height;"
        " const pen = copy.getContext('2d', {willReadFrequently: true}); pen.drawImage(c, 0, 0);"
        " const at = (x, y) =>"
        " [...pen.getImageData(x * c.width / 80, y * c.height / 60, 1, 1).data];"
        " return [at(8, 8)[0] > 150, at(8, 8)[2] < 90, at(58, 38)[2] > 150]; })"
    )
    # orange over the cat: red 170, blue 66; blue over the dog: 171
    assert drawn == [[True, True, True], [True, True, False], [False, False, True]]
    browser.hover(browser.all(".panels .of0 .phrase")[1])
    assert [node.text for node in browser.all(".panels .phrase.lit")] == ["2a dog", "2a dog"]


@pytest.mark.parametrize("width", [390, 1440])
def test_pages_fit_a_phone(browser, runs, tmp_path, width):
    write_page(compare(runs[0], runs[1], draws=20), tmp_path / "c.html", captions={})
    board = Board.of_runs([run.folder for run in runs]).ranked("mIoU", draws=20)
    write_board(board.with_published(anywhere=True), tmp_path / "b.html")
    for name in ("c.html", "b.html"):
        browser.open(tmp_path / name)
        browser.driver.set_window_size(width, 900)
        browser.settle()
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
