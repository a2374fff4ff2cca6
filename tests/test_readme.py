"""README.md is true: its commands run, its files are read, its numbers come out, its links lead."""

import re
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
import yaml
from support.fences import ROOT, commands, files, marked
from support.walkthrough import Reader, parse

import gcg_bench
from gcg_bench import masks
from gcg_bench.data import load_dataset
from gcg_bench.predictions import read_predictions
from gcg_bench.tasks.gcg import OFFICIAL, STRICT

README = "README.md"
PAGES = sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "docs").rglob("*.md"))


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
    assert install.endswith("'.[test,docs,ray]'")
    assert run == 'PATH="$PWD/.venv/bin:$PATH" ./check'
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needs = {re.split(r"[>=<\[]", need)[0] for need in [*extras["test"], *extras["docs"]]}
    assert {"ruff", "mypy", "import-linter", "pytest", "sphinx", "myst-parser"} <= needs


def ci(function: str, argument: str) -> subprocess.CompletedProcess[str]:
    """A function of .ci/run, called."""
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    functions = re.findall(r"^\w+\(\).*?^}$", script, re.MULTILINE | re.DOTALL)
    program = "\n".join(['here="$1"', *functions, f'{function} "$2"'])
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", program, "-", str(ROOT), argument],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("mark", ["quick-start", "tests", "table"])
def test_ci_finds_the_block_that_readers_see(mark):
    done = ci("block_of", mark)
    assert (done.returncode, done.stdout) == (0, marked(README, mark))


def test_ci_compares_the_table_digit_for_digit(tmp_path):
    table = marked(README, "table")
    printed = tmp_path / "table.txt"
    printed.write_text(table.replace("shapes val\n", "shapes val   \n", 1) + "more\n", "utf-8")
    assert ci("refuse_other_table", str(printed)).returncode == 0
    digit = re.search(r"(?<=\d\.)\d(?= \[)", table)
    other = str((int(digit[0]) + 1) % 10)
    printed.write_text(table[: digit.start()] + other + table[digit.end() :], "utf-8")
    assert ci("refuse_other_table", str(printed)).returncode == 1


# The page is followed from top to bottom, in one empty folder -----------------------------------


@pytest.mark.slow
def test_the_page_works_from_top_to_bottom(tmp_path, monkeypatch, capfd, text):
    monkeypatch.chdir(tmp_path)
    reader = Reader(capfd, tmp_path)
    quick_start = marked(README, "quick-start").strip().split(" && ")[-1]
    table = reader.type(quick_start.removeprefix(".venv/bin/"))
    steps = reader.follow(README, without=("quick-start", "tests"))
    score, own, several, pets = (step.printed for step in steps)

    # what the page shows is what comes out, but for the numbers, which are of few images here
    shown = marked(README, "table").splitlines()
    few = (
        "official and strict: fewer than 50 images: the 95% intervals are too narrow"
        " (coverage 90 to 94%)."
    )
    lines = table.splitlines()
    assert lines.count(few) == 1
    printed = [line for line in lines if line != few][: len(shown)]
    assert [label(line) for line in printed] == [label(line) for line in shown]
    assert "kind of mistake" in table
    run = tmp_path / "runs/glamm-tiny-shapes-val"
    assert (run / "report.html").stat().st_size > 10_000
    assert len(list(read_predictions(run))) == 4

    # the square's box covers the diamond to 85%, the other one to 74%: 2 of 11 phrases are found
    assert re.search(r"Recall .* 18\.2 .* 18\.2 ", score)
    assert re.search(r"failed images +│ +0 │ +0 │", score)

    assert "my_model.py on shapes val" in own
    (run,) = (tmp_path / "runs").glob("my_model*")
    (answer, *_) = read_predictions(run)
    assert answer.grounding.caption == "The ground."

    assert "glamm-tiny" in several
    board = (tmp_path / "board.csv").read_text(encoding="utf-8").splitlines()
    assert len(board) == 1 + 2 * 2  # two models, two protocols
    assert sum("./my_model.py" in row for row in board) == 2
    for page in ("compare.html", "glamm-tiny.html"):
        assert (tmp_path / page).stat().st_size > 10_000

    # whole-image has one mask: a third of the cat's picture is sofa; the dogs cover a quarter
    assert re.search(r"mIoU +│ +29\.2 .*│ +20\.8 ", pets)


def label(line: str) -> str:
    """A line of a table without its numbers; any other line up to the first digit."""
    cells = line.split("│")
    return cells[1].strip() if len(cells) > 2 else re.split(r"\d|  ", line.strip())[0]


def test_the_page_is_short(text):
    assert len(text.splitlines()) <= 130


@pytest.mark.parametrize("page", [README, "CONTRIBUTING.md", *PAGES])
def test_every_command_is_one_that_exists(page):
    for words in commands(page, "bash", "text"):
        parse(words)


def test_a_command_that_does_not_exist_would_be_noticed():
    with pytest.raises(click.UsageError, match=r"(?i)no such option"):
        parse(["score", "runs/a", "--explane", "sa_1"])


# Files that the page quotes -------------------------------------------------------------------


def test_the_prediction_file_is_read_as_the_page_describes(tmp_path):
    file = tmp_path / "predictions.jsonl"
    file.write_text(files(README)["predictions.jsonl"], encoding="utf-8")
    sizes = load_dataset("shapes", "val", limit=2).sizes
    first, second = read_predictions(file, sizes=sizes)
    (square,) = first.grounding.phrases
    assert (square.text, square.score) == ("A large black square", 0.9)
    assert first.grounding.caption[slice(*square.span)] == square.text
    # the corners in the file's own program: left, top, width, height
    assert masks.boxes(square.masks).tolist() == [[74, 97, 113, 113]]
    blue, ring = second.grounding.phrases
    assert masks.area(blue.masks).tolist() == [125 * 125]
    assert (ring.text, ring.masks, ring.score, ring.span) == ("a red ring", (), None, None)


# Other pages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [README, "CONTRIBUTING.md", *PAGES])
def test_links_lead_on(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        name, _, heading = target.partition("#")
        file = ROOT / page if not name else ((ROOT / page).parent / name).resolve()
        assert file.exists(), target
        assert not heading or heading in headings(file), target


def headings(file: Path) -> set[str]:
    """The anchors that GitHub and MyST give to the headings of a page, or of one it includes."""
    text = file.read_text(encoding="utf-8")
    for included in re.findall(r"^```{include} (.+)$", text, re.MULTILINE):
        text += (file.parent / included).read_text(encoding="utf-8")
    return {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }


@pytest.mark.parametrize("page", [README, "SECURITY.md", *PAGES])
def test_files_of_the_project_that_a_page_names_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in re.findall(r"`((?:gcg_bench|tests|docs|data_cards|tools)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), name


def test_a_source_archive_holds_what_its_pages_and_tests_speak_of():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = set(project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    tests = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py")]
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in (README, "CONTRIBUTING.md")]
    asked = {name for text in tests for name in re.findall(r'\bROOT / "([\w.-]+)', text)}
    asked |= {name for text in pages for name in re.findall(r"\]\(([\w.-]+)[/)]", text)}
    assert {"README.md", "docs", "check", ".ci"} <= asked
    assert asked - held == {"pyproject.toml"}  # which every archive has


@pytest.mark.parametrize("page", [README, "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", *PAGES])
def test_lines_of_prose_fit_a_terminal(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in prose.splitlines() if not line.startswith("|")]  # tables cannot break
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
    newest = log.partition(f"\n## {gcg_bench.__version__} (")[2].partition("\n## ")[0]
    numbers = newest.partition("\n### Numbers\n")[2].partition("\n### ")[0]
    assert numbers.strip()
    for protocol in (OFFICIAL, STRICT):  # a version that nobody explained is refused
        assert f"Protocol `{protocol.name}` version {protocol.version}" in log
