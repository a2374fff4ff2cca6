"""Reads notebooks and runs their code cells in order, as a notebook does, without Jupyter."""

import ast
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.fences import ROOT

FOLDER = ROOT / "examples"
# Runs the cells that stdin holds as JSON. What a cell prints goes to stdout, and so does the text
# of its last expression; lines that begin with "!" are typed. After each cell stands a separator.
PROGRAM = """
import json, subprocess, sys, types

main = types.ModuleType("__main__")
sys.modules["__main__"] = main
separator = sys.argv[1]
main.typed = lambda line: print(
    subprocess.run(["bash", "-euc", line], check=True, stdout=-1, text=True).stdout, end=""
)
for body, last in json.load(sys.stdin):
    exec(compile(body, "cell", "exec"), main.__dict__)
    if last:
        value = eval(compile(last, "cell", "eval"), main.__dict__)
        if value is not None:
            print(repr(value))
    print(separator, flush=True)
"""
SEPARATOR = "-- the next cell --"


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook.

    Attributes:
        kind: `code` or `markdown`.
        source: its text.
        outputs: what is kept of its execution; empty for Markdown.
    """

    kind: str
    source: str
    outputs: list[dict[str, Any]]

    @property
    def printed(self) -> str:
        """The texts of the outputs: what was printed, then the value of the last expression."""
        texts = []
        for output in self.outputs:
            text = output["text"] if output["output_type"] == "stream" else _plain(output)
            texts.append("".join(text).rstrip("\n") + "\n")
        return "".join(texts)

    def parts(self) -> tuple[str, str]:
        """The program of a code cell: statements, then the last expression or an empty text."""
        lines = [
            f"typed({line[1:]!r})" if line.startswith("!") else line
            for line in self.source.splitlines()
        ]
        tree = ast.parse("\n".join(lines))
        last = tree.body[-1]
        if not isinstance(last, ast.Expr) or lines[-1].startswith("typed("):
            return "\n".join(lines), ""
        return ast.unparse(ast.Module(tree.body[:-1], [])), ast.unparse(last)


def _plain(output: dict[str, Any]) -> list[str]:
    return output["data"]["text/plain"]


def read(name: str) -> list[Cell]:
    """The cells of a notebook of examples/."""
    content = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return [
        Cell(cell["cell_type"], "".join(cell["source"]), cell.get("outputs", []))
        for cell in content["cells"]
    ]


def run(cells: list[Cell], folder: Path, environment: dict[str, str]) -> list[str]:
    """What each code cell prints, run in a process of its own in a folder."""
    program = [cell.parts() for cell in cells if cell.kind == "code"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, SEPARATOR],
        input=json.dumps(program), cwd=folder, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split(f"{SEPARATOR}\n")[:-1]
