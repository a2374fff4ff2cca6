"""SPICE: what it asks its program and reads back; the program itself needs a download."""

import json
import os
import sys

import numpy as np
import pytest
from support.captioned import pairs, scores

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.metrics.spice import SPICE
from gcg_bench.scoring.score import measure
from gcg_bench.text import java

WORLD = [(["a dog runs"], "a dog"), (["a cat", "one cat"], ""), (["a dog runs"], "a dog")]


@pytest.fixture
def models(tmp_path, monkeypatch):
    """The cache folder with two files in the place of the models."""
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path))
    (tmp_path / "spice").mkdir()
    for name in ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar"):
        (tmp_path / "spice" / name).touch()
    return tmp_path


def program(folder, monkeypatch, answer):
    """A program in the place of Java that keeps its question and gives that answer."""
    file = folder / "java"
    file.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        "question = sys.argv[sys.argv.index('edu.anu.spice.SpiceScorer') + 1]\n"
        f"pathlib.Path({str(folder / 'asked.json')!r}).write_text(open(question).read())\n"
        f"out = pathlib.Path(sys.argv[sys.argv.index('-out') + 1])\nout.write_text({answer!r})\n"
    )
    file.chmod(0o755)
    monkeypatch.setenv("GCG_BENCH_JAVA", str(file))


def scored(*numbers):
    items = [{"image_id": k, "scores": {"All": {"f": f}}} for k, f in enumerate(numbers)]
    return json.dumps(items[::-1])


def test_without_its_models_it_says_what_to_get_and_where_to_put_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(java, "package_folder", lambda: tmp_path / "nothing")
    with pytest.raises(EnvironmentProblem) as caught:
        scores(SPICE(), WORLD)
    for told in ("3.6.0-models.jar", "stanford-corenlp-full-2015-12-09.zip", str(tmp_path)):
        assert told in str(caught.value)


def test_each_image_gets_its_own_score(models, monkeypatch):
    program(models, monkeypatch, scored(0.5, 0.2))
    assert scores(SPICE(), WORLD) == {"SPICE": pytest.approx((0.5 + 0.2 + 0.5) / 3)}
    assert json.loads((models / "asked.json").read_text()) == [
        {"image_id": 0, "test": "a dog", "refs": ["a dog runs"]},
        {"image_id": 1, "test": "", "refs": ["a cat", "one cat"]},
    ]


@pytest.mark.parametrize("answer", ["", "[]", scored(0.5), scored(0.5, None), '{"a": 1}'])
def test_an_answer_without_a_score_for_each_is_refused(models, monkeypatch, answer):
    program(models, monkeypatch, answer)
    with pytest.raises(EnvironmentProblem, match="SPICE did not write a score for each of 2"):
        scores(SPICE(), WORLD)


def test_no_images_score_nothing():
    assert scores(SPICE(), []) == {"SPICE": 0.0}


def test_the_program_is_started_with_its_own_classes_and_given_time(models, monkeypatch):
    """As its README says: the scorer's class, 8 GB; two seconds more for each pair of captions."""
    asked = []

    def ran(arguments, *, what, timeout):
        asked.append((list(arguments), what, timeout))

    monkeypatch.setattr(java, "package_folder", lambda: models / "package")
    monkeypatch.setattr(java, "run_java", ran)
    with pytest.raises(EnvironmentProblem, match="SPICE did not write"):
        scores(SPICE(), WORLD)
    [(arguments, what, timeout)] = asked
    spice = models / "package" / "spice"
    classes = [spice / "spice-1.0.jar", spice / "lib" / "*"]
    classes += [models / "spice" / f"stanford-corenlp-3.6.0{part}.jar" for part in ("", "-models")]
    assert arguments[:3] == ["-Xmx8G", "-cp", os.pathsep.join(map(str, classes))]
    assert arguments[3] == "edu.anu.spice.SpiceScorer"
    assert arguments[5] == "-out"
    assert arguments[7:] == ["-silent"]
    assert (what, timeout) == ("SPICE (written for Java 8)", 604.0)


def test_models_beside_the_program_are_as_good(models, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("GCG_BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
    (models / "spice").rename(models / "lib")
    (models / "package" / "spice").mkdir(parents=True)
    (models / "lib").rename(models / "package" / "spice" / "lib")
    monkeypatch.setattr(java, "package_folder", lambda: models / "package")
    program(models, monkeypatch, scored(0.5, 0.2))
    assert scores(SPICE(), WORLD) == {"SPICE": pytest.approx(0.4)}


def test_weights_are_repeated_images(models, monkeypatch):
    program(models, monkeypatch, scored(0.5, 0.2))
    rows = measure(SPICE(), pairs(WORLD))
    found = SPICE().reduce(rows, np.array([[2.0, 1, 0], [0, 3, 0]]))["SPICE"]
    assert found == pytest.approx([1.2 / 3, 0.2])
