"""The pages of compare and leaderboard in a real browser: sorting, hostile text, no request."""

import pytest
from support.scored import rows, run_folder

from gcg_bench.analysis.run_comparison import compare
from gcg_bench.reporting.compare_page import write_page
from gcg_bench.reporting.leaderboard import Board, write_board

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


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
