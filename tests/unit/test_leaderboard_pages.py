"""Boards as Markdown, LaTeX, HTML and in notebooks: what hostile text becomes."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.boards import hostile_board, three_systems

from gcg_bench.reporting.leaderboard import Board, write_board
from gcg_bench.reporting.leaderboard.latex import escaped as tex
from gcg_bench.reporting.leaderboard.layout import sections
from gcg_bench.reporting.leaderboard.markdown import escaped as md
from gcg_bench.reporting.leaderboard.shown import Figure, marked
from gcg_bench.types import ScoreSpec


@pytest.fixture
def three(tmp_path):
    """One system far ahead of two that nearly agree."""
    return three_systems(tmp_path)


@pytest.fixture
def hostile(tmp_path):
    """A board of two systems whose texts mean something in every format."""
    return hostile_board(tmp_path)


def test_markdown_is_one_table_of_even_width(hostile, tmp_path):
    write_board(hostile, tmp_path / "board.md")
    text = (tmp_path / "board.md").read_text("utf-8")
    table = [line for line in text.splitlines() if line.startswith("|")]
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in table]
    assert len(table) > 30
    assert set(cells) == {cells[0]}
    assert not re.search(r"(?<!\\)<", text.split("Signatures:")[0])
    assert "reported" in text
    assert "Sources of reported values" in text


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=40))
def test_markdown_escapes_what_means_something(text):
    shown = md(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>|&]", shown)
    assert "\n" not in shown
    # what a reader sees: every escape taken away
    one_line = " ".join(text.split())
    plain = re.sub(r"[\x00-\x1f\x7f-\x9f\xad]", lambda m: f"\\x{ord(m[0]):02x}", one_line)
    assert re.sub(r"\\(.)", r"\1", shown) == plain


def structure(text):
    """Checks that TeX could read it: commands, braces, environments, cells; gives rows of cells."""
    text = re.sub(r"(?m)(?<!\\)%.*$", "", text)
    stack, environments, found = [], [], []
    for token in re.finditer(r"\\(begin|end)\{(\w+\*?)\}|\\([A-Za-z]+|.)|([{}$&#^_~])", text):
        kind, name, _, special = token.groups()
        if kind == "begin":
            environments.append(name)
        elif kind == "end":
            assert environments.pop() == name
        elif special == "{":
            stack.append(token.start())
        elif special == "}":
            assert stack, text[token.start() - 40 : token.start() + 10]
            stack.pop()
        elif special == "&":
            assert environments[-1] == "tabular"
        elif special == "$":
            found.append("$")
        else:
            assert special not in ("^", "_"), text[token.start() - 40 : token.start() + 10]
    assert stack == []
    assert environments == []
    assert found.count("$") % 2 == 0


def test_latex_could_be_set(hostile, tmp_path):
    write_board(hostile, tmp_path / "board.tex")
    text = (tmp_path / "board.tex").read_text("utf-8")
    structure(text)
    assert text.count("\\toprule") == text.count("\\bottomrule") == 1
    columns = re.search(r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}", text)[1]
    body = text.partition("\\toprule")[2].partition("\\bottomrule")[0]
    lines = [one for one in body.splitlines() if one.endswith(" \\\\") and "multicolumn" not in one]
    assert len(lines) > 25
    assert columns == "lrrrrr"  # the models, the measured score and four that papers report
    for line in lines:
        assert len(re.findall(r"(?<!\\)&", line)) + 1 == len(columns)
    assert f"\\multicolumn{{{len(columns)}}}" in body
    assert "\\input" not in text
    assert "[U+1F600]" in text
    assert "\u202e" not in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_latex_is_set(hostile, tmp_path):
    write_board(hostile, tmp_path / "board.tex")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n"
        "\\begin{document}\n\\input{board.tex}\n\\end{document}\n"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
    assert "Missing character" not in (tmp_path / "paper.log").read_text(errors="replace")


@given(st.text(max_size=40))
def test_latex_of_any_text_could_be_set(text):
    shown = tex(text)
    structure(shown)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[%#&]", shown)
    assert "--" not in shown.replace("-{-}", "") or any(sign in text for sign in "–—")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b & 50%", r"a\_b \& 50\%"),
        ("C:\\x{y}", r"C:\textbackslash{}x\{y\}"),
        ("x^2 ~ $1 #2", r"x\textasciicircum{}2 \textasciitilde{} \$1 \#2"),
        ("--", "-{-}"),
        ("Dollár †", r"Dollár \textdagger{}"),
        ("日", "[U+65E5]"),
    ],
)
def test_latex_spellings(text, shown):
    assert tex(text) == shown


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text, self.meta = [], [], [], {}

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag == "meta" and ("http-equiv", "Content-Security-Policy") in attrs:
            self.meta = dict(attrs)

    def handle_data(self, data):
        self.text.append(data)


def test_html_is_one_closed_page(hostile, tmp_path):
    write_board(hostile, tmp_path / "board.html")
    page = Reader()
    page.feed((tmp_path / "board.html").read_text("utf-8"))
    assert page.tags.count("script") == page.tags.count("style") == 1
    assert not {"img", "iframe", "object"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on") or name == "style"]
    assert not {"src", "action"} & set(page.attributes)
    policy = page.meta["content"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert any("<script>alert(1)</script>" in text for text in page.text)
    assert page.tags.count("tbody") == 2


@pytest.mark.parametrize(
    ("direction", "values", "marks"),
    [
        ("higher", [0.5, 0.9, 0.7], ["", "best", "second"]),
        ("lower", [0.5, 0.9, 0.7], ["best", "", "second"]),
        ("neither", [0.5, 0.9, 0.7], ["", "", ""]),
        # printed alike is marked alike, and the next value is the second
        ("higher", [0.9001, 0.9004, 0.7, 0.2], ["best", "best", "second", ""]),
        ("higher", [0.5, 0.9, None], ["", "best", ""]),  # two have no second
        ("higher", [0.5], [""]),
        ("higher", [0.5, 0.5], ["", ""]),
    ],
)
def test_the_best_and_the_second_of_a_column(direction, values, marks):
    spec = ScoreSpec("S", direction=direction)
    lines = [
        (None if value is None else Figure(spec.text(value), "", "", value),) for value in values
    ]
    found = [line[0].mark if line[0] else "" for line in marked(lines, [spec])]
    assert found == marks


def test_columns_in_which_all_rows_are_alike_are_left_out(three):
    board = Board.of_runs(three).ranked(draws=20)
    (section,) = sections(board)
    assert section.columns == ()
    assert "Failed images of each run: 0." in section.notes
    assert "Scored by gcg-bench-0.1.0." in section.notes
    first, *rest = board.rows
    (section,) = sections(Board(({**first, "failed": 2}, *rest)))
    assert section.columns == ("failed",)
    assert [entry.facts for entry in section.entries] == [("2",), ("0",), ("0",)]


def test_html_ranks_stand_with_their_intervals(three, tmp_path):
    write_board(Board.of_runs(three).ranked(draws=200), tmp_path / "b.html")
    text = (tmp_path / "b.html").read_text("utf-8")
    assert text.count('class="group"') == 1  # between rank 1 and the two that share rank 2
    assert "Holm over 2 lines" in text


# --- notebooks


def test_a_board_shows_itself(hostile, three):
    shown = Board.of_runs(three).ranked(draws=20)._repr_html_()
    assert "<td><bdi>far</bdi></td>" in shown
    assert "gone" not in shown
    assert str(three[0]) not in shown
    assert "<script" not in hostile._repr_html_()
    frame = Board.of_runs(three).ranked(draws=20).frame()
    assert list(frame.columns[:5]) == ["rank", "model", "dataset", "split", "protocol"]
    assert next(iter(frame["model"])) == "far"
    assert frame["F1"].iloc[0] == Board.of_runs(three).rows[0]["F1"]
