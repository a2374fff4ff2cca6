"""A new layout of prediction files is one new file, and its rank says when it comes first."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.fences import ROOT
from support.tiny import DATA

from gcg_bench.files.fields import RAISE_FAULTS
from gcg_bench.predictions import recognition
from gcg_bench.predictions.drafts import PredictionDraft
from gcg_bench.predictions.recognition import Layout, in_order, layout_of

PLUGIN = '''
"""Boxes with labels, as a detector writes them."""

from gcg_bench.files.fields import Record
from gcg_bench.predictions.drafts import DraftPhrase, PredictionDraft, read_id

DESCRIPTION = "JSON with picture and boxes, from a detector"
RANK = {rank}
EXAMPLE = {{"picture": "example", "boxes": [["a cat", 0, 0, 3, 2]]}}
REPAIRS = {{"boxes": "made empty"}}


def recognises(record):
    return "picture" in record


def read(record, file, key, faults):
    fields = Record(record, file)
    phrases = [
        DraftPhrase(label, [("boxes", [[x0, y0, x1, y0, x1, y1, x0, y1]])])
        for label, x0, y0, x1, y1 in fields.items("boxes")
    ]
    name = read_id(record["picture"], "picture", file)
    return PredictionDraft(id=name, file=file, caption="A cat sleeps.", phrases=phrases)
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, for one more file."""
    folder = tmp_path_factory.mktemp("extended")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("gcg_bench", "data_cards"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return folder


@pytest.fixture
def extended(package: Path) -> Path:
    """The copy with the new layout, which comes before all others."""
    return drop_in(package, 5)


def drop_in(folder: Path, rank: int) -> Path:
    """Writes the new layout into the copy of the package."""
    plugin = folder / "gcg_bench" / "predictions" / "layouts" / "detector.py"
    plugin.write_text(PLUGIN.format(rank=rank), encoding="utf-8")
    return folder


def python(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A Python process that imports the package of a folder."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predictions for the tiny data set `jsonl`: the cat's first mask, 2 high and 3 wide."""
    path = tmp_path_factory.mktemp("answers") / "p.jsonl"
    boxes = {"a": [["wall", 0, 0, 10, 8]], "b": [["a cat", 0, 0, 3, 2]]}
    rows = [{"picture": name, "boxes": listed} for name, listed in boxes.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_file_dropped_into_the_folder_is_a_layout(extended: Path, answers: Path) -> None:
    code = f"""
import json
from pathlib import Path
from gcg_bench.masks import area
from gcg_bench.predictions import Reading, read_predictions
reading = Reading()
sizes = dict.fromkeys("ab", (8, 10))
found = list(read_predictions(Path({str(answers)!r}), sizes=sizes, reading=reading))
areas = [int(area(phrase.masks)[0]) for one in found for phrase in one.grounding.phrases]
print(json.dumps([[one.id for one in found], areas, reading.layout]))
"""
    done = python(extended, "-c", code)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["a", "b"], [80, 6], "JSON lines"]


CLI = "from gcg_bench.cli import main; main()"


def test_the_command_line_checks_and_repairs_the_new_layout(
    extended: Path, answers: Path, tmp_path: Path
) -> None:
    split = ("--dataset", DATA / "jsonl", "--split", "val")
    done = python(extended, "-c", CLI, "data", "check", answers, *split, "--json")
    assert done.returncode == 0, done.stderr
    checked = json.loads(done.stdout)
    assert (checked["images"], checked["masks"]) == (2, 2)
    assert [problem["level"] for problem in checked["problems"]] == ["warning"]  # no wall in text
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"picture": "a", "boxes": 3}\n{"x": 1}\n', encoding="utf-8")
    done = python(extended, "-c", CLI, "data", "check", broken, "--json")
    assert done.returncode == 2, done.stderr
    problems = json.loads(done.stdout)["problems"]
    assert [one["problem"] for one in problems] == [
        "should be a list, not 3",
        "no answer in a known layout; it has the fields 'x'",
    ]
    assert problems[1]["remedy"].endswith("; JSON with picture and boxes, from a detector")


def test_the_command_line_scores_the_new_layout(extended: Path, answers: Path) -> None:
    done = python(
        extended, "-c", CLI, "score", answers, "--dataset", DATA / "jsonl", "--split", "val",
        "--encoder", "minilm", "--protocol", "official", "--draws", "10", "--json", "--quiet",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (scores,) = json.loads(done.stdout)
    assert (scores["n"], scores["failed"]) == (2, 0)


# precedence ----------------------------------------------------------------------------------


def layout(name: str, rank: int, field: str) -> Layout:
    def read(record: object, file: str, key: str | None, faults: object) -> PredictionDraft:
        return PredictionDraft(id=name, file=file)

    return Layout(rank, name, name, {}, lambda record: field in record, read)


BOTH = {"general": 1, "specific": 1}


def test_of_two_layouts_the_smaller_rank_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    general, specific = layout("a", 2, "general"), layout("b", 1, "specific")
    for given in ([general, specific], [specific, general]):
        asked = in_order(given)
        monkeypatch.setattr(recognition, "layouts", lambda asked=asked: asked)
        found = layout_of(BOTH)
        assert found is specific
        assert found.read(BOTH, "f", None, RAISE_FAULTS).id == "b"
        assert layout_of({"general": 1}) is general
        assert layout_of({"neither": 1}) is None


def test_of_equal_ranks_the_first_name_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = layout("a", 1, "general"), layout("b", 1, "specific")
    for given in ([first, second], [second, first]):
        asked = in_order(given)
        monkeypatch.setattr(recognition, "layouts", lambda asked=asked: asked)
        assert layout_of(BOTH) is first


@pytest.mark.parametrize(("rank", "reads"), [(5, ["x"]), (500, ["b"])])
def test_a_new_file_takes_records_of_known_layouts_by_its_rank(
    package: Path, tmp_path: Path, rank: int, reads: list[str]
) -> None:
    record = {"picture": "x", "boxes": [], "id": "b", "caption": "a", "phrases": []}
    (tmp_path / "p.jsonl").write_text(json.dumps(record), encoding="utf-8")
    code = f"""
import json
from pathlib import Path
from gcg_bench.predictions import read_predictions
print(json.dumps([one.id for one in read_predictions(Path({str(tmp_path / "p.jsonl")!r}))]))
"""
    done = python(drop_in(package, rank), "-c", code)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == reads
