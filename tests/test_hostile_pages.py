"""What terminals, boards and pages show of runs and files from strangers."""

import csv
import json
import re
from pathlib import Path

import pytest
from support.annotations import annotation, scene
from support.scored import rows as counted
from support.scored import run_folder

from gcg_bench.cli import main
from gcg_bench.data import load_dataset
from gcg_bench.reporting.leaderboard import Board, write_board
from gcg_bench.reporting.review_page import Chosen, write_review
from gcg_bench.runs import Run
from gcg_bench.scoring.storage import keep, load_results
from gcg_bench.types import Prediction


@pytest.fixture
def typed(run):
    """`run`, whose name runs have here."""
    return run


def answered(folder, model, **settings):
    """A run of three scenes answered with the truth, which says that `model` did it."""
    data = load_dataset("shapes", "val", limit=3)
    about = {"model": model, "dataset": "shapes", "split": "val", "limit": 3, "prompt": ""}
    with Run.create_or_resume(Path(folder), {**about, "decoding": {}, **settings}) as run:
        for sample in data.samples:
            run.append(Prediction(sample.id, sample.truth))
    return Path(folder)


# What is shown ---------------------------------------------------------------------------------

HOSTILE = "\x1b]0;owned\x07\x9b31m</script><img src=x onerror=alert(1)>[red]x[/][/nope] =1+1 | $x$"


@pytest.fixture
def hostile(tmp_path):
    """Two runs by a model of a hostile name, with hostile captions."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, matched in zip(folders, ([1, 2, 3], [3, 4, 5]), strict=True):
        run = run_folder(folder, HOSTILE, counted(matched))
        results = load_results(run)
        text = (folder / "predictions.jsonl").read_text()
        spelt = json.dumps(HOSTILE)[1:-1]
        (folder / "predictions.jsonl").write_text(text.replace(" sees ", f" {spelt} "))
        for stored in results:
            keep(run, stored)
    return folders


def test_nothing_that_is_printed_moves_a_terminal(typed, hostile, tmp_path):
    (tmp_path / "bad.jsonl").write_text(
        json.dumps(
            {"id": "a", "caption": "a", "phrases": [{"text": 1, "\x1b[31m": 2}], "\x9b2J": 1}
        )
    )
    one, two = hostile
    jobs = [
        ("compare", one, two, "--by", "F1"),
        ("compare", one, two, "--by", "F1", "--json"),
        ("leaderboard", one, two, "-o", "b.csv", "--by", "F1"),
        ("cite", one, two),
        ("data", "check", "bad.jsonl"),
        ("data", "check", "bad.jsonl", "--json"),
        ("score", f"\x1b[2J{HOSTILE}"),
        ("data", "show", "\x1b[2Jx"),
    ]
    for job in jobs:
        _, out, err = typed(*job)
        shown = re.sub(r"\x1b\[[0-9;]*m", "", out + err)  # colours of our own
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown), job


def test_half_a_letter_stops_no_table(typed, tmp_path):
    run_folder(tmp_path / "one", "a\ud800b", counted([1, 2, 3]))
    code, _, err = typed("leaderboard", "one", "-o", "b.csv", "--by", "mIoU")
    assert code == 0, err
    assert {row["model"] for row in Board.of_runs([tmp_path / "one"]).rows} == {r"a\ud800b"}
    assert list(Board.of_runs([tmp_path / "one"]).frame()["model"]) == [r"a\ud800b"] * 2


def test_boards_show_a_hostile_name_as_it_is(hostile, tmp_path):
    board = Board.of_runs(hostile).ranked("mIoU")
    for suffix in (".csv", ".md", ".tex", ".html"):
        write_board(board, tmp_path / f"b{suffix}")
    html = (tmp_path / "b.html").read_text(encoding="utf-8")
    assert "<img" not in html
    assert html.count("</script>") == 1
    markdown = (tmp_path / "b.md").read_text(encoding="utf-8")
    assert not re.search(r"(?<!\\)<img", markdown)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", markdown)
    assert not re.search(r"(?<!\\)\[red\]", markdown)
    latex = (tmp_path / "b.tex").read_text(encoding="utf-8")
    assert "$x$" not in latex
    assert r"\$x\$" in latex


def given_board(file, **cells):
    """A board of one row as somebody else may write it."""
    described = {
        "model": "m", "task": "gcg", "protocol": "strict-2", "scores": "{}", "answered": "{}",
        "measurement": '{"encoder": "minilm@53aa5117"}', "signature": "a:b",
    } | cells  # fmt: skip
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([list(described), list(described.values())])


def test_what_a_board_says_of_itself_is_shown_as_it_is(tmp_path):
    given_board(
        tmp_path / "given.csv", F1="0.5", n="3", provenance="<b>measured</b> | \\input{x}",
        evaluator="$x$", task="<b>gcg</b>", answered='{"<b>": "\\\\input{x}"}',
        measurement='{"<b>": "| \\\\input{x}"}',
    )  # fmt: skip
    board = Board.read(tmp_path / "given.csv")
    for suffix in (".md", ".tex", ".html"):
        write_board(board, tmp_path / f"b{suffix}")
    # a code span, as the signature's, shows what it holds as it is
    assert "<b>" not in (tmp_path / "b.md").read_text().partition("Signatures:")[0]
    assert "<b>" not in (tmp_path / "b.html").read_text()
    assert r"\input{" not in (tmp_path / "b.tex").read_text()


PAGES = ("board.html", "compare.html", "report.html", "review.html")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """One page of every kind that is written, about two runs and an annotation."""
    folder = tmp_path_factory.mktemp("pages")
    runs = []
    for name in ("one", "two"):
        runs.append(answered(folder / name, name))
        with pytest.raises(SystemExit):
            main(["score", str(runs[-1]), "--encoder", "minilm", "--quiet", "--draws", "10"])
    for job in (
        ["leaderboard", *map(str, runs), "-o", str(folder / "board.html"), "--draws", "10"],
        ["compare", *map(str, runs), "-o", str(folder / "compare.html"), "--draws", "10"],
        ["report", str(runs[0]), "-o", str(folder / "report.html")],
    ):
        with pytest.raises(SystemExit) as left:
            main([*job, "--quiet"])
        assert not left.value.code
    made = annotation(folder / "made", scene("a", "A dog sleeps.", "A dog"))
    write_review(made, folder / "review.html", {}, Chosen())
    return folder


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_a_policy_that_lets_nothing_in(pages, name):
    html = (pages / name).read_text(encoding="utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    for kind in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]+'", rules[kind])
    assert html.index("Content-Security-Policy") < html.index("<style")
    assert not re.search(
        r"""(?:src|href|action)\s*=\s*["']?(?!data:|#)[a-z]""", html.split("<script")[0]
    )
    assert not re.search(r"""<[^>]+\s(?:style|on\w+)\s*=""", html.split("<script")[0])


def test_every_template_is_one_of_these_pages():
    import gcg_bench

    found = sorted(Path(gcg_bench.__file__).parent.rglob("templates/*.html"))
    whole = [file for file in found if "{% extends" not in file.read_text(encoding="utf-8")]
    assert {file.name for file in found} == {*PAGES, "page.html"}
    for file in whole:
        assert "Content-Security-Policy" in file.read_text(encoding="utf-8"), file
