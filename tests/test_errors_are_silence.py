"""A prediction that states an error counts as silence, whatever else its line holds."""

import json
import shutil

import pytest
from support.typed import GOOD, lines, score

from gcg_bench.predictions import Reading, read_predictions
from gcg_bench.types import SILENCE, Grounding, Phrase, Prediction

ANSWER = {"caption": "a cat on a mat", "phrases": [{"text": "a cat", "mask": GOOD}]}
GLAMM = {"caption": "a cat on a mat", "phrases": ["a cat"], "pred_masks": [GOOD]}
PANOCAPS = {
    "segmentation": [GOOD],
    "segments_info": [{"id": 1}],
    "gcg_phrases": ["a cat"],
    "gcg_caption": "a cat on a mat",
}


def scores(result):
    """Protocol and score -> value, and protocol -> number of failures, from `--json`."""
    code, out, err = result
    assert code in (0, 1), err
    results = json.loads(out)
    values = {
        (one["protocol"], name): value["value"]
        for one in results
        for name, value in one["scores"].items()
    }
    return values, [one["failed"] for one in results]


@pytest.mark.parametrize(
    "fields", [{"error": "out of memory"}, {"error": ""}, {"error": "x", "refused": True}]
)
def test_an_answer_beside_an_error_scores_as_silence(run, world, fields):
    bare = [{"id": f"sa_{k}", **fields} for k in (1, 2)]
    full = [{"id": f"sa_{k}", **ANSWER, "raw": "r", **fields} for k in (1, 2)]
    silent = scores(score(run, lines(world, *bare), "--json"))
    assert scores(score(run, lines(world, *full), "--json")) == silent
    assert silent[1]
    assert set(silent[1]) == {2}
    assert score(run, lines(world, *full), "--json")[0] == 1
    _, out, _ = score(run, lines(world, *full))
    sentence = "answers beside an error, which count as silence: 2 of 2"
    assert sentence in " ".join(out.split())


def test_the_same_answer_without_an_error_scores(run, world):
    full = [{"id": f"sa_{k}", **ANSWER} for k in (1, 2)]
    values, failed = scores(score(run, lines(world, *full), "--json"))
    assert values["official", "mIoU"] == 1
    assert set(failed) == {0}


@pytest.mark.parametrize("record", [ANSWER, GLAMM, PANOCAPS], ids=["ours", "glamm", "panocaps"])
@pytest.mark.parametrize("form", ["lines", "list", "keys", "folder"])
def test_an_error_is_heard_in_every_layout_and_form(tmp_path, record, form):
    entries = [
        {**record, "image_id": "1", "error": "CUDA ran out of memory"},
        {**record, "image_id": "2", "error": None},
    ]
    path = tmp_path / "p.json"
    if form == "lines":
        path = tmp_path / "p.jsonl"
        path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    elif form == "list":
        path.write_text(json.dumps(entries))
    elif form == "keys":
        path.write_text(json.dumps({entry["image_id"]: entry for entry in entries}))
    else:
        path = tmp_path / "folder"
        path.mkdir()
        for entry in entries:
            (path / f"{entry['image_id']}.json").write_text(json.dumps(entry))
    reading = Reading()
    failed, answered = read_predictions(path, sizes={}, reading=reading)
    assert (failed.error, failed.grounding) == ("CUDA ran out of memory", SILENCE)
    assert (answered.error, answered.grounding.caption) == (None, "a cat on a mat")
    assert (reading.failed, reading.dropped) == (1, 1)


@pytest.mark.parametrize(
    ("stated", "error"),
    [(False, None), (None, None), (True, "true"), ({"code": 5}, '{"code": 5}'), (0, None)],
)
def test_flags_and_objects_of_other_programs(tmp_path, stated, error):
    file = tmp_path / "p.json"
    file.write_text(json.dumps([{**PANOCAPS, "image_id": "1", "error": stated}]))
    (prediction,) = read_predictions(file, sizes={})
    assert prediction.error == error
    assert (prediction.grounding == SILENCE) == (error is not None)


def test_a_refusal_is_no_error(tmp_path):
    """Tasks with expressions that fit nothing decide what an answer beside a refusal is."""
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps({"id": "1", **ANSWER, "refused": True}) + "\n")
    reading = Reading()
    (prediction,) = read_predictions(file, reading=reading)
    assert (prediction.refused, prediction.grounding.caption) == (True, "a cat on a mat")
    assert (reading.dropped, reading.sentences()) == (0, [])


def test_a_model_of_python_that_gives_both(tmp_path):
    prediction = Prediction("1", Grounding("a cat", (Phrase("a cat"),)), raw="r", error="x")
    assert (prediction.grounding, prediction.raw) == (SILENCE, "r")


def test_a_run_whose_lines_hold_both(run, tmp_path):
    """The run, its explanation, its report and a comparison show silence; the file is untouched."""
    common = ["--dataset", "shapes", "--split", "val", "--limit", "3", "--encoder", "minilm"]
    common += ["--draws", "20", "--quiet"]
    assert run("evaluate", "--model", "copy-truth", *common, "--no-report", "--out", "r")[0] == 0
    file = tmp_path / "r" / "predictions.jsonl"
    records = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps({**one, "error": "died"}) + "\n" for one in records))
    before = file.read_bytes()
    code, out, _ = run("score", "r", "--encoder", "minilm", "--draws", "20", "--json", "--quiet")
    assert code == 1
    for result in json.loads(out):
        assert result["failed"] == 3
        assert not result["scores"].get("F1", {"value": 0})["value"]
    assert file.read_bytes() == before
    shutil.copytree(tmp_path / "r", tmp_path / "s")
    assert run("report", "r", "--quiet")[0] == 0
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "died" in page
    assert records[0]["caption"] in page  # as the reference
    code, out, _ = run("score", "r", "--explain", records[0]["id"], "--json")
    assert code == 0
    assert json.loads(out)["error"] == "died"
    assert json.loads(out)["predicted"]["caption"] == ""
    assert run("compare", "r", "s", "-o", "c.html", "--draws", "20", "--quiet")[0] == 0
    assert records[0]["caption"] not in (tmp_path / "c.html").read_text(encoding="utf-8")


def test_compare_names_the_protocols_that_it_leaves_out(run, tmp_path):
    common = ["--dataset", "shapes", "--split", "val", "--limit", "3", "--encoder", "minilm"]
    common += ["--draws", "20", "--quiet", "--no-report"]
    assert run("evaluate", "--model", "copy-truth", *common, "--out", "a")[0] == 0
    assert run("evaluate", "--model", "silent", *common, "--out", "b")[0] == 0
    (folder,) = (tmp_path / "a").glob("gcg.strict-*")
    version = folder.name.rpartition("-")[2]
    renamed = folder.rename(folder.with_name("gcg.strict-99"))
    scores = json.loads((renamed / "scores.json").read_text())
    scores["version"] = 99
    (renamed / "scores.json").write_text(json.dumps(scores))
    code, out, err = run("compare", "a", "b", "--draws", "20", "--json")
    assert code == 0, err
    left = (
        f"the protocol strict is left out: A was scored with strict-99 and B with strict-{version}"
    )
    assert any(note.startswith(left) for note in json.loads(out)["notes"])
    code, out, _ = run("compare", "a", "b", "--draws", "20")
    assert "strict is left out" in " ".join(out.split())
    shutil.rmtree(renamed)
    code, out, _ = run("compare", "a", "b", "--draws", "20", "--json")
    left = f"the protocol strict is left out: only B was scored with strict-{version}"
    assert any(note.startswith(left) for note in json.loads(out)["notes"])
    code, out, _ = run("compare", "a", "b", "--protocol", "official", "--draws", "20", "--json")
    assert not any("left out" in note for note in json.loads(out)["notes"])
