"""The command line as people mistype it: bad input is met with one clear message."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.typed import GOOD, answer, evaluate, line, lines, refused, score, write

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
        (["compare", "a", "b", "--drwas", "5"], ["no option of gcg-bench compare", "'--draws'"]),
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
        ("def load():\n    raise OSError('full')\n", ["build model ./mine.py: OSError: full"]),
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
    from gcg_bench.pipeline.run_folders import default_folder

    assert default_folder("glamm-tiny", "shapes", "val") == Path("runs/glamm-tiny-shapes-val")
    odd = default_folder("predictions:../x/y", "shapes", "val")
    assert odd.parent == Path("runs")
    assert default_folder("predictions:../x/y", "s", "v") != default_folder(
        "predictions:..-x-y", "s", "v"
    )
