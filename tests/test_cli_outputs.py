"""`-` as an output: stdout for one document, else refused; options without effect are named."""

import json
import shutil

import click
import pytest
from support.typed import refused

from gcg_bench.cli import COMMANDS, cli, main
from gcg_bench.cli.outputs import OutputFile, OutputFolder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A scored run, which needs no encoder and no Java."""
    folder = tmp_path_factory.mktemp("outputs")
    with pytest.raises(SystemExit) as left:
        main([
            "evaluate", "--model", "whole-image", "--dataset", "shapes", "--split", "val",
            "--task", "referring", "--limit", "3", "--draws", "20", "--no-report", "--quiet",
            "--json", "--out", str(folder / "r"),
        ])  # fmt: skip
    assert not left.value.code
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch, capsys):
    shutil.copytree(made / "r", tmp_path / "r")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    return tmp_path


def commands(group, name=""):
    """Every command by what is typed."""
    for command in group.list_commands(click.Context(group)):
        inner = group.get_command(click.Context(group), command)
        if isinstance(inner, click.Group):
            yield from commands(inner, f"{name} {command}".strip())
        else:
            yield f"{name} {command}".strip(), inner


OUTPUTS = {
    ("evaluate", "out"): "folder", ("predict", "out"): "folder", ("merge", "out"): "folder",
    ("score", "out"): "folder", ("compare", "output"): "file",
    ("leaderboard board", "output"): "file", ("report", "output"): "stdout",
    ("annotate run", "out"): "folder", ("annotate merge", "out"): "folder",
    ("annotate review", "output"): "stdout", ("data check", "fix"): "file",
    ("data export", "out"): "folder", ("data grand-table", "out"): "stdout",
    ("models", "worker"): "folder", ("cite", "output"): "stdout",
}  # fmt: skip
"""What each output of each command takes."""


def test_every_output_says_what_it_takes():
    found = {}
    for name, command in commands(cli):
        for param in command.params:
            kind = param.type
            if isinstance(kind, OutputFolder):
                found[name, param.name] = "folder"
            elif isinstance(kind, OutputFile):
                found[name, param.name] = "stdout" if kind.stdout else "file"
            else:
                assert param.name not in ("out", "output"), (name, param.name)
    assert found == OUTPUTS
    assert {name.split()[0] for name, _ in found} <= set(COMMANDS)


REFUSED = {
    "evaluate --model silent --dataset shapes --split val --out -": "no folder",
    "predict --model silent --dataset shapes --split val --out -": "no folder",
    "score x.jsonl --dataset shapes --split val --out -": "no folder",
    "merge r --out -": "no folder",
    "compare r r -o -": "no file",
    "leaderboard r -o -": "no file",
    "annotate images -o -": "no folder",
    "annotate merge a b -o -": "no folder",
    "data check x.jsonl --fix -": "no file",
    "data export shapes - --split val": "no folder",
    "models --worker -": "no folder",
    "cite r -o - --json": "--json and -o -",
    "report r --figure 1 -o -": "a figure is written to a file",
}


@pytest.mark.parametrize("command", REFUSED)
def test_a_dash_is_refused_where_stdout_cannot_be_the_output(run, here, command):
    refused(run(*command.split()), REFUSED[command])
    assert not (here / "-").exists()


def test_a_report_and_a_bibliography_go_to_stdout(run, here):
    code, out, err = run("report", "r", "-o", "-")
    assert code == 0
    assert out.startswith(("<!doctype html>", "<!DOCTYPE html>"))
    assert out.rstrip().endswith("</html>")
    assert "report: stdout" in err
    assert run("report", "r", "-o", "page.html", "--quiet")[0] == 0
    assert (here / "page.html").read_text("utf-8") == out
    assert run("cite", "r", "-o", "-") == run("cite", "r")
    assert not (here / "-").exists()


def test_a_file_can_be_called_dash(run, here):
    assert run("report", "r", "-o", "./-", "--quiet") == (0, "", "")
    assert (here / "-").is_file()


def test_rows_of_grand_go_to_stdout(run, here):
    assert run("data", "export", "shapes", "g", "--split", "val", "--limit", "1", "--format",
               "grand")[0] == 0  # fmt: skip
    assert run("data", "grand-table", "g", "rows.jsonl", "--quiet")[0] == 0
    code, out, _ = run("data", "grand-table", "g", "-", "--quiet")
    assert (code, out) == (0, (here / "rows.jsonl").read_text("utf-8"))
    assert all(json.loads(line) for line in out.splitlines())


# --- options without effect


WITHOUT_EFFECT = {
    "score r --seed 1": "--seed has no effect without --draw N",
    "score x.jsonl --dataset shapes --split val --accept-edits": "--accept-edits has no effect",
    "score r --explain 1 --draw 2 --jobs 2": "--draw and --jobs have no effect with --explain",
    "score r --explain 1 --on ray": "--on has no effect with --explain",
    "compare r r --force": "--force has no effect without --output",
    "compare r r --no-pictures": "--pictures has no effect without --output",
    "cite r --force": "--force has no effect without --output",
    "cite r --model-card --dataset shapes": "--dataset has no effect with --model-card",
    "cite --diff r r --model-card": "--model-card has no effect with --diff",
    "annotate export d --as grand --image-license x": "--image-license has no effect",
    "evaluate --model silent --dataset shapes --split val --device cpu --devices cpu":
        "--device has no effect with --devices",
    "predict --model silent --dataset shapes --split val --start-timeout 5":
        "--start-timeout has no effect",
    "predict --model cmd:x --dataset shapes --split val --max-new-tokens 5":
        "--max-new-tokens has no effect on a worker",
    "leaderboard check x.jsonl --dataset shapes --split val --no-score": "--score has no effect",
}  # fmt: skip


@pytest.mark.parametrize("command", WITHOUT_EFFECT)
def test_an_option_without_effect_is_refused(run, here, command):
    (here / "x.jsonl").write_text('{"id": "x", "caption": "x"}\n')
    refused(run(*command.split()), WITHOUT_EFFECT[command], "drop")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--jobs", "2"), "--jobs 2: the split is one part"),
        (("--on", "ray"), "--on ray: the split is one part, which this machine scores"),
    ],
)
def test_one_part_is_said_to_be_scored_here(run, here, options, sentence):
    if "ray" in options:
        pytest.importorskip("ray")
    plain = run("score", "r", "--draws", "20")
    code, out, err = run("score", "r", "--draws", "20", *options)
    assert (code, out) == plain[:2]
    assert err.replace("\n", " ").count(sentence) == 1
    assert "--shard-size N" in err.replace("\n", " ")
    assert sentence not in run("score", "r", "--draws", "20", "--quiet", *options)[2]
    assert "one part" not in plain[2]
