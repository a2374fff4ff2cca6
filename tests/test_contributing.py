"""The recipes of CONTRIBUTING.md, copied and run as a reader would, in a copy of the package."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.fences import ROOT, commands, fences, files

from gcg_bench import types
from gcg_bench.cli import cli
from gcg_bench.data import load_dataset
from gcg_bench.masks import decode
from gcg_bench.predictions import read_predictions

PAGE = "CONTRIBUTING.md"
METRIC = "gcg_bench/metrics/foreground.py"
MODEL = "odd_pixels.py"
# what a metric does that is wrong: it counts the pixels outside
UPSIDE_DOWN = (
    "float(pair.pixels.intersection)",
    "float(pair.pixels.union - pair.pixels.predicted + 1)",
)
TASK = "gcg_bench/tasks/saliency.py"
LAYOUT = "gcg_bench/predictions/layouts/label_list.py"
PETS = {"pets/card.md", "pets/val.jsonl", "pets/saliency.md", "pets/saliency.jsonl"}
FILES = {METRIC, MODEL, TASK, LAYOUT, "pets/answers.json", *PETS}
NEW = {*FILES, "tests/unit/test_foreground.py"}
SHIPPED = {"data_cards/pets.md", "tests/data/pets", "pets/images", "gcg_bench/data/formats/NAME.py"}

# main() of the copy, line after line in one process, so that torch and METEOR start once
DRIVER = """
import json, sys
import gcg_bench
from gcg_bench.cli import main
from gcg_bench.text import meteor
from support.live_meteor import LiveMeteor
meteor._meteor = LiveMeteor()
codes = []
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as left:
        codes.append(left.code)
meteor._meteor.close()
print(json.dumps({"codes": codes, "package": gcg_bench.__file__}))
"""


def paint(file: Path, *things: tuple[int, int, int, int]) -> None:
    """A grey image of 80 x 60 with dark rectangles: left, top, right, bottom, ends exclusive."""
    pixels = np.full((60, 80, 3), 200, dtype=np.uint8)
    for left, top, right, bottom in things:
        pixels[top:bottom, left:right] = 20
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(folder), str(folder / "tests")))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of the project without its long tests, and every file of the recipes in its place."""
    folder = tmp_path_factory.mktemp("checkout")
    rubbish = shutil.ignore_patterns("__pycache__", "*.safetensors")
    for name in ("gcg_bench", "data_cards", "tests/contracts", "tests/data", "tests/support"):
        shutil.copytree(ROOT / name, folder / name, ignore=rubbish)
    for file in (ROOT / "pyproject.toml", *(ROOT / "tests").glob("*.py")):
        shutil.copy(file, folder / file.relative_to(ROOT))
    for name, text in files(PAGE).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    paint(folder / "pets/images/cat.png", (10, 20, 40, 40))
    paint(folder / "pets/images/dogs.png", (5, 10, 25, 40), (45, 10, 65, 40))
    return folder


@pytest.fixture(scope="module")
def typed(checkout: Path) -> Path:
    """The copy after every command of the recipes was typed there, in order."""
    done = run(checkout, "-c", DRIVER, json.dumps(commands(PAGE, "bash")))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert Path(told["package"]).is_relative_to(checkout)
    assert told["codes"] == [0] * len(commands(PAGE, "bash")), done.stderr
    return checkout


def scores(folder: Path, protocol: str) -> dict[str, float]:
    (file,) = folder.glob(f"*.{protocol}-*/scores.json")
    found = json.loads(file.read_text(encoding="utf-8"))
    assert found["failed"] == 0
    return {name: score["value"] for name, score in found["scores"].items()}


def test_there_is_one_file_a_recipe_and_a_command_to_try_it():
    assert set(files(PAGE)) == FILES
    tried = [words[0] for words in commands(PAGE, "bash")]
    assert tried == ["evaluate", "selftest", "predict", "data", "evaluate", "evaluate", "data"]


@pytest.mark.parametrize("name", [METRIC, MODEL, TASK, LAYOUT])
@pytest.mark.parametrize("check", [["check"], ["format", "--check"]], ids=lambda c: c[0])
def test_recipes_are_in_the_house_style(name, check):
    stands = name if "/" in name else f"gcg_bench/adapters/{name}"
    command = [sys.executable, "-m", "ruff", *check, "--stdin-filename", stands, "-"]
    done = subprocess.run(
        command, cwd=ROOT, input=files(PAGE)[name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_metric_counts_what_it_says(typed):
    # whole-image covers every pixel: both is what the references cover, either is all there is
    samples = load_dataset("shapes", "val", limit=3).samples
    canvases = [
        np.any([decode(mask) for phrase in s.truth.phrases for mask in phrase.masks], axis=0)
        for s in samples
    ]
    expected = sum(c.sum() for c in canvases) / sum(c.size for c in canvases)
    (run_folder,) = (typed / "runs").glob("whole-image*")
    for protocol in ("official", "strict"):
        assert scores(run_folder, protocol)["Foreground"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
def test_the_model_answers_with_what_stands_out(typed):
    (run_folder,) = (typed / "runs").glob("odd_pixels*-shapes-val")
    answers = list(read_predictions(run_folder))
    assert len(answers) == 5
    for answer in answers:
        (things,) = answer.grounding.phrases
        assert answer.grounding.caption[slice(*things.span)] == things.text == "Some things"
        assert 0 < decode(things.masks[0]).mean() < 1


@pytest.mark.slow
def test_the_data_set_is_scored_to_what_paper_says(typed):
    # the one phrase covers exactly the cat (and not the sofa), and exactly the two dogs
    (run_folder,) = (typed / "runs").glob("odd_pixels*-pets-val")
    assert scores(run_folder, "official")["mIoU"] == 1.0
    assert scores(run_folder, "strict")["mIoU"] == pytest.approx((1 / 2 + 1) / 2)


@pytest.mark.slow
def test_the_task_is_scored_without_words(typed):
    # the animals are found exactly, and nothing else is marked
    (run_folder,) = (typed / "runs").glob("odd_pixels*-pets_saliency-val")
    folders = {file.parent.name for file in run_folder.glob("*/scores.json")}
    assert folders == {"saliency.official-1", "saliency.strict-1"}
    assert scores(run_folder, "strict") == {"mIoU": 1.0, "AP50": 1.0}
    stored = json.loads((run_folder / "saliency.strict-1/scores.json").read_text("utf-8"))
    assert (stored["words"], stored["false_accept"]) == (None, None)
    assert json.loads((run_folder / "run.json").read_text("utf-8"))["prompt"] == (
        "Mark everything that stands out."
    )
    assert (run_folder / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_what_is_copied_meets_the_laws_by_existing(checkout, tmp_path):
    # into a copy of the copy: the plug-ins in their last places, and a metric that is wrong
    folder = shutil.copytree(checkout, tmp_path / "shipped")
    shutil.copy(folder / MODEL, folder / "gcg_bench/adapters" / MODEL)
    shutil.copy(folder / "pets/card.md", folder / "data_cards/pets.md")
    shutil.copy(folder / "pets/saliency.md", folder / "data_cards/pets_saliency.md")
    for name, file in (("pets", "val.jsonl"), ("pets_saliency", "saliency.jsonl")):
        (folder / "tests/data" / name).mkdir()
        shutil.copy(folder / "pets" / file, folder / "tests/data" / name)
    wrong = files(PAGE)[METRIC].replace(*UPSIDE_DOWN).replace("foreground", "upside_down")
    (folder / "gcg_bench/metrics/upside_down.py").write_text(wrong, encoding="utf-8")

    chosen = "foreground or upside_down or odd-pixels or pets or saliency or label_list"
    report = tmp_path / "report.xml"
    done = run(
        folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}",
        "-k", chosen, "tests/contracts",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    outcomes: dict[str, dict[str, bool]] = {}
    for case in ET.parse(report).iter("testcase"):
        law, _, rest = case.attrib["name"].partition("[")
        outcomes.setdefault(rest.removesuffix("]"), {})[law] = case.find("failure") is None
    assert set(outcomes) >= {"foreground", "upside_down", "odd-pixels", "pets", "saliency"}
    assert "label_list" in outcomes
    for name in ("saliency", "label_list"):
        assert len(outcomes[name]) >= 3
        assert all(outcomes[name].values()), done.stdout
    for name in ("foreground", "odd-pixels", "pets"):
        assert len(outcomes[name]) >= 7
        assert all(outcomes[name].values()), done.stdout
    assert outcomes["foreground"].keys() == outcomes["upside_down"].keys()
    assert not outcomes["upside_down"]["test_truth_is_best"]
    assert not outcomes["upside_down"]["test_silence_is_zero_or_has_no_value"]


def test_every_command_on_the_page_is_one():
    typed = commands(PAGE, "bash", "text")
    for words in typed:
        command = cli
        with cli.make_context("gcg-bench", list(words)) as context:
            command = cli.get_command(context, words[0])
            assert command is not None, words
    assert len(typed) >= 4


def test_every_path_on_the_page_is_there():
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`(?:\./)?((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml))`", prose))
    assert {"gcg_bench/tasks/gcg.py", "CHANGELOG.md"} <= named
    for path in named - NEW - SHIPPED:
        assert (ROOT / path).exists() or (ROOT / "gcg_bench" / path).exists(), path


def test_check_does_what_the_page_says():
    text = (ROOT / "check").read_text(encoding="utf-8")
    order = ["ruff check", "ruff format --check", "mypy", "lint-imports", "python -m pytest"]
    assert [text.index(step) for step in order] == sorted(text.index(step) for step in order)
    assert text.splitlines()[-1].endswith(' "$@"')
    assert os.access(ROOT / "check", os.X_OK)
    assert "./check" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert fences(PAGE)[0].text.splitlines()[-1] == "./check"


def test_the_glossary_has_every_value_that_the_package_shares():
    glossary = (ROOT / PAGE).read_text(encoding="utf-8").partition("\n## Glossary\n")[2]
    terms = re.findall(r"\*([\w -]+)\*", glossary.partition("\n## ")[0])
    values = {
        name
        for name, value in vars(types).items()
        if inspect.isclass(value) and value.__module__.startswith(f"{types.__name__}.")
    }
    assert {"Sample", "Pair", "Metric"} <= values
    names = {re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower() for name in values}
    assert {name.removesuffix("s") for name in names} <= {term.removesuffix("s") for term in terms}
