"""The published layout: what belongs to what, in which order, and every way to break it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco
from pycocotools.coco import COCO
from support.tiny import copy, paint, rect

from gcg_bench.data import Dataset, load_dataset
from gcg_bench.errors import BadData, BadMask, MissingData
from gcg_bench.masks import decode
from gcg_bench.types import Phrase

FOLDER = "GranDf/annotations/val_test"
GOLDENS = Path(__file__).parents[2].parent / "shared" / "goldens" / "official_gcg"


def load(root: Path, split: str = "val", **given: Any) -> Dataset:
    return load_dataset("grandf", split, root, **given)


def changed(tmp_path: Path, which: str, change: Callable[[Any], object]) -> Path:
    """The tiny data set with a change in its mask or caption file."""
    root = copy("grandf", tmp_path)
    file = root / FOLDER / f"val_gcg_coco_{which}_gt.json"
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))
    return root


def by_id(loaded: Dataset) -> dict[str, Any]:
    return {sample.id: sample for sample in loaded.samples}


def test_labels_and_masks_belong_together_by_order(tmp_path: Path) -> None:
    samples = by_id(load(copy("grandf", tmp_path)))
    assert samples["sa_3"].truth.phrases == (
        Phrase("A cat", (rect(0, 0, 2, 3),)),
        Phrase("a dog", (rect(4, 4, 3, 3),)),
    )


def test_a_surplus_of_labels_or_masks_stands_at_the_end(tmp_path: Path) -> None:
    samples = by_id(load(copy("grandf", tmp_path)))
    assert samples["sa_1"].truth.phrases == (
        Phrase("A tree", (rect(1, 1, 5, 2),)),
        Phrase("grass"),
    )
    assert samples["sa_2"].truth.phrases == (
        Phrase("Many people", (rect(0, 0, 6, 2, (6, 4)),)),
        Phrase(None, (rect(2, 2, 1, 2, (6, 4)),), crowd=True),
    )


def test_all_captions_are_references_and_the_first_has_the_labels(tmp_path: Path) -> None:
    sample = by_id(load(copy("grandf", tmp_path)))["sa_3"]
    assert sample.captions == ("A cat sleeps beside a dog.", "Two animals.")
    assert sample.truth.caption == "A cat sleeps beside a dog."


def test_images_keep_the_order_of_the_file_and_know_their_rank(tmp_path: Path) -> None:
    root = copy("grandf", tmp_path)
    assert [(one.id, one.order) for one in load(root).samples] == [
        ("sa_3", 2),
        ("sa_1", 0),
        ("sa_2", 1),
    ]
    # as text, 10 would come before 9
    assert [(one.id, one.order) for one in load(root, "test").samples] == [("10", 1), ("9", 0)]


def test_a_limit_keeps_the_ranks_of_the_whole(tmp_path: Path) -> None:
    samples = load(copy("grandf", tmp_path), limit=2).samples
    assert [(one.id, one.order) for one in samples] == [("sa_3", 2), ("sa_1", 0)]


def test_the_files_are_named_with_their_digests(tmp_path: Path) -> None:
    import hashlib

    root = copy("grandf", tmp_path)
    assert load(root).files == {
        f"val_gcg_coco_{which}_gt.json": hashlib.sha256(
            (root / FOLDER / f"val_gcg_coco_{which}_gt.json").read_bytes()
        ).hexdigest()
        for which in ("mask", "caption")
    }


@pytest.mark.parametrize("folder", ["GranDf_HA_images/val_test", "images/grandf/val_test"])
def test_images_are_found_when_looked_at(tmp_path: Path, folder: str) -> None:
    root = copy("grandf", tmp_path)
    with pytest.raises(MissingData, match=r"GranDf_HA_images/val_test/sa_3\.jpg: no such image"):
        load(root).samples[0].query.image.read()
    paint(root / folder / "sa_3.jpg", 8, 10)
    picture = load(root).samples[0].query.image
    assert picture.path == root / folder / "sa_3.jpg"
    assert picture.read().shape == (8, 10, 3)


def test_sizes_may_stand_in_either_file_or_only_in_the_masks(tmp_path: Path) -> None:
    whole = load(copy("grandf", tmp_path / "a")).samples

    def bare(value: Any) -> None:
        value["images"] = [{"id": image["id"]} for image in value["images"]]

    one = load(changed(tmp_path / "b", "caption", bare)).samples
    two = load(changed(tmp_path / "c", "mask", bare)).samples
    assert [x.truth for x in one] == [x.truth for x in two] == [x.truth for x in whole]
    root = changed(tmp_path / "d", "caption", bare)
    masks = root / FOLDER / "val_gcg_coco_mask_gt.json"
    value = json.loads(masks.read_text())
    bare(value)
    masks.write_text(json.dumps(value))
    sizes = [(x.query.image.height, x.query.image.width) for x in load(root).samples]
    assert sizes == [(8, 10), (8, 10), (6, 4)]


def test_only_the_first_category_counts_unless_there_is_but_one(tmp_path: Path) -> None:
    def other(value: Any) -> None:
        value["annotations"][1]["category_id"] = 2

    def all_seven(value: Any) -> None:
        for row in value["annotations"]:
            row["category_id"] = 7

    cat = by_id(load(changed(tmp_path / "a", "mask", other)))["sa_3"]
    assert cat.truth.phrases[1] == Phrase("a dog")
    kept = by_id(load(changed(tmp_path / "b", "mask", all_seven)))["sa_3"]
    assert kept.truth.phrases[1] == Phrase("a dog", (rect(4, 4, 3, 3),))


def test_annotations_of_other_images_are_left_out(tmp_path: Path) -> None:
    def drop(value: Any) -> None:
        del value["images"][0]

    assert [one.id for one in load(changed(tmp_path, "caption", drop)).samples] == ["sa_1", "sa_2"]


def test_an_image_listed_twice_is_one_image(tmp_path: Path) -> None:
    def repeat(value: Any) -> None:
        value["images"].append(dict(value["images"][0]))

    samples = load(changed(tmp_path, "caption", repeat)).samples
    assert [one.id for one in samples] == ["sa_3", "sa_1", "sa_2"]


SHORT = {"size": [8, 10], "counts": "026000h"}


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        ("caption", lambda v: v.pop("images"), r"caption_gt\.json: images: is missing"),
        ("caption", lambda v: v.update(images={}), "images: should be a list"),
        ("caption", lambda v: v["images"].append(3), r"images\[3\]: should be an object"),
        ("caption", lambda v: v["images"][1].pop("id"), r"images\[1\]\.id: is missing"),
        ("caption", lambda v: v["images"][1].update(id=1.5), r"images\[1\]\.id: should be text"),
        (
            "caption",
            lambda v: v["images"].append({"id": "sa_3", "height": 9, "width": 9}),
            r"image sa_3: images\[3\]\.id: two images have this id",
        ),
        ("mask", lambda v: v["images"][0].update(height=0), r"sa_3: .*height: is 0"),
        ("mask", lambda v: v["images"][0].update(width="10"), r"sa_3: .*width: should be a whole"),
        (
            "caption",
            lambda v: v["annotations"].pop(1),
            r"image sa_1: images\[1\]\.id: no annotation gives this image a caption",
        ),
        ("caption", lambda v: v["annotations"][1].pop("labels"), r"sa_1: .*labels: is missing"),
        (
            "caption",
            lambda v: v["annotations"][1].update(labels=["A tree", 3]),
            r"sa_1: annotations\[1\]\.labels\[1\]: should be text, not 3",
        ),
        (
            "caption",
            lambda v: v["annotations"][1].update(caption=None),
            r"sa_1: annotations\[1\]\.caption: is missing",
        ),
        (
            "mask",
            lambda v: v["annotations"][2].pop("segmentation"),
            r"sa_1: .*segmentation: is mis",
        ),
        (
            "mask",
            lambda v: v["annotations"][2].pop("image_id"),
            r"annotations\[2\]\.image_id: is m",
        ),
    ],
)
def test_a_broken_file_is_refused_with_the_place(
    tmp_path: Path, which: str, change: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(BadData, match=message):
        load(changed(tmp_path, which, change))


@pytest.mark.parametrize(
    ("segmentation", "problem"),
    [
        (SHORT, "."),
        ({"size": [8, 10], "counts": "02600"}, "."),
        ({"size": [10, 8], "counts": "026000h1"}, "8 x 10"),
        ({"size": [8, 10], "counts": ""}, "."),
        ({"size": [8, 10], "counts": "\u00e9"}, "."),
        ({"size": [8, 10]}, "."),
        ({"size": [2e9, 2e9], "counts": "0"}, "."),
        ({"size": [8, 10], "counts": [80, -1, 1]}, "."),
        ("026000h1", "."),
        ([[1, 2, 3]], "."),
    ],
)
def test_a_broken_mask_is_refused_with_image_phrase_and_field(
    tmp_path: Path, segmentation: Any, problem: str
) -> None:
    root = changed(
        tmp_path, "mask", lambda v: v["annotations"][1].update(segmentation=segmentation)
    )
    with pytest.raises(BadMask, match=problem) as caught:
        load(root)
    fault = caught.value
    assert (fault.image, fault.phrase) == ("sa_3", 1)
    assert str(fault.file).endswith("val_gcg_coco_mask_gt.json")
    assert str(fault.field).startswith("annotations[1].segmentation")
    assert fault.remedy


@pytest.mark.parametrize("data", ["", "{", '{"images": [', "[1, 2]", "nonsense"])
def test_a_file_that_is_not_this_json(tmp_path: Path, data: str) -> None:
    root = copy("grandf", tmp_path)
    (root / FOLDER / "val_gcg_coco_mask_gt.json").write_text(data)
    with pytest.raises(BadData, match=r"val_gcg_coco_mask_gt\.json: "):
        load(root)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools'
@pytest.mark.skipif(not GOLDENS.is_dir(), reason="the shared goldens are not here")
@pytest.mark.parametrize("world", ["coco_a", "quirks_a"])
def test_masks_and_order_agree_with_the_coco_api(world: str) -> None:
    folder = GOLDENS / world / "gt"
    value = json.loads((folder / "val_gcg_coco_mask_gt.json").read_text())
    oracle = COCO()
    oracle.dataset = value
    oracle.createIndex()
    samples = load(folder).samples
    ranked = sorted(samples, key=lambda sample: sample.order)
    assert [one.id for one in ranked] == list(np.unique([one.id for one in samples]))
    for sample in samples:
        found = [mask for phrase in sample.truth.phrases for mask in phrase.masks]
        wanted = oracle.imgToAnns[sample.id]
        assert len(found) == len(wanted)
        for mask, row in zip(found, wanted, strict=True):
            assert (decode(mask) == coco.decode(row["segmentation"]).astype(bool)).all()
