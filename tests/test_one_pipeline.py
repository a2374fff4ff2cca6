"""One pipeline: Python, the command line and a protocol's own file make the same run."""

import json
from pathlib import Path

import pytest

import gcg_bench
from gcg_bench import Resampling, Run, evaluate, load_dataset, load_model
from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.scoring.storage import load_results
from gcg_bench.tasks import EvalProtocol

FILE = """
from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.tasks import EvalProtocol

PROTOCOL = EvalProtocol("masks", 1, (AP50(), MeanIoU()))
"""
PROTOCOL = EvalProtocol("masks", 1, (AP50(), MeanIoU()))


@pytest.fixture
def typed(run, tmp_path) -> Path:
    """The run that the command line makes."""
    (tmp_path / "masks.py").write_text(FILE, encoding="utf-8")
    code, _, err = run(
        "evaluate", "--model", "centre-box", "--dataset", "shapes", "--split", "val", "--limit",
        "4", "--protocol", "./masks.py:PROTOCOL", "--draws", "50", "--name", "mine",
        "--out", "typed", "--no-report", "--quiet",
    )  # fmt: skip
    assert code == 0, err
    return tmp_path / "typed"


def written(folder: Path) -> tuple[dict, bytes, list]:
    """Settings without the environment, predictions without seconds, results."""
    settings = json.loads((folder / "run.json").read_text("utf-8"))
    settings.pop("environment")
    settings.pop("crc32")  # which covers the environment
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("seconds", None)
        line.pop("crc32")  # which covers the seconds
    return settings, lines, load_results(Run.open(folder))


def by_name(folder: Path) -> None:
    evaluate(
        "centre-box", "shapes", folder, split="val", limit=4, protocols=[PROTOCOL], label="mine",
        resampling=Resampling(draws=50),
    )  # fmt: skip


def by_objects(folder: Path) -> None:
    evaluate(
        load_model("centre-box"),
        load_dataset("shapes", "val", limit=4),
        folder,
        protocols=[PROTOCOL],
        label="mine",
        resampling=Resampling(draws=50),
    )


@pytest.mark.parametrize("call", [by_name, by_objects])
def test_python_and_the_command_line_make_the_same_run(typed, tmp_path, call):
    call(tmp_path / "called")
    ours, theirs = written(tmp_path / "called"), written(typed)
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]
    for mine, other in zip(ours[2], theirs[2], strict=True):
        assert mine.signature == other.signature
        assert mine.scores == other.scores
        assert mine.label == other.label == "mine"
        assert mine.digests.references == other.digests.references


def test_another_specification_is_another_run(typed, tmp_path):
    with pytest.raises(gcg_bench.GcgBenchError, match="limit was 4, now it is 3"):
        evaluate("centre-box", "shapes", typed, split="val", limit=3, protocols=[PROTOCOL])


def test_a_label_is_no_part_of_the_signature(typed, tmp_path):
    evaluate("centre-box", "shapes", tmp_path / "b", split="val", limit=4, protocols=[PROTOCOL],
             resampling=Resampling(draws=50))  # fmt: skip
    (named,), (unnamed,) = load_results(Run.open(typed)), load_results(Run.open(tmp_path / "b"))
    assert (named.label, unnamed.label) == ("mine", "centre-box")
    assert named.signature == unnamed.signature
    assert written(typed)[0] == written(tmp_path / "b")[0]
