"""The report of a run folder: what it needs, and what it refuses with a reason."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from support import scored
from support.own_metric import add_metric

from gcg_bench.cli import main
from gcg_bench.data import load_dataset
from gcg_bench.errors import MissingData
from gcg_bench.metrics.mask_recall import MaskRecall
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.predictions import read_predictions
from gcg_bench.runs import Run
from gcg_bench.scoring import measuring, stored_rule
from gcg_bench.scoring.storage import keep
from gcg_bench.tasks import EvalProtocol, gcg
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
    (folder / "gcg.strict-2" / "scores.json").unlink()
    code, _, err = typed(folder)
    assert code == 2
    assert f"gcg-bench score {folder}" in err


def test_a_run_must_be_scored_on_the_same_images(folder, typed):
    score(folder, ["another", "and", "more"])
    code, _, err = typed(folder)
    assert code == 2
    assert "scored on other images" in err


def test_a_run_must_be_told_with_its_own_encoder(folder, typed):
    score(folder, ids(), digest="00000000" + DIGEST[8:])
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


# parts of the page that make no sense are left out


MASKS = EvalProtocol(name="masks", version=1, metrics=(MeanIoU(),))
RECALL = replace(gcg.OFFICIAL, metrics=(MaskRecall(),), ranked_by="", images_by="")


@pytest.fixture
def unscored(folder):
    (folder / "gcg.strict-2" / "scores.json").unlink()
    return folder


def ids():
    return [sample.id for sample in load_dataset("shapes", "val", limit=3).samples]


def page_of(folder, typed):
    """The page's text, its index and its records."""
    code, _, err = typed(folder)
    assert code == 0, err
    html = (folder / "report.html").read_text(encoding="utf-8")
    parts = html.split('<script type="application/json"')
    texts = [part.split(">", 1)[1].split("</script>")[0] for part in parts[1:]]
    index, *records = map(json.loads, texts)
    return html, index, records


def test_masks_alone_need_no_encoder_and_have_no_kinds_of_mistakes(unscored, typed, monkeypatch):
    def refuse(name, **_):
        raise AssertionError(f"the encoder {name} was asked for")

    monkeypatch.setattr(stored_rule, "load_encoder", refuse)
    monkeypatch.setattr(measuring, "load_encoder", refuse)
    score(unscored, ids(), protocol=MASKS, miou=np.array([1.0, 0.5, 0.0]))
    html, index, records = page_of(unscored, typed)
    assert (index["kinds"], index["reference"], index["predicted"]) == ([], [], [])
    assert index["metrics"][index["worst"]]["label"] == "mIoU"
    assert index["values"] == [[1.0, 0.5, 0.0]]
    assert 'id="mistakes"' not in html
    assert 'href="#mistakes"' not in html
    assert "IoU by agreement" not in html
    assert "false-accept rate" not in html
    assert "Scores of single images" in html
    # phrases are numbered from 1, the reference first, and belong to nobody
    phrases = [phrase for side in records[0]["sides"] for phrase in side["phrases"]]
    assert [phrase["number"] for phrase in phrases] == list(range(1, len(phrases) + 1))
    assert {(phrase["kind"], phrase["other"]) for phrase in phrases} == {(-1, -1)}


def test_where_another_protocol_compares_words_mistakes_are_counted_all_the_same(unscored, typed):
    score(unscored, ids(), protocol=RECALL)
    html, index, _ = page_of(unscored, typed)
    assert 'id="mistakes"' in html
    assert "The framed cell is strict&#39;s." in html
    matched, *_, missed = index["reference"]
    assert sum(matched) > 0
    assert missed[2] > 0


def test_a_task_without_kinds_of_mistakes(folder, typed, monkeypatch):
    monkeypatch.setattr(gcg, "TASK", replace(gcg.TASK, mistakes=None))
    html, index, _ = page_of(folder, typed)
    assert 'id="mistakes"' not in html
    assert index["kinds"] == []


@pytest.mark.parametrize(
    ("left_out", "mark"),
    [
        ("scores", 'class="protocols"'),
        ("mistakes", 'id="mistakes"'),
        ("agreement", "IoU by agreement"),
        ("distributions", "Scores of single images"),
        ("images", 'id="images"'),
    ],
)
def test_a_task_chooses_the_parts_of_the_page(folder, typed, monkeypatch, left_out, mark):
    html, _, records = page_of(folder, typed)
    assert mark in html
    assert len(records) == 3
    panels = tuple(panel for panel in gcg.TASK.panels if panel != left_out)
    monkeypatch.setattr(gcg, "TASK", replace(gcg.TASK, panels=panels))
    html, _, records = page_of(folder, typed)
    assert mark not in html
    assert len(records) == (0 if left_out == "images" else 3)
    assert "strict-2|dataset:shapes" in html  # how it was scored is on every page


def test_a_metric_added_by_one_file_is_shown_in_its_own_scale(
    unscored, typed, tmp_path, monkeypatch
):
    (tmp_path / "own").mkdir()
    surplus = add_metric(tmp_path / "own", monkeypatch)
    own = EvalProtocol(name="own", version=1, metrics=(surplus,))
    score(unscored, ids(), protocol=own, surplus=np.array([3.0, 0.0, 1.5]))
    html, index, _ = page_of(unscored, typed)
    assert index["metrics"] == [{"label": "Surplus", "lower": True, "factor": 1, "main": True}]
    assert index["values"] == [[3.0, 0.0, 1.5]]
    tile = html.split('class="tile">')[1].split("</div>")[0]
    assert "<dt>Surplus <span" in tile
    assert "lower is better" in tile
    assert '<dd class="value">1.5</dd>' in tile  # the mean of 3, 0 and 1.5, not times 100
    assert "Scores × 100 with 95% bootstrap intervals over images; Surplus as they are" in html
    assert '<h3>Surplus <span class="muted">↓</span></h3>' in html
    assert "Histogram of Surplus; mean over images 1.5" in html


def test_figure_of_one_image(folder, typed, tmp_path):
    out = tmp_path / "scene.png"
    code, _, told = typed(folder, "--figure", "shapes_val_000001", "-o", out)
    assert code == 0
    assert any(line.startswith("figure:") for line in told.splitlines())
    assert out.read_bytes().startswith(b"\x89PNG")
    assert typed(folder, "--figure", "shapes_val_000000", "--quiet")[0] == 0
    assert (folder / "shapes_val_000000.svg").read_text().startswith("<svg ")
    assert not (folder / "report.html").exists()


def test_a_figure_needs_an_image_of_the_run_and_a_known_ending(folder, typed, tmp_path):
    code, _, told = typed(folder, "--figure", "shapes_val_00001")
    assert code == 2
    assert "no image 'shapes_val_00001'" in told
    assert "did you mean 'shapes_val_000001'" in told
    code, _, told = typed(folder, "--figure", "shapes_val_000001", "-o", tmp_path / "scene.pdf")
    assert code == 2
    assert "a figure is written as .svg or .png" in told


@pytest.fixture
def compared(folder, tmp_path, capsys):
    """Compares the run with another whose rows differ in one image; code, messages, page."""
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    ids = [sample.id for sample in load_dataset("shapes", "val", limit=3).samples]
    score(other, ids, matched=np.array([0.0, 1.0, 1.0]))

    def run(*arguments):
        page = tmp_path / "compare.html"
        typed = ["compare", folder, other, "-o", page, "--force", "--draws", "5", *arguments]
        with pytest.raises(SystemExit) as left:
            main([*map(str, typed)])
        return int(left.value.code or 0), capsys.readouterr().err, page.read_text("utf-8")

    return run


def test_a_comparison_has_the_pictures_of_what_changed(compared, folder):
    (folder / "report.html").write_text("its report")
    code, told, html = compared()
    assert (code, "no pictures" in told) == (0, False)
    assert html.count('<section class="card scene"') == 1
    assert 'id="scene0" data-id="shapes_val_000000"' in html
    assert 'href="run/report.html#image=shapes_val_000000"' in html
    assert "other/report.html" not in html  # there is none
    record = json.loads(html.split('class="record">')[1].split("</script>")[0])
    assert record["picture"].startswith("data:image/jpeg;base64,")
    assert len(record["sides"]) == 3


def test_a_comparison_without_its_data_set_has_no_pictures(compared, tmp_path, monkeypatch):
    def gone(*_):
        raise MissingData("no such folder")

    monkeypatch.setattr("gcg_bench.cli.comparison_page.data_of", gone)
    code, told, html = compared()
    assert code == 0
    assert "the page has no pictures: no such folder" in told
    assert "No pictures: <bdi>no such folder</bdi>" in html
    assert "scene0" not in html
    code, told, html = compared("--no-pictures")
    assert "no pictures" not in told
    assert "No pictures" not in html
