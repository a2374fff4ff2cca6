"""The code of a model is a setting: which files count, and what a changed one does to a run."""

import json
import os
import sys
from importlib.metadata import EntryPoint

import pytest

from gcg_bench.data import load_dataset
from gcg_bench.errors import BadOption, MissingData, RunConflict
from gcg_bench.execution import model_code
from gcg_bench.execution.models import code_of, load_model
from gcg_bench.files.digests import file_sha256
from gcg_bench.pipeline.evaluate import predicted
from gcg_bench.pipeline.spec import DataSpec, EvaluationSpec
from gcg_bench.scoring.signature import answered_by

MODEL = """
from gcg_bench import Grounding, Prediction
{imports}
class M:
    def answer(self, queries):
        for query in queries:
            yield Prediction(query.id, Grounding({caption}))
load = M
"""


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"m.py": "import json, os.path, numpy, gcg_bench.masks"}, ["m.py"]),
        ({"m.py": "import other", "other.py": "x = 1"}, ["m.py", "other.py"]),
        ({"m.py": "from other import x", "other.py": "import more", "more.py": ""}, None),
        ({"m.py": "def f():\n    import late", "late.py": ""}, None),
        ({"m.py": "import p.q.r", "p/__init__.py": "", "p/q/__init__.py": "", "p/q/r.py": ""},
         None),
        ({"m.py": "from p import q", "p/__init__.py": "", "p/q.py": ""}, None),
        ({"m.py": "from p import q", "p/q.py": ""}, None),  # a namespace package
        ({"m.py": "import p", "p/__init__.py": "from . import a", "p/a.py": ""}, None),
        ({"m.py": "import p.a", "p/__init__.py": "", "p/a.py": "from .b.c import x",
          "p/b/c.py": ""}, None),
        ({"m.py": "import p.s.a", "p/__init__.py": "", "p/s/__init__.py": "",
          "p/s/a.py": "from ..t import x", "p/t.py": ""}, None),
        ({"m.py": "import importlib\nimportlib.import_module('late')", "late.py": ""}, None),
        ({"m.py": "exec(open('part.py').read())", "part.py": "import a", "a.py": ""}, None),
        ({"m.py": "import a", "a.py": "import b", "b.py": "import a"}, None),  # a circle
        ({"m.py": "if True:\n    try:\n        import a\n    except ImportError: pass", "a.py": ""},
         None),
        ({"m.py": "open('prompt.txt')", "prompt.txt": "Describe."}, None),
        ({"m.py": "P = 'data/w.bin'", "data/w.bin": "0"}, None),
        ({"m.py": "import a", "a.py": "x = 'names.json'", "names.json": "[]"}, None),
        ({"m.py": "x = 'gone.txt'", "beside.txt": "not named"}, ["m.py"]),
        ({"m.py": "open('notes.txt', 'w')", "notes.txt": "written by the model"}, ["m.py"]),
        ({"m.py": "Path('notes.txt').write_text('x')", "notes.txt": ""}, ["m.py"]),
        ({"m.py": "LOG = 'answers.log'", "answers.log": "written by the model"}, ["m.py"]),
        ({"m.py": "this is no Python"}, ["m.py"]),
        ({"m.py": "import broken", "broken.py": "def ("}, None),
        ({"m.py": "import unrelated_name", "related.py": ""}, ["m.py"]),
    ],
)  # fmt: skip
def test_the_files_that_decide_the_answers(tmp_path, files, names):
    write(tmp_path, files)
    code = code_of(f"{tmp_path}/m.py")
    assert code == {name: file_sha256(tmp_path / name) for name in sorted(names or files)} or (
        # a data file is known by the digest of its digest
        set(code) == set(names or files) and all(len(digest) == 64 for digest in code.values())
    )


@pytest.mark.parametrize(
    "changed", ["m.py", "p/__init__.py", "p/a.py", "p/b.py", "prompt.txt"]
)  # fmt: skip
def test_every_file_changes_the_code(tmp_path, changed):
    files = {
        "m.py": "import p.a\nopen('prompt.txt')",
        "p/__init__.py": "x = 1",
        "p/a.py": "from .b import y",
        "p/b.py": "y = 1",
        "prompt.txt": "Describe.",
    }
    write(tmp_path, files)
    before = code_of(f"{tmp_path}/m.py:load")
    write(tmp_path, {changed: files[changed] + "\n"})
    now = code_of(f"{tmp_path}/m.py:load")
    assert [name for name in now if now[name] != before[name]] == [changed]


def test_nothing_is_run(tmp_path):
    write(tmp_path, {"m.py": "import a\nraise SystemExit", "a.py": "raise SystemExit"})
    assert set(code_of(f"{tmp_path}/m.py")) == {"m.py", "a.py"}
    assert "a" not in sys.modules


def test_modules_are_known_by_their_sources(tmp_path, monkeypatch):
    write(tmp_path, {
        "mine/__init__.py": "", "mine/model.py": "from mine import part\nimport beside",
        "mine/part.py": "", "beside.py": "",
    })  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path)
    names = ["beside.py", "mine/__init__.py", "mine/model.py", "mine/part.py"]
    assert list(code_of("mine.model:load")) == names
    assert "mine" not in sys.modules
    point = EntryPoint("plugged", "mine.model:load", "gcg_bench.adapters")
    assert list(model_code.of_entry_point(point)) == names
    assert code_of("no.such.module:load") == {}


def test_an_entry_point_names_its_distribution(tmp_path, monkeypatch):
    write(tmp_path, {
        "plugged.py": "load = None",
        "plugged_model-2.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: plugged-model\n"
        "Version: 2.1\n",
        "plugged_model-2.1.dist-info/entry_points.txt":
        "[gcg_bench.adapters]\nplugged = plugged:load",
    })  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path)
    assert next(iter(code_of("plugged").items())) == ("distribution", "plugged-model 2.1")
    assert "plugged.py" in code_of("plugged")


def test_built_in_models_have_no_code_of_users():
    assert (
        code_of("glamm-tiny") == code_of("predictions:some/file.jsonl") == code_of("silent") == {}
    )


class First:
    """A model made in Python."""

    def answer(self, queries):
        """Answers nothing."""
        return ()


def test_a_model_made_in_python_is_known_by_its_class():
    (name,) = code_of(First())
    assert name == "First"
    assert code_of(First()) == code_of(First)
    assert code_of(3) == {}


# --- a run


def asked(folder, limit=3):
    spec = EvaluationSpec(
        f"{folder}/m.py", DataSpec("shapes", "val", limit=limit), out=folder / "run"
    )
    said = []
    with predicted(spec, message=said.append) as (_, run):
        captions = {prediction.grounding.caption for prediction in run.predictions()}
    return captions, said


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_of_changed_code_is_refused_and_never_mixed(tmp_path, stopped):
    write(tmp_path, {"m.py": MODEL.format(imports="", caption="'one'")})
    assert asked(tmp_path)[0] == {"one"}
    file = tmp_path / "run" / "predictions.jsonl"
    if stopped:
        file.write_text("".join(file.read_text().splitlines(keepends=True)[:1]))
    kept = file.read_bytes()
    write(tmp_path, {"m.py": MODEL.format(imports="", caption="'two'")})
    with pytest.raises(RunConflict, match=r"code\.m\.py was '.*', now it is '.*another --out"):
        asked(tmp_path)
    assert file.read_bytes() == kept
    write(tmp_path, {"m.py": MODEL.format(imports="", caption="'one'")})
    assert asked(tmp_path)[0] == {"one"}


def test_a_file_that_comes_or_goes_is_a_change(tmp_path):
    files = {"m.py": MODEL.format(imports="try:\n    import extra_part\nexcept ImportError: pass",
                                  caption="'one'")}  # fmt: skip
    write(tmp_path, files)
    asked(tmp_path)
    write(tmp_path, {"extra_part.py": "x = 1"})
    with pytest.raises(RunConflict, match=r"code\.extra_part\.py was not set"):
        asked(tmp_path)


def test_an_edit_while_the_model_answers_is_said(tmp_path):
    edit = (
        "from pathlib import Path\n"
        "HERE = Path(__file__)\n"
        "def edited():\n    HERE.write_text(HERE.read_text() + '\\n')\n    return 'one'"
    )
    write(tmp_path, {"m.py": MODEL.format(imports=edit, caption="edited()")})
    _, said = asked(tmp_path, limit=1)
    assert any("m.py changed while the model answered" in sentence for sentence in said)


def test_the_run_names_no_folder_of_the_user_for_its_code(tmp_path):
    write(tmp_path, {"m.py": MODEL.format(imports="import own_part", caption="'one'"),
                     "own_part.py": ""})  # fmt: skip
    sys.path.append(str(tmp_path))
    try:
        asked(tmp_path)
    finally:
        sys.path.remove(str(tmp_path))
    settings = json.loads((tmp_path / "run" / "run.json").read_text())
    assert list(settings["code"]) == ["m.py", "own_part.py"]
    assert len(answered_by(settings)["code"]) == 8
    assert answered_by({**settings, "code": {"m.py": "other"}}) != answered_by(settings)


def test_a_module_beside_the_models_file_is_found_for_the_remedy(tmp_path):
    write(tmp_path, {"m.py": "import beside_the_model", "beside_the_model.py": ""})
    with pytest.raises(MissingData) as problem:
        load_model(f"{tmp_path}/m.py")
    assert f"in the folder {tmp_path}: set PYTHONPATH to that folder" in str(problem.value)
    write(tmp_path, {"m.py": "import nowhere_at_all"})
    with pytest.raises(MissingData, match="Is that package installed"):
        load_model(f"{tmp_path}/m.py")


@pytest.mark.parametrize("model", ["predictions", "glamm"])
def test_a_path_that_no_system_has_is_said_shortly(model):
    with pytest.raises(BadOption, match="is longer than this system allows") as problem:
        load_model(f"{model}:{'a' * 300}")
    assert len(str(problem.value)) < 150


def test_the_code_that_runs_is_the_code_of_the_digest(tmp_path, monkeypatch):
    """Changed within a second, and of the same size: Python takes old bytecode for current."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.syspath_prepend(tmp_path)
    for words in ("one", "two"):
        write(tmp_path, {
            "m.py": MODEL.format(imports="import beside_it", caption=f"'{words}' + beside_it.END"),
            "beside_it.py": f"END = '{words}'",
        })  # fmt: skip
        for name in ("m.py", "beside_it.py"):
            os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
        sys.modules.pop("beside_it", None)
        (query,) = (sample.query for sample in load_dataset("shapes", "val", limit=1).samples)
        (prediction,) = load_model(f"{tmp_path}/m.py").answer([query])
        assert prediction.grounding.caption == words + words
    sys.modules.pop("beside_it")
