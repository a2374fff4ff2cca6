"""A run as COCO results: pycocotools reads and scores what is written."""

import contextlib
import io
import json

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from support.worlds import block, phrase, sample

from gcg_bench import Run, load_dataset
from gcg_bench.cli import main
from gcg_bench.predictions import coco_results
from gcg_bench.types import Grounding, Prediction

DISK = phrase("disk", block(0, 0))
BALLS = phrase("balls", block(20, 0), block(40, 0, 10, 20), score=0.25)
BOTH = Grounding("A disk and balls.", (DISK, BALLS, phrase("nothing")))


def published(folder):
    """The mean and the .50 precision that COCOeval gives the files of a folder."""
    with contextlib.redirect_stdout(io.StringIO()):
        references = COCO(str(folder / coco_results.ANNOTATIONS))
        evaluator = COCOeval(
            references, references.loadRes(str(folder / coco_results.RESULTS)), "segm"
        )
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator.stats[0], evaluator.stats[1]


@pytest.fixture
def run(tmp_path):
    """A run whose first answer is right and whose second is silence."""
    data = load_dataset("shapes", "val", limit=2)
    settings = {"model": "mine", "dataset": "shapes", "split": "val", "limit": 2, "n": 2}
    with Run.create_or_resume(tmp_path / "run", settings) as made:
        made.append(Prediction(data.samples[0].id, data.samples[0].truth))
        made.append(Prediction(data.samples[1].id, error="no answer"))
    return made


def test_fields_are_those_of_coco(tmp_path):
    predictions = {"7": Prediction("7", BOTH), "12": Prediction("12", Grounding(""))}
    samples = [sample("7", Grounding("A disk.", (DISK,))), sample("12", BOTH)]
    coco_results.write(tmp_path, samples, predictions)
    disk, balls = json.loads((tmp_path / "results.json").read_text())
    assert (disk["image_id"], disk["category_id"], disk["score"]) == (7, 1, 1.0)
    assert (balls["phrase"], balls["score"], balls["area"]) == ("balls", 0.25, 300)
    assert balls["bbox"] == [0.0, 20.0, 20.0, 30.0]  # x, y, width, height of both masks
    references = json.loads((tmp_path / "annotations.json").read_text())
    assert [image["id"] for image in references["images"]] == [7, 12]
    assert [(a["id"], a["image_id"]) for a in references["annotations"]] == [
        (1, 7),
        (2, 12),
        (3, 12),
    ]
    assert references["categories"] == [{"id": 1, "name": "phrase"}]


def test_ids_that_are_no_numbers_are_positions(tmp_path):
    samples = [sample("b", BOTH), sample("07", BOTH)]
    coco_results.write(tmp_path, samples, {s.id: Prediction(s.id, BOTH) for s in samples})
    images = json.loads((tmp_path / "annotations.json").read_text())["images"]
    assert [(image["id"], image["query_id"]) for image in images] == [(1, "b"), (2, "07")]
    assert published(tmp_path) == (pytest.approx(1.0), pytest.approx(1.0))


def test_a_run_is_exported_and_read_by_pycocotools(run, tmp_path, capsys):
    def export():
        arguments = ["data", "export", str(run.folder), str(tmp_path / "out")]
        with pytest.raises(SystemExit) as left:
            main([*arguments, "--format", "coco_results"])
        return int(left.value.code or 0), capsys.readouterr()

    code, said = export()
    assert (code, said.out.split()) == (
        0, [str(tmp_path / "out" / name) for name in ("results.json", "annotations.json")],
    )  # fmt: skip
    first, second = load_dataset("shapes", "val", limit=2).samples
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert len(results) == len(first.truth.phrases)  # silence has no objects
    references = COCO(str(tmp_path / "out/annotations.json"))
    assert len(references.getAnnIds()) == len(first.truth.phrases) + len(second.truth.phrases)
    # m of n objects are found and nothing else: precision is 1 up to recall m / n, which COCOeval
    # samples at 101 points
    found, all_ = len(first.truth.phrases), len(references.getAnnIds())
    points = sum(k / 100 <= found / all_ + 1e-12 for k in range(101)) / 101
    assert published(tmp_path / "out")[1] == pytest.approx(points)
    code, said = export()
    assert code == 2
    assert "nothing is written over" in said.err


@pytest.mark.parametrize(
    ("more", "words"),
    [(["--split", "val"], "a run has its split"), ([], "not a run folder")],
)
def test_what_is_no_run_is_refused(more, words, tmp_path, capsys):
    (tmp_path / "no").mkdir()
    with pytest.raises(SystemExit) as left:
        main(["data", "export", str(tmp_path / "no"), str(tmp_path / "out"), "--format",
              "coco_results", *more])  # fmt: skip
    assert left.value.code == 2
    assert words in capsys.readouterr().err
