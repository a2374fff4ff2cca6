"""An annotation as a data set, as GranD's release, and as a run."""

import json

import numpy as np
import pytest
from PIL import Image

from gcg_bench import masks
from gcg_bench.annotate import sources, stages
from gcg_bench.annotate.as_run import write_run
from gcg_bench.annotate.exporting import write_dataset, write_grand
from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.annotate.running import annotate
from gcg_bench.data import load_dataset
from gcg_bench.data.cards import read_card, write_card
from gcg_bench.data.check import check_dataset
from gcg_bench.errors import BadData, MissingData
from gcg_bench.pipeline.score import measured_on

STAGE = '''"""Finds the left and the right half of every image."""
from dataclasses import dataclass, replace
from gcg_bench import masks
from gcg_bench.adapters import Needs
from gcg_bench.annotate.scenes import SceneObject, TiedPhrase, Vote
from gcg_bench.annotate.stages import Refused

NEEDS = Needs("halves", licence="MIT", weights="none")
VERSION = 1


@dataclass(frozen=True)
class Settings:
    silent: tuple[str, ...] = ()
    refuse: tuple[str, ...] = ()


def load(settings, *, device="auto"):
    return Halves(settings)


class Halves:
    def __init__(self, settings):
        self.settings = settings

    def run(self, scenes, pictures):
        return [self.one(scene) for scene in scenes]

    def one(self, scene):
        if scene.image_id in self.settings.refuse:
            return Refused("not this one")
        if scene.image_id in self.settings.silent:
            return scene
        h, w = scene.height, scene.width
        boxes = ((0.0, 0.0, w / 2, h), (w / 2, 0.0, w, h), (0.0, 0.0, 1.0, 1.0))
        objects = tuple(
            SceneObject(
                id=k, box=box, label=label, score=score, floating=k == 3,
                votes=(Vote("halves", score, 1.0, label),), mask=masks.from_box(box, h, w),
            )
            for k, (box, label, score) in enumerate(
                zip(boxes, ("left", "right", "dot"), (0.9, 0.6, 0.1)), 1
            )
        )
        phrases = (TiedPhrase("A left", (0, 6), (1,)), TiedPhrase("both halves", (11, 22), (1, 2)))
        return replace(scene, objects=objects, caption="A left and both halves.", phrases=phrases)
'''


@pytest.fixture
def halves(tmp_path_factory, monkeypatch):
    import sys

    folder = tmp_path_factory.mktemp("stages")
    (folder / "halves.py").write_text(STAGE, "utf-8")
    monkeypatch.setattr(stages, "__path__", [*stages.__path__, str(folder)])
    yield stages.stage_module("halves")
    del sys.modules["gcg_bench.annotate.stages.halves"]


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    (folder / "inner").mkdir(parents=True)
    for name in ("a.png", "b.png", "inner/c.png"):
        Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(folder / name)
    return folder


def made(images, halves, out, *, calibrated="", **settings):
    steps = (Step("halves", halves.Settings(**settings)),)
    recipe = Recipe("halves", "for tests", steps, calibrated, ("It sees halves alone.",))
    return annotate(sources.of_folder(images), recipe, out, message=lambda _: None)


def test_the_result_is_a_data_set(images, halves, tmp_path):
    folder = made(images, halves, tmp_path / "out", silent=("b",))
    write_dataset(folder, image_license="CC BY 4.0")
    card = read_card(tmp_path / "out" / "card.md", home=tmp_path / "out")
    assert card.image_license == "CC BY 4.0"
    assert card.references == "annotated"
    assert "halves (MIT)" in card.origin
    assert card.known_issues == (
        "Nobody has looked at the annotation: 100% of it is unreviewed (annotate review).",
        "The confidences of phrases are uncalibrated: they rank, and are no probabilities.",
        "1 of 3 images are left out: 0 refused, 0 failed, 1 without a caption or not annotated"
        " yet.",
        "It sees halves alone.",
    )
    checkup = check_dataset(card, "val", images, pixels=True)
    assert checkup.problems == ()
    assert (checkup.images, checkup.phrases, checkup.masks, checkup.pictures) == (2, 4, 6, 2)
    data = load_dataset(tmp_path / "out", "val", images)
    assert [sample.id for sample in data.samples] == ["a", "inner/c"]
    left, both = data.samples[1].truth.phrases
    assert (left.text, left.span, left.score) == ("A left", (0, 6), 0.9)
    assert (both.text, both.span, both.score) == ("both halves", (11, 22), 0.6)
    assert both.masks == (masks.from_box((0, 0, 3, 4), 4, 6), masks.from_box((3, 0, 6, 4), 4, 6))


def test_signatures_say_who_made_the_references(images, halves, tmp_path):
    folder = made(images, halves, tmp_path / "out")
    for references in ("annotated", "reviewed"):
        write_dataset(folder, references=references)
        measured = measured_on(load_dataset(tmp_path / "out", "val", images))
        assert measured.truth.startswith(f"{references}-")
        assert measured.shown_truth == measured.truth[: len(references) + 9]
    assert measured_on(load_dataset("shapes", "val", limit=1)).shown_truth == "generated"


def test_what_people_stated_is_kept(images, halves, tmp_path):
    folder = made(images, halves, tmp_path / "out", calibrated="shapes train")
    _, file = write_dataset(folder)
    from dataclasses import replace

    stated = replace(read_card(file, home=None), license="CC0", title="Halves", prompt="Describe.")
    write_card(stated, file, "# mine\n")
    write_dataset(folder, image_license="CC0 too")
    card = read_card(file, home=None)
    assert (card.license, card.image_license) == ("CC0", "CC0 too")
    assert (card.title, card.prompt) == ("Halves", "Describe.")
    assert card.known_issues[1] == (
        "The confidences of phrases are calibrated on shapes train, not on these images."
    )


def test_a_card_names_who_made_references(images, halves, tmp_path):
    _, file = write_dataset(made(images, halves, tmp_path / "out"))
    file.write_text(file.read_text("utf-8").replace("references: annotated", "references: me"))
    with pytest.raises(BadData, match="references: is 'me', not annotated or reviewed"):
        read_card(file, home=None)


def test_nothing_to_write(images, halves, tmp_path):
    folder = made(images, halves, tmp_path / "out", refuse=("a", "b", "inner/c"))
    with pytest.raises(MissingData, match="no image has a caption yet"):
        write_dataset(folder)


def test_the_form_of_the_release(images, halves, tmp_path):
    folder = made(images, halves, tmp_path / "out")
    assert write_grand(folder) == 3
    [(name, entry)] = json.loads((tmp_path / "out/grand/inner/c.json").read_text()).items()
    assert name == "inner/c.png"
    assert [made["id"] for made in entry["objects"]] == [1, 2]
    assert [made["id"] for made in entry["floating_objects"]] == [3]
    assert entry["id_counter"] == 4
    assert entry["objects"][1] == {
        "bbox": [3.0, 0.0, 6, 4],
        "labels": ["right"],
        "score": 0.6,
        "id": 2,
        "label": "right",
        "segmentation": masks.to_rle(masks.from_box((3, 0, 6, 4), 4, 6)),
        "segmentation_source": "halves",
        "attributes": None,
    }
    assert entry["dense_caption"] == {
        "caption": "A left and both halves.",
        "details": [
            {"phrase": "A left", "tokens_positive": [0, 6], "ids": [1], "bbox": [[0, 0, 3, 4]]},
            {
                "phrase": "both halves",
                "tokens_positive": [11, 22],
                "ids": [1, 2],
                "bbox": [[0, 0, 3, 4], [3, 0, 6, 4]],
            },
        ],
    }


def test_of_a_data_set_there_is_a_run(halves, tmp_path):
    data = load_dataset("shapes", "val", limit=3)
    refused = data.samples[1].id
    steps = (Step("halves", halves.Settings(refuse=(refused,))),)
    folder = annotate(
        sources.of_dataset(data), Recipe("halves", "", steps), tmp_path, message=lambda _: None
    )
    run = write_run(folder, data, message=lambda _: None)
    answers = {prediction.id: prediction for prediction in run.predictions()}
    assert answers[refused].error == "not this one"
    grounding = answers[data.samples[0].id].grounding
    assert grounding.caption == "A left and both halves."
    assert [phrase.score for phrase in grounding.phrases] == [0.9, 0.6]
    assert run.settings["model"] == "annotate:halves"
    assert run.settings["decoding"] == {"recipe": folder.recipe["hash"]}
    other = (Step("halves", halves.Settings()),)
    folder = annotate(
        sources.of_dataset(data), Recipe("halves", "", other), tmp_path, message=lambda _: None
    )
    write_run(folder, data, message=lambda _: None)
    assert (tmp_path / f"run.{run.settings['decoding']['recipe'][:8]}").is_dir()


def test_the_run_is_what_the_annotation_says_now(halves, tmp_path, monkeypatch):
    data = load_dataset("shapes", "val", limit=3)
    first, second, third = (sample.id for sample in data.samples)
    source = sources.of_dataset(data)
    recipe = Recipe("halves", "", (Step("halves", halves.Settings()),))
    one = halves.Halves.one
    words = ["no second", "still no second"]

    def failing(self, scene):
        if scene.image_id == second:
            raise ValueError(words[0])
        return one(self, scene)

    monkeypatch.setattr(halves.Halves, "one", failing)

    def written(**options):
        folder = annotate(source, recipe, tmp_path / "out", message=lambda _: None, **options)
        run = write_run(folder, data, message=lambda _: None)
        return {prediction.id: prediction for prediction in run.predictions()}, run

    answers, run = written()
    assert answers[second].error == "ValueError: no second"
    scores = run.folder / "gcg.strict-2" / "scores.json"
    scores.parent.mkdir()
    scores.write_text("{}")
    # nothing is new: the run with its scores stays as it is
    before = (run.folder / "predictions.jsonl").read_bytes()
    written()
    assert (run.folder / "predictions.jsonl").read_bytes() == before
    assert scores.is_file()
    # it fails again, otherwise
    words.pop(0)
    answers, _ = written(retry_failed=True)
    assert answers[second].error == "ValueError: still no second"
    assert not scores.exists()
    # it is mended: the run is that of an annotation that never failed
    monkeypatch.setattr(halves.Halves, "one", one)
    answers, _ = written(retry_failed=True)
    assert [answer.error for answer in answers.values()] == [None] * 3
    again = (run.folder / "predictions.jsonl").read_bytes()
    folder = annotate(source, recipe, tmp_path / "whole", message=lambda _: None)
    whole = write_run(folder, data, message=lambda _: None)
    assert (whole.folder / "predictions.jsonl").read_bytes() == again
    # a line that a person removed from the stage is no answer of the run
    lines = tmp_path / "out" / "stages" / "01-halves" / "shard-00001-of-00001.jsonl"
    kept = [line for line in lines.read_bytes().splitlines(True) if third.encode() not in line]
    lines.write_bytes(b"".join(kept))
    run = write_run(AnnotationFolder(tmp_path / "out"), data, message=lambda _: None)
    answers = {prediction.id: prediction for prediction in run.predictions()}
    assert {id_: answer.error for id_, answer in answers.items()} == {
        first: None,
        second: None,
        third: "not annotated",
    }
