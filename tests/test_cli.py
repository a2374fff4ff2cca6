"""The command line as people type it: the main jobs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.typed import answer, evaluate, line, lines, refused, score, write

from gcg_bench import OFFICIAL, STRICT, Resampling, load_dataset, load_model
from gcg_bench import evaluate as evaluate_run


def test_perfect_predictions_score_what_paper_says(run, world):
    code, out, _ = score(run, world, "--json")
    official, strict = json.loads(out)
    assert code == 0
    assert (official["protocol"], official["n"], official["failed"]) == ("official", 2, 0)
    assert list(official["scores"]) == ["METEOR", "CIDEr", "AP50", "mIoU", "Recall"]
    for name in ("AP50", "mIoU", "Recall"):
        assert official["scores"][name] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert {"Precision", "Recall", "F1", "F1_avg", "gPQ", "SQ", "Noun", "Attribute"} <= set(
        strict["scores"]
    )
    assert strict["scores"]["F1"]["value"] == strict["scores"]["gPQ"]["value"] == 1.0
    assert "encoder:minilm@53aa5117" in strict["signature"]


def test_table_shows_both_protocols_and_their_signatures(run, world):
    code, out, _ = score(run, world, "--also", "bleu", "--also", "rouge_l", "--signature")
    assert code == 0
    assert "official v1" in out
    assert "strict v2" in out
    assert "100.0 [100.0, 100.0]" in out
    assert out.count("protocol:") == 2
    assert "Bleu_4" in out
    assert "ROUGE_L" in out


def wrong_place(world):
    """The second image's cat is 8 of its 16 pixels off: IoU 8 / 24."""
    write(world[1] / "sa_2.json", answer(boxes=((0, 2, 4, 4),)))


def test_mistakes_stand_below_the_scores(run, world):
    wrong_place(world)
    code, out, _ = score(run, world)
    assert code == 0
    (line,) = [line for line in out.splitlines() if "wrong place" in line]
    # 1 of 2 matched is F1 50; with the pair put right it is 100
    assert [cell.strip() for cell in line.split("│")[1:6]] == [
        "wrong place",
        "1",
        "1",
        "100.0",
        "+50.0",
    ]
    assert "by object size" not in out
    assert "wrong place" not in score(run, world, "--quiet")[1]
    assert "by object size" in score(run, world, "--diagnosis")[1]


def test_diagnosis_in_json_is_asked_for(run, world):
    wrong_place(world)
    official, strict = json.loads(score(run, world, "--json", "--diagnosis")[1])
    assert "diagnosis" not in official
    kinds = {one["kind"]: one for one in strict["diagnosis"]["kinds"]}
    assert kinds["wrong_place"]["cost"] == 0.5
    assert (kinds["matched"]["predicted"], kinds["missed"]["reference"]) == (1, 0)
    assert all("diagnosis" not in one for one in json.loads(score(run, world, "--json")[1]))
    refused(score(run, world, "--diagnosis", "--protocol", "official"), "--protocol strict")


def test_one_image_is_explained(run, world):
    wrong_place(world)
    code, out, _ = score(run, world, "--explain", "sa_2")
    assert code == 0
    assert "image sa_2" in out
    assert "official-1" in out
    assert "strict-2" in out
    assert "halted: the largest IoU left is 0.333, below 0.5" in out
    assert "wrong place: IoU 0.333, noun 1.00, attributes 1.00" in out
    told = json.loads(score(run, world, "--explain", "sa_2", "--json")[1])
    assert told["iou"] == [[pytest.approx(8 / 24)]]
    official, strict = told["protocols"]
    assert official["scores"]["Recall"] == strict["scores"]["F1"] == 0
    assert strict["scores"]["mIoU"] == pytest.approx(8 / 24)
    refused(score(run, world, "--explain", "sa_3"), "no image 'sa_3'", "did you mean 'sa_")
    refused(score(run, world, "--explain", "sa_2", "--diagnosis"), "--explain", "--diagnosis")


def test_a_run_is_explained_while_it_is_locked(run):
    from gcg_bench import Run

    evaluate(run, "--out", "r")
    with Run.open(Path("r")).locked():
        refused(run("score", "r", "--encoder", "minilm"), "open already")
        assert run("score", "r", "--explain", "shapes_val_000001")[0] == 0


def test_a_run_is_explained_as_it_was_scored(run, tmp_path):
    evaluate(run, "--out", "r")
    scores = tmp_path / "r" / "gcg.strict-2" / "scores.json"
    before = scores.stat().st_mtime_ns
    # no --encoder: the one that the run was scored with
    code, out, _ = run("score", "r", "--explain", "shapes_val_000001", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["predicted"]["phrases"] == []
    assert [one["protocol"] for one in told["protocols"]] == ["official-1", "strict-2"]
    assert told["protocols"][1]["scores"]["F1"] == 0
    assert scores.stat().st_mtime_ns == before


def test_tags_without_a_partner_are_told(run, world):
    answers = lines(
        world,
        line("sa_1", raw="<p> a cat </p> [SEG] on <p> a mat"),
        line("sa_2", raw="<p> a cat </p> [SEG] on a mat"),
    )
    _, out, _ = score(run, answers, "--json")
    told = "1 answers have a <p> or </p> without its partner; phrases are kept"
    assert all(told in one["notes"] for one in json.loads(out))


def test_evaluate_makes_a_run_with_rows_scores_and_a_leaderboard_row(run, tmp_path):
    code, out, _ = evaluate(run, "--out", "r", model="copy-truth")
    assert code == 0
    assert "100.0 [100.0, 100.0]" in out
    kept = {str(file.relative_to(tmp_path / "r")) for file in (tmp_path / "r").rglob("*.*")}
    for protocol in ("gcg.official-1", "gcg.strict-2"):
        assert {f"{protocol}/rows.parquet", f"{protocol}/scores.json"} <= kept
    assert {"run.json", "predictions.jsonl", "leaderboard.csv"} <= kept
    code, out, _ = run("score", "r", "--encoder", "minilm", "--json", "--protocol", "strict")
    assert code == 0
    assert json.loads(out)[0]["scores"]["F1"]["value"] == 1.0


def test_evaluate_again_goes_on_where_it_stopped(run, tmp_path):
    evaluate(run, "--out", "r")
    lines = (tmp_path / "r" / "predictions.jsonl").read_text().splitlines(keepends=True)
    # one answer whole, the next torn in the middle
    (tmp_path / "r" / "predictions.jsonl").write_text(lines[0] + lines[1][:20])
    code, _, _ = evaluate(run, "--out", "r")
    again = (tmp_path / "r" / "predictions.jsonl").read_text().splitlines(keepends=True)
    assert code == 0
    assert again[0] == lines[0]
    assert [json.loads(line)["id"] for line in again] == [json.loads(line)["id"] for line in lines]


def test_a_model_that_raises_loses_one_image_and_exit_code_says_so(run, tmp_path):
    (tmp_path / "odd.py").write_text(
        "from gcg_bench import Prediction, Grounding\n"
        "class Odd:\n"
        "    def answer(self, queries):\n"
        "        for query in queries:\n"
        "            if query.id.endswith('1'):\n"
        "                raise RuntimeError('no such luck')\n"
        "            yield Prediction(query.id, Grounding('a scene'))\n"
        "load = Odd\n"
    )
    code, out, _ = evaluate(run, "--out", "r", "--json", model="./odd.py")
    assert code == 1
    assert [verdict["failed"] for verdict in json.loads(out)] == [1, 1]
    errors = [
        json.loads(line).get("error")
        for line in (tmp_path / "r" / "predictions.jsonl").read_text().splitlines()
    ]
    assert sorted(filter(None, errors)) == ["RuntimeError: no such luck"]
    assert len(errors) == 3


def test_a_models_own_settings_do_not_say_how_it_was_measured(run, tmp_path):
    (tmp_path / "odd.py").write_text(
        "from gcg_bench.adapters.silent import Silent\n"
        "class Odd(Silent):\n"
        "    settings = {'n': 7, 'split': 'mine', 'encoder': 'clip', 'n:9': 1,\n"
        "                'note': 'a|n:9\\n|b'}\n"
        "load = Odd\n"
    )
    code, out, _ = evaluate(run, "--out", "r", "--json", model="./odd.py")
    assert code == 0
    for verdict in json.loads(out):
        assert (verdict["split"], verdict["n"]) == ("val", 3)
        assert "\n" not in verdict["signature"]
        fields = [part.partition(":")[::2] for part in verdict["signature"].split("|")]
        told = dict(fields)
        assert len(told) == len(fields)
        assert (told["n"], told["split"]) == ("3", "val")
        assert told["encoder"].startswith("minilm@")
        own = {"n": "7", "split": "mine", "encoder": "clip"}
        assert {name: told[f"model_{name}"] for name in own} == own
        assert (told["note"], told["n%3A9"]) == ("a%7Cn:9%0A%7Cb", "1")


def test_a_run_that_was_made_from_python_is_one_for_every_command(run, tmp_path):
    data = load_dataset("shapes", "val", limit=2)
    official = OFFICIAL.using(encoder="minilm")
    draws = Resampling(draws=10)
    evaluate_run(load_model("whole-image"), data, tmp_path / "r", protocols=[official, STRICT],
                 resampling=draws)  # fmt: skip
    before = json.loads((tmp_path / "r/gcg.strict-2/scores.json").read_text())
    assert run("report", "r")[0] == 0
    assert "shapes_val_000001" in (tmp_path / "r/report.html").read_text()
    assert run("leaderboard", "check", "r")[0] == 0
    assert run("score", "r", "--encoder", "minilm", "--explain", "shapes_val_000001")[0] == 0
    code, out, _ = run("score", "r", "--encoder", "minilm", "--draws", "10", "--json")
    assert code == 0
    again = next(one for one in json.loads(out) if one["protocol"] == "strict")
    assert (again["n"], again["scores"]) == (2, before["scores"])
    assert again["signature"] == before["signature"]


def test_evaluate_takes_prediction_files_as_a_model(run, world):
    root, predictions = world
    code, out, _ = run(
        "evaluate", "--model", f"predictions:{predictions}", "--split", "val", "--data-root", root,
        "--encoder", "minilm", "--draws", "0", "--json", "--no-report",
    )  # fmt: skip
    assert code == 0
    assert json.loads(out)[0]["scores"]["mIoU"] == {"value": 1.0, "low": None, "high": None}


def test_killed_evaluate_resumes_to_the_same_answers(tmp_path):
    model = tmp_path / "slow.py"
    model.write_text(
        "import time\n"
        "from gcg_bench import Prediction, Grounding\n"
        "class Slow:\n"
        "    def answer(self, queries):\n"
        "        for query in queries:\n"
        "            time.sleep(0.2)\n"
        "            yield Prediction(query.id, Grounding(query.id), seconds=0.0)\n"
        "load = Slow\n"
    )
    command = [
        sys.executable, "-c", "from gcg_bench.cli import main; main()", "predict", "--model",
        str(model), "--dataset", "shapes", "--split", "val", "--limit", "8", "--quiet", "--out",
    ]  # fmt: skip
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    subprocess.run([*command, str(whole)], check=True, capture_output=True)
    started = subprocess.Popen([*command, str(cut)])
    deadline = time.monotonic() + 60
    while not (cut / "predictions.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    done = len((cut / "predictions.jsonl").read_text().splitlines())
    assert 1 <= done < 8
    subprocess.run([*command, str(cut)], check=True, capture_output=True)
    assert (cut / "predictions.jsonl").read_bytes() == (whole / "predictions.jsonl").read_bytes()


def test_leaderboard_ranks_runs_and_unlike_ones_apart(run, tmp_path):
    evaluate(run, "--out", "best", model="copy-truth")
    evaluate(run, "--out", "none", model="silent")
    code, _, _ = run("leaderboard", "none", "best", "-o", "board.csv")
    assert code == 0
    lines = (tmp_path / "board.csv").read_text().splitlines()
    assert len(lines) == 5
    assert lines[1].startswith("1,copy-truth,shapes,val,official-1")
    refused(run("leaderboard", "none", "best", "-o", "board.csv"), "board.csv", "exists")
    run(
        "evaluate", "--model", "silent", "--dataset", "shapes", "--split", "val", "--limit", "2",
        "--encoder", "minilm", "--draws", "0", "--out", "short", "--no-report",
    )  # fmt: skip
    code, _, err = run("leaderboard", "best", "short", "-o", "other.csv")
    assert code == 0
    assert "n is 3 (copy-truth) and 2 (silent)" in " ".join(err.split())


# bad input: names
