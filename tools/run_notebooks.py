"""Runs the notebooks of examples/ from top to bottom and keeps what they print and draw.

    pip install nbclient ipykernel
    python tools/run_notebooks.py [NAME ...]

Each notebook runs in an empty folder that holds the Python files of examples/ and nothing else. A
notebook whose cell fails is not written, and the exit code is 1. Execution times and the versions
of this machine are not kept, so that a second run changes no byte.
"""

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).parents[1] / "examples"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def execute(file: Path) -> None:
    """Runs one notebook and writes it with its outputs."""
    notebook = nbformat.read(file, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        for source in FOLDER.glob("*.py"):
            shutil.copy2(source, folder)
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=600, resources=resources, record_timing=False)
        client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, file)


def joined(outputs: list[Any]) -> list[Any]:
    """The outputs of a cell: what it printed is one text without colours; stderr is left out."""
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "stream":
            output.text = _COLOUR.sub("", output.text).replace("\r\n", "\n")
        if output.output_type != "stream":
            kept.append(output)
        elif output.name == "stdout" and kept and kept[-1].output_type == "stream":
            kept[-1].text += output.text
        elif output.name == "stdout":
            kept.append(output)
    return kept


def main() -> int:
    """Runs the named notebooks, or all; the exit code."""
    names = sys.argv[1:] or sorted(file.stem for file in FOLDER.glob("*.ipynb"))
    failed = 0
    for name in names:
        try:
            execute(FOLDER / f"{Path(name).stem}.ipynb")
            print(f"{name}: ran")
        except CellExecutionError as error:
            failed = 1
            print(f"{name}: {error}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
