"""The command line as people type it: the main jobs, and bad input met with one clear message."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import rect

from gcg_bench import OFFICIAL, STRICT, Resampling, load_dataset, load_model, masks
from gcg_bench import evaluate as evaluate_run
from gcg_bench.cli import main

SIZE = (8, 10)


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Types a command in a folder of its own; gives the exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def typed(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err + out
        return int(left.value.code or 0), out, err

    return typed


def rle(*box):
    return masks.to_rle(rect(*box))


def answer(phrases=("a cat",), boxes=((0, 0, 4, 4),), caption="a cat on a mat"):
    return {"caption": caption, "phrases": list(phrases), "pred_masks": [rle(*b) for b in boxes]}


@pytest.fixture
def world(tmp_path):
    """Two images in the published layout, and a folder of sound predictions."""
    root, predictions = tmp_path / "data", tmp_path / "predictions"
    root.mkdir()
    predictions.mkdir()
    images = [{"id": f"sa_{k}", "height": SIZE[0], "width": SIZE[1]} for k in (1, 2)]
    captions = [
        {"id": k, "image_id": f"sa_{k}", "caption": "a cat on a mat", "labels": ["a cat"]}
        for k in (1, 2)
    ]
    annotations = [
        {
            "id": k,
            "image_id": f"sa_{k}",
            "category_id": 1,
            "segmentation": rle(0, 0, 4, 4),
            "area": 16,
            "bbox": [0, 0, 4, 4],
            "iscrowd": 0,
        }
        for k in (1, 2)
    ]
    write(root / "val_gcg_coco_caption_gt.json", {"images": images, "annotations": captions})
    write(root / "val_gcg_coco_mask_gt.json", {"images": images, "annotations": annotations})
    for k in (1, 2):
        write(predictions / f"sa_{k}.json", answer())
    return root, predictions


def write(file, value):
    file.write_text(value if isinstance(value, str) else json.dumps(value))


def score(run, world, *more):
    root, predictions = world
    return run(
        "score", predictions, "--split", "val", "--data-root", root, "--encoder", "minilm",
        "--draws", "20", *more,
    )  # fmt: skip


def refused(result, *words):
    """Exit code 2, nothing on stdout, one short message that has all the words."""
    code, out, err = result
    assert code == 2, err
    assert out == ""
    message = [line for line in err.splitlines() if line.startswith("gcg-bench:")]
    assert len(message) == 1
    assert len(err.strip().splitlines()) <= 3
    for word in words:
        assert str(word) in err, err


# the main jobs


def test_perfect_predictions_score_what_paper_says(run, world):
    code, out, _ = score(run, world, "--json")
    official, strict = json.loads(out)
    assert code == 0
    assert (official["protocol"], official["n"], official["failed"]) == ("official", 2, 0)
    assert list(official["scores"]) == ["METEOR", "CIDEr", "AP50", "mIoU", "Recall"]
    for name in ("AP50", "mIoU", "Recall"):
        assert official["scores"][name] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert {"Precision", "Recall", "F1", "F1_avg", "gPQ", "SQ", "RQ"} <= set(strict["scores"])
    assert strict["scores"]["F1"]["value"] == strict["scores"]["gPQ"]["value"] == 1.0
    assert "encoder:minilm@53aa5117" in strict["signature"]


def test_table_shows_both_protocols_and_their_signatures(run, world):
    code, out, _ = score(run, world, "--also", "bleu", "--also", "rouge_l")
    assert code == 0
    assert "official v1" in out
    assert "strict v1" in out
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
    assert "strict-1" in out
    assert "halted: the largest IoU left is 0.333, below 0.5" in out
    assert "wrong place: IoU 0.333, likeness 1.000" in out
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
    with Run.open(Path("r")).held():
        refused(run("score", "r", "--encoder", "minilm"), "open already")
        assert run("score", "r", "--explain", "shapes_val_000001")[0] == 0


def test_a_run_is_explained_as_it_was_scored(run, tmp_path):
    evaluate(run, "--out", "r")
    scores = tmp_path / "r" / "strict-1" / "scores.json"
    before = scores.stat().st_mtime_ns
    # no --encoder: the one that the run was scored with
    code, out, _ = run("score", "r", "--explain", "shapes_val_000001", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["predicted"]["phrases"] == []
    assert [one["protocol"] for one in told["protocols"]] == ["official-1", "strict-1"]
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


def evaluate(run, *more, model="silent"):
    return run(
        "evaluate", "--model", model, "--dataset", "shapes", "--split", "val", "--limit", "3",
        "--encoder", "minilm", "--draws", "20", "--no-report", *more,
    )  # fmt: skip


def test_evaluate_makes_a_run_with_rows_scores_and_a_leaderboard_row(run, tmp_path):
    code, out, _ = evaluate(run, "--out", "r", model="copy-truth")
    assert code == 0
    assert "100.0 [100.0, 100.0]" in out
    kept = {str(file.relative_to(tmp_path / "r")) for file in (tmp_path / "r").rglob("*.*")}
    for protocol in ("official-1", "strict-1"):
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
    before = json.loads((tmp_path / "r/strict-1/scores.json").read_text())
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


def test_leaderboard_ranks_runs_and_refuses_unlike_ones(run, tmp_path):
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
    refused(run("leaderboard", "best", "short", "-o", "other.csv"), "n is 3", "2")
    assert not (tmp_path / "other.csv").exists()


# bad input: names

SHAPES = ("evaluate", "--dataset", "shapes", "--split", "val")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "--model", "silnet", "--dataset", "shapes", "--split", "val"], ["'silent'"]),
        (["evaluate", "--model", "silent", "--dataset", "shaps", "--split", "val"], ["'shapes'"]),
        (["evaluate", "--model", "silent", "--dataset", "shapes", "--split", "vla"], ["'val'"]),
        (["evaluate", "--model", "silent", "--dataset", "shapes"], ["--split"]),
        ([*SHAPES, "--model", "./gone.py"], ["gone.py"]),
        ([*SHAPES, "--model", "predictions:gone"], ["gone"]),
        (["scoer", "x"], ["'score'"]),
        (["leaderboard", "verfy", "board.csv"], ["'verify'"]),
        (["leaderboard", "gone", "x"], ["--output"]),
        (["data", "shwo", "shapes"], ["'show'"]),
        (["score", "gone", "--split", "val", "--dataset", "shapes"], ["gone"]),
        (["score", "gone", "--dataset", "shapes"], ["gone: no such"]),
        (["leaderboard", "check", "gone"], ["gone: no such"]),
        (["score", ".", "--dataset", "shapes"], ["--split"]),
    ],
)  # fmt: skip
def test_unknown_names(run, arguments, words):
    refused(run(*arguments), *words)


@pytest.mark.parametrize("group", [(), ("data",)])
def test_a_group_alone_shows_its_help_and_nothing_else(run, group):
    code, out, err = run(*group)
    assert (code, out) == (2, "")
    assert err.startswith(" ".join(["Usage: gcg-bench", *group, "[OPTIONS]"]))
    assert "--help)" not in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_package\n", ["mine.py", "no_such_package", "installed?"]),
        ("from gcg_bench import NoSuchName\n", ["mine.py", "NoSuchName"]),
        ("class Mine\n", ["mine.py", "line 1", "--debug"]),
        ("raise ValueError('no\\nweights')\n", ["import mine.py: ValueError: no weights"]),
        ("import sys\nsys.exit(0)\n", ["import mine.py: SystemExit: 0"]),
        ("assert False\n", ["import mine.py: AssertionError; --debug"]),
        ("def load():\n    raise OSError('full')\n", ["make model ./mine.py: OSError: full"]),
        ("def load():\n    import no_such_package\n", ["no_such_package", "installed?"]),
    ],
)
def test_a_model_file_that_cannot_be_loaded_is_told_in_a_line(run, tmp_path, text, words):
    (tmp_path / "mine.py").write_text(text)
    refused(run(*SHAPES, "--model", "./mine.py", "--encoder", "minilm"), *words)


def test_unknown_metric_protocol_and_encoder(run, world):
    refused(score(run, world, "--also", "bluw"), "bluw", "'bleu'")
    refused(score(run, world, "--protocol", "strickt"), "strickt", "'strict'")
    root, predictions = world
    refused(
        run("score", predictions, "--split", "val", "--data-root", root, "--encoder", "no/such"),
        "no/such",
        "--encoder minilm",
    )


def test_what_scoring_needs_is_asked_before_the_model_runs(run, tmp_path):
    refused(run(*SHAPES, "--model", "silent", "--encoder", "no/such", "--out", "r"), "no/such")
    refused(run(*SHAPES, "--model", "silent", "--also", "bluw", "--out", "r"), "'bleu'")
    assert not (tmp_path / "r").exists()


def test_missing_data_root_says_where_it_looked(run, world):
    _, predictions = world
    refused(
        run("score", predictions, "--split", "val", "--data-root", "/nowhere"),
        "/nowhere",
        "val_gcg_coco_caption_gt.json",
        "--data-root",
    )


# bad input: predictions


def test_missing_files_are_listed_and_counted(run, world):
    _, predictions = world
    (predictions / "sa_2.json").unlink()
    refused(score(run, world), "1 of 2", "'sa_2'", "--missing empty")
    code, out, _ = score(run, world, "--missing", "empty", "--json")
    assert code == 1
    assert json.loads(out)[0]["failed"] == 1
    assert json.loads(out)[0]["scores"]["mIoU"]["value"] == 0.5
    assert "missing:empty" in json.loads(out)[0]["signature"]


GOOD = {"size": [8, 10], "counts": rle(0, 0, 4, 4)["counts"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("not json", ["sa_1.json"]),
        (json.dumps(answer())[:-20], ["sa_1.json"]),
        ({"caption": 3, "phrases": [], "pred_masks": []}, ["sa_1", "caption"]),
        ({"caption": "x", "phrases": "a cat", "pred_masks": []}, ["sa_1", "phrases"]),
        ({"caption": "x", "phrases": [7], "pred_masks": [GOOD]}, ["sa_1", "phrase"]),
        ({"caption": "x", "phrases": ["a"], "pred_masks": {"size": 1}}, ["sa_1", "pred_masks"]),
        ([1, 2], ["sa_1.json"]),
    ],
    ids=["not-json", "truncated", "caption", "phrases", "phrase", "masks", "list"],
)
def test_files_of_the_wrong_shape(run, world, content, words):
    write(world[1] / "sa_1.json", content)
    refused(score(run, world), *words)


@pytest.mark.parametrize(
    "mask",
    [
        {"size": [9, 10], "counts": GOOD["counts"]},
        {"size": [8, 10], "counts": GOOD["counts"][:-1]},
        {"size": [8, 10], "counts": ""},
        {"size": [8, 10], "counts": "~~~~"},
        {"size": [8, 10], "counts": "\u00e9\u00e9"},
        {"size": [8, 10], "counts": [81]},
        {"size": [8, 10], "counts": [90, -10]},
        {"size": [8, 10], "counts": [80.5]},
        {"size": [2_000_000_000, 2_000_000_000], "counts": GOOD["counts"]},
        {"size": [0, 10], "counts": ""},
        {"size": [8], "counts": GOOD["counts"]},
        {"counts": GOOD["counts"]},
        {"size": [8, 10]},
        None,
        "mask",
        17,
    ],
)
def test_masks_that_are_none_name_file_image_phrase_and_field(run, world, mask):
    def late(*_):
        raise TimeoutError("a mask made the reader hang")

    write(
        world[1] / "sa_1.json",
        {"caption": "a cat", "phrases": ["a cat", "a mat"], "pred_masks": [GOOD, mask]},
    )
    signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    try:
        refused(score(run, world), "sa_1.json", "image sa_1", "phrase 1", "pred_masks[1]")
    finally:
        signal.alarm(0)


def lines(world, *objects):
    """Our JSON lines in the place of the folder."""
    file = world[0].parent / "answers.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in objects))
    return world[0], file


def line(id_="sa_1", **more):
    return {
        "id": id_,
        "caption": "a cat on a mat",
        "phrases": [{"text": "a cat", "mask": GOOD}],
        **more,
    }


def test_json_lines_are_read(run, world):
    code, out, _ = score(run, lines(world, line(), line("sa_2")), "--json")
    assert code == 0
    assert json.loads(out)[1]["scores"]["F1"]["value"] == 1.0


def test_duplicate_and_foreign_ids(run, world):
    refused(score(run, lines(world, line(), line())), "answers.jsonl", "sa_1", "already")
    refused(score(run, lines(world, line(), line("sa_2"), line("sa_9"))), "'sa_9'", "split")


@pytest.mark.parametrize("bad", ["../../x", "/etc/passwd", "a\0b"])
def test_ids_that_are_paths_touch_nothing(run, world, tmp_path, bad):
    before = sorted(tmp_path.rglob("*"))
    result = score(run, lines(world, line(bad), line(), line("sa_2")))
    refused(result)
    assert set(tmp_path.rglob("*")) - set(before) == {tmp_path / "answers.jsonl"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", '"0.5"', "true"])
def test_scores_that_are_no_numbers(run, world, number):
    _, file = lines(world, line(), line("sa_2"))
    file.write_text(
        file.read_text().replace('"text": "a cat"', f'"text": "a cat", "score": {number}', 1)
    )
    refused(score(run, (world[0], file)), "answers.jsonl", "sa_1", "score")


def test_uneven_counts_are_read_as_published_and_reported(run, world):
    write(world[1] / "sa_1.json", answer(["a cat"], [(0, 0, 4, 4), (5, 5, 2, 2)]))
    code, out, _ = score(run, world, "--json")
    official = json.loads(out)[0]
    assert code == 0
    assert any("uneven" in note or "without words" in note for note in official["notes"])
    # the surplus mask misses: the best pair still has words, so the image keeps its recall
    assert official["scores"]["Recall"]["value"] == 1.0


BREAKS = "a\ncat\ron\va\fmat\u0085and\u2028a\u2029dog\x1c\x1d\x1e."


@pytest.mark.parametrize(
    "caption", ["", BREAKS, "word " * 100_000], ids=["empty", "breaks", "long"]
)
def test_odd_captions_stay_with_their_image(run, world, caption):
    write(world[1] / "sa_1.json", answer(caption=caption))
    code, out, _ = score(run, world, "--json")
    official = json.loads(out)[0]
    assert code == 0
    assert official["scores"]["Recall"]["value"] == 1.0
    if caption == BREAKS:
        assert any("line break" in note for note in official["notes"])
    # the other image's caption equals its reference, whatever this one holds
    assert official["scores"]["METEOR"]["value"] > 0


def test_other_settings_on_the_same_run_name_the_field(run, tmp_path):
    evaluate(run, "--out", "r")
    before = (tmp_path / "r" / "predictions.jsonl").read_bytes()
    refused(evaluate(run, "--out", "r", "--seed", "5"), "seed", "0", "5", "--out")
    assert (tmp_path / "r" / "predictions.jsonl").read_bytes() == before


def test_a_folder_with_other_things_is_left_alone(run, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "thesis.tex").write_text("x")
    refused(evaluate(run, "--out", "r"), "thesis.tex")
    assert [file.name for file in (tmp_path / "r").iterdir()] == ["thesis.tex"]


def test_debug_shows_the_traceback():
    done = subprocess.run(
        [sys.executable, "-c", "from gcg_bench.cli import main; main()", "--debug", "score", "gone",
         "--split", "val", "--dataset", "shapes"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback")
    assert done.stderr.splitlines()[-1].startswith("gcg-bench: gone: ")


def test_what_the_first_failed_image_failed_of_is_said(run, tmp_path):
    (tmp_path / "mine.py").write_text(
        "class Mine:\n"
        "    def answer(self, queries):\n"
        "        raise ValueError('boom')\n"
        "load = Mine\n"
    )
    arguments = ["predict", *SHAPES[1:], "--model", "./mine.py", "--limit", "2", "--out", "r"]
    code, _, err = run(*arguments)
    assert code == 1
    said = "2 images failed, the first shapes_val_000000: ValueError: boom"
    assert said in " ".join(err.split())
    assert run(*arguments, "--quiet")[2] == ""
    assert said in " ".join(run("score", "r", "--encoder", "minilm")[2].split())


def test_a_log_has_no_empty_lines_for_bars(run):
    _, _, err = evaluate(run)
    assert err
    assert "" not in err.splitlines()


def test_paths_are_left_out_of_the_default_run_folder():
    from gcg_bench.cli.evaluate import default_folder

    assert default_folder("glamm-tiny", "shapes", "val") == Path("runs/glamm-tiny-shapes-val")
    odd = default_folder("predictions:../x/y", "shapes", "val")
    assert odd.parent == Path("runs")
    assert default_folder("predictions:../x/y", "s", "v") != default_folder(
        "predictions:..-x-y", "s", "v"
    )
