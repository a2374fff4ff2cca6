"""Folders of annotations that were damaged or edited: one message with file, field and remedy."""

import json
import shutil

import pytest

from gcg_bench.annotate import sources
from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.annotate.recorded import check_scene
from gcg_bench.annotate.running import annotate
from gcg_bench.annotate.scene_json import with_changes
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.stages import relate
from gcg_bench.errors import BadData, BadOption, RunConflict
from gcg_bench.runs.shards import Shard

PNG = bytes.fromhex(  # one white pixel
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415478da63f8ff"
    "ff3f0005fe02fe0def46b80000000049454e44ae426082"
)
_FIRST, _SECOND = Shard(2, 1), Shard(2, 2)
RECIPE = Recipe("short", "relations of nothing", (Step("relate"), Step("template")))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An annotation of two images whose stages have run."""
    root = tmp_path_factory.mktemp("recorded")
    images = root / "images"
    images.mkdir()
    for name in ("a", "b"):
        (images / f"{name}.png").write_bytes(PNG)
    annotate(sources.of_folder(images), RECIPE, root / "out", message=lambda _: None)
    return root / "out"


@pytest.fixture
def folder(made, tmp_path):
    """A copy of the annotation, to be damaged."""
    return shutil.copytree(made, tmp_path / "copy")


def _drop(name):
    return lambda value: value.pop(name)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (_drop("calibrated"), "calibrated: is missing"),
        (_drop("source"), "source: is missing"),
        (lambda value: value.update(models=1.5), "models: should be a list"),
        (lambda value: value.update(models=[{"name": "x"}]), "models[0].licence: is missing"),
        (lambda value: value.update(issues=[None]), "issues[0]: should be text"),
        (lambda value: value.update(split="../val"), "split: is no name of a file"),
        (lambda value: value.update(hash="0" * 64), "hash: is not that of the last stage"),
        (lambda value: value["stages"].pop(0), "stages[0].hash: is not that of the stage"),
        (lambda value: value["stages"].pop(), "hash: is not that of the last stage"),
        (lambda value: value["stages"].clear(), "hash: is not that of the last stage"),
        (lambda value: value["stages"][0].update(version=7), "stages[0].hash: is not that"),
        (lambda value: value["stages"][1].update(folder="../x"), "stages[1].folder: is no name"),
        (
            lambda value: value["stages"][1]["settings"].update(limit=3),
            "stages[1].hash: is not that of the stage",
        ),
    ],
)
def test_a_recipe_that_was_edited_is_refused(run, folder, change, field):
    file = folder / "recipe.json"
    before = file.read_bytes()
    value = json.loads(before)
    change(value)
    file.write_text(json.dumps(value), "utf-8")
    for words in (("status",), ("export",), ("export", "--as", "grand"), ("review",)):
        code, _, err = run("annotate", words[0], folder, *words[1:])
        assert code == 2
        assert "recipe.json: " + field in err
        assert "give the same annotate command again" in err
    # the remedy
    file.unlink()
    annotate(sources.of_folder(_images(folder)), RECIPE, folder, message=lambda _: None)
    assert file.read_bytes() == before


def _images(folder):
    images = folder.parent / "images"
    images.mkdir()
    for name in ("a", "b"):
        (images / f"{name}.png").write_bytes(PNG)
    return images


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "a.png", 0)], "images.jsonl:1: image a: height: is 0"),
        ([("a", "a.png", 1), ("a", "a.png", 1)], "images.jsonl:2: image a: id: occurs twice"),
        ([("a", "a.png", 1)], "image b: id: is not in images.jsonl"),
    ],
)
def test_a_list_of_images_that_was_edited_is_refused(run, folder, rows, message):
    lines = [
        json.dumps({"id": id_, "file": file, "height": height, "width": 1, "sha256": ""})
        for id_, file, height in rows
    ]
    (folder / "images.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    for command in ("status", "export"):
        code, _, err = run("annotate", command, folder)
        assert code == 2
        assert message in err


OBJECT = {"id": 1, "box": [0, 0, 1, 1], "label": "dog", "votes": [], "score": 0.5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phrases": [{"text": "dog", "span": [2, 5], "ids": [2]}]}, r"phrases\[0\].ids: 2 is the"),
        ({"phrases": [{"text": "dog", "span": [2, 6], "ids": [1]}]}, r"phrases\[0\].span: is not"),
        ({"phrases": [{"text": "dog", "span": [-1, 2], "ids": [1]}]}, r"phrases\[0\].span: is not"),
        ({"objects": [OBJECT, OBJECT]}, r"objects\[1\].id: is 1 like that of another"),
    ],
)
def test_fields_of_a_scene_fit_each_other(changes, message):
    scene = Scene(image_id="a", height=1, width=1)
    whole = {"caption": "A dog", "objects": [OBJECT], "phrases": []}
    check_scene(with_changes(scene, whole, "f"), "f")
    with pytest.raises(BadData, match=f"f: image a: {message}"):
        check_scene(with_changes(scene, whole | changes, "f"), "f")


def test_another_recipe_that_starts_meanwhile_is_an_error(made, tmp_path, monkeypatch):
    images, out = _images(tmp_path / "out"), tmp_path / "out"
    other = Recipe("other", "another writer", (Step("relate"), Step("relate", label="template")))
    load = relate.load

    def load_and_start_another(*args, **kwargs):
        monkeypatch.setattr(relate, "load", load)
        annotate(sources.of_folder(images), other, out, shard=_SECOND, message=lambda _: None)
        return load(*args, **kwargs)

    monkeypatch.setattr(relate, "load", load_and_start_another)
    with pytest.raises(RunConflict, match=r"02-template/stage.json: is of another recipe"):
        annotate(sources.of_folder(images), RECIPE, out, shard=_FIRST, message=lambda _: None)
    lines = AnnotationFolder(out).lines(1)
    assert list(lines) == ["b"]  # only the other command wrote into the other recipe's stage
    annotate(sources.of_folder(images), RECIPE, out, message=lambda _: None)
    assert AnnotationFolder(out).recipe["hash"] == RECIPE.hash


def test_links_cost_no_image_in_silence(tmp_path):
    images = _images(tmp_path / "out")
    (images / "gone.png").symlink_to("nowhere.png")
    (images / "round.png").symlink_to("round.png")
    (images / "folder").symlink_to(".")
    (images / "zero.png").symlink_to("/dev/zero")
    source = sources.of_folder(images)
    assert [(one.id, one.error is None) for one in source.images] == [
        ("a", True), ("b", True), ("gone", False), ("round", False),
    ]  # fmt: skip
    assert source.left_out == ("folder", "zero.png")
    with pytest.raises(BadOption, match="cannot name a file"):
        sources.of_folder(images, split="../val")
