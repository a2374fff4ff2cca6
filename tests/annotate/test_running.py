"""The runner: a line an image, errors that cost one image, equal ends after an interruption."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcg_bench.annotate import running, sources, stages
from gcg_bench.annotate.folder import LOCK, AnnotationFolder
from gcg_bench.annotate.merging import merge
from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.annotate.running import annotate
from gcg_bench.annotate.status import status_of
from gcg_bench.errors import BadData, BadOption, MissingData, RunConflict, RunLocked
from gcg_bench.runs.lock import Lock
from gcg_bench.runs.shards import Shard

STAGE = '''"""Says a word."""
from dataclasses import dataclass, replace
from gcg_bench.adapters import Needs
from gcg_bench.annotate.stages import Refused

NEEDS = Needs("says a word", licence="MIT")
VERSION = 1
BATCH = 3
ASKED = []
STOP = []


@dataclass(frozen=True)
class Settings:
    word: str = "hello"
    fail: tuple[str, ...] = ()
    refuse: tuple[str, ...] = ()


def load(settings, *, device="auto"):
    return Said(settings)


class Said:
    def __init__(self, settings):
        self.settings = settings

    def run(self, scenes, pictures):
        results = []
        for scene, picture in zip(scenes, pictures):
            ASKED.append((self.settings.word, scene.image_id))
            if scene.image_id in STOP:
                raise KeyboardInterrupt
            if scene.image_id in self.settings.fail:
                raise ValueError(f"no {scene.image_id}")
            if scene.image_id in self.settings.refuse:
                results.append(Refused("not this one"))
                continue
            caption = f"{scene.caption} {self.settings.word} {picture.read()[0, 0, 0]}".strip()
            results.append(replace(scene, caption=caption))
        return results
'''


SHARD = "shard-00001-of-00001.jsonl"


@pytest.fixture(autouse=True)
def said(tmp_path_factory, monkeypatch):
    """A stage `said` among the stages; its module."""
    folder = tmp_path_factory.mktemp("stages")
    (folder / "said.py").write_text(STAGE, "utf-8")
    monkeypatch.setattr(stages, "__path__", [*stages.__path__, str(folder)])
    module = stages.stage_module("said")
    module.ASKED.clear()
    yield module
    del sys.modules["gcg_bench.annotate.stages.said"]


@pytest.fixture
def images(tmp_path):
    """A folder of seven images; pixel k of each is 10 x k."""
    folder = tmp_path / "images"
    (folder / "inner").mkdir(parents=True)
    for k in range(7):
        name = f"inner/{k}.weird" if k % 2 else f"{k}.png"
        pixels = np.full((4, 5, 3), 10 * k, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name, format="png")
    return folder


def two_steps(said, **settings):
    return Recipe(
        "two", "for tests", (Step("said", said.Settings(**settings)), Step("said", label="again"))
    )


def run(images, recipe, out, **options):
    source = sources.of_folder(images)
    return annotate(source, recipe, out, message=lambda _: None, **options)


def content(folder: Path) -> dict[str, bytes]:
    """The files of a folder; lines without seconds."""
    files = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.name.startswith("."):
            data = file.read_bytes()
            if file.name.startswith("shard-"):
                rows = [json.loads(line) for line in data.splitlines()]
                data = json.dumps([{**row, "seconds": 0} for row in rows]).encode()
            files[file.relative_to(folder).as_posix()] = data
    return files


def test_every_image_has_a_line_in_the_order_of_ids(images, said, tmp_path):
    folder = run(images, two_steps(said), tmp_path / "out")
    captions = {scene.image_id: scene.caption for scene in folder.scenes()}
    assert captions == {
        "0": "hello 0 hello 0",
        "2": "hello 20 hello 20",
        "4": "hello 40 hello 40",
        "6": "hello 60 hello 60",
        "inner/1": "hello 10 hello 10",
        "inner/3": "hello 30 hello 30",
        "inner/5": "hello 50 hello 50",
    }
    assert list(captions) == sorted(captions)
    names = [path.name for path in folder.stage_folders]
    assert names == ["01-said", "02-again"]
    first = json.loads((folder.folder / "images.jsonl").read_text("utf-8").splitlines()[0])
    assert (first["id"], first["file"], first["height"], first["width"]) == ("0", "0.png", 4, 5)


def test_what_fails_or_is_refused_costs_itself_alone(images, said, tmp_path):
    recipe = two_steps(said, fail=("2",), refuse=("inner/3",))
    folder = run(images, recipe, tmp_path / "out")
    status = status_of(folder)
    assert (status.images, status.finished, status.remaining) == (7, 5, 0)
    assert status.lost == (
        ("2", "01-said", "ValueError: no 2"),
        ("inner/3", "01-said", "not this one"),
    )
    assert [(one.done, one.refused, one.failed) for one in status.stages] == [(5, 1, 1), (5, 0, 0)]


def test_a_second_call_runs_nothing(images, said, tmp_path):
    before = content(run(images, two_steps(said, fail=("2",)), tmp_path / "out").folder)
    said.ASKED.clear()
    assert content(run(images, two_steps(said, fail=("2",)), tmp_path / "out").folder) == before
    assert said.ASKED == []


def test_an_interrupted_run_and_a_torn_line_end_alike(images, said, tmp_path):
    whole = content(run(images, two_steps(said), tmp_path / "whole").folder)
    out = tmp_path / "out"
    said.STOP.append("inner/3")
    with pytest.raises(KeyboardInterrupt):
        run(images, two_steps(said), out)
    said.STOP.clear()
    assert len((out / "stages" / "01-said" / SHARD).read_bytes().splitlines()) == 3
    assert content(run(images, two_steps(said), out).folder) == whole
    lines = out / "stages" / "01-said" / SHARD
    lines.write_bytes(lines.read_bytes()[:-20])  # within the last line
    again = out / "stages" / "02-again" / SHARD
    again.write_bytes(b"".join(again.read_bytes().splitlines(keepends=True)[:4]))
    said.ASKED.clear()
    assert content(run(images, two_steps(said), out).folder) == whole
    # batches of three are cut by position: of the second only the lines are written that lacked
    resumed = [id_ for _, id_ in said.ASKED]
    assert resumed == ["inner/5", "6", "inner/1", "inner/3", "inner/5"]


def test_another_writer_recomputes_only_from_there(images, said, tmp_path):
    out = tmp_path / "out"
    first = two_steps(said)
    other = Recipe(
        "two", "for tests", (first.steps[0], Step("said", said.Settings("bye"), "again"))
    )
    before = content(run(images, first, out).folder)
    said.ASKED.clear()
    captions = [scene.caption for scene in run(images, other, out).scenes()]
    assert captions[1] == "hello 20 bye 20"
    assert {word for word, _ in said.ASKED} == {"bye"}
    aside = [path.name for path in (out / "stages").iterdir() if "." in path.name]
    assert aside == [f"02-again.{first.hash[:8]}"]
    said.ASKED.clear()
    after = content(run(images, first, out).folder)
    assert said.ASKED == []
    assert before.items() <= after.items()


def test_shards_of_two_machines_are_those_of_one(images, said, tmp_path):
    one = run(images, two_steps(said), tmp_path / "one")
    for number in (2, 1):
        both = run(images, two_steps(said), tmp_path / "both", shard=Shard(2, number))
    assert list(both.scenes()) == list(one.scenes())
    files = sorted(path.name for path in both.stage_folders[1].glob("*.jsonl"))
    assert files == ["shard-00001-of-00002.jsonl", "shard-00002-of-00002.jsonl"]


def test_shards_that_start_together_wait_for_each_other(images, said, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    other = Lock(tmp_path / "out" / LOCK)
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            other.release()

    monkeypatch.setattr("gcg_bench.annotate.folder.sleep", sleep)
    assert status_of(run(images, two_steps(said), tmp_path / "out")).remaining == 0
    assert len(pauses) == 3
    other = Lock(tmp_path / "out" / LOCK)
    monkeypatch.setattr("gcg_bench.annotate.folder._PATIENCE", -1.0)
    with pytest.raises(RunLocked):
        run(images, two_steps(said), tmp_path / "out")
    other.release()


def test_merged_shards_are_the_files_of_one_machine(images, said, tmp_path):
    recipe = two_steps(said, fail=("2",), refuse=("inner/3",))
    one = run(images, recipe, tmp_path / "one")
    parts = [
        run(images, recipe, tmp_path / str(number), shard=Shard(2, number)).folder
        for number in (1, 2)
    ]
    merged = merge(parts, tmp_path / "merged")
    assert content(merged.folder) == content(one.folder)
    with pytest.raises(BadOption, match="is not empty"):
        merge(parts, tmp_path / "merged")
    with pytest.raises(BadData, match="an image belongs to one shard"):
        merge([parts[0], parts[0]], tmp_path / "twice")
    other = run(images, two_steps(said), tmp_path / "other").folder
    with pytest.raises(RunConflict, match=r"recipe.json is not that of"):
        merge([parts[0], other], tmp_path / "mixed")


def aside(out, stage="01-said"):
    """The ids of the lines of a stage that were set aside."""
    file = out / "stages" / stage / f"failed-{SHARD}"
    return [json.loads(line)["id"] for line in file.read_text().splitlines()]


def test_failed_images_are_asked_again(images, said, tmp_path, monkeypatch):
    whole = content(run(images, two_steps(said), tmp_path / "whole").folder)
    out = tmp_path / "out"
    recipe, mended = two_steps(said), said.Said.run

    def failing(self, scenes, pictures):
        if {"2", "inner/3"} & {scene.image_id for scene in scenes}:
            raise ValueError("not today")
        return mended(self, scenes, pictures)

    monkeypatch.setattr(said.Said, "run", failing)
    assert len(status_of(run(images, recipe, out)).lost) == 2
    monkeypatch.setattr(said.Said, "run", mended)
    said.ASKED.clear()
    assert len(status_of(run(images, recipe, out)).lost) == 2  # failed images stay failed
    assert said.ASKED == []
    messages = []
    source = sources.of_folder(images)
    folder = annotate(source, recipe, out, retry_failed=True, message=messages.append)
    assert messages[0] == "failed before, asked again: 2 (the failed lines are in files failed-*)"
    assert status_of(folder).lost == ()
    assert list(folder.scenes()) == list(AnnotationFolder(tmp_path / "whole").scenes())
    assert aside(out) == ["2", "inner/3"]
    kept = content(out)
    assert set(kept) - set(whole) == {f"stages/01-said/failed-{SHARD}"}
    # nothing failed now: nothing is said, asked or written
    said.ASKED.clear()
    annotate(source, recipe, out, retry_failed=True, message=messages.append)
    assert not any("asked again" in message for message in messages[1:])
    assert (said.ASKED, content(out)) == ([], kept)


def test_what_was_refused_is_not_asked_again(images, said, tmp_path):
    recipe = two_steps(said, fail=("2",), refuse=("inner/3",))
    run(images, recipe, tmp_path / "out")
    said.ASKED.clear()
    folder = run(images, recipe, tmp_path / "out", retry_failed=True)
    assert {id_ for _, id_ in said.ASKED} == {"0", "2", "4"}  # the batch of the failed image
    assert [(id_, reason) for id_, _, reason in status_of(folder).lost] == [
        ("2", "ValueError: no 2"),
        ("inner/3", "not this one"),
    ]
    assert aside(tmp_path / "out") == ["2"]


def test_a_file_that_was_mended_is_annotated(images, said, tmp_path):
    good = (images / "4.png").read_bytes()
    (images / "4.png").write_bytes(good[:10])  # cannot be read
    out = tmp_path / "out"
    assert [one[:2] for one in status_of(run(images, two_steps(said), out)).lost] == [
        ("4", "images")
    ]
    (images / "4.png").write_bytes(good)
    with pytest.raises(RunConflict, match=r"1 differ, the first is '4'.*--retry-failed"):
        run(images, two_steps(said), out)
    messages = []
    source = sources.of_folder(images)
    folder = annotate(source, two_steps(said), out, retry_failed=True, message=messages.append)
    assert messages[0].startswith("failed before, asked again: 1 (")
    assert status_of(folder).lost == ()
    whole = run(images, two_steps(said), tmp_path / "whole")
    assert list(folder.scenes()) == list(whole.scenes())
    assert (out / "images.jsonl").read_bytes() == (tmp_path / "whole/images.jsonl").read_bytes()
    [line] = (out / "failed.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["error"].startswith("not an image that can be read")


def test_nothing_that_was_said_of_another_file_is_kept(images, said, tmp_path, monkeypatch):
    """The second stage fails at pixels that the first one could use."""
    recipe, mended = two_steps(said), said.Said.run

    def failing(self, scenes, pictures):
        if any(scene.caption == "hello 40" for scene in scenes):
            raise ValueError("a bad file")
        return mended(self, scenes, pictures)

    monkeypatch.setattr(said.Said, "run", failing)
    out = tmp_path / "out"
    run(images, recipe, out)
    Image.fromarray(np.full((4, 5, 3), 90, dtype=np.uint8)).save(images / "4.png")
    folder = run(images, recipe, out, retry_failed=True)
    [caption] = [scene.caption for scene in folder.scenes() if scene.image_id == "4"]
    assert caption == "hello 90 hello 90"
    assert (aside(out), aside(out, "02-again")) == (["4"], ["4"])
    # the file of an image that did not fail is still that of another image
    Image.fromarray(np.full((4, 5, 3), 80, dtype=np.uint8)).save(images / "2.png")
    with pytest.raises(RunConflict, match=r"1 differ, the first is '2'.*the same images as before"):
        run(images, recipe, out, retry_failed=True)


def test_failed_images_of_another_number_of_shards(images, said, tmp_path, monkeypatch):
    recipe, mended = two_steps(said), said.Said.run

    def failing(self, scenes, pictures):
        raise ValueError("not today")

    monkeypatch.setattr(said.Said, "run", failing)
    out = tmp_path / "out"
    for number in (1, 2):
        run(images, recipe, out, shard=Shard(2, number))
    monkeypatch.setattr(said.Said, "run", mended)
    folder = run(images, recipe, out, shard=Shard(3, 1), retry_failed=True)
    # of three shards the first has the ids 0, 6 and inner/5
    assert [scene.image_id for scene in folder.scenes()] == ["0", "6", "inner/5"]
    assert len(status_of(folder).lost) == 4
    folder = run(images, recipe, out, retry_failed=True)
    whole = run(images, recipe, tmp_path / "whole")
    assert list(folder.scenes()) == list(whole.scenes())


def test_merged_shards_keep_what_was_set_aside(images, said, tmp_path, monkeypatch):
    recipe = two_steps(said, fail=("2", "inner/3"))
    parts = []
    for number in (1, 2):
        for again in (False, True):
            part = run(
                images, recipe, tmp_path / str(number), shard=Shard(2, number), retry_failed=again
            )
        parts.append(part.folder)
    merged = merge(parts, tmp_path / "merged").folder
    assert sorted(aside(merged)) == ["2", "inner/3"]


def test_a_file_that_was_written_anew_meanwhile(images, said, tmp_path):
    folder = run(images, two_steps(said), tmp_path / "out")
    scenes = folder.scenes()
    next(scenes)
    file = folder.stage_folders[0] / SHARD
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[1:]))
    with pytest.raises(RunConflict, match=r"rewritten by another command.*same command again"):
        list(scenes)


def test_other_images_are_refused(images, said, tmp_path):
    run(images, two_steps(said), tmp_path / "out")
    (images / "0.png").rename(images / "8.png")
    with pytest.raises(RunConflict, match="2 differ, the first is '0'"):
        run(images, two_steps(said), tmp_path / "out")


def test_a_stage_that_breaks_its_contract_is_an_error(images, said, tmp_path, monkeypatch):
    monkeypatch.setattr(said.Said, "run", lambda self, scenes, pictures: [])
    folder = run(images, two_steps(said), tmp_path / "out")
    reason = "TypeError: the stage gave 0 results for 1 images"
    assert {one[2] for one in status_of(folder).lost} == {reason}


def test_files_that_are_no_images(images, tmp_path):
    (images / "notes.txt").write_text("words", "utf-8")
    (images / "broken.jpg").write_bytes(b"\xff\xd8 no more")
    (images / ".hidden.png").write_bytes(b"")
    (images / "0.jpg").write_bytes((images / "0.png").read_bytes())
    source = sources.of_folder(images)
    assert source.left_out == ("notes.txt",)
    ids = [image.id for image in source.images]
    assert ids == ["0.jpg", "0.png", "2", "4", "6", "broken", "inner/1", "inner/3", "inner/5"]
    [broken] = [image for image in source.images if image.error]
    assert broken.id == "broken"
    assert broken.error.startswith("not an image that can be read")
    with pytest.raises(MissingData, match="no image in it"):
        sources.of_folder(tmp_path / "images" / "notes.txt")


def test_a_turned_image_has_the_size_after_turning(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (8, 4)).save(tmp_path / "a.jpg", exif=exif)
    [image] = sources.of_folder(tmp_path).images
    assert (image.height, image.width) == (8, 4)


def test_no_annotation(tmp_path):
    with pytest.raises(MissingData, match="gcg-bench annotate IMAGES -o"):
        AnnotationFolder(tmp_path)
    assert running.shard_name(Shard(64, 3)) == "shard-00003-of-00064"
