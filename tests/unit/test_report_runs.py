"""The report of a run folder: what it needs, and what it refuses with a reason."""

import json

import numpy as np
import pytest

from gcg_bench.cli import main
from gcg_bench.data import load_dataset
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.predictions import read_predictions
from gcg_bench.runs import Run
from gcg_bench.types import Prediction, Rows

SIGNATURE = (
    "protocol:strict-1|dataset:shapes|n:3|encoder:minilm@53aa5117|equal_phrases:1"
    "|metrics:phrase_f1(threshold_iou=0.5,threshold_similarity=0.5)"
)
VERDICT = {
    "protocol": "strict",
    "version": 1,
    "signature": SIGNATURE,
    "scores": {"F1": {"value": 0.8, "low": None, "high": None}},
    "words": 10.0,
    "false_accept": 0.1,
    "notes": [],
}


@pytest.fixture
def folder(tmp_path):
    """A run on three scenes, one of which failed; scored by hand."""
    data = load_dataset("shapes", "val", limit=3)
    settings = {"model": "predictions:/a/b/mine.jsonl", "dataset": "shapes", "split": "val"}
    with Run.create_or_resume(tmp_path / "run", {**settings, "limit": 3}) as run:
        for sample in data.samples[:2]:
            run.append(Prediction(sample.id, sample.truth))
        run.append(Prediction(data.samples[2].id, error="it broke"))
    score(tmp_path / "run", [sample.id for sample in data.samples])
    return tmp_path / "run"


def score(folder, ids):
    counts = {name: np.ones(len(ids)) for name in PhraseF1.columns}
    run = Run.open(folder)
    run.write_rows("strict-1", {"phrase_f1": Rows(tuple(ids), counts)})
    run.write_scores("strict-1", VERDICT)


@pytest.fixture
def typed(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["report", *map(str, arguments)])
        return int(left.value.code or 0), *capsys.readouterr()

    return run


def test_report_of_a_run(folder, typed, tmp_path):
    code, out, err = typed(folder)
    assert (code, out) == (0, "")
    assert f"report: {folder / 'report.html'}" in err.replace("\n", "")
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h1><bdi>predictions:mine.jsonl on shapes val</bdi></h1>" in html
    index = json.loads(html.split('id="index">')[1].split("</script>")[0])
    assert index["failed"] == [0, 0, 1]
    assert index["values"][index["worst"]] == [1.0, 1.0, 1.0]  # as the rows say
    # the diagnosis is of the answers themselves: two images right, all phrases of one missed
    truth = {one.id: len(one.grounding.phrases) for one in read_predictions(folder)}
    matched, *_, missed = index["reference"]
    assert matched == list(truth.values())
    assert missed[:2] == [0, 0]
    assert missed[2] > 0


def test_report_elsewhere_and_quiet(folder, typed, tmp_path):
    code, out, err = typed(folder, "-o", tmp_path / "new" / "page.html", "--quiet")
    assert (code, out, err) == (0, "", "")
    assert (tmp_path / "new" / "page.html").is_file()
    assert not (folder / "report.html").exists()


def test_a_run_must_be_scored(folder, typed):
    (folder / "gcg.strict-1" / "scores.json").unlink()
    code, _, err = typed(folder)
    assert code == 2
    assert f"gcg-bench score {folder}" in err


def test_a_run_must_be_scored_on_the_same_images(folder, typed):
    score(folder, ["another", "and", "more"])
    code, _, err = typed(folder)
    assert code == 2
    assert "scored on other images" in err


def test_a_run_must_be_told_with_its_own_encoder(folder, typed):
    file = folder / "gcg.strict-1" / "scores.json"
    file.write_text(file.read_text().replace("minilm@53aa5117", "minilm@00000000"))
    code, _, err = typed(folder)
    assert code == 2
    assert "encoder minilm 00000000" in " ".join(err.split())


def test_no_run(typed, tmp_path):
    code, _, err = typed(tmp_path / "nothing")
    assert code == 2
    assert "nothing" in err


def test_another_data_set(folder, typed):
    code, _, err = typed(folder, "--dataset", "grandf")
    assert code == 2
    assert err


def test_report_names_missing_pictures(folder, typed, monkeypatch):
    from gcg_bench.data.shapes import sampling
    from gcg_bench.errors import MissingData

    def gone(split, index):
        raise MissingData(f"{split} {index}: no such image")

    monkeypatch.setattr(sampling, "pixels", gone)
    code, _, err = typed(folder)
    assert code == 0
    assert "no picture found, drawn on a blank canvas instead: val 0: no such image" in " ".join(
        err.split()
    )
