"""docs/ is true: it builds without a warning and without network, and all of its blocks run."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.fences import ROOT, fences, marked
from support.walkthrough import Reader, expanded, shortened, shows

import gcg_bench
from gcg_bench import registry
from gcg_bench.cli import COMMANDS

PAGES = sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "docs").rglob("*.md"))
RUNNABLE = [page for page in PAGES if {f.language for f in fences(page)} & {"bash", "python"}]
# Sphinx, with every connection refused
OFFLINE = """
import socket, sys
def refuse(*arguments):
    raise OSError("the documentation must build without network")
socket.socket.connect = refuse
from sphinx.cmd.build import main
sys.exit(main(sys.argv[1:]))
"""


# Every block runs -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE)
def test_a_page_works_from_top_to_bottom(page, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert Reader(capfd, tmp_path).follow(page)


def in_order() -> list[str]:
    """The pages that run, as the index of the manual lists them; then those it does not list."""
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    listed = [
        f"docs/{name}" for name in re.findall(r"^- .*?\]\(([\w/]+\.md)\)", index, re.MULTILINE)
    ]
    return [*(page for page in listed if page in RUNNABLE), *sorted({*RUNNABLE} - {*listed})]


def test_the_index_lists_the_pages_that_run():
    assert sorted(in_order()) == RUNNABLE
    assert in_order()[:2] == ["docs/start.md", "docs/protocols.md"]


@pytest.mark.long
@pytest.mark.slow
def test_readme_and_manual_work_in_order_in_one_folder(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    reader = Reader(capfd, tmp_path)
    quick_start = marked("README.md", "quick-start").strip().split(" && ")[-1]
    reader.type(quick_start.removeprefix(".venv/bin/"))
    assert reader.follow("README.md", without=("quick-start", "tests"))
    for page in in_order():
        assert reader.follow(page), page


@pytest.mark.parametrize("page", PAGES)
def test_what_does_not_run_is_marked_as_text(page):
    for fence in fences(page):
        directive = fence.language.startswith("{")
        assert directive or fence.language in ("bash", "python", "text") or "file: " in fence.mark


def test_there_are_pages_that_run():
    assert len(RUNNABLE) >= 10
    assert "docs/python.md" in RUNNABLE


def test_what_is_shown_must_be_what_is_printed():
    assert shows("a\nb\n", "a   \nb\n\n")
    assert shows("a\n...\nd\n", "a\nb\nc\nd\n")
    assert shows("...\nd\n", "d\n")
    assert not shows("a\nb\n", "a\nc\n")
    assert not shows("a\n", "a\nb\n")
    assert not shows("a.b\n", "axb\n")


def test_lines_are_read_as_bash_reads_them(tmp_path):
    for name in ("a-run", "b-run", "other"):
        (tmp_path / name).mkdir()
    line = 'gcg-bench compare *-run -o "one page.html"  # both'
    words = ["gcg-bench", "compare", "a-run", "b-run", "-o", "one page.html"]
    assert expanded(line, tmp_path) == words
    assert shortened(["predict", "--split", "val"])[-2:] == ["--limit", "4"]
    assert shortened(["predict", "--limit", "9"]) == ["predict", "--limit", "9"]
    assert shortened(["annotate", "--dataset", "shapes"])[-2:] == ["--limit", "4"]
    assert shortened(["annotate", "export", "DIR"]) == ["annotate", "export", "DIR"]
    assert shortened(["score", "a-run"]) == ["score", "a-run"]


# The pictures -------------------------------------------------------------------------------------


def test_every_picture_is_shown_and_drawn_by_the_tool():
    kept = sorted(file.name for file in (ROOT / "docs").glob("*.png"))
    drawn = re.findall(r'DOCS / "([\w-]+\.png)"', (ROOT / "tools/draw_docs.py").read_text("utf-8"))
    pages = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    assert sorted(drawn) == kept == sorted(set(re.findall(r"!\[[^\]]+\]\(([\w-]+\.png)\)", pages)))
    assert all((ROOT / "docs" / name).stat().st_size < 250_000 for name in kept)


# The site -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built pages."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, "-q", "-W", "--keep-going", "-b", "html",
         "-d", str(folder / "doctrees"), str(ROOT / "docs"), str(folder / "html")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_every_page_is_built(site):
    for page in PAGES:
        html = (site / page.removeprefix("docs/")).with_suffix(".html").read_text(encoding="utf-8")
        assert "<h1>" in html


def test_the_site_loads_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|img|link)[^>]* (?:src|href)=\"(?:https?:)?//", html)


def test_every_public_name_is_documented(site):
    pages = [file.read_text(encoding="utf-8") for file in (site / "api").glob("*.html")]
    found = {
        name for html in pages for name in re.findall(r'id="gcg_bench\.(?:[a-z.]+\.)?(\w+)"', html)
    }
    assert set(gcg_bench.__all__) - found == set()


def test_every_metric_and_every_command_is_documented(site):
    metrics = (site / "api/metrics.html").read_text(encoding="utf-8")
    for name in registry.names("metrics"):
        assert f'id="module-gcg_bench.metrics.{name}"' in metrics
    commands = (site / "commands.html").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"Usage: gcg-bench {name}" in commands
    assert "Usage: gcg-bench data fetch" in commands


# The design ---------------------------------------------------------------------------------------


def test_the_design_lists_every_room():
    text = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    table = text.partition("| room | content |\n|---|---|\n")[2].partition("\n\n")[0]
    rooms = [row.split("|")[1] for row in table.splitlines()]
    listed = [name for cell in rooms for name in re.findall(r"`(\w+)`", cell)]
    package = Path(gcg_bench.__file__).parent
    folders = {folder.name for folder in package.iterdir() if (folder / "__init__.py").is_file()}
    modules = {file.stem for file in package.glob("*.py")} - {"__init__"}
    assert sorted(listed) == sorted(folders | modules)


def test_the_design_shows_the_layers_that_are_checked():
    (shown,) = [fence.text for fence in fences("docs/design.md") if fence.mark == "layers"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    assert [sorted(line.split(", ")) for line in shown.splitlines()] == [
        sorted(re.split(r" [:|] ", layer)) for layer in layers
    ]
