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
    cells = "table.sortable tbody tr:not(.kind) td:nth-child(" + str(place) + ")"
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
