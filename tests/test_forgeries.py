"""Forged boards and runs: `leaderboard verify` names what was forged and ends with exit code 2."""

import csv
import json
import shutil
from contextlib import nullcontext
from dataclasses import replace

import pytest

from gcg_bench import tasks
from gcg_bench.cli import main
from gcg_bench.reporting.leaderboard import verifying
from gcg_bench.runs import Run
from gcg_bench.scoring.score import reduced
from gcg_bench.scoring.storage import keep, load_result
from gcg_bench.scoring.values import Resampling

MODEL = """
from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import from_box


class Model:
    def answer(self, queries):
        for query in queries:
            height, width = query.image.height, query.image.width
            mask = from_box((0, 0, width * {share}, height), height, width)
            yield Prediction(query.id, Grounding({caption!r}, (Phrase({caption!r}, (mask,)),)))


load = Model
"""
MODELS = {"left": (0.5, "A red circle"), "wide": (0.9, "A blue square")}
STRICT = tasks.load("gcg").protocol("strict").key


def typed(*arguments):
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two models and two baselines on four rendered images, and their board."""
    folder = tmp_path_factory.mktemp("forgeries")
    for name, (share, caption) in MODELS.items():
        (folder / f"{name}.py").write_text(MODEL.format(share=share, caption=caption))
    models = {name: str(folder / f"{name}.py") for name in MODELS}
    for name, model in {**models, "whole": "whole-image", "truth": "copy-truth"}.items():
        code = typed(
            "evaluate", "--model", model, "--dataset", "shapes", "--split", "val", "--limit", "4",
            "--encoder", "minilm", "--draws", "40", "--no-report", "--quiet", "--json",
            "--out", folder / name,
        )  # fmt: skip
        assert code == 0
    runs = [folder / name for name in ("left", "wide", "whole", "truth")]
    assert typed("leaderboard", *runs, "-o", folder / "board.csv", "--quiet") == 0
    return folder


@pytest.fixture
def board(made, tmp_path, monkeypatch, capsys):
    """A copy of the board and its runs; what is scored again may use the session's caches."""
    monkeypatch.setattr(verifying, "own_caches", nullcontext)
    for name in (*MODELS, "whole", "truth"):
        shutil.copytree(made / name, tmp_path / name)
    shutil.copy(made / "board.csv", tmp_path)
    capsys.readouterr()
    return tmp_path / "board.csv"


class Table:
    """A board as cells; a forgery changes them."""

    def __init__(self, file):
        with file.open(newline="", encoding="utf-8") as stream:
            self.rows = list(csv.DictReader(stream))
        self.names = list(self.rows[0])

    def write(self, file):
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, self.names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)

    def row(self, name, protocol=STRICT):
        return next(
            r for r in self.rows if r["protocol"] == protocol and r["run"].endswith(name)
        )  # fmt: skip

    def systems(self):
        return [self.row(name) for name in MODELS]


def faults_of(capsys, file):
    code = typed("leaderboard", "verify", file, "--json")
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, json.loads(out)["faults"] if out else err


def test_the_honest_board_holds(board, capsys):
    assert faults_of(capsys, board) == (0, [])


def rename(table, old, new):
    for row in table.rows:
        row[new] = row.pop(old)
    table.names[table.names.index(old)] = new


def drop(table, name):
    for row in table.rows:
        del row[name]
    table.names.remove(name)


def add(table, name, value):
    for row in table.rows:
        row[name] = value
    table.names.append(name)


def mapped(row, column, **changes):
    row[column] = json.dumps({**json.loads(row[column]), **changes})


def signed(row, old, new):
    """Changes measurement and signature alike."""
    row["measurement"] = row["measurement"].replace(old, new)
    row["signature"] = row["signature"].replace(old, new)


def swapped(table):
    first, second = table.systems()
    first["rank"], second["rank"] = "2", "1"


def every(table, **cells):
    for row in table.systems():
        row.update(cells)


def exchanged(table, *names):
    first, second = table.systems()
    for name in names:
        first[name], second[name] = second[name], first[name]


FORGERIES = {
    # ranks
    "ranks exchanged": (swapped, "rank"),
    "a better rank": (lambda t: t.row("left").update(rank="3"), "rank"),
    "rank 0": (lambda t: t.row("left").update(rank="0"), "rank"),
    "a rival's rank blanked": (lambda t: t.row("left").update(rank=""), "rank"),
    "all ranks blanked": (lambda t: every(t, rank=""), "rank"),
    "ranks and their reason blanked": (lambda t: every(t, rank="", ranked_by=""), "rank"),
    "the column of ranks removed": (lambda t: drop(t, "rank"), "rank"),
    "a rank for a baseline": (lambda t: t.row("whole").update(rank="1"), "rank"),
    "a reason for a baseline's rank": (
        lambda t: t.row("truth").update(ranked_by="F1"), "ranked_by"),
    "a space after ranked_by": (
        lambda t: t.row("left").update(ranked_by=t.row("left")["ranked_by"] + " "), "ranked_by"),
    "another ranking score": (
        lambda t: every(t, rank="1", ranked_by="Ungrounded: value alone"), "ranked_by"),
    "a score that does not exist": (
        lambda t: every(t, ranked_by="Quality: value alone"), "ranked_by"),
    "no score": (lambda t: every(t, ranked_by=": value alone"), "ranked_by"),
    "value alone": (lambda t: every(t, ranked_by="F1: value alone"), "ranked_by"),
    "a single system": (lambda t: every(t, ranked_by="F1: a single system"), "ranked_by"),
    "one draw of the test": (
        lambda t: every(t, ranked_by=t.row("left")["ranked_by"].replace("1000 draws", "1 draws")),
        "ranked_by"),
    "a chosen seed of the test": (
        lambda t: every(t, ranked_by=t.row("left")["ranked_by"].replace("seed 0", "seed 7")),
        "ranked_by"),
    "digits that look alike": (
        lambda t: every(t, ranked_by=t.row("left")["ranked_by"].replace("1000", "１０００")),
        "ranked_by"),
    "fewer lines": (
        lambda t: every(t, ranked_by=t.row("left")["ranked_by"].replace("1 line", "0 lines")),
        "ranked_by"),
    "two reasons": (
        lambda t: t.row("left").update(ranked_by="mIoU: value alone"), "ranked_by"),
    "a system as a baseline": (lambda t: t.row("left").update(role="baseline", rank=""), "role"),
    "a baseline as a system": (lambda t: t.row("whole").update(role="system", rank="1"), "role"),
    "an oracle as a system": (lambda t: t.row("truth").update(role="system", rank="1"), "role"),
    "a row of a paper": (
        lambda t: t.row("left").update(role="published", provenance="reported"), ""),
    "a row twice": (lambda t: t.rows.append(dict(t.row("left"))), "run"),
    "a row twice, its path otherwise": (
        lambda t: t.rows.append({**t.row("left"), "run": "wide/../left"}), "run"),
    # rows
    "a rival left out": (lambda t: t.rows.remove(t.row("left")), "ranked_by"),
    "a row without a run": (lambda t: t.row("left").update(run=""), ""),
    "another run's row": (lambda t: t.row("left").update(run=t.row("wide")["run"]), "predictions"),
    "a run that is not there": (lambda t: t.row("left").update(run="gone"), ""),
    # numbers
    "a score": (lambda t: t.row("left").update(F1="0.999"), "F1"),
    "a score beyond its interval": (lambda t: t.row("left").update(F1_high="1.0"), "F1_high"),
    "an interval of one value": (
        lambda t: t.row("left").update(F1_low="0.25", F1_high="0.25"), "F1_low"),
    "an interval removed": (lambda t: t.row("left").update(F1_low="", F1_high=""), "F1_low"),
    "all intervals removed": (
        lambda t: [drop(t, n) for n in list(t.names) if n.endswith(("_low", "_high"))], "F1_low"),
    "one draw": (lambda t: every(t, draws="1"), "draws"),
    "other draws": (lambda t: t.row("left").update(draws="1000"), "METEOR_high"),
    "no draws": (lambda t: drop(t, "draws"), "draws"),
    "scores exchanged": (lambda t: exchanged(t, "F1", "mIoU"), "mIoU"),
    "everything exchanged but the run": (
        lambda t: exchanged(t, "model", "predictions", "F1", "rank"), "model"),
    "NaN": (lambda t: t.row("left").update(F1="nan"), "column F1"),
    "infinity": (lambda t: t.row("left").update(F1="inf"), "column F1"),
    "other digits": (lambda t: t.row("left").update(n="٤"), "column n"),
    "an underscore": (lambda t: t.row("left").update(F1="0.9_9"), "column F1"),
    "a space": (lambda t: t.row("left").update(F1=" 0.9"), "column F1"),
    "fewer images": (lambda t: t.row("left").update(n="2"), "n"),
    "more images": (lambda t: t.row("left").update(n="4000"), "n"),
    "failures hidden": (lambda t: t.row("left").update(failed="1"), "failed"),
    "another gate": (lambda t: t.row("left").update(false_accept="0.0"), "false_accept"),
    # names
    "a model's name": (lambda t: t.row("left").update(model="best"), "model"),
    "a name with a space": (
        lambda t: t.row("left").update(model=t.row("left")["model"] + " "), "model"),
    "a name that looks alike": (
        lambda t: t.row("left").update(model=t.row("left")["model"].replace("e", "е")), "model"),
    "a column renamed": (lambda t: rename(t, "F1", "F1 "), "F1"),
    "a column that looks alike": (lambda t: rename(t, "F1", "Ｆ1"), "F1"),
    "a column removed": (lambda t: drop(t, "mIoU"), "mIoU"),
    "a column added": (lambda t: add(t, "Quality", "0.99"), "'Quality'"),
    "a second rank": (lambda t: add(t, "Rank", "1"), "'Rank'"),
    "a note": (lambda t: add(t, "note", "state of the art"), "note"),
    "a source": (lambda t: add(t, "source", "a paper"), "source"),
    "another provenance": (lambda t: t.row("left").update(provenance="official"), "provenance"),
    "another evaluator": (lambda t: t.row("left").update(evaluator="the authors'"), "evaluator"),
    # what was measured
    "a version that does not exist": (lambda t: every(t, protocol="strict-99"), ""),
    "another protocol": (lambda t: t.row("left").update(protocol="official-1"), "run"),
    "another task": (lambda t: t.row("left").update(task="caption"), ""),
    "another split": (lambda t: t.row("left").update(split="test"), "split"),
    "another data set": (lambda t: t.row("left").update(dataset="grandf"), "dataset"),
    "another card": (lambda t: mapped(t.row("left"), "measurement", card="9"), "signature: card"),
    "another measurement": (
        lambda t: signed(t.row("left"), "miou", "giou"), "signature: metrics"),
    "another measurement for all": (
        lambda t: [signed(r, "minilm", "maxilm") for r in t.rows], "signature: encoder"),
    "a direction": (
        lambda t: mapped(t.row("left"), "scores", F1={"direction": "lower", "scale": "share"}),
        "scores"),
    "a secondary score as a headline": (
        lambda t: t.row("left").update(scores=t.row("left")["scores"].replace(
            ',"secondary":true', "")), "scores"),
    "another ranking score in the description": (
        lambda t: t.row("left").update(scores=t.row("left")["scores"].replace(
            ',"ranks":true', "")), "scores"),
    "other predictions": (lambda t: t.row("left").update(predictions="0" * 64), "predictions"),
    "another prompt": (
        lambda t: mapped(t.row("left"), "answered", prompt="none!"), "signature: prompt"),
    "other code": (lambda t: mapped(t.row("left"), "answered", code="0" * 8), "signature: code"),
    "other confidences": (
        lambda t: t.row("left").update(confidences="all"), "signature: confidences"),
    "another signature": (
        lambda t: t.row("left").update(signature="protocol:strict-1"), "signature"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_board_is_named(board, capsys, name):
    forge, field = FORGERIES[name]
    table = Table(board)
    forge(table)
    table.write(board)
    code, faults = faults_of(capsys, board)
    assert code == 2
    if isinstance(faults, str):  # the file itself is refused
        assert field in faults
    else:
        assert field in {fault["field"] for fault in faults}, faults


# --- runs


def again(board):
    """The board made from the runs as they are now."""
    runs = [board.parent / name for name in ("left", "wide", "whole", "truth")]
    return typed("leaderboard", *runs, "-o", board, "--quiet", "--force")


def edited(file, change):
    content = json.loads(file.read_text("utf-8"))
    change(content)
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def test_an_oracle_that_hides_its_flag_is_a_baseline(board, capsys, caplog):
    edited(board.parent / "truth" / "run.json", lambda run: run.update(oracle=False))
    assert again(board) == 0
    assert "run.json: oracle: is not as the run wrote it" in caplog.text
    assert {row["role"] for row in Table(board).rows if row["run"].endswith("truth")} == {
        "baseline"
    }
    capsys.readouterr()
    assert faults_of(capsys, board) == (0, [])


@pytest.mark.parametrize(("draws", "seed"), [("1", "0"), ("40", "5"), ("2", "3")])
def test_a_run_that_chose_its_intervals_is_named(board, capsys, made, draws, seed):
    """The board says how many draws there were; the seed is nobody's choice."""
    run = Run.open(board.parent / "left")
    resampling = Resampling(draws=int(draws), seed=int(seed))
    for folder in run.protocols():
        stored = load_result(run, folder)
        scores = reduced(stored.protocol, stored.rows, resampling)
        keep(run, replace(stored, scores=scores, resampling=resampling))
    assert again(board) == 0
    capsys.readouterr()
    code, faults = faults_of(capsys, board)
    fields = {fault["field"] for fault in faults}
    assert code == 2
    assert fields & {"draws", "seed of the intervals"}


def test_verify_believes_no_cache_of_the_user(made, tmp_path, monkeypatch, capsys):
    """Damage that a cache gave to board and run is not given to `verify`."""
    asked = []
    monkeypatch.setattr(
        "gcg_bench.files.cache.cache_folder", lambda: asked.append("asked") or tmp_path
    )
    code, faults = faults_of(capsys, made / "board.csv")
    assert (code, faults, asked) == (0, [], [])
