"""The jobs that users come with, each as one test through the command line, on one small data set.

Four pictures of 20 x 10 pixels have one phrase each, whose mask is the left half: 100 pixels. The
good predictions are the references. The poor ones:

    cat     the left half                  IoU 1
    dog     the leftmost 4 of 10 columns   IoU 40 / 100
    horse   the right half                 IoU 0
    cow     no phrase

So of the poor ones mIoU is (1 + .4 + 0 + 0) / 4 = .35, Recall 1 / 4, Precision 1 / 3, and F1 and
gPQ 1 / ((3 + 4) / 2) = 2 / 7. AP50 of COCO is 26 / 101: the first of three masks is right, so the
precision is 1 at the 26 of 101 recalls up to 1 / 4. The tenth job, a release that can be installed,
has tests of its own.
"""

import contextlib
import csv
import io
import json
import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard, constants
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from gcg_bench.cli import main

WORDS = ("cat", "dog", "horse", "cow")
COLUMNS = {"good": [(0, 10)] * 4, "poor": [(0, 10), (0, 4), (10, 20), None]}
FILES = ("--dataset", "pets", "--split", "val")
POOR = {"mIoU": 0.35, "Recall": 1 / 4, "Precision": 1 / 3, "F1": 2 / 7, "gPQ": 2 / 7}


def rle(first, last):
    """The run lengths that pycocotools gives columns of a picture."""
    mask = np.zeros((10, 20), dtype=np.uint8, order="F")
    mask[:, first:last] = 1
    encoded = coco.encode(mask)
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def rectangle(counts):
    """The left edge, the width and the pixels that pycocotools finds in a mask."""
    mask = {"size": [10, 20], "counts": counts.encode()}
    left, _, width, _ = coco.toBbox(mask).tolist()
    return left, width, int(coco.area(mask))


def as_lines(records):
    return "".join(json.dumps(record) + "\n" for record in records)


def caption(word):
    return f"A {word} stands here."


def prediction(word, span):
    phrases = [] if span is None else [{"text": f"A {word}", "mask": rle(*span)}]
    return {"id": word, "caption": caption(word), "phrases": phrases}


def command(*arguments):
    """The exit code and stdout of a command."""
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0), out.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The data set, the prediction files, and both as runs."""
    made = tmp_path_factory.mktemp("jobs")
    (made / "pets").mkdir()
    for word in WORDS:
        Image.new("RGB", (20, 10), "grey").save(made / "pets" / f"{word}.png")
    references = [
        {
            "id": word, "file_name": f"{word}.png", "height": 10, "width": 20,
            "captions": [caption(word)],
            "phrases": [{"text": f"A {word}", "masks": [rle(0, 10)]}],
        }
        for word in WORDS
    ]  # fmt: skip
    (made / "pets" / "val.jsonl").write_text(as_lines(references))
    for name, spans in COLUMNS.items():
        (made / f"{name}.jsonl").write_text(as_lines(map(prediction, WORDS, spans)))
    with contextlib.chdir(made):
        for name in COLUMNS:
            code, _ = command(
                "score", f"{name}.jsonl", *FILES, "--encoder", "minilm", "--draws", 20,
                "--out", name, "--name", name, "--quiet",
            )  # fmt: skip
            assert code == 0
    return made


@pytest.fixture(autouse=True)
def _here(folder, monkeypatch):
    monkeypatch.chdir(folder)


def strict_of(out):
    (strict,) = (document for document in json.loads(out) if document["protocol"] == "strict")
    return {name: score["value"] for name, score in strict["scores"].items()}


def test_1_prediction_files_become_a_run_a_report_and_a_board(run):
    code, out, _ = run("score", "poor", "--draws", 0, "--json", *FILES)
    assert code == 0
    scores = strict_of(out)
    assert {name: scores[name] for name in POOR} == pytest.approx(POOR)
    with Path("poor/leaderboard.csv").open(newline="") as stream:
        official, strict = csv.DictReader(stream)
    assert float(official["mIoU"]) == pytest.approx(0.35)
    assert float(official["AP50"]) == pytest.approx(26 / 101)
    assert float(strict["gPQ"]) == pytest.approx(2 / 7)
    assert (strict["model"], strict["dataset"], strict["n"]) == ("poor", "pets", "4")


@pytest.fixture
def run(capsys):
    """Types a command; gives the exit code, stdout and stderr."""

    def typed(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err + out
        return int(left.value.code or 0), out, " ".join(err.split())

    return typed


def test_2_strict_needs_no_bert(run, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "no models"))
    code, out, err = run("score", "poor.jsonl", *FILES, "--draws", 0, "--json")
    assert code == 0
    assert strict_of(out)["mIoU"] == pytest.approx(0.35)
    assert "scores" not in json.loads(out)[0]
    assert "`hf download google-bert/bert-base-uncased` gets it" in err
    code, out, _ = run(
        "score", "poor.jsonl", *FILES, "--draws", 0, "--json", "--encoder", "official=minilm"
    )
    official, _ = json.loads(out)
    # words are right, masks of one image: 1 of 4
    assert official["scores"]["Recall"]["value"] == 0.25


def test_3_a_board_is_a_paper_table(run, tmp_path):
    file = tmp_path / "board.tex"
    code, _, _ = run("leaderboard", "poor", "good", "-o", file, "--scores", "mIoU,gPQ",
                     "--no-intervals", "--quiet")  # fmt: skip
    assert code == 0
    text = file.read_text()
    official, strict = re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.DOTALL)
    assert [line for line in strict.splitlines() if "&" in line] == [
        r"Model & mIoU & gPQ \\",
        r"good & \textbf{100.0} & \textbf{100.0} \\",
        r"poor & 35.0 & 28.6 \\",
    ]
    assert r"poor & 35.0 \\" in official  # which has no gPQ


def test_4_a_comparison_shows_what_changed(run, tmp_path):
    page = tmp_path / "compare.html"
    code, out, _ = run("compare", "good", "poor", "--dataset", "pets", "-o", page, "--json",
                       "--draws", 50)  # fmt: skip
    assert code == 0
    strict = json.loads(out)["protocols"][1]["scores"]
    assert strict["mIoU"]["difference"] == pytest.approx(0.35 - 1)
    assert strict["gPQ"]["difference"] == pytest.approx(2 / 7 - 1)
    scenes = re.findall(
        r'<section class="card scene"[^>]*data-id="(\w+)".*?class="record">(.*?)</script>',
        page.read_text(),
        re.DOTALL,
    )
    sides = {image: json.loads(record)["sides"] for image, record in scenes}
    # reference, good, poor
    shown = {
        image: [[rectangle(phrase["mask"]) for phrase in side["phrases"]] for side in three]
        for image, three in sides.items()
    }
    left = [(0, 10, 100)]
    assert shown == {
        "dog": [left, left, [(0, 4, 40)]],
        "horse": [left, left, [(10, 10, 100)]],
        "cow": [left, left, []],
    }


def test_5_a_report_and_its_figures(run, tmp_path):
    page, figure = tmp_path / "report.html", tmp_path / "dog.svg"
    assert run("report", "poor", "--dataset", "pets", "-o", page)[0] == 0
    text = page.read_text()
    assert {word for word in WORDS if f"A {word}" in text} == set(WORDS)
    assert run("report", "poor", "--dataset", "pets", "--figure", "dog", "-o", figure)[0] == 0
    root = ET.parse(figure).getroot()
    name = "{http://www.w3.org/2000/svg}"
    outlines = dict.fromkeys(path.get("d") for path in root.iter(f"{name}path"))
    edges = [
        max(float(x) for x, _ in re.findall(r"([\d.]+) ([\d.]+)", outline)) for outline in outlines
    ]
    assert edges == [10, 4]  # the right edges of reference and prediction
    picture = tmp_path / "dog.png"
    assert run("report", "poor", "--dataset", "pets", "--figure", "dog", "-o", picture)[0] == 0
    with Image.open(picture) as opened:
        assert opened.size == tuple(3 * int(float(root.get(side))) for side in ("width", "height"))


MODEL = '''
import os
from pathlib import Path
from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import from_box

class Halves:
    """The left half; the dog fails until the model is repaired."""

    def answer(self, queries):
        for query in queries:
            with Path("asked.txt").open("a") as stream:
                stream.write(query.id + " ")
            if query.id == "dog" and "REPAIRED" not in os.environ:
                raise RuntimeError("no dogs")
            mask = from_box((0, 0, 10, 10), 10, 20)
            text = f"A {query.id}"
            yield Prediction(query.id, Grounding(f"{text} stands here.", (Phrase(text, (mask,)),)))

load = Halves
'''


def test_6_a_run_goes_on(run, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "halves.py").write_text(MODEL)

    def predicted(*more):
        code, out, err = run("predict", "--model", "./halves.py", "--dataset", folder / "pets",
                           "--split", "val", "--out", "r", "--json", *more)  # fmt: skip
        asked = (tmp_path / "asked.txt").read_text().split()
        (tmp_path / "asked.txt").write_text("")
        assert out, err
        document = json.loads(out)
        return code, document["n"], document["failed"], list(dict.fromkeys(asked))

    assert predicted("--limit", 2) == (1, 2, 1, ["cat", "dog"])
    assert predicted("--limit", 4) == (1, 4, 1, ["horse", "cow"])
    monkeypatch.setenv("REPAIRED", "1")
    assert predicted("--limit", 4) == (1, 4, 1, [])
    assert predicted("--limit", 4, "--retry-failed") == (0, 4, 0, ["dog"])
    code, out, _ = run("score", "r", "--dataset", folder / "pets", "--protocol", "strict",
                       "--metrics", "miou", "--set", "miou.match=greedy", "--json")  # fmt: skip
    assert code == 0
    (document,) = json.loads(out)
    assert document["protocol"].startswith("strict_")
    assert document["scores"]["mIoU"] == {"value": 1.0, "low": 1.0, "high": 1.0}


SCRIPT = """
from pathlib import Path

from gcg_bench import Validation, load_dataset, read_predictions

validation = Validation(load_dataset("pets", "val"), ["strict"])
for prediction in read_predictions(Path("poor.jsonl")):
    validation.update(prediction)
logged = validation.compute().values("val/")
"""


def test_7_numbers_leave_for_trackers_and_other_programs(run, tmp_path):
    script = tmp_path / "training.py"
    script.write_text(SCRIPT)
    logged = runpy.run_path(str(script))["logged"]
    assert {name: logged[f"val/strict/{name}"] for name in POOR} == pytest.approx(POOR)
    _, out, _ = run("score", "poor", *FILES, "--draws", 0, "--json")
    assert strict_of(out) == {name.removeprefix("val/strict/"): v for name, v in logged.items()}
    # COCO's evaluator on the exported files
    code, _, _ = run("data", "export", "poor", tmp_path / "coco", "--format", "coco_results")
    assert code == 2  # the data set of the run is a folder
    code, _, err = run("data", "export", "poor", tmp_path / "coco", "--format", "coco_results",
                       "--dataset", "pets")  # fmt: skip
    assert code == 0, err
    with contextlib.redirect_stdout(io.StringIO()):
        references = COCO(str(tmp_path / "coco" / "annotations.json"))
        results = references.loadRes(str(tmp_path / "coco" / "results.json"))
        evaluator = COCOeval(references, results, "segm")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    assert evaluator.stats[1] == pytest.approx(26 / 101)
    # the model card as the hub's library reads it
    code, out, _ = run("cite", "--model-card", "poor")
    assert code == 0
    results = {
        result.metric_name: result.metric_value for result in ModelCard(out).data.eval_results
    }
    assert results["gPQ (strict-2)"] == pytest.approx(100 * 2 / 7, abs=0.1)
    assert results["mIoU (official-1)"] == pytest.approx(35)


def test_8_two_signatures_field_by_field(run, tmp_path):
    code, out, _ = run("cite", "--diff", "good", "poor")
    assert code == 0
    assert out.count("The signatures are equal.") == 2
    two = tmp_path / "two"
    code, _, _ = run("score", "good.jsonl", *FILES, "--limit", 2, "--encoder", "minilm",
                     "--draws", 0, "--protocol", "strict", "--out", two, "--quiet")  # fmt: skip
    assert code == 0
    code, out, _ = run("cite", "--diff", "good", two)
    assert code == 0
    rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in out.splitlines()]
    assert [row for row in rows if row[1:]] == [["n", "4", "2"]]


def test_9_own_files_get_a_card(run, tmp_path):
    data = tmp_path / "photos"
    data.mkdir()
    images = [
        {"id": k, "file_name": f"{word}.png", "height": 10, "width": 20}
        for k, word in enumerate(WORDS, 1)
    ]
    instances = {
        "images": images,
        "categories": [{"id": k, "name": word} for k, word in enumerate(WORDS, 1)],
        "annotations": [
            {"id": k, "image_id": k, "category_id": k, "iscrowd": 0, "area": 100,
             "segmentation": [[0, 0, 10, 0, 10, 10, 0, 10]], "bbox": [0, 0, 10, 10]}
            for k in range(1, 5)
        ],
    }  # fmt: skip
    captions = [
        {"id": k, "image_id": k, "caption": caption(word)} for k, word in enumerate(WORDS, 1)
    ]
    (data / "instances_val.json").write_text(json.dumps(instances))
    (data / "captions_val.json").write_text(json.dumps({"images": images, "annotations": captions}))
    code, _, err = run("data", "card", data)
    assert code == 0
    assert "photos (coco_instances): val: 4" in err
    code, out, err = run("score", "poor.jsonl", "--dataset", data, "--split", "val", "--json",
                         "--protocol", "strict", "--draws", 0)  # fmt: skip
    assert code == 0, err
    scores = strict_of(out)
    # `A cat` is worded otherwise than `cat`, and names the same
    assert {name: scores[name] for name in POOR} == pytest.approx(POOR)
