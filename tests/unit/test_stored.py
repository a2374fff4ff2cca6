"""Samples and predictions that stay in their files: what is read of them is what is read of all."""

import gzip
import json
import pickle
from dataclasses import replace

import pytest

from gcg_bench.cli import main
from gcg_bench.data import load_dataset
from gcg_bench.data.formats.jsonl import to_row
from gcg_bench.data.stored_samples import StoredSamples
from gcg_bench.errors import BadData, MissingData
from gcg_bench.metrics.cider import CIDEr
from gcg_bench.metrics.gpq import GroundedPQ
from gcg_bench.metrics.words import Words
from gcg_bench.pipeline.division import Division
from gcg_bench.pipeline.evaluate import score_run
from gcg_bench.pipeline.spec import DataSpec, ScoringSpec
from gcg_bench.predictions.phrases import json_line
from gcg_bench.runs import Run
from gcg_bench.runs.stored_predictions import StoredPredictions
from gcg_bench.runs.tables import RowsOnDisk
from gcg_bench.scoring.row_store import PREFIX
from gcg_bench.scoring.storage import load_result
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks.gcg import STRICT
from gcg_bench.types import Prediction

IMAGES = 11
PROTOCOL = replace(STRICT, metrics=(CIDEr(), GroundedPQ(), Words()))
SCORING = ScoringSpec((PROTOCOL,), resampling=Resampling(20, 0))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """JSON lines with a blank line, ids out of order, and two queries of one image."""
    data = load_dataset("shapes", "val", limit=IMAGES)
    rows = [to_row(sample, None) for sample in data.samples]
    for row in rows:
        del row["order"]
    rows[2]["order"] = 7
    rows[4]["image_id"] = rows[5]["id"]
    lines = [json_line(row) for row in reversed(rows)]
    file = tmp_path_factory.mktemp("stored") / "val.jsonl"
    file.write_text("\n".join([*lines[:3], "", *lines[3:]]) + "\n", "utf-8")
    return file


def data_of(file, stored):
    return DataSpec(file, "val", stored_from=0 if stored else None).load()


def test_stored_samples_are_the_samples(file):
    stored, whole = data_of(file, True), data_of(file, False)
    assert isinstance(stored.samples, StoredSamples)
    assert isinstance(whole.samples, tuple)
    assert tuple(stored.samples) == whole.samples
    assert stored.samples.ids == tuple(sample.id for sample in whole.samples)
    assert stored.files == whole.files
    assert stored.noun == whole.noun == "queries"
    assert tuple(stored.samples[3:9][2:4]) == whole.samples[5:7]
    assert stored.samples[-1] == whole.samples[-1]
    assert len(stored.samples[4:100]) == IMAGES - 4
    assert tuple(pickle.loads(pickle.dumps(stored.samples))[:2]) == whole.samples[:2]
    with pytest.raises(IndexError):
        stored.samples[IMAGES]
    with pytest.raises(ValueError, match="no gaps"):
        stored.samples[::2]


def test_small_and_packed_files_are_read_whole(file, tmp_path):
    assert isinstance(DataSpec(file, "val", stored_from=10**9).load().samples, tuple)
    packed = tmp_path / "val.jsonl"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert data_of(packed, True).samples == data_of(file, False).samples


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "should be an object"),
        ("{}", "id: is missing"),
        (None, "this image id occurred before"),
    ],
)
def test_what_is_wrong_is_said_of_its_line(file, tmp_path, line, message):
    lines = file.read_text("utf-8").splitlines()
    bad = tmp_path / "val.jsonl"
    bad.write_text("\n".join([*lines, lines[0] if line is None else line]), "utf-8")
    with pytest.raises(BadData, match=message) as caught:
        data_of(bad, True)
    assert str(bad) in str(caught.value)
    with pytest.raises(BadData, match=message):
        data_of(bad, False)


@pytest.fixture
def run(file, tmp_path):
    """A run that answers all queries, in another order, one with an error."""
    data = data_of(file, False)
    settings = {"model": "m", "dataset": data.card.name, "split": "val", "prompt": ""}
    with Run.create_or_resume(
        tmp_path / "run", {**settings, "decoding": {}, "limit": None}
    ) as made:
        for k, sample in enumerate(sorted(data.samples, key=lambda s: s.id)):
            error = "broke" if k == 4 else None
            truth = sample.truth
            if not k % 3:
                phrases = tuple(replace(phrase, span=None) for phrase in truth.phrases)
                truth = replace(truth, caption="a dog", phrases=phrases)
            made.append(Prediction(sample.id, truth, error=error))
    return Run.open(tmp_path / "run")


def rows_and_scores(run, data, division=None, scoring=SCORING):
    evaluated = score_run(run, data, scoring, division=division, message=lambda _: None)
    folder = run.folder / "gcg.strict-2"
    document = json.loads((folder / "scores.json").read_text())
    del document["seconds"]
    assert not list(run.folder.glob(f"{PREFIX}*"))
    return evaluated, (document, (folder / "rows.parquet").read_bytes())


def test_a_stored_run_is_scored_as_one_in_memory(file, run):
    stored, whole = data_of(file, True), data_of(file, False)
    _, expected = rows_and_scores(run, whole)
    (run.folder / f"{PREFIX}left").mkdir()  # of a process that was killed
    for division in (Division(4, 1), None):
        evaluated, found = rows_and_scores(run, stored, division)
        assert found == expected
        assert isinstance(evaluated.predictions, StoredPredictions)
        assert list(evaluated.predictions) == [sample.id for sample in whole.samples]
    kept = load_result(run, "gcg.strict-2")
    assert isinstance(kept.rows, RowsOnDisk)
    assert kept.failed == 1
    assert kept.values() == evaluated.results[0].values()
    alone = evaluated.predictions[whole.samples[0].id]
    assert alone in tuple(run.predictions())


def test_missing_and_foreign_predictions_are_said_as_in_memory(file, run, tmp_path):
    lines = file.read_text("utf-8").splitlines()
    fewer, more = tmp_path / "fewer.jsonl", tmp_path / "more.jsonl"
    fewer.write_text("\n".join(lines[1:]), "utf-8")
    more.write_text("\n".join([*lines, lines[0].replace("shapes_val", "other")]), "utf-8")
    for file_, kind in ((fewer, BadData), (more, MissingData)):
        said = []
        for stored in (False, True):
            data = DataSpec(file_, "val", stored_from=0 if stored else None).load()
            assert isinstance(data.samples, StoredSamples) == stored
            with pytest.raises(kind) as caught:
                score_run(run, data, SCORING, message=lambda _: None)
            said.append(str(caught.value))
        assert said[0] == said[1]
    empty = replace(SCORING, missing="empty")
    _, whole = rows_and_scores(run, data_of(more, False), scoring=empty)
    _, parts = rows_and_scores(run, data_of(more, True), Division(5, 1), empty)
    assert parts == whole


def test_the_command_scores_in_shards(file, run, capsys, monkeypatch):
    monkeypatch.setattr("gcg_bench.cli.score.scoring_spec", lambda _: SCORING)
    command = ["score", str(run.folder), "--dataset", str(file), "--json", "--jobs", "1"]
    said = []
    for more in ([], ["--shard-size", "4"]):
        with pytest.raises(SystemExit) as left:
            main([*command, *more])
        assert left.value.code == 1  # one failed
        printed = capsys.readouterr()
        documents = json.loads(printed.out)
        for document in documents:
            del document["seconds"]
            document.pop("diagnosis", None)
        said.append(documents)
        assert "1 queries failed" in printed.err or "1 query failed" in printed.err
    assert said[0] == said[1]
