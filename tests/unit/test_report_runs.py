"""The report of a run folder: what it needs, and what it refuses with a reason."""

import json
from dataclasses import replace

import numpy as np
import pytest
from support import scored

from gcg_bench.cli import main
from gcg_bench.data import load_dataset
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.predictions import read_predictions
from gcg_bench.runs import Run
from gcg_bench.scoring.storage import keep
from gcg_bench.tasks import gcg
from gcg_bench.text.encoders import load_encoder
from gcg_bench.types import Prediction, Rows

DIGEST = load_encoder("minilm").digest
PHRASES = replace(gcg.STRICT, metrics=(PhraseF1(),), ranked_by="", images_by="")


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


def score(folder, ids, *, protocol=PHRASES, digest=DIGEST, **columns):
    """Scores a run by hand: ones for every count that is not given."""
    (metric,) = protocol.metrics
    counts = {name: np.ones(len(ids)) for name in metric.columns} | columns
    rows = {metric.name: Rows(tuple(ids), counts)}
    keep(Run.open(folder), scored.result(protocol, rows, encoder=f"minilm@{digest}"))


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
    score(folder, [sample.id for sample in load_dataset("shapes", "val", limit=3).samples],
          digest="00000000" + DIGEST[8:])  # fmt: skip
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
