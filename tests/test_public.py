"""The public names: sorted, complete, found when first used, and of use as the pages say."""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.fences import ROOT, fences, files, marked

import gcg_bench
from gcg_bench import registry, types
from gcg_bench.data import load_dataset
from gcg_bench.errors import GcgBenchError
from gcg_bench.masks import decode

PYTHON = "docs/python.md"
DOCS = sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "docs").glob("*.md"))
HEAVY = {"torch", "transformers", "scipy", "pandas", "datasets", "pyarrow", "jinja2"}
# the contract of the command line's specification: others write programs against these
PROMISED = {
    "OFFICIAL", "STRICT", "Grounding", "Mask", "Phrase", "Picture", "Prediction", "Query", "Run",
    "Sample", "evaluate", "load_dataset", "load_model", "predict", "read_predictions", "score",
}  # fmt: skip


def after(statement: str) -> set[str]:
    """The modules in memory after a statement in a fresh interpreter."""
    program = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def test_all_is_sorted_and_each_name_stands_once():
    assert gcg_bench.__all__ == sorted(set(gcg_bench.__all__))
    assert set(gcg_bench.__all__) >= PROMISED


@pytest.mark.parametrize("name", gcg_bench.__all__)
def test_every_name_is_found(name):
    found = getattr(gcg_bench, name)
    assert found is not None
    # things with a name of their own are called by it
    assert getattr(found, "__name__", name) == name
    assert (found.__doc__ or "").strip()


def test_the_list_is_complete():
    nouns = {
        name
        for name, value in vars(types).items()
        if inspect.isclass(value) and value.__module__.startswith(f"{types.__name__}.")
    }
    assert nouns >= {"Mask", "Phrase", "Sample", "Metric"}
    assert nouns <= set(gcg_bench.__all__)
    assert issubclass(gcg_bench.GcgBenchError, GcgBenchError)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *DOCS])
def test_what_the_pages_import_is_public(page):
    imported = [
        name.strip()
        for fence in fences(page)
        for line in fence.text.splitlines()
        if line.startswith("from gcg_bench import ")
        for name in line.removeprefix("from gcg_bench import ").split(",")
    ]
    assert set(imported) <= set(gcg_bench.__all__)
    assert imported or page not in ("README.md", "docs/python.md")


def test_no_name_hides_a_module():
    folder = str(Path(gcg_bench.__file__).parent)
    modules = {file.stem for file in Path(folder).iterdir() if file.suffix in ("", ".py")}
    assert "pipeline" in modules
    assert modules.isdisjoint(gcg_bench.__all__)
    assert set(gcg_bench.__all__) | {"__version__"} == set(dir(gcg_bench))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'gcg_bench' has no attribute 'Eval'"):
        _ = gcg_bench.Eval


def test_importing_the_package_loads_nothing():
    new = after("import gcg_bench") - after("import importlib, typing")
    assert new == {"gcg_bench"}


def test_a_noun_loads_little_and_the_whole_list_nothing_heavy():
    assert "gcg_bench.types" in (modules := after("from gcg_bench import Grounding"))
    assert not modules & {"gcg_bench.masks", "gcg_bench.metrics", *HEAVY}
    assert not after("from gcg_bench import *") & HEAVY


def test_what_is_heavy_would_be_noticed():
    assert after("import gcg_bench, pandas") & HEAVY


def test_type_checkers_are_told_that_there_are_types():
    assert (Path(gcg_bench.__file__).parent / "py.typed").is_file()


def test_plug_ins_are_found_by_looking_and_not_by_importing():
    modules = after("from gcg_bench import registry; registry.names('metrics')")
    assert not {name for name in modules if name.startswith("gcg_bench.metrics")}
    assert "ap50" in registry.names("metrics")


@pytest.mark.slow
def test_python_use_is_as_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(marked(PYTHON, "python"), PYTHON, "exec"), {})
    numbers, signature = capsys.readouterr().out.splitlines()
    exec(compile(marked(PYTHON, "notebook"), PYTHON, "exec"), {})
    assert (tmp_path / "scene.png").read_bytes().startswith(b"\x89PNG")
    assert re.search(r"count +3\.0\n", capsys.readouterr().out)

    # whole-image has one mask of all pixels: the best reference is taken, the others are missed
    largest, counts = [], []
    for sample in load_dataset("shapes", "val", limit=3).samples:
        shares = [
            np.any([decode(mask) for mask in phrase.masks], axis=0).mean()
            for phrase in sample.truth.phrases
        ]
        largest.append(max(shares))
        counts.append(len(shares))
    official, low, high = map(float, numbers.split())
    assert official == pytest.approx(np.mean(largest))
    strict = np.mean([share / count for share, count in zip(largest, counts, strict=True)])
    assert low <= strict <= high
    assert signature.startswith("protocol:strict-2|dataset:shapes|")
    assert sorted(path.name for path in (tmp_path / "runs/from-python").iterdir()) == [
        "gcg.official-1", "gcg.strict-2", "predictions.jsonl", "run.json",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_readmes_own_model_can_be_given_as_an_object(tmp_path):
    # "or any object with answer(queries)"
    space: dict[str, type] = {}
    exec(compile(files("README.md")["my_model.py"], "my_model.py", "exec"), space)
    data = load_dataset("shapes", "val", limit=2)
    with gcg_bench.Run.create_or_resume(tmp_path / "run", {"model": "mine"}) as run:
        assert gcg_bench.predict(gcg_bench.load_model(space["MyModel"]()), data, run) == 2
        assert [answer.error for answer in run.predictions()] == [None, None]
