"""Rules of the code base: sizes, names, allowed imports, and the modules that a command may load.

Each rule is a function from a file to the places that break it. A second test checks that the rule
notices a file that breaks it.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from support.fences import ROOT

from gcg_bench import tasks
from gcg_bench.cli import COMMANDS, cli

PACKAGE = ROOT / "gcg_bench"
FILES = sorted(file.relative_to(ROOT).as_posix() for file in PACKAGE.rglob("*.py"))

LINES_IN_A_FILE = 300
LINES_IN_A_FUNCTION = 50
FORBIDDEN_NAMES = {"utils", "util", "common", "base", "core", "helpers", "helper", "misc"}
HEAVY = {"torch", "transformers", "scipy", "pandas", "datasets", "pyarrow", "jinja2"}
# library -> the only part of the package that may import it
ONLY_IN = {
    "click": "gcg_bench/cli/",
    "rich": "gcg_bench/cli/",
    "pycocotools": "gcg_bench/masks/",
}
PROTOCOLS = {
    text
    for task in tasks.names()
    for protocol in tasks.load(task).protocols
    for text in (protocol.name, protocol.key)
}
SCORES = set(tasks.known_scores())
SPLITTING = {
    "split",
    "rsplit",
    "partition",
    "rpartition",
    "match",
    "search",
    "findall",
    "fullmatch",
}
ROOMS = 25  # on the top floor of the package
EVERYTHING = {"Exception", "BaseException"}
# the places that catch every exception, and what they do with it
CATCH_ALLS = {
    "gcg_bench/execution/isolation.py": "whatever a model raises becomes a prediction's error",
    "gcg_bench/execution/worker_files/gcg_bench_worker.py": "the same, in other environments",
    "gcg_bench/glamm/batching.py": "whatever a thread raises becomes the failure of one item",
    "gcg_bench/registry.py": "whatever a plug-in raises on loading becomes BadOption, with a cause",
}

ONE_FILE_TO_COPY = "gcg_bench/execution/worker_files/gcg_bench_worker.py"

Law = Callable[[str, str], Iterator[str]]


def long_files(name: str, text: str) -> Iterator[str]:
    lines = text.count("\n")
    if name == ONE_FILE_TO_COPY:
        return
    if lines >= LINES_IN_A_FILE:
        yield f"{name}: {lines} lines"


def long_functions(name: str, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines >= LINES_IN_A_FUNCTION:
                yield f"{name}: {node.name}: {lines} lines"


def modules_without_docstring(name: str, text: str) -> Iterator[str]:
    if not ast.get_docstring(ast.parse(text)):
        yield name


def empty_names(name: str, text: str) -> Iterator[str]:
    del text
    if FORBIDDEN_NAMES & set(Path(name).with_suffix("").parts):
        yield name


def imports_out_of_place(name: str, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        for module in imported(node):
            home = ONLY_IN.get(module.partition(".")[0], "")
            if not name.startswith(home):
                yield f"{name}:{node.lineno}: {module}"


def imported(node: ast.AST) -> list[str]:
    """The modules that an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def catch_alls(name: str, text: str) -> Iterator[str]:
    """Code that catches every exception, in any of three forms.

    An except clause, unless it only cleans up and raises the exception again; an `__exit__` that
    raises another exception or returns a value, which suppresses it; a future's `exception()`.
    """
    for node in ast.walk(ast.parse(text)):
        if (
            (isinstance(node, ast.ExceptHandler) and catches_everything(node))
            or (isinstance(node, ast.FunctionDef) and replaces_exceptions(node))
            or (isinstance(node, ast.Call) and takes_exception_of_future(node))
        ):
            yield f"{name}:{node.lineno}"


def catches_everything(handler: ast.ExceptHandler) -> bool:
    parts = ast.walk(handler.type) if handler.type else ()
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    last = handler.body[-1]
    raised_again = isinstance(last, ast.Raise) and last.exc is None and "Exception" not in names
    return handler.type is None or (bool(names & EVERYTHING) and not raised_again)


def replaces_exceptions(function: ast.FunctionDef) -> bool:
    """Whether a function is an `__exit__` that raises, or returns a value."""
    return function.name == "__exit__" and any(
        isinstance(node, ast.Raise) or (isinstance(node, ast.Return) and node.value is not None)
        for node in ast.walk(function)
    )


def takes_exception_of_future(call: ast.Call) -> bool:
    """Whether a call is `future.exception()`; `log.exception(message)` has an argument."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "exception" and not call.args


def hidden_arrows(name: str, text: str) -> Iterator[str]:
    """Imports that hide dependencies: TYPE_CHECKING, relative and star imports, `__future__`."""
    for node in ast.walk(ast.parse(text)):
        hidden = (
            isinstance(node, ast.ImportFrom)
            and (node.level > 0 or node.module == "__future__" or node.names[0].name == "*")
        ) or (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING")
        if hidden:
            yield f"{name}:{node.lineno}"


# the scale of a score is named after it; the kinds of mistakes have an F1 of their own
NAMED_ELSEWHERE = {
    ("gcg_bench/types/metric.py", "CIDEr"),
    ("gcg_bench/analysis/errors/costs.py", "F1"),
}


def names_of_scores_and_protocols(name: str, text: str) -> Iterator[str]:
    """Texts that name a score or a protocol, outside tasks and metrics."""
    if name.startswith(("gcg_bench/tasks/", "gcg_bench/metrics/")):
        return
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        known = node.value in SCORES or node.value in PROTOCOLS
        if known and (name, node.value) not in NAMED_ELSEWHERE:
            yield f"{name}:{node.lineno}: {node.value}"


def parsed_signatures(name: str, text: str) -> Iterator[str]:
    """Calls that look into the text of a signature: regular expressions and splits."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        said = ast.unparse(node)
        looks = ast.unparse(node.func).startswith("re.") or node.func.attr in SPLITTING
        if looks and "signature" in said:
            yield f"{name}:{node.lineno}: {said}"


def broken(law: Law) -> list[str]:
    """The places where the package breaks a rule."""
    return [place for name in FILES for place in law(name, (ROOT / name).read_text("utf-8"))]


LAWS = [
    long_files,
    long_functions,
    modules_without_docstring,
    empty_names,
    imports_out_of_place,
    hidden_arrows,
    names_of_scores_and_protocols,
    parsed_signatures,
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_no_file_breaks_the_law(law):
    assert broken(law) == []


def test_only_known_places_catch_everything():
    assert [place.partition(":")[0] for place in broken(catch_alls)] == [*CATCH_ALLS]


def test_the_top_floor_has_few_rooms():
    rooms = {Path(name).parts[1].removesuffix(".py") for name in FILES} - {"__init__"}
    assert {"tasks", "pipeline", "types"} <= rooms
    assert len(rooms) <= ROOMS


def test_the_files_are_all_there():
    assert {"gcg_bench/__init__.py", "gcg_bench/types/metric.py", "gcg_bench/metrics/ap50.py"} <= {
        *FILES
    }
    assert len(FILES) > 100


LONG = '"""Long."""\n' + "\n" * LINES_IN_A_FILE
FUNCTION = '"""Long."""\ndef f():\n' + "    pass\n" * LINES_IN_A_FUNCTION
CLEANS_UP = "try:\n    f()\nexcept BaseException:\n    g()\n    raise\n"
EXIT = "class A:\n    def __exit__(self, kind, error, traceback):\n        "


@pytest.mark.parametrize(
    ("law", "name", "text"),
    [
        (long_files, "gcg_bench/new.py", LONG),
        (long_functions, "gcg_bench/new.py", FUNCTION),
        (long_functions, "gcg_bench/new.py", FUNCTION.replace("def", "async def")),
        (modules_without_docstring, "gcg_bench/new.py", "import numpy\n"),
        (empty_names, "gcg_bench/utils.py", ""),
        (empty_names, "gcg_bench/core/masks.py", ""),
        (imports_out_of_place, "gcg_bench/data/download.py", "def f():\n    import rich.table\n"),
        (imports_out_of_place, "gcg_bench/data/download.py", "from click import echo\n"),
        (imports_out_of_place, "gcg_bench/metrics/miou.py", "from pycocotools import mask\n"),
        (imports_out_of_place, "gcg_bench/masks/reading.py", "import numpy, click\n"),
        (hidden_arrows, "gcg_bench/new.py", "from . import masks\n"),
        (names_of_scores_and_protocols, "gcg_bench/cli/new.py", "x = ('mIoU', 'mAP')\n"),
        (names_of_scores_and_protocols, "gcg_bench/cli/new.py", "x = a == 'strict'\n"),
        (parsed_signatures, "gcg_bench/new.py", "x = re.findall('a', row['signature'])\n"),
        (parsed_signatures, "gcg_bench/new.py", "x = result.signature.split('|')\n"),
        (hidden_arrows, "gcg_bench/new.py", "from gcg_bench.masks import *\n"),
        (hidden_arrows, "gcg_bench/new.py", "from __future__ import annotations\n"),
        (hidden_arrows, "gcg_bench/new.py", "if TYPE_CHECKING:\n    pass\n"),
        (catch_alls, "gcg_bench/new.py", "try:\n    f()\nexcept:\n    raise\n"),
        (catch_alls, "gcg_bench/new.py", "try:\n    f()\nexcept Exception:\n    raise\n"),
        (catch_alls, "gcg_bench/new.py", "try:\n    f()\nexcept (OSError, Exception):\n    g()\n"),
        (catch_alls, "gcg_bench/new.py", CLEANS_UP.replace("    raise\n", "")),
        (catch_alls, "gcg_bench/new.py", f"{EXIT}raise OSError from error\n"),
        (catch_alls, "gcg_bench/new.py", f"{EXIT}return True\n"),
        (catch_alls, "gcg_bench/new.py", "error = future.exception()\n"),
    ],
)
def test_a_file_that_breaks_the_law_is_noticed(law, name, text):
    assert len(list(law(name, text))) == 1


@pytest.mark.parametrize(
    ("law", "name", "text"),
    [
        (long_files, "gcg_bench/new.py", "\n" * (LINES_IN_A_FILE - 1)),
        (empty_names, "gcg_bench/database.py", ""),
        (imports_out_of_place, "gcg_bench/cli/new.py", "import click\nfrom rich import box\n"),
        (imports_out_of_place, "gcg_bench/masks/new.py", "from pycocotools import mask\n"),
        (catch_alls, "gcg_bench/new.py", CLEANS_UP),
        (catch_alls, "gcg_bench/new.py", f"{EXIT}return\n"),
        (catch_alls, "gcg_bench/new.py", f"{EXIT}self.close()\n"),
        (catch_alls, "gcg_bench/new.py", "log.exception('failed')\n"),
        (catch_alls, "gcg_bench/new.py", "try:\n    f()\nexcept OSError:\n    g()\n"),
    ],
)
def test_a_file_that_keeps_the_law_is_left_alone(law, name, text):
    assert list(law(name, text)) == []


# What a command loads ------------------------------------------------------------------------

HARNESS = """
import json, sys
{first}
from gcg_bench.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as left:
        assert not left.code, (arguments, left.code)
print(json.dumps(sorted(sys.modules)))
"""


def loaded_by(*typed: Sequence[str], first: str = "") -> set[str]:
    """The modules that a fresh interpreter has loaded after running some commands."""
    done = subprocess.run(
        [sys.executable, "-c", HARNESS.format(first=first), json.dumps(typed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def heavy(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules} & HEAVY


LISTED = [name for name in COMMANDS if cli.get_command(None, name) is not None]


def test_help_is_instant():
    modules = loaded_by(["--help"])
    assert heavy(modules) == set()
    # numpy is not heavy, but help pages do not need it
    assert "numpy" not in modules
    assert "gcg_bench.cli" in modules


def test_help_of_every_command_is_quick():
    assert {"evaluate", "predict", "score", "leaderboard", "data"} <= set(LISTED)
    assert heavy(loaded_by(*([name, "--help"] for name in LISTED))) == set()


@pytest.mark.parametrize("typed", [["data", "list"], ["data", "show", "grandf"], ["models"]])
def test_looking_around_loads_nothing_heavy(typed):
    if typed[0] not in LISTED:
        pytest.skip(f"there is no command {typed[0]} yet")
    assert heavy(loaded_by(typed)) == set()


def test_the_harness_notices_what_is_heavy():
    assert heavy(loaded_by(["--help"], first="import torch")) == {"torch"}
    assert "numpy" in loaded_by(["--help"], first="import numpy")


# Layers --------------------------------------------------------------------------------------


def layers(folder: Path) -> tuple[int, str]:
    """The exit code and the output of lint-imports in a copy of the project."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()",
         "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "line", "contract"),
    [
        ("metrics/miou.py", "from gcg_bench.pipeline.evaluate import score", "arrows point down"),
        ("metrics/miou.py", "from gcg_bench.metrics.ap50 import AP50", "do not know each other"),
        ("adapters/silent.py", "from gcg_bench.data import Dataset", "cannot see references"),
        ("tasks/gcg.py", "from gcg_bench.adapters import Needs", "a task imports no model"),
        ("masks/reading.py", "import rich", "talks to terminals"),
    ],
)
def test_a_forbidden_import_is_noticed(tmp_path, name, line, contract):
    shutil.copytree(PACKAGE, tmp_path / "gcg_bench", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file = tmp_path / "gcg_bench" / name
    file.write_text(file.read_text("utf-8") + f"\n{line}\n", "utf-8")
    code, words = layers(tmp_path)
    assert code == 1, words
    kept = [said for said in words.splitlines() if said.endswith("KEPT")]
    assert any(contract in said for said in words.splitlines() if said.endswith("BROKEN")), words
    assert kept
