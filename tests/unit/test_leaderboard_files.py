"""Boards as CSV: what is written comes back, and what is no board is refused."""

import csv
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.boards import three_systems

from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.reporting.leaderboard import Board, published_rows, write_board


@pytest.fixture
def three(tmp_path):
    """One system far ahead of two that nearly agree."""
    return three_systems(tmp_path)


# without what cannot be seen, which is spelt out: see test_environments.py
FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" + "".join(
    map(chr, [*range(0x180B, 0x1810), *range(0xFE00, 0xFE0E), *range(0xE0100, 0xE01F0)])
)
TEXTS = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc", "Cf", "Cn", "Zl", "Zp"], exclude_characters=FILLERS
    )
    | st.sampled_from('",\n;|\\&%$#_{}~^<>`*='),
    min_size=1,
    max_size=12,
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
FIELDS = st.dictionaries(TEXTS, TEXTS, max_size=3)
DESCRIBED = st.dictionaries(
    TEXTS,
    st.fixed_dictionaries(
        {
            "direction": st.sampled_from(["higher", "lower", "neither"]),
            "scale": st.sampled_from(["share", "CIDEr", "plain"]),
        },
        optional={"ranks": st.just(True)},
    ),
    max_size=3,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "model": TEXTS,
                "protocol": TEXTS,
                "task": TEXTS,
                "scores": DESCRIBED,
                "measurement": FIELDS,
                "answered": FIELDS,
            },
            optional={
                "rank": st.integers(1, 99),
                "n": st.integers(0, 10**7),
                "F1": FLOATS,
                "F1_low": FLOATS,
                "note": TEXTS,
                "source": TEXTS,
                "signature": TEXTS,
                "confidences": TEXTS,
            },
        ),
        min_size=1,
        max_size=4,
    )
)
def test_csv_comes_back_as_it_was(tmp_path_factory, held):
    file = tmp_path_factory.mktemp("board") / "board.csv"
    board = Board(tuple(held))
    board.write(file)
    assert Board.read(file) == board


def test_csv_of_runs_comes_back_as_it_was(three, tmp_path):
    board = Board.of_runs(three).ranked(draws=20).with_published(anywhere=True)
    file = tmp_path / "far" / "board.csv"
    board.write(file)
    assert Board.read(file) == board
    with file.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    # paths are relative, so a folder of runs can be moved with its board
    assert lines[0]["run"] == "."
    assert {line["run"] for line in lines[1:3]} == {"../near", "../close"}
    assert lines[0]["signature"].startswith("protocol:strict-2|")
    assert len(lines[0]["predictions"]) == 64
    assert lines[0]["evaluator"] == "gcg-bench-0.1.0"
    assert json.loads(lines[0]["answered"]) == {"prompt": "none"}
    assert json.loads(lines[0]["measurement"])["encoder"] == "minilm@53aa5117"
    assert json.loads(lines[0]["scores"])["F1"] == {
        "direction": "higher", "scale": "share", "ranks": True,
    }  # fmt: skip
    assert json.loads(lines[0]["scores"])["Hallucination"]["direction"] == "lower"
    assert lines[-1]["measurement"] == lines[-1]["scores"] == ""  # of a paper


def test_a_board_of_papers_alone_comes_back(tmp_path):
    Board(published_rows()).write(tmp_path / "papers.csv")
    assert Board.read(tmp_path / "papers.csv").rows == published_rows()


def test_a_board_of_an_earlier_version_is_refused_with_the_remedy(three, tmp_path):
    """Its rows are only texts and numbers: it is made again from its runs."""
    file = tmp_path / "board.csv"
    file.write_text("model,protocol,F1,signature\nfar,strict-2,0.5,protocol:strict-2|n:60\n")
    with pytest.raises(BadData, match=r"line 2: column task: is missing.*leaderboard RUN\.\.\."):
        Board.read(file)


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("measurement", "[1]", "should be an object"),
        ("measurement", "{", "not JSON"),
        ("measurement", '{"n": 3}', "n: should be text"),
        ("answered", '{"prompt": null}', "prompt: is missing"),
        ("answered", '{"a": "1", "a": "2"}', "twice"),
        ("scores", '{"F1": 1}', "F1: should be an object"),
        ("scores", '{"F1": {"direction": "up", "scale": "share"}}', "direction: is 'up'; known"),
        ("scores", '{"F1": {"direction": "lower", "scale": "%"}}', "scale: is '%'; known"),
        ("scores", '{"F1": {"direction": "lower"}}', "scale: is missing"),
        ("scores", '{"F1": {"direction": "lower", "scale": "share", "x": 1}}', "no such field"),
    ],
)
def test_mappings_that_no_board_holds(three, tmp_path, column, cell, words):
    file = tmp_path / "board.csv"
    Board.of_runs(three).write(file)
    with file.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    with file.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(lines[0]))
        table.writeheader()
        table.writerows([lines[0], {**lines[1], column: cell}])
    with pytest.raises(BadData, match=rf"line 3: column {column}.*{re.escape(words)}") as raised:
        Board.read(file)
    assert "leaderboard RUN" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column 'model'"),
        ("rank,model\n", "no column 'protocol'"),
        ("model,protocol,signature,model\n", "two columns 'model'"),
        ("model,protocol,signature,F1\na,b,c,high\n", "line 2: column F1"),
        ("model,protocol,signature,F1\na,b,c,nan\n", "line 2: column F1"),
        ("model,protocol,signature,rank\na,b,c,1.5\n", "whole number"),
        ("model,protocol,signature\na,b\n", "2 cells in a table of 3"),
        ("model,protocol,signature\n,b,c\n", "line 2: model"),
        ("model,protocol,role\na,b,system\n", "line 2: column task: is missing"),
        ('model,protocol,signature\n"a,b,c\n', "not a board"),
    ],
)
def test_what_is_no_board_is_refused(tmp_path, text, words):
    file = tmp_path / "board.csv"
    file.write_text(text)
    with pytest.raises(BadData, match=re.escape(words)):
        Board.read(file)


def test_files_that_are_none(tmp_path):
    with pytest.raises(MissingData, match="no such board"):
        Board.read(tmp_path / "gone.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadData, match="not a board"):
        Board.read(tmp_path / "b.csv")
    with pytest.raises(BadOption, match=r"\.csv, \.md, \.tex, \.html"):
        write_board(Board(()), tmp_path / "board.xlsx")
