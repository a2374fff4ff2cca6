"""What a release says of itself: metadata, the readme of an index, the lean installation."""

import email
import email.policy
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import types
import zipfile

import pytest
from support.fences import ROOT, fences, marked

import gcg_bench

ADDRESS = "https://host.example/owner/gcg-bench"
# a target of a link or of a picture
_TARGET = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def hook():
    """hatch_build.py, with an empty class in the place of hatchling's, which is not installed."""
    stub = types.ModuleType("hatchling.metadata.plugin.interface")
    stub.MetadataHookInterface = type("MetadataHookInterface", (), {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, stub.__name__, stub)
        for parent in ("hatchling", "hatchling.metadata", "hatchling.metadata.plugin"):
            patch.setitem(sys.modules, parent, types.ModuleType(parent))
        spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


PAGE = """A ![picture](docs/a.png) and [words](docs/b.md#top), [far](https://x.example/),
[near](#here).

<!-- mark -->
```text
[kept](docs/c.md)
```
"""


def test_links_lead_to_the_repository_at_the_version(hook):
    assert hook.rendered(PAGE, repository=ADDRESS, version="1.2") == (
        f"A ![picture]({ADDRESS}/raw/v1.2/docs/a.png) and"
        f" [words]({ADDRESS}/blob/v1.2/docs/b.md#top), [far](https://x.example/),\n[near](#here).\n"
        "\n```text\n[kept](docs/c.md)\n```\n"
    )


def test_without_a_repository_words_stay_and_pictures_go(hook):
    assert hook.rendered(PAGE, repository="", version="1.2") == (
        "A  and words, [far](https://x.example/),\n[near](#here).\n"
        "\n```text\n[kept](docs/c.md)\n```\n"
    )


@pytest.mark.parametrize("repository", ["", ADDRESS])
def test_no_link_of_the_readme_breaks_on_an_index(hook, repository):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert any(not target.startswith("https://") for target in _TARGET.findall(prose(text)))
    shown = hook.rendered(text, repository=repository, version=gcg_bench.__version__)
    assert all(target.startswith("https://") for target in _TARGET.findall(prose(shown)))
    assert "<!--" not in shown
    assert shown.count("```") == text.count("```")
    assert "](docs" not in shown
    assert ("![" in shown) == bool(repository)


def test_the_hook_fills_what_is_dynamic(hook, project):
    made = hook.Metadata()
    made.root, made.config = str(ROOT), project["tool"]["hatch"]["metadata"]["hooks"]["custom"]
    metadata = {}
    made.update(metadata)
    assert sorted([*metadata, "version"]) == project["project"]["dynamic"]
    assert metadata["readme"]["content-type"] == "text/markdown"
    assert metadata["urls"]["Paper of the task"] == "https://arxiv.org/abs/2311.03356"
    made.config = {"repository": ADDRESS}
    made.update(metadata)
    version = gcg_bench.__version__
    assert metadata["urls"]["Changelog"] == f"{ADDRESS}/blob/v{version}/CHANGELOG.md"
    assert f"]({ADDRESS}/blob/v{version}/docs/table.md)" in metadata["readme"]["text"]


def test_the_newest_release_of_the_changelog_is_this_version():
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (?:(Unreleased)|([\d.]+) \(\d{4}-\d\d-\d\d\))$", log, re.MULTILINE)
    assert versions[0] == ("Unreleased", "")
    assert versions[1] == ("", gcg_bench.__version__)


def lean_names() -> list[str]:
    words = marked("docs/start.md", "lean").split()
    return [re.split(r"[=<>]", word)[0] for word in words if word not in ("pip", "install")]


def test_the_lean_installation_is_a_part_of_the_requirements(project):
    needs = {re.split(r"[=<>!; ]", need)[0] for need in project["project"]["dependencies"]}
    named = set(lean_names()) - {"--no-deps", "gcg-bench"}
    assert named < needs
    assert not named & {"torch", "transformers", "datasets"}
    for word in marked("docs/start.md", "lean").split():
        assert "==" not in word or word in project["project"]["dependencies"]


def test_the_sizes_name_every_extra(project):
    text = (ROOT / "docs/start.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| extra `(\w+)`", text, re.MULTILINE)
    assert sorted(named) == sorted(project["project"]["optional-dependencies"])


def test_the_trial_of_a_release_reads_blocks_that_are_there():
    source = (ROOT / "tools/try_release.py").read_text(encoding="utf-8")
    asked = re.findall(r'block\("([\w./]+)", "([^"]+)"\)', source)
    assert {page for page, _ in asked} == {"README.md", "docs/start.md"}
    for page, mark in asked:
        assert [fence.mark for fence in fences(page)].count(mark) == 1


@pytest.mark.long
@pytest.mark.slow
def test_a_wheel_has_the_metadata_and_the_data(tmp_path):
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT]
    subprocess.run(wheel, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    (file,) = tmp_path.glob("gcg_bench-*.whl")
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        (name,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode()
    head = email.message_from_string(text, policy=email.policy.default)
    assert head["Version"] == gcg_bench.__version__
    assert head["License-Expression"] == "Apache-2.0"
    assert head["Author"] == "The gcg-bench authors"
    assert head["Description-Content-Type"] == "text/markdown"
    assert "](docs" not in text
    assert head.get_all("Project-URL")
    assert "gcg_bench/data_cards/shapes.md" in names
    assert file.stat().st_size < 20e6
