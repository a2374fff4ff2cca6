"""The recipes `dino-sam` and `sam3` as a whole with small random models; settings by `--set`."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.chat import Answer, parts, reply, serving
from support.small_annotators import Checkpoints

from gcg_bench.annotate import sources
from gcg_bench.annotate.exporting import write_dataset
from gcg_bench.annotate.recipe_changes import with_settings
from gcg_bench.annotate.recipes import Recipe, Step, load_recipe, recipe_names
from gcg_bench.annotate.running import annotate
from gcg_bench.annotate.stages import consensus, stage_module, stage_names
from gcg_bench.annotate.status import status_of
from gcg_bench.errors import BadOption, EnvironmentProblem, MissingData, UnknownName

LAX = ("mask.rules.predicted=-9", "mask.rules.in_box=0", "mask.rules.duplicate=1")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return Checkpoints(tmp_path_factory.mktemp("models"))


@pytest.fixture
def images(tmp_path):
    """A folder of two small images of noise."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a", "b"):
        noise = np.random.default_rng(ord(name)).integers(0, 256, (40, 56, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{name}.png")
    return folder


def voting(recipe, **weights):
    """The recipe with other weights of votes: random models are never sure together."""
    voters = tuple(consensus.VoterSettings(name, weight=one) for name, one in weights.items())
    settings = consensus.Settings(voters)
    steps = (
        replace(step, settings=settings) if step.stage == "consensus" else step
        for step in recipe.steps
    )
    return replace(recipe, steps=tuple(steps))


def answer(body):
    """Tags, or a caption of all objects of the list and of one that does not exist."""
    _, asked = parts(body)
    if asked.startswith("List the kinds"):
        return Answer(reply("dog, red box"))
    ids = [
        line.partition(":")[0] for line in asked.splitlines() if line[:1].isdigit() and ";" in line
    ]
    return Answer(reply(f"<p>Things</p>[{','.join(ids)}] near <p>a ghost</p>[999]."))


def finished(recipe, images, out):
    folder = annotate(sources.of_folder(images), recipe, out, device="cpu", message=lambda _: None)
    status = status_of(folder)
    assert (status.finished, status.lost) == (2, ())
    assert [stage.done for stage in status.stages] == [2] * len(recipe.steps)
    return folder


def check_captions(folder):
    for scene in folder.scenes():
        assert scene.caption == "Things near a ghost."
        (phrase,) = scene.phrases
        assert (phrase.text, phrase.span) == ("Things", (0, 6))
        named = {one.id for one in scene.objects if not one.floating}
        assert named == set(phrase.ids)
        assert all(one.mask is not None and one.depth is not None for one in scene.objects)
        assert "caption: unknown id '999'" in scene.notes
        labelled = [one.object for one in scene.evidence if one.check == "crop_label"]
        assert labelled == [one.id for one in scene.objects if not one.floating]


def test_dino_sam(folders, images, tmp_path):
    with serving(answers=answer) as server:
        recipe = with_settings(
            load_recipe("dino-sam"),
            (
                f"*.speaker.model={server.url}",
                f"llmdet.checkpoint={folders['llmdet']}",
                f"owlv2.checkpoint={folders['owlv2']}",
                f"mask.checkpoint={folders['sam-hq']}",
                f"depth.checkpoint={folders['depth']}",
                f"verify.checkpoint={folders['siglip']}",
                *LAX,
            ),
        )
        folder = finished(voting(recipe, llmdet=0.5, owlv2=1.0), images, tmp_path / "out")
    check_captions(folder)
    written = json.loads((tmp_path / "out" / "recipe.json").read_text("utf-8"))
    assert written["stages"][1]["settings"]["checkpoint"] == "llmdet"
    assert str(tmp_path) not in json.dumps(written)
    assert folders["llmdet"] not in json.dumps(written)
    names = [model["name"] for model in written["models"]]
    assert names[:3] == [server.url, "llmdet", "owlv2"]
    file, card = write_dataset(folder)
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [row["captions"] for row in rows] == [["Things near a ghost."]] * 2
    assert all(row["phrases"][0]["masks"] for row in rows)
    assert "not fitted on any data" in card.read_text("utf-8")


def test_sam3(folders, images, tmp_path):
    with serving(answers=answer) as server:
        recipe = with_settings(
            load_recipe("sam3"),
            (
                f"*.speaker.model={server.url}",
                f"detect.checkpoint={folders['sam3']}",
                "detect.threshold=0",
                f"depth.checkpoint={folders['depth']}",
                f"verify.checkpoint={folders['siglip']}",
                f"verify-phrases.checkpoint={folders['sam3']}",
                "verify-phrases.threshold=0",
                "mask.rules.duplicate=1",
            ),
        )
        # random instances have scores of about .25; 2.5 lifts them above .5
        folder = finished(voting(recipe, sam3=2.5), images, tmp_path / "out")
    check_captions(folder)
    for scene in folder.scenes():
        again = [one for one in scene.evidence if one.check == "phrase_again"]
        assert [one.phrase for one in again] == [0]
        assert 0 <= again[0].value <= 1


def test_missing_weights_are_said_before_the_first_stage(images, tmp_path):
    recipe = with_settings(load_recipe("dino-sam"), ("tag.by=given", "tag.words=dog"))
    with pytest.raises(EnvironmentProblem, match="llmdet_large are not on this machine"):
        annotate(sources.of_folder(images), recipe, tmp_path / "out", message=lambda _: None)
    assert not (tmp_path / "out").exists()


def test_a_finished_annotation_needs_no_weights_any_more(folders, images, tmp_path):
    checkpoint = shutil.copytree(folders["siglip"], tmp_path / "siglip")
    tagging = stage_module("tag").Settings("siglip", ("dog",), checkpoint=str(checkpoint))
    recipe = Recipe("tags", "for tests", (Step("tag", tagging),))
    before = list(finished(recipe, images, tmp_path / "out").scenes())
    shutil.rmtree(checkpoint)
    assert list(finished(recipe, images, tmp_path / "out").scenes()) == before
    with pytest.raises(MissingData, match="no such folder to load a model from"):
        finished(recipe, images, tmp_path / "other")


def test_settings_by_text(tmp_path):
    recipe = load_recipe("dino-sam")
    words = tmp_path / "words.txt"
    words.write_text("dog\nred box\n\n", "utf-8")
    changed = with_settings(
        recipe,
        (
            "tag.by=given",
            f"tag.words=@{words}",
            "sam-hq.rules.pixels=64",
            "write.draw=false",
            "owlv2.threshold=0.25",
            "*.speaker.tokens=99",
        ),
    )
    steps = {step.name: step.chosen for step in changed.steps}
    assert (steps["tag"].by, steps["tag"].words) == ("given", ("dog", "red box"))
    assert (steps["mask"].rules.pixels, steps["mask"].rules.predicted) == (64, 0.7)
    assert steps["write"].draw is False
    assert steps["owlv2"].threshold == 0.25
    assert [steps[name].speaker.tokens for name in ("tag", "write")] == [99, 99]
    before, after = recipe.hashes(), changed.hashes()
    assert all(one != other for one, other in zip(before, after, strict=True))
    one_step = with_settings(recipe, ("write.most=5",)).hashes()
    assert [a == b for a, b in zip(before, one_step, strict=True)] == [True] * 7 + [False] * 2


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("tag", BadOption, r"'tag': give STEP\.FIELD=VALUE"),
        ("tag=1", BadOption, r"give STEP\.FIELD=VALUE"),
        ("tga.by=given", UnknownName, "tag"),
        ("tag.bye=given", UnknownName, "by"),
        ("*.speakr.model=x", UnknownName, r"speaker\.model"),
        ("tag.most=few", BadOption, "give a whole number"),
        ("tag.threshold=nan", BadOption, "give a number"),
        ("write.draw=perhaps", BadOption, "give true or false"),
        ("mask.rules=1", BadOption, "name one of its fields: predicted, in_box, pixels, duplicate"),
        ("tag.most.x=1", BadOption, r"leave \.x out"),
        ("fuse.voters=a", BadOption, "a recipe of your own"),
        ("tag.words=@/no/such", MissingData, "give @FILE with one value on each line"),
    ],
)
def test_settings_that_do_not_exist(text, error, message):
    with pytest.raises(error, match=message):
        with_settings(load_recipe("dino-sam"), (text,))


def test_passwords_and_folders_stay_out_of_the_hash_and_the_file():
    def settings(model):
        recipe = with_settings(load_recipe("dino-sam"), (f"write.speaker.model={model}",))
        (step,) = [step.described() for step in recipe.steps if step.name == "write"]
        return step["settings"]["speaker"]["model"]

    assert settings("http://me:secret@host:1/v1") == "http://host:1/v1"
    assert settings("/some/where/qwen") == "qwen"
    assert settings("Qwen/Qwen3-VL-2B-Instruct") == "Qwen/Qwen3-VL-2B-Instruct"


def test_the_command_lists_recipes(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = run("annotate", "recipes", "--json")
    assert code == 0
    described = {one["name"]: one for one in json.loads(out)}
    assert set(described) == {"dino-sam", "embedded", "sam3"}
    missing = {step["name"]: step["missing"] for step in described["sam3"]["steps"]}
    assert "hf download facebook/sam3" in missing["detect"]
    assert missing["fuse"] == ""
    licences = {one["name"]: one["licence"] for one in described["sam3"]["models"]}
    assert licences["facebook/sam3"] == "SAM License"
    _, shown, _ = run("annotate", "recipes", "dino-sam")
    assert "mask.rules.predicted=0.7" in shown
    assert "hf download iSEE-Laboratory/llmdet_large" in shown


def test_each_stage_and_recipe_states_what_it_needs():
    assert set(recipe_names()) >= {"dino-sam", "sam3", "embedded"}
    for name in stage_names():
        module = stage_module(name)
        assert module.NEEDS.note
        assert isinstance(module.VERSION, int)
        module.Settings()
