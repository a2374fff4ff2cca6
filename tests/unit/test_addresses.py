"""Images at addresses and in other folders: `--images`."""

import json

import fsspec
import numpy as np
import pytest
from support.tiny import copy, paint

from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.execution.wire import where_image_is
from gcg_bench.pipeline.spec import DataSpec

FIELDS = {"height": 8, "width": 10, "captions": ["A."], "phrases": []}


@pytest.fixture
def world(tmp_path):
    """A data set of two images in folders of its own; a third folder has the image files."""
    folder = copy("jsonl", tmp_path)
    lines = [{"id": id_, "file_name": f"{id_}.png", **FIELDS} for id_ in ("b", "deep/a")]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "val.jsonl").write_text(text, encoding="utf-8")
    pixels = {
        "b": paint(tmp_path / "there/b.png", 8, 10),
        "deep/a": paint(tmp_path / "there/deep/a.png", 8, 10),
    }
    return folder, tmp_path / "there", pixels


@pytest.fixture
def bucket(world):
    """An address with the files of the third folder."""
    files = fsspec.filesystem("memory")
    for name in ("b", "deep/a"):
        files.pipe(f"/bucket/train/{name}.png", (world[1] / f"{name}.png").read_bytes())
    yield "memory://bucket/train/"
    files.rm("/bucket", recursive=True)


def images(folder, place):
    samples = DataSpec(folder, "val", images=place).load().samples
    return {sample.id: sample.query.image for sample in samples}


def same(found, pixels):
    assert found.keys() == pixels.keys()
    assert all(np.array_equal(found[id_].read(), pixels[id_]) for id_ in pixels)


def test_images_are_read_from_an_address(world, bucket):
    folder, _, pixels = world
    found = images(folder, bucket)
    same(found, pixels)
    assert found["deep/a"].address == "memory://bucket/train/deep/a.png"
    assert found["deep/a"].path is None
    assert where_image_is(found["b"]) == {"address": "memory://bucket/train/b.png"}


def test_images_are_read_from_a_folder(world):
    folder, there, pixels = world
    found = images(folder, str(there))
    same(found, pixels)
    assert where_image_is(found["b"]) == {"image": str(there / "b.png")}


def test_a_file_address_is_an_address(world):
    folder, there, pixels = world
    same(images(folder, f"file://{there}"), pixels)


def test_an_image_that_is_not_there_is_missing(world, bucket):
    fsspec.filesystem("memory").rm("/bucket/train/b.png")
    with pytest.raises(MissingData, match=r"memory://bucket/train/b\.png: no such image"):
        images(world[0], bucket)["b"].read()


def test_what_is_no_image_is_refused(world, bucket):
    fsspec.filesystem("memory").pipe("/bucket/train/b.png", b"no image")
    with pytest.raises(BadData, match=r"b\.png.*not an image"):
        images(world[0], bucket)["b"].read()


@pytest.mark.parametrize(
    ("dataset", "place", "error", "message"),
    [
        ("own", "nothing://bucket", BadOption, "addresses with nothing:// cannot be read here"),
        ("own", "no/such/folder", MissingData, "--images no/such/folder: no such folder"),
        ("shapes", "memory://bucket", BadOption, "drop --images"),
    ],
)
def test_a_place_that_cannot_be_is_refused(world, dataset, place, error, message):
    data = DataSpec(world[0] if dataset == "own" else dataset, "val", images=place, limit=2)
    with pytest.raises(error, match=message):
        data.load()
