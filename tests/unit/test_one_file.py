"""A score in a file of its own is shown rightly everywhere: nothing else names it.

`Drift` is lower-is-better and no share: wherever a table took it for one of the scores that it
knows, it would be multiplied by 100, sorted the wrong way round, or left out.
"""

import csv
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from support.plugged import plug_in
from support.scored import SMALL_STRICT, columns, ids, rows, run_folder

import gcg_bench.metrics
from gcg_bench import Run, tasks
from gcg_bench.errors import UnknownName
from gcg_bench.reporting.leaderboard import Board, write_board
from gcg_bench.scoring.storage import load_result
from gcg_bench.types import Rows

N = 40
LOW, HIGH = 1.25, 3.5  # the mean drift of the two runs


@pytest.fixture
def drift(monkeypatch, tmp_path):
    return plug_in(monkeypatch, tmp_path / "plugged")


@pytest.fixture
def protocol(drift):
    metrics = (*SMALL_STRICT.metrics, drift)
    return replace(SMALL_STRICT, metrics=metrics, ranked_by="Drift", images_by="Drift")


@pytest.fixture
def runs(protocol, tmp_path):
    """`wild` drifts far and matches much, `tame` drifts little and matches little."""
    for name, mean, matched in (("wild", HIGH, 4), ("tame", LOW, 2)):
        spread = np.tile([-0.25, 0.25], N // 2)
        table = Rows(ids(N), columns(N, drift=mean + spread))
        counted = {**rows([matched] * N), "drift": table}
        run_folder(tmp_path / name, name, counted, protocols=[protocol])
    return [tmp_path / "wild", tmp_path / "tame"]


@pytest.fixture
def board(runs):
    return Board.of_runs(runs).ranked(draws=200)


def test_the_score_is_known_by_its_file_alone(drift, monkeypatch):
    assert tasks.known_scores()["Drift"].lower_is_better
    assert "drift" in tasks.optional_metrics()
    monkeypatch.undo()
    assert "Drift" not in tasks.known_scores()
    with pytest.raises(UnknownName, match="drift"):
        gcg_bench.metrics.load("drift")


def test_lower_ranks_higher(board):
    assert [(row["model"], row["rank"]) for row in board.rows] == [("tame", 1), ("wild", 2)]
    assert [row["Drift"] for row in board.rows] == [LOW, HIGH]
    assert {row["ranked_by"] for row in board.rows} == {
        "Drift: paired randomisation test, 200 draws, seed 0, Holm over 1 line"
    }


def test_csv_says_what_the_score_is(board, tmp_path):
    board.write(tmp_path / "board.csv")
    with (tmp_path / "board.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["Drift"] for line in lines] == ["1.25", "3.5"]
    told = json.loads(lines[0]["scores"])["Drift"]
    assert told == {"direction": "lower", "scale": "plain", "ranks": True}
    assert Board.read(tmp_path / "board.csv") == board


def markdown_cells(file, heading):
    table = [line.split(" | ") for line in file.read_text("utf-8").splitlines() if "|" in line]
    place = table[0].index(heading)
    return [line[place] for line in table[2:4]]


def test_markdown(board, tmp_path):
    write_board(board, tmp_path / "board.md")
    cells = markdown_cells(tmp_path / "board.md", "Drift ↓")
    assert [cell.split(" ")[0] for cell in cells] == ["**1.2**", "3.5"]  # fewer is better
    text = (tmp_path / "board.md").read_text("utf-8")
    assert "Scores × 100 with 95% bootstrap intervals over images; Drift as they are." in text
    assert "Hallucination ↓" in text
    assert "| F1 |" in text


def test_latex(board, tmp_path):
    write_board(board, tmp_path / "board.tex")
    text = (tmp_path / "board.tex").read_text("utf-8")
    assert r"& Drift $\downarrow$ \\" in text
    (line,) = [line for line in text.splitlines() if line.startswith("wild &")]
    assert r"\gcgci{3.5}{" in line
    assert "350" not in line
    assert r"over images; Drift as they are." in text


class Headings(HTMLParser):
    """The headings of a page's tables with the attributes of their cells."""

    def __init__(self):
        super().__init__()
        self.cells, self.inside = [], None

    def handle_starttag(self, tag, attrs):
        if tag in ("th", "td"):
            self.inside = [tag, dict(attrs), ""]
            self.cells.append(self.inside)

    def handle_data(self, data):
        if self.inside is not None:
            self.inside[2] += data

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self.inside = None


def cells_of(file):
    reader = Headings()
    reader.feed(file.read_text("utf-8"))
    return reader.cells


def test_html(board, tmp_path):
    write_board(board, tmp_path / "board.html")
    cells = cells_of(tmp_path / "board.html")
    headings = {text: attributes for tag, attributes, text in cells if tag == "th"}
    assert (
        "data-first" not in headings["Drift (lower is better)ranks"]
    )  # a click sorts the lowest up
    assert headings["F1"]["data-first"] == "down"
    (wild,) = [attributes for _, attributes, text in cells if text.startswith("3.5")]
    assert wild["data-value"] == "3.5"


def test_notebooks(board, runs):
    shown = board._repr_html_()
    assert "<td><bdi>3.5</bdi></td>" in shown
    assert "Scores × 100; Drift as they are" in shown
    run = Run.open(runs[0])
    for table in (run, load_result(run, "gcg.strict-2")):
        shown = table._repr_html_()
        assert "<td><bdi>Drift</bdi></td><td><bdi>3.5 [3." in shown
        assert "bootstrap intervals over images; Drift as they are" in shown


def test_a_board_is_shown_rightly_where_the_metric_is_not(board, tmp_path, monkeypatch):
    """The board of somebody else: its CSV says what its scores are."""
    board.write(tmp_path / "elsewhere" / "board.csv")
    monkeypatch.undo()
    elsewhere = Board.read(tmp_path / "elsewhere" / "board.csv")
    assert elsewhere == board
    # the runs cannot be read without the metric, so the values decide
    again = elsewhere.ranked()
    assert [(row["model"], row["rank"]) for row in again.rows] == [("tame", 1), ("wild", 2)]
    assert {row["ranked_by"] for row in again.rows} == {"Drift: value alone"}
    write_board(again, tmp_path / "board.md")
    cells = markdown_cells(tmp_path / "board.md", "Drift ↓")
    assert [cell.split(" ")[0] for cell in cells] == ["**1.2**", "3.5"]


def test_terminal(run, runs):
    code, out, _ = run("leaderboard", *runs, "-o", "b.csv", "--draws", "200")
    assert code == 0
    assert "Drift" in out
    assert out.index("tame") < out.index("wild")
    (line,) = [line for line in out.splitlines() if "wild" in line and "│" in line]
    assert any(cell.strip().startswith("3.5 [") for cell in line.split("│"))
    assert "Drift as they are" in " ".join(out.split())


def test_compare_tables(run, runs):
    code, out, _ = run("compare", *runs, "--draws", "400")
    assert code == 0
    (line,) = [line for line in out.splitlines() if "│ Drift" in line]
    cells = [cell.strip() for cell in line.split("│")]
    assert cells[1:5] == ["Drift (lower is better)", "3.5", "1.2", "-2.2"]
    assert cells[9] == "better"
    (line,) = [line for line in out.splitlines() if "│ F1" in line]
    assert [cell.strip() for cell in line.split("│")][9] == "worse"
    assert "Scores x 100; Drift as they are." in " ".join(out.split())
    # images are sorted by it, as the protocol says, and not multiplied by 100
    assert "Images that changed most, by Drift of each alone" in out
    line = next(line for line in out.splitlines() if "image_0 " in line)
    assert [cell.strip() for cell in line.split("│")][1:5] == ["image_0", "3.2", "1.0", "-2.2"]


def test_compare_page(run, runs, tmp_path):
    code, _, err = run(
        "compare", *runs, "--draws", "400", "-o", "c.html", "--json", "--no-pictures"
    )
    assert (code, err.endswith("wrote c.html\n")) == (0, True)
    cells = [text for _, _, text in cells_of(tmp_path / "c.html")]
    place = cells.index("Drift ↓ lower is better")
    assert cells[place + 1 : place + 4] == ["3.5", "1.2", "−2.2"]
    assert cells[place + 9] == "better"
    text = (tmp_path / "c.html").read_text("utf-8")
    assert "except those of Drift: each of these has its own" in text
    assert "Scores × 100; Drift as they are." in text
    assert "image taken alone. 40 of 40 images changed" in text  # no remark of × 100
