"""The notebooks of examples/ are whole, and what they show is what their cells print."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from support.fences import ROOT
from support.notebooks import FOLDER, Cell, read, run

NAMES = sorted(file.stem for file in FOLDER.glob("*.ipynb"))


def test_there_are_notebooks_of_four_jobs():
    assert NAMES == [
        "compare_models",
        "own_model",
        "score_predictions",
        "validation_in_training",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_was_run_once_from_top_to_bottom(name):
    file = FOLDER / f"{name}.ipynb"
    assert file.stat().st_size < 150_000
    content = json.loads(file.read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) >= (4, 5)
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    counts = [cell["execution_count"] for cell in code]
    assert counts == list(range(1, len(code) + 1))
    assert content["cells"][0]["source"][0].startswith("# ")
    for output in (output for cell in code for output in cell["outputs"]):
        assert output["output_type"] in ("stream", "execute_result")
        assert output.get("name", "stdout") == "stdout"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_names_no_machine(name):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert not re.search(r"/(?:home|root|tmp|work|Users)/|site-packages|0x[0-9a-f]{6}", text)


@pytest.mark.parametrize("name", NAMES)
def test_the_cells_are_programs_in_short_lines(name):
    for cell in read(name):
        assert max(map(len, cell.source.splitlines())) <= 120
        if cell.kind == "code":
            compile("\n".join(cell.parts()), name, "exec")


def test_the_model_of_the_notebook_is_the_file_beside_it():
    source = (FOLDER / "colour_model.py").read_text(encoding="utf-8")
    first = next(cell for cell in read("own_model") if cell.kind == "code")
    assert first.source == source.rstrip("\n")


def test_cells_run_as_in_a_notebook(tmp_path):
    cells = [
        Cell("code", "value = 1\nprint('a')\nvalue + 1", []),
        Cell("markdown", "# text", []),
        Cell("code", "!echo typed\nlast = value", []),
        Cell("code", "None", []),
    ]
    assert run(cells, tmp_path, dict(os.environ)) == ["a\n2\n", "typed\n", ""]
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        run([Cell("code", "1 / 0", [])], tmp_path, dict(os.environ))


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_prints_what_it_shows(name, tmp_path):
    shutil.copy2(FOLDER / "colour_model.py", tmp_path)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    python = os.pathsep.join([str(tmp_path), str(ROOT)])
    cells = read(name)
    printed = run(cells, tmp_path, {**os.environ, "PATH": path, "PYTHONPATH": python})
    shown = [cell.printed for cell in cells if cell.kind == "code"]
    assert printed == shown
