"""leaderboard verify, leaderboard check and cite as people type them."""

import csv
import json
import shutil
from dataclasses import replace

import pytest
from support.scored import rows, run_folder

from gcg_bench import load_dataset
from gcg_bench.cli import main
from gcg_bench.runs import Run
from gcg_bench.scoring.storage import keep, load_result

MODEL = """
from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import from_box


class Left:
    def answer(self, queries):
        for query in queries:
            height, width = query.image.height, query.image.width
            mask = from_box((0, 0, width / 2, height), height, width)
            yield Prediction(query.id, Grounding("A square.", (Phrase("A square", (mask,)),)))


load = Left
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two real runs on three rendered images: a model of a user's, and a baseline."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "left.py").write_text(MODEL)
    for name, model in {"left": str(folder / "left.py"), "whole": "whole-image"}.items():
        with pytest.raises(SystemExit) as left:
            main([
                "evaluate", "--model", model, "--dataset", "shapes", "--split", "val", "--limit",
                "3", "--encoder", "minilm", "--draws", "20", "--no-report", "--quiet", "--json",
                "--out", str(folder / name),
            ])  # fmt: skip
        assert not left.value.code
    return folder


@pytest.fixture
def real(made, tmp_path):
    """A copy of the real runs that a test may spoil."""
    for name in ("left", "whole"):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


def refused(result, *words):
    code, out, err = result
    assert code == 2, err
    assert out == ""
    assert len([line for line in err.splitlines() if line.startswith("gcg-bench:")]) == 1
    for word in words:
        assert str(word) in err, err


# verify


@pytest.fixture
def board(run, real):
    assert run("leaderboard", "left", "whole", "-o", "board.csv", "--quiet")[0] == 0
    return real / "board.csv"


def test_a_board_that_holds(run, board, real):
    code, out, _ = run("leaderboard", "verify", "board.csv", "--quiet")
    assert (code, "all 4 rows hold" in out) == (0, True)
    # moved together, board and runs still find each other
    (real / "moved").mkdir()
    for name in ("left", "whole", "board.csv"):
        shutil.move(real / name, real / "moved" / name)
    code, out, _ = run("leaderboard", "verify", "moved/board.csv", "--json")
    told = json.loads(out)
    assert (code, told["rows"], told["faults"]) == (0, 4, [])


@pytest.mark.parametrize(
    ("column", "value"),
    [("mIoU", "0.9"), ("AP50_high", "0.99"), ("n", "4"), ("failed", "1"), ("role", "baseline"),
     ("predictions", "0" * 64), ("rank", "2"), ("model", "better")],
)  # fmt: skip
def test_a_board_that_was_changed(run, board, column, value):
    with board.open(newline="") as stream:
        lines = list(csv.reader(stream))
    at = lines[0].index(column)
    assert lines[1][at] != value
    lines[1][at] = value
    with board.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(lines)
    code, out, _ = run("leaderboard", "verify", "board.csv", "--json")
    faults = json.loads(out)["faults"]
    assert code == 2
    assert (column, value) in {(fault["field"], fault["board"]) for fault in faults} or (
        column == "n" and "3" in faults[0]["found"]
    )


def changed(board, column, field, value):
    """Writes another value into one field of a mapping of the first row."""
    with board.open(newline="") as stream:
        lines = list(csv.reader(stream))
    at = lines[0].index(column)
    mapping = json.loads(lines[1][at])
    assert mapping.get(field) != value
    lines[1][at] = json.dumps({**mapping, field: value})
    with board.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(lines)


@pytest.mark.parametrize(
    ("column", "field", "value", "faults"),
    [
        ("measurement", "card", "7", {"signature: card", "signature"}),
        ("measurement", "metrics", "miou", {"signature: metrics", "signature"}),
        ("measurement", "encoder", "bert@1", {"signature: encoder", "signature"}),
        ("answered", "prompt", "other", {"signature: prompt", "signature"}),
        ("answered", "sampled", "no", {"signature: sampled", "signature"}),
        ("scores", "mIoU", {"direction": "lower", "scale": "plain"}, {"scores"}),
    ],
)
def test_what_a_board_says_of_its_scores_was_changed(run, board, column, field, value, faults):
    changed(board, column, field, value)
    code, out, _ = run("leaderboard", "verify", "board.csv", "--json")
    assert code == 2
    assert {fault["field"] for fault in json.loads(out)["faults"]} == faults


def test_the_signature_of_a_board_is_that_of_its_other_columns(run, board):
    text = board.read_text()
    board.write_text(text.replace("|split:val|", "|split:test|", 1))
    code, out, _ = run("leaderboard", "verify", "board.csv", "--json")
    (fault,) = json.loads(out)["faults"]
    assert (code, fault["field"]) == (2, "signature")
    assert "|split:test|" in fault["board"]
    assert "|split:val|" in fault["found"]


def test_optional_metrics_and_another_encoder_are_verified_too(run, real):
    arguments = ("--encoder", "minilm", "--also", "rouge_l", "--draws", "20", "--quiet")
    assert run("score", "left", "--protocol", "strict", *arguments)[0] == 0
    assert run("leaderboard", "left", "--by", "mIoU", "-o", "b.csv", "--quiet")[0] == 0
    with (real / "b.csv").open(newline="") as stream:
        lines = {line["protocol"]: line for line in csv.DictReader(stream)}
    assert lines["strict-2"]["ROUGE_L"]
    assert "minilm" in lines["official-1"]["signature"]  # its own encoder is another
    code, out, _ = run("leaderboard", "verify", "b.csv", "--json")
    assert (code, json.loads(out)["faults"]) == (0, [])


def test_predictions_that_were_changed(run, board, real):
    file = real / "left" / "predictions.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[0]["phrases"] = []
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, out, _ = run("leaderboard", "verify", "board.csv", "--quiet")
    assert code == 2
    assert "2 of 4 rows differ" in out
    for field in ("predictions", "mIoU"):
        assert field in out


def test_runs_that_are_gone_and_boards_that_are_none(run, board, real):
    shutil.rmtree(real / "whole")
    code, out, _ = run("leaderboard", "verify", "board.csv", "--json")
    faults = json.loads(out)["faults"]
    assert (code, len(faults)) == (2, 2)
    assert all("not a run folder" in fault["found"] for fault in faults)
    refused(run("leaderboard", "verify", "board.md"), ".csv")
    refused(run("leaderboard", "verify", "gone.csv"), "gone.csv")
    (real / "x.csv").write_text("a,b\n1,2\n")
    refused(run("leaderboard", "verify", "x.csv"), "model")


# check


def check(run, path, *more):
    code, out, _ = run("leaderboard", "check", path, *more, "--json")
    return code, json.loads(out)


def errors_of(told):
    """The problems that are errors; that all captions are the same is a warning here."""
    return [problem for problem in told["problems"] if problem["level"] == "error"]


def test_a_run_that_is_handed_in(run, real):
    code, told = check(run, "left")
    assert (code, told["accepted"], told["answered"], told["n"]) == (0, True, 3, 3)
    assert told["layout"] == "run folder"
    assert told["measured_on"]["dataset"] == "shapes"
    assert len(told["content_sha256"]) == 64
    assert any("same caption" in note for note in told["notes"])  # all three say A square.
    code, out, _ = run("leaderboard", "check", "left")
    assert code == 0
    assert "can be accepted" in out


def test_the_content_decides_the_hash(run, real):
    """Another order, layout and time are the same submission; another caption is not."""
    _, told = check(run, "left")
    lines = [
        json.loads(line) for line in (real / "left" / "predictions.jsonl").read_text().splitlines()
    ]
    for line in lines:
        line["seconds"] = 9.0
    file = real / "again.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in reversed(lines)))
    shapes = ("--dataset", "shapes", "--split", "val", "--limit", "3")
    code, again = check(run, "again.jsonl", *shapes)
    assert (code, again["content_sha256"]) == (0, told["content_sha256"])
    lines[0]["caption"] += "!"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert check(run, "again.jsonl", *shapes)[1]["content_sha256"] != told["content_sha256"]


def test_a_submission_with_everything_wrong(run, real):
    lines = (real / "left" / "predictions.jsonl").read_text().splitlines()
    first, second = json.loads(lines[0]), json.loads(lines[1])
    second["phrases"][0]["mask"] = {"size": [2, 2], "counts": "04"}
    stranger = {**first, "id": "from-elsewhere"}
    file = real / "bad.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in (first, first, second, stranger)))
    code, told = check(run, "bad.jsonl", "--dataset", "shapes", "--split", "val", "--limit", "3")
    assert (code, told["accepted"]) == (2, False)
    said = " ".join(problem["problem"] for problem in told["problems"])
    assert "already" in said  # a duplicate
    assert "2 x 2" in said  # another size
    assert "not in the split" in said
    assert "no prediction" in said  # of the third image
    assert (told["answered"], told["n"]) == (2, 3)
    code, out, _ = run(
        "leaderboard", "check", "bad.jsonl", "--dataset", "shapes", "--split", "val", "--limit", "3"
    )
    assert code == 2
    assert "cannot be accepted" in out


def test_a_result_of_other_data(run, real):
    """All that a run says of the data is compared with the data here."""
    scored = Run.open(real / "left")
    stored = load_result(scored, "gcg.strict-2")
    keep(scored, replace(stored, data=replace(stored.data, card="7")))
    code, told = check(run, "left")
    assert code == 2
    (problem,) = errors_of(told)
    assert (problem["field"], problem["level"]) == ("card", "error")
    assert "says 7" in problem["problem"]


def test_a_run_that_contradicts_itself_is_not_accepted(run, real):
    file = real / "left" / "gcg.strict-2" / "scores.json"
    scores = json.loads(file.read_text())
    scores["scores"]["mIoU"]["value"] = 0.999
    file.write_text(json.dumps(scores))
    code, told = check(run, "left")
    assert (code, told["accepted"]) == (2, False)
    (problem,) = errors_of(told)
    assert problem["field"] == "scores.mIoU"
    assert "the rows give" in problem["problem"]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("failed", lambda value: replace(value, failed=3)),  # no prediction carries an error
        # the rows of every image are alike in Ungrounded: one box that is there, an interval of 0
        ("scores.Ungrounded.high", lambda value: with_score(value, "Ungrounded", high=0.5)),
        ("scores.Ungrounded.low", lambda value: with_score(value, "Ungrounded", low=None)),
        ("scores.F1.undefined_draws", lambda value: with_score(value, "F1", undefined=7)),
    ],
)
def test_a_run_that_was_sealed_again_after_a_change_is_not_accepted(run, real, field, change):
    """What rows and predictions give is computed again, whatever seals the run has."""
    scored = Run.open(real / "left")
    keep(scored, change(load_result(scored, "gcg.strict-2")))
    code, told = check(run, "left")
    (problem,) = errors_of(told)
    assert (code, problem["field"]) == (2, field)
    assert "gcg-bench score" in problem["remedy"]


def with_score(result, name, **changes):
    scores = [replace(score, **changes) if score.name == name else score for score in result.scores]
    return replace(result, scores=tuple(scores))


def test_captions_of_the_references_are_counted(run, real):
    """All three lines take the caption of their reference; the baseline says An image."""
    samples = load_dataset("shapes", "val", limit=3).samples
    lines = [{"id": sample.id, "caption": sample.truth.caption} for sample in samples]
    (real / "copied.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    shapes = ("--dataset", "shapes", "--split", "val", "--limit", "3")
    note = "3 of 3 answers have the caption of their reference, word for word"
    assert note in check(run, "copied.jsonl", *shapes)[1]["notes"]
    assert not [note for note in check(run, "whole")[1]["notes"] if "of their reference" in note]


def test_folders_beside_those_of_the_protocols_are_left_alone(run, real):
    """A copy, and results of version 0.1.0, whose folder is called strict-1."""
    shutil.copytree(real / "left" / "gcg.strict-2", real / "left" / "gcg.strict-2.bak")
    old = real / "left" / "strict-1"
    old.mkdir()
    (old / "scores.json").write_text('{"protocol": "strict", "version": 1}')
    assert run("leaderboard", "left", "-o", "board.csv", "--quiet")[0] == 0
    assert check(run, "left")[0] == 0
    shutil.move(real / "left" / "gcg.strict-2", real / "left" / "gcg.strict-9")
    refused(
        run("leaderboard", "left", "-o", "again.csv", "--quiet"),
        "lies in the folder gcg.strict-9. Give the folder its name again, or move it out",
    )


def test_a_board_without_rows_is_not_verified(run, board):
    board.write_text(board.read_text().splitlines()[0] + "\n")
    refused(run("leaderboard", "verify", "board.csv", "--quiet"), "holds no rows", "RUN... -o")


def test_rows_of_the_same_predictions_are_named(run, real):
    shutil.copytree(real / "left", real / "copy")
    code, out, _ = run("leaderboard", "left", "copy", "whole", "-o", "board.csv")
    assert code == 0
    assert out.count("the same predictions, line for line") == 2  # official and strict


def test_check_asks_for_the_split(run, real):
    (real / "x.jsonl").write_text("")
    refused(run("leaderboard", "check", "x.jsonl"), "--split")
    refused(run("leaderboard", "check", "gone", "--split", "val", "--dataset", "shapes"), "gone")


# cite


def test_cite_prints_bibtex(run, real):
    code, out, err = run("cite", "left", "whole")
    assert code == 0
    assert out.count("@software{gcg_bench,") == 1
    for key in ("denkowski2014meteor", "vedantam2015cider", "wang2020minilm"):
        assert f"{{{key}," in out
    assert "devlin2019bert" not in out  # official was scored with minilm here
    assert "left.py" in err
    assert run("cite", "left", "-o", "refs.bib", "--quiet") == (0, "", "")
    assert "@software" in (real / "refs.bib").read_text()
    refused(run("cite", "left", "-o", "refs.bib"), "exists")
    told = json.loads(run("cite", "whole", "--json", "--quiet")[1])
    assert told["unknown"] == []
    assert told["citations"][0]["key"] == "gcg_bench"


def test_cite_needs_scored_runs(run, tmp_path):
    run_folder(tmp_path / "bare", "bare", rows([1]), protocols=[])
    refused(run("cite", "bare"), "gcg-bench score")
    refused(run("cite"), "cite RUN...", "--diff A B")
