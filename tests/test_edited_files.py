"""Fields of run.json and scores.json that somebody edits: every command notices each of them."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from support.typed import refused

from gcg_bench.cli import main
from gcg_bench.runs import Run
from gcg_bench.runs.accepting import accept_edits
from gcg_bench.scoring.score import reduced
from gcg_bench.scoring.scored_run import Run as ScoredRun
from gcg_bench.scoring.storage import keep, load_result
from gcg_bench.types import Rows

MODEL = """
from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import from_box


class Left:
    def __init__(self, share=0.5):
        self.share = share

    def answer(self, queries):
        for query in queries:
            height, width = query.image.height, query.image.width
            mask = from_box((0, 0, width * self.share, height), height, width)
            yield Prediction(query.id, Grounding("A square.", (Phrase("A square", (mask,)),)))


load = Left
"""

# every field of run.json, with the fields of its environment
SETTINGS = (
    "model", "code", "arguments", "task", "dataset", "card_version", "split", "limit", "n",
    "annotations", "prompt", "seed", "oracle", "decoding", "environment.label",
    "environment.device", "environment.batch_size", "environment.timeout",
    "environment.give_up_after", "environment.python", "environment.platform",
    "environment.versions", "environment.started",
)  # fmt: skip

# people correct names by hand, and no score is computed from these
NAMES = ("model", "oracle", "environment.label")

# every field of scores.json that can be edited alone
RESULT = (
    "task", "protocol", "version", "signature", "dataset", "split", "n", "failed",
    "scores.F1.value", "scores.F1.low", "scores.F1.high", "words", "false_accept", "floors",
    "notes", "resampling.draws", "resampling.seed", "measurement.card", "measurement.truth",
    "measurement.missing", "measurement.encoder.name", "measurement.encoder.digest",
    "measurement.equal_is_one", "measurement.ranked_by", "measurement.images_by",
    "measurement.scores", "measurement.metrics", "answered", "confidences", "evaluator",
    "sha256.predictions", "sha256.rows", "sha256.references", "content",
)  # fmt: skip
HARMLESS = ("seconds",)
"""No number or label depends on the seconds of stages, and no page shows them."""

STRICT = "gcg.strict-2"


def typed(*arguments):
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One run on three rendered images, and a copy to compare it with."""
    folder = tmp_path_factory.mktemp("edited")
    (folder / "left.py").write_text(MODEL)
    code = typed(
        "evaluate", "--model", folder / "left.py", "--model-arg", "share=0.5", "--dataset",
        "shapes", "--split", "val", "--limit", "3", "--protocol", "strict", "--draws", "20",
        "--name", "mine", "--no-report", "--quiet", "--json", "--out", folder / "mine",
    )  # fmt: skip
    assert code == 0
    shutil.copytree(folder / "mine", folder / "other")
    return folder


@pytest.fixture
def runs(made, tmp_path, capsys):
    """A copy that a test may edit."""
    for name in ("mine", "other"):
        shutil.copytree(made / name, tmp_path / name)
    capsys.readouterr()
    return tmp_path


def another(value):
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, dict):
        return {**value, "x": "1"}
    if isinstance(value, list):
        return [*value, "x"]
    return 1 if value is None else f"{value}x"


def edit(file, path, change=another):
    """Changes one field of a JSON file; its name has dots between the levels."""
    content = json.loads(file.read_text("utf-8"))
    *above, last = path.split(".")
    place = content
    for name in above:
        place = place[name]
    place[last] = change(place[last])
    file.write_text(json.dumps(content), "utf-8")


def readers(folder):
    """The commands that believe a run."""
    mine, other = folder / "mine", folder / "other"
    return [
        ("report", mine),
        ("compare", mine, other),
        ("compare", other, mine),
        ("leaderboard", mine, other, "-o", folder / "board.csv", "--force"),
        ("cite", mine),
        ("leaderboard", "check", mine),
    ]


def test_no_field_is_forgotten(made):
    run = json.loads((made / "mine" / "run.json").read_text("utf-8"))
    assert set(run.pop("crc32")) == set(SETTINGS)
    environment = {f"environment.{name}" for name in run.pop("environment")}
    assert {*run, *environment} == set(SETTINGS)
    scores = json.loads((made / "mine" / STRICT / "scores.json").read_text("utf-8"))
    assert {name.partition(".")[0] for name in (*RESULT, *HARMLESS)} == set(scores)
    for part in ("sha256", "resampling", "measurement"):
        listed = {name.split(".")[1] for name in RESULT if name.startswith(f"{part}.")}
        assert listed == set(scores[part])


@pytest.mark.parametrize("field", [field for field in SETTINGS if field not in NAMES])
def test_an_edited_field_of_run_json_is_noticed(run, runs, field):
    edit(runs / "mine" / "run.json", field)
    everything = [("score", runs / "mine"), *readers(runs)]
    place = SETTINGS.index(field)
    # all commands for one field; then one each, since they open a run in the same way
    for command in everything if field == "code" else [everything[place % len(everything)]]:
        refused(run(*command), f"run.json: {field}: is not as the run wrote it", "--accept-edits")


@pytest.mark.parametrize("field", NAMES)
def test_an_edited_name_is_a_warning_and_an_error_of_a_check(run, runs, field, caplog):
    edit(runs / "mine" / "run.json", field)
    sentence = f"run.json: {field}: is not as the run wrote it, by its checksum in crc32."
    command = [command for command in readers(runs) if command[0] != "cite"][NAMES.index(field)]
    assert run(*command)[0] == (2 if command[1] == "check" else 0)
    assert caplog.text.count(sentence) == 1
    code, told = check(run, runs / "mine")
    assert (code, errors(told)) == (2, {field})
    edit(runs / "mine" / "run.json", "n")  # with another edit, nothing is read
    refused(run(*command), "run.json: n: is not as the run wrote it", f"neither is {field}")
    accept_edits(runs / "mine")
    edit(runs / "mine" / "run.json", "n", lambda n: n - 1)
    accept_edits(runs / "mine")
    caplog.clear()
    assert run(*command)[0] == 0
    assert "is not as the run wrote it" not in caplog.text


def without(name):
    def change(content):
        del content[name]

    return change


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (without("limit"), "limit"),
        (without("crc32"), "crc32"),
        (lambda content: content.update(shard="1/2"), "shard"),
        (lambda content: content["environment"].update(note="best"), "environment.note"),
        (lambda content: content["crc32"].update(n="00000000"), "n"),
    ],
)
def test_fields_of_run_json_that_are_added_or_removed_are_noticed(run, runs, change, field):
    file = runs / "mine" / "run.json"
    content = json.loads(file.read_text("utf-8"))
    change(content)
    file.write_text(json.dumps(content), "utf-8")
    refused(run("report", runs / "mine"), f"run.json: {field}: is not as the run wrote it")


def test_another_layout_of_run_json_is_no_edit(run, runs):
    file = runs / "mine" / "run.json"
    content = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(dict(reversed(content.items())), indent=7), "utf-8")
    assert run("cite", runs / "mine")[0] == 0


@pytest.mark.parametrize("field", RESULT)
def test_an_edited_field_of_scores_json_is_noticed(run, runs, field):
    edit(runs / "mine" / STRICT / "scores.json", field)
    everything, place = readers(runs)[:-1], RESULT.index(field)
    for command in everything if place == 0 else [everything[place % len(everything)]]:
        refused(run(*command), "scores.json")
    code, out, _ = run("leaderboard", "check", runs / "mine", "--no-score", "--json")
    assert code == 2
    problems = [one for one in json.loads(out)["problems"] if one["level"] == "error"]
    assert problems
    assert all("scores.json" in one["file"] and one["remedy"] for one in problems), problems


@pytest.mark.parametrize("field", HARMLESS)
def test_a_harmless_field_of_scores_json(run, runs, field):
    boards = [runs / "before.csv", runs / "after.csv"]
    assert run("leaderboard", runs / "mine", "-o", boards[0])[0] == 0
    edit(runs / "mine" / STRICT / "scores.json", field, lambda value: {**value, "tokens": 99.0})
    assert run("leaderboard", runs / "mine", "-o", boards[1])[0] == 0
    assert boards[0].read_bytes() == boards[1].read_bytes()


def test_an_edited_result_is_shown_by_nobody(run, runs):
    """In a notebook and by `cite --diff`, which reads one file."""
    file = runs / "mine" / STRICT / "scores.json"
    honest = repr(ScoredRun.open(runs / "mine"))
    assert "strict v2" in honest
    edit(file, "words", lambda _: 1.0)
    shown = repr(ScoredRun.open(runs / "mine")), ScoredRun.open(runs / "mine")._repr_html_()
    for text in shown:
        assert "content: is not as it was written" in text
        assert "strict v2" not in text
    refused(run("cite", "--diff", file, runs / "other"), "content: is not as it was written")


def test_edited_predictions_are_not_exported_nor_accepted(run, runs):
    file = runs / "mine" / "predictions.jsonl"
    file.write_text(file.read_text("utf-8").replace("A square.", "A circle.", 1), "utf-8")
    export = ("data", "export", runs / "mine", runs / "out", "--format", "coco_results")
    refused(run(*export), "line 1: is not as the run wrote it, by its field crc32")
    shutil.rmtree(runs / "mine" / STRICT)  # so that no sha256 of the predictions is there
    code, told = check(run, runs / "mine")
    assert code == 2
    assert any("field crc32" in problem["problem"] for problem in told["problems"])


def test_a_prediction_without_a_checksum_is_named(run, runs):
    file = runs / "mine" / "predictions.jsonl"
    first, *others = file.read_text("utf-8").splitlines(keepends=True)
    content = json.loads(first)
    content.pop("crc32")
    file.write_text("".join([json.dumps(content) + "\n", *others]), "utf-8")
    code, told = check(run, runs / "mine", "--no-score")
    warnings = [one["problem"] for one in told["problems"] if one["level"] == "warning"]
    assert any("1 predictions have no field crc32" in warning for warning in warnings)
    assert (code, errors(told)) == (2, {"sha256.predictions"})


# --- checksums that were written anew


def errors(told):
    return {one["field"] for one in told["problems"] if one["level"] == "error"}


def check(run, folder, *more):
    code, out, err = run("leaderboard", "check", folder, "--json", *more)
    assert out, err
    return code, json.loads(out)


def sealed_anew(file, change):
    """Changes scores.json as somebody who knows of the sha256 of its content."""
    content = json.loads(file.read_text("utf-8"))
    change(content)
    fields = {name: content[name] for name in content if name not in ("content", "seconds")}
    text = json.dumps(fields, sort_keys=True)
    content["content"] = hashlib.sha256(text.encode("ascii")).hexdigest()
    file.write_text(json.dumps(content), "utf-8")


def test_the_honest_run_is_accepted_and_what_is_believed_is_named(run, runs):
    code, told = check(run, runs / "mine")
    assert (code, told["accepted"], errors(told)) == (0, True, set())
    assert len(told["not_checked"]) == 2
    assert all("as the run states them" in sentence for sentence in told["not_checked"])
    code, out, _ = run("leaderboard", "check", runs / "mine")
    assert code == 0
    assert "Not checked: run.json: the model" in " ".join(out.split())
    told = check(run, runs / "mine", "--no-score")[1]
    assert any("not scored again" in sentence for sentence in told["not_checked"])


def forged(content):
    """Every figure and sentence of a result that its rows do not give."""
    content.update(failed=1, words=9.5, false_accept=0.001)
    content["floors"][0]["scores"]["F1"] = 0.987
    content["floors"][1]["phrase"] = "best"
    content["notes"] = [*content["notes"][1:], "state of the art"]
    content["scores"]["F1"]["low"] = 0.001
    content["scores"]["F1"]["undefined_draws"] = 3


def test_forged_figures_are_computed_again(run, runs):
    sealed_anew(runs / "mine" / STRICT / "scores.json", forged)
    assert run("cite", runs / "mine")[0] == 0  # the rows and the seal fit
    code, told = check(run, runs / "mine")
    assert code == 2
    assert {
        "failed", "words", "false_accept", "floors.1.scores.F1", "floors.2.phrase", "scores.F1.low",
        "scores.F1.undefined_draws",
    } <= errors(told)  # fmt: skip
    assert any(field.startswith("notes.") for field in errors(told))


def test_forged_rows_are_computed_again(run, runs):
    """Rows, scores and digests that fit each other, and not the predictions."""
    mine = Run.open(runs / "mine")
    stored = load_result(mine, STRICT)
    rows = dict(stored.rows)
    ones = np.ones(len(stored.ids))
    rows["miou"] = Rows(stored.ids, {"miou": ones}, stored.images)
    scores = reduced(stored.protocol, rows, stored.resampling)
    keep(mine, replace(stored, rows=rows, scores=scores))
    assert run("cite", runs / "mine")[0] == 0
    code, told = check(run, runs / "mine")
    assert code == 2
    assert "scores.mIoU.value" in errors(told)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda one: replace(one, confidences="all"), "confidences"),
        (lambda one: replace(one, evaluator="the authors'"), "evaluator"),
        (lambda one: replace(one, data=replace(one.data, missing="left")), "measurement.missing"),
        (lambda one: replace(one, resampling=replace(one.resampling, seed=5)), "resampling.seed"),
        (lambda one: replace(one, protocol=replace(one.protocol, images_by="mIoU")),
         "measurement.images_by"),
        (lambda one: replace(one, protocol=replace(one.protocol, version=3)), "protocol"),
        (lambda one: replace(one, encoder=(one.encoder[0], "0" * 64)),
         "measurement.encoder.digest"),
    ],
)  # fmt: skip
def test_labels_of_a_result_are_computed_again(run, runs, change, field):
    mine = Run.open(runs / "mine")
    stored = change(load_result(mine, STRICT))
    rows = dict(stored.rows)
    shutil.rmtree(runs / "mine" / STRICT)
    keep(mine, replace(stored, rows=rows))
    code, told = check(run, runs / "mine")
    assert code == 2
    assert field in errors(told), told["problems"]


def stored_anew(folder, change):
    """Stores the result of a run with another protocol, as somebody who knows all checksums."""
    run = Run.open(folder)
    stored = load_result(run, STRICT)
    keep(run, replace(stored, rows=dict(stored.rows), protocol=change(stored.protocol)))


def test_no_run_chooses_the_score_that_ranks_it(run, runs):
    stored_anew(runs / "mine", lambda protocol: replace(protocol, ranked_by="mIoU"))
    for command in (("leaderboard", "mine", "other", "-o", "b.csv"), ("compare", "mine", "other")):
        refused(run(*command), "measurement.ranked_by: is mIoU, and that of strict-2 is gPQ")


def looser(protocol):
    metrics = [
        replace(metric, threshold_iou=0.1) if metric.name == "phrase_f1" else metric
        for metric in protocol.metrics
    ]
    return replace(protocol, metrics=tuple(metrics))


def test_another_definition_of_a_protocol_is_named(run, runs):
    stored_anew(runs / "mine", looser)
    sentence = "mine: strict-2 was measured with other metrics than this gcg-bench gives it"
    for command in (("leaderboard", "mine", "-o", "b.csv"), ("report", "mine", "-o", "r.html")):
        code, _, err = run(*command)
        assert (code, " ".join(err.split()).count(sentence)) == (0, 1)
    code, told = check(run, "mine")
    assert code == 2
    assert any(f.startswith("measurement.metrics.") for f in errors(told)), errors(told)


def set_anew(folder, **settings):
    """Changes run.json as somebody who writes the checksums anew."""
    file = folder / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **settings}), "utf-8")
    accept_edits(folder)


def test_another_number_of_queries_contradicts_the_data(run, runs):
    set_anew(runs / "mine", n=5)
    refused(run("score", runs / "mine"), "run.json: n: says 5, and the data have 3 images")
    refused(run("report", runs / "mine"), "n: is 3, and run.json says 5")
    code, told = check(run, runs / "mine", "--no-score")
    assert (code, "n" in errors(told)) == (2, True)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"card_version": "9"}, "made with card version 9, and is scored with card version"),
        ({"annotations": {"a.json": "0" * 64}}, "the references changed after the run was made"),
        ({"task": "referring"}, "made with task referring, and is scored with task gcg"),
    ],
)
def test_other_data_than_those_of_the_run_are_noted(run, runs, settings, sentence):
    set_anew(runs / "mine", **settings)
    code, out, err = run(
        "score", runs / "mine", "--task", "gcg", "--protocol", "strict", "--draws", "20"
    )
    assert code == 0, err
    assert sentence in " ".join(out.split())
    told = check(run, runs / "mine", "--no-score", "--task", "gcg")[1]
    warnings = [one["problem"] for one in told["problems"] if one["level"] == "warning"]
    assert any(sentence in warning for warning in warnings)


def test_a_number_that_json_cannot_hold_is_not_accepted(run, runs):
    file = runs / "mine" / "run.json"
    file.write_text(file.read_text("utf-8").replace('"n": 3', '"best": 1e999, "n": 3', 1), "utf-8")
    before = file.read_bytes()
    refused(run("score", runs / "mine", "--accept-edits"), "run.json", "cannot be written as JSON")
    assert file.read_bytes() == before


def test_accepted_edits_are_named(run, runs):
    edit(runs / "mine" / "run.json", "environment.label", lambda _: "renamed")
    code, _, err = run("score", runs / "mine", "--accept-edits", "--draws", "20")
    assert code == 0
    assert "fields of run.json that were changed after the run wrote it: environment.label" in err
    code, out, err = run("score", runs / "mine", "--accept-edits", "--draws", "20")
    assert (code, "fields of run.json" in err) == (0, False)
    assert "renamed on shapes val" in out
