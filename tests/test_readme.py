"""README.md is true: its commands run, its files are read, its numbers come out, its links lead."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.fences import ROOT, commands, fences, files, marked
from support.worlds import block, compare_all, phrase, sample

import gcg_bench
from gcg_bench import masks
from gcg_bench.cli import cli
from gcg_bench.execution.models import describe_models
from gcg_bench.predictions import read_predictions
from gcg_bench.scoring.score import measure
from gcg_bench.tasks.gcg import OFFICIAL, STRICT
from gcg_bench.types import Grounding, Mask

README = "README.md"
SCORED = ("evaluate", "predict", "export", "selftest")  # what takes --limit


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / README).read_text(encoding="utf-8")


# The two marked commands ----------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["quick-start", "tests"])
def test_a_marked_command_is_one_line_that_installs_and_then_runs(mark):
    (line,) = marked(README, mark).splitlines()
    make, install, _ = line.split(" && ")
    assert make == "python3 -m venv .venv"
    assert install.startswith(".venv/bin/pip install -q -c constraints.txt -e ")
    assert (ROOT / "constraints.txt").is_file()


def test_the_tests_are_run_by_check_with_what_it_needs():
    _, install, run = marked(README, "tests").strip().split(" && ")
    assert install.endswith("'.[test]'")
    assert run == 'PATH="$PWD/.venv/bin:$PATH" ./check'
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = {re.split(r"[>=<\[]", need)[0] for need in project["optional-dependencies"]["test"]}
    assert {"ruff", "mypy", "import-linter", "pytest"} <= extra


@pytest.mark.parametrize("mark", ["quick-start", "tests"])
def test_ci_finds_the_command_that_readers_see(mark):
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    found = re.search(r"^command_of\(\).*?^}$", script, re.MULTILINE | re.DOTALL)
    assert found is not None
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f'here="$1"\n{found[0]}\ncommand_of "$2"', "-",
         str(ROOT), mark],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == marked(README, mark)


# Everything in a bash block is typed, in order, in one empty folder -----------------------------


def lines_to_run() -> list[str]:
    """The first marked command without its installation, and the lines of the other bash blocks."""
    quick_start = marked(README, "quick-start").strip().split(" && ")[-1]
    others = [
        line
        for fence in fences(README)
        if fence.language == "bash" and not fence.mark
        for line in fence.text.splitlines()
    ]
    shortened = [
        f"{line} --limit 4" if set(line.split()) & set(SCORED) else line
        for line in [quick_start.replace(".venv/bin/", ""), *others]
    ]
    assert all(line.startswith("gcg-bench ") for line in shortened)
    return shortened


@pytest.fixture(scope="module")
def typed(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """The folder where the commands ran, and what each printed on stdout."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "my_model.py").write_text(files(README)["my_model.py"], encoding="utf-8")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    printed = {}
    for line in lines_to_run():
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        printed[line] = done.stdout
    return folder, printed


@pytest.mark.slow
def test_the_quick_start_prints_the_table(typed, text):
    _, printed = typed
    table = next(iter(printed.values()))
    for protocol in (OFFICIAL, STRICT):
        assert f"{protocol.name} v{protocol.version}" in table
        for metric in protocol.metrics:
            assert all(re.search(rf"^. {name}\b", table, re.MULTILINE) for name in metric.scores)
    # what the page explains is what the table says
    for said in re.findall(r"\*(failed images|false-accept rate)\*", text):
        assert said in table
    assert "false-accept rate" in text
    assert table.count("protocol:") == 2


@pytest.mark.slow
def test_a_run_keeps_what_the_page_says(typed):
    folder, _ = typed
    run = folder / "runs" / "glamm-tiny-shapes-val"
    assert (run / "report.html").stat().st_size > 10_000
    assert len(list(read_predictions(run))) == 4


@pytest.mark.slow
def test_the_model_of_one_file_is_scored_and_ranked(typed):
    folder, _ = typed
    board = (folder / "board.csv").read_text(encoding="utf-8").splitlines()
    assert len(board) == 1 + 2 * 2  # two models, two protocols
    assert sum("./my_model.py" in row for row in board) == 2
    (run,) = (folder / "runs").glob("my_model*")
    (answer, *_) = read_predictions(run)
    assert answer.grounding.caption == "The ground."


@pytest.mark.slow
def test_the_data_commands_show_and_export(typed):
    folder, printed = typed
    assert "shapes" in printed["gcg-bench data list"]
    assert "@inproceedings" in printed["gcg-bench data show grandf"]
    exported = sorted(file.name for file in (folder / "my_copy").iterdir())
    assert "card.md" in exported
    assert len(exported) >= 3


@pytest.mark.parametrize("page", [README, "CONTRIBUTING.md"])
def test_every_command_is_one_that_exists(page):
    found = commands(page, "bash", "text")
    assert len(found) >= 4
    for words in found:
        name, *rest = words
        with cli.make_context("gcg-bench", list(words)) as context:
            command = cli.get_command(context, name)
            assert command is not None, words
            # a group may also be called as a command of its own: leaderboard RUN... -o FILE
            if rest and rest[0] in getattr(command, "commands", {}):
                name, *rest = rest
                command = command.commands[name]
            command.make_context(name, rest)  # refuses options and arguments that it does not know


# Files that the page quotes -------------------------------------------------------------------


def test_the_prediction_file_is_read_as_the_page_describes(tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text(marked(README, "predictions"), encoding="utf-8")
    sizes = {"sa_10010541": (480, 640), "sa_10010542": (480, 640)}
    first, second = read_predictions(file, sizes=sizes)
    man, bench = first.grounding.phrases
    assert (man.text, man.score) == ("A man", 0.93)
    assert first.grounding.caption[slice(*man.span)] == "A man"
    assert (bench.text, bench.score, bench.span) == ("a bench", None, None)
    # full columns: 200 to 299 for the man, 400 to 479 for the bench
    assert masks.boxes([*man.masks, *bench.masks]).tolist() == [
        [200, 0, 100, 480],
        [400, 0, 80, 480],
    ]
    assert masks.area([*man.masks, *bench.masks]).tolist() == [100 * 480, 80 * 480]
    assert (second.error, second.grounding) == ("out of memory", Grounding(""))


def test_the_program_that_writes_predictions_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(files(README)["write_answers.py"], "write_answers.py", "exec"), {})
    (answer,) = read_predictions(tmp_path / "answers.jsonl", sizes={"sa_10010541": (480, 640)})
    assert json.loads((tmp_path / "answers.jsonl").read_text())["id"] == answer.id == "sa_10010541"
    (cat,) = answer.grounding.phrases
    assert masks.boxes(cat.masks).tolist() == [[200, 100, 200, 200]]


# What the page says of the two protocols ------------------------------------------------------

NAMES = ("ant", "bee", "cow", "dog", "eel")


def thing(k: int, columns: int = 20) -> Mask:
    """The left columns of the k-th of five strips of 20 x 10 pixels."""
    return block(12 * k, 0, 10, columns)


FIVE = Grounding("", tuple(phrase(name, thing(k)) for k, name in enumerate(NAMES)))
JUNK = tuple(phrase("junk", block(k % 50, 40 + k // 50, 1, 1)) for k in range(100))
ONE = Grounding("", (phrase("ant", thing(0, 19)),))
FAIR = Grounding("", tuple(phrase(name, thing(k, 16)) for k, name in enumerate(NAMES)))
WRONG = (phrase("xyz", thing(0)), *(phrase(NAMES[k], thing(k, 18)) for k in range(1, 5)))
UNEVEN = (*(phrase(NAMES[k], thing(k, 19)) for k in range(4)), phrase(None, thing(4)))
NOTHING = Grounding("", (phrase("ant", masks.empty(60, 80)),))
HIT, MISS = Grounding("", (phrase("ant", thing(0)),)), Grounding("", (phrase("ant", thing(4)),))
IMAGES = [sample(name, HIT, order=k) for k, name in enumerate("ab")]

# the row's first words -> worlds (references, answers) whose scores it quotes, in order
ROWS = {
    "finds 1 of 5": [([sample("a", FIVE)], [ONE]), ([sample("a", FIVE)], [FAIR])],
    "finds 4 of 5": [([sample("a", FIVE)], [Grounding("", FIVE.phrases[:4])])],
    "finds all 5": [([sample("a", FIVE)], [Grounding("", (*FIVE.phrases, *JUNK))])],
    "finds 5, but": [([sample("a", FIVE)], [Grounding("", WRONG)])],
    "gives an empty mask": [([sample("a", NOTHING)], [NOTHING])],
    "gives 5 masks": [([sample("a", FIVE)], [Grounding("", UNEVEN)])],
    "gives the same answers": [(IMAGES, [HIT, MISS]), (IMAGES, [MISS, HIT])],
}


def hundredfold(protocol, name: str, worlds) -> list[str]:
    """One of a protocol's scores in each world, as the page prints it."""
    metric = next(metric for metric in protocol.metrics if name in metric.scores)
    found = []
    for references, answers in worlds:
        rows = measure(metric, compare_all(references, answers))
        value = metric.reduce(rows, np.ones((1, len(rows))))[name][0]
        found.append(f"{100 * value:.1f}".removesuffix(".0"))
    return found


@pytest.mark.parametrize("row", ROWS)
def test_the_table_of_weaknesses_is_what_comes_out(row, text):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {row}")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    for protocol, cell in zip((OFFICIAL, STRICT), cells[1:], strict=True):
        if cell == "AP50 the same":
            first, second = hundredfold(protocol, "AP50", ROWS[row])
            assert first == second
            continue
        quoted = re.findall(r"(mIoU|Recall|Precision|AP50) ([\d.]+)", cell)
        assert quoted
        for name, value in quoted:
            assert hundredfold(protocol, name, ROWS[row])[0] == value
        if len(ROWS[row]) > 1:  # the other world's number stands last
            (name, _) = quoted[0]
            assert hundredfold(protocol, name, ROWS[row])[1] == re.findall(r"[\d.]+", cell)[-1]


def test_the_table_of_weaknesses_has_no_other_rows(text):
    table = text.partition("| what a model does | official | strict |\n|---|---|---|\n")[2]
    assert len(table.partition("\n\n")[0].splitlines()) == len(ROWS)


def test_the_page_names_every_score_encoder_and_baseline(text):
    (line,) = [line for line in text.splitlines() if line.startswith("| computes |")]
    _, official, strict = line.strip("|").split("|")
    for protocol, cell in ((OFFICIAL, official), (STRICT, strict)):
        for metric in protocol.metrics:
            assert all(re.search(rf"\b{name}\b", cell) for name in metric.scores)
    (line,) = [line for line in text.splitlines() if line.startswith("| similarity of phrases |")]
    assert [f"`{OFFICIAL.encoder}`" in line, f"`{STRICT.encoder}`" in line] == [True, True]
    baselines = {one.name for one in describe_models() if not one.needs.weights and not one.origin}
    named = text.partition("## Plug in a model")[2].partition("\n## ")[0]
    assert baselines - {"predictions"} <= set(re.findall(r"`([a-z-]+)`", named))


# Other pages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [README, "CONTRIBUTING.md"])
def test_links_lead_on(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert (ROOT / target).exists(), target


def test_a_source_archive_holds_what_its_pages_and_tests_speak_of():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = set(project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    tests = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py")]
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in (README, "CONTRIBUTING.md")]
    asked = {name for text in tests for name in re.findall(r'\bROOT / "([\w.-]+)', text)}
    asked |= {name for text in pages for name in re.findall(r"\]\(([\w.-]+)[/)]", text)}
    assert {"README.md", "docs", "check", ".ci"} <= asked
    assert asked - held == {"pyproject.toml"}  # which every archive has


@pytest.mark.parametrize("page", [README, "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_lines_of_prose_fit_a_terminal(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in prose.splitlines() if not line.startswith("|")]  # tables cannot break
    assert len(lines) > 30
    assert [line for line in lines if len(line) > 120] == []


def test_the_citation_is_whole_and_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    # the keys that the schema of version 1.2.0 requires
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["version"] == gcg_bench.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["license"] == project["license"] == "Apache-2.0"
    assert all("name" in author or "family-names" in author for author in cited["authors"])
    (paper,) = cited["references"]
    assert paper["title"].startswith("GLaMM")
    assert {"type", "title", "authors"} <= set(paper)
    assert any("2311.03356" in one["value"] for one in paper["identifiers"])


def test_the_changelog_tells_numbers_from_the_rest():
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased = log.partition("\n## Unreleased\n")[2].partition("\n## ")[0]
    numbers = unreleased.partition("\n### Numbers\n")[2].partition("\n### ")[0]
    assert numbers.strip()
    for protocol in (OFFICIAL, STRICT):  # a version that nobody explained is refused
        assert f"Protocol `{protocol.name}` version {protocol.version}" in log
