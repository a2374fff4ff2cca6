"""Prediction files in the place of runs: `score --out`, and what compare, boards, reports take."""

import csv
import json

import pytest

from gcg_bench.cli import main
from gcg_bench.runs import Run

SHAPES = ("--dataset", "shapes", "--split", "val", "--limit", "3", "--encoder", "minilm")


def write(file, captions):
    """A prediction file of the first images of shapes val, captions alone."""
    lines = [
        {"id": f"shapes_val_{k:06d}", "caption": text, "phrases": [{"text": text}]}
        for k, text in enumerate(captions)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two prediction files; the first also as a run."""
    made = tmp_path_factory.mktemp("files")
    write(made / "mine.jsonl", ["A large black square.", "A ring.", "A cross."])
    write(made / "yours.jsonl", ["A square."] * 3)
    with pytest.raises(SystemExit) as left:
        main([
            "score", str(made / "mine.jsonl"), *SHAPES, "--draws", "20", "--quiet", "--json",
            "--out", str(made / "run"), "--name", "Mine",
        ])  # fmt: skip
    assert not left.value.code
    return made


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def test_files_become_a_run_with_the_same_scores(run, here):
    made = Run.open(here / "run")
    assert [answer.grounding.caption for answer in made.predictions()] == [
        "A large black square.", "A ring.", "A cross.",
    ]  # fmt: skip
    assert made.environment["label"] == "Mine"
    assert made.settings["model"] == "predictions:mine.jsonl"
    code, out, _ = run("score", "mine.jsonl", *SHAPES, "--draws", "20", "--json", "--quiet")
    assert code == 0
    stored = {verdict["protocol"]: verdict for verdict in made.all_scores()}
    assert len(stored) == 2
    for verdict in json.loads(out):
        same = stored[verdict["protocol"]]
        assert "|prompt:unknown|" in verdict["signature"]
        for name in ("signature", "scores", "n", "failed"):
            assert verdict[name] == same[name]
    with (here / "run" / "leaderboard.csv").open(newline="") as stream:
        assert [line["model"] for line in csv.DictReader(stream)] == ["Mine", "Mine"]


def test_a_run_of_files_is_a_run_of_these_files(run, here, tmp_path):
    write(tmp_path / "mine.jsonl", ["Another.", "A ring.", "A cross."])
    code, _, err = run("score", tmp_path / "mine.jsonl", *SHAPES, "--out", "run")
    assert code == 2
    assert "a run with other settings: predictions was" in err
    for words, told in {
        ("run", "--out", "other"): "is a run",
        ("mine.jsonl", *SHAPES, "--name", "x"): "--out RUN",
        ("mine.jsonl", *SHAPES, "--out", "x", "--explain", "shapes_val_000000"): "--explain",
    }.items():
        code, _, err = run("score", *words)
        assert (code, told in err) == (2, True), err


def test_compare_and_boards_take_files_beside_runs(run, here, tmp_path):
    code, out, err = run("compare", "run", "yours.jsonl", "--draws", "20")
    assert code == 0, err
    told = " ".join(err.split())
    assert (
        "yours.jsonl is no run: predictions of shapes val, which become the run runs/yours-" in told
    )
    assert "B: yours.jsonl" in out
    (made,) = (here / "runs").iterdir()
    before = (made / "gcg.strict-2" / "scores.json").stat().st_mtime_ns
    # with the data, the limit and the encoder of the run, and not scored twice
    board = tmp_path / "board.csv"
    code, _, err = run("leaderboard", "yours.jsonl", "run", "-o", board, "--draws", "20")
    assert code == 0, err
    assert "scored before as the run runs/yours-" in " ".join(err.split())
    assert (made / "gcg.strict-2" / "scores.json").stat().st_mtime_ns == before
    with board.open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert {(line["model"], line["n"]) for line in lines} == {("Mine", "3"), ("yours.jsonl", "3")}
    assert {json.loads(line["measurement"])["encoder"].partition("@")[0] for line in lines} == {
        "minilm"
    }


def test_a_report_of_files(run, here, tmp_path):
    page = tmp_path / "page.html"
    code, _, err = run("report", "yours.jsonl", *SHAPES, "-o", page)
    assert code == 0, err
    assert "yours.jsonl is no run" in err
    assert page.stat().st_size > 10_000


@pytest.mark.parametrize(
    "words",
    [
        ("report", "mine.jsonl"),
        ("compare", "mine.jsonl", "yours.jsonl"),
        ("leaderboard", "mine.jsonl", "-o", "b.csv"),
        ("cite", "mine.jsonl"),
    ],
)
def test_errors_name_the_way_from_files_to_a_run(run, here, words):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert "not a run folder" in err
    for word in ("gcg-bench score", "--dataset NAME --split NAME --out RUN"):
        assert word in " ".join(err.split())


@pytest.mark.parametrize(
    "words",
    [
        ("report", "run", "--limit", "2"),
        ("compare", "run", "run", "--split", "val"),
        ("leaderboard", "run", "-o", "b.csv", "--split", "val"),
    ],
)
def test_options_for_files_are_refused_where_only_runs_are_given(run, here, words):
    code, _, err = run(*words)
    assert code == 2
    assert f"{words[-2]} is for prediction files" in err


def test_nothing_at_a_path_is_told_before_anything_is_scored(run, here):
    code, _, err = run("compare", "yours.jsonl", "gone", *SHAPES)
    assert code == 2
    assert "gone: no such run folder, file or folder of predictions" in " ".join(err.split())
