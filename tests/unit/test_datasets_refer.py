"""Referring expressions: the split rule, empty masks, reviewed splits, and what is refused."""

import json

import pytest
from support.tiny import copy

from gcg_bench.data import load_dataset
from gcg_bench.errors import BadData, MissingData
from gcg_bench.masks import area


@pytest.fixture
def root(tmp_path):
    return copy("refcoco", tmp_path)


def ids(root, split):
    return [sample.id for sample in load_dataset("refcoco", split, root).samples]


def test_a_letter_or_a_word_chooses_the_split(root):
    assert ids(root, "val") == ["0", "1", "2"]
    assert ids(root, "testA") == ["3", "4"]  # testA, testAB
    assert ids(root, "testB") == ["4", "5"]
    assert ids(root, "test") == ["3", "4", "5", "7"]
    assert ids(root, "train") == ["6"]


def test_sentences_of_one_image_are_one_cluster(root):
    samples = load_dataset("refcoco", "val", root).samples
    assert {sample.query.image_id for sample in samples} == {"7"}
    assert [sample.query.expression for sample in samples] == [
        "left dog",
        "the dog on the left",
        "right dog",
    ]
    # two polygons are two masks of one phrase
    assert [len(sample.truth.phrases[0].masks) for sample in samples] == [1, 1, 2]


def test_an_empty_segmentation_is_an_empty_mask(root):
    (sample, *_) = load_dataset("refcoco", "train", root).samples
    (mask,) = sample.truth.phrases[0].masks
    assert (mask.height, mask.width) == sample.size
    assert area([mask])[0] == 0


def review(root, *qualities):
    folder = root / "refcocos_annotation_reviewed"
    folder.mkdir()
    names = ("left dog", "the dog on the left", "right dog")
    images = [
        {"id": k, "original_id": 7, "file_name": "COCO_train2014_000000000007.jpg", "caption": name}
        for k, name in enumerate(names)
    ]
    del images[0]["original_id"]
    rows = [
        {"id": k, "image_id": k, "caption_quality": quality} for k, quality in enumerate(qualities)
    ]
    content = {"images": images, "annotations": rows}
    (folder / "refcoco_val_reviewed.json").write_text(json.dumps(content))


def test_a_reviewed_split_leaves_out_what_is_wrong(root):
    with pytest.raises(MissingData, match=r"refcoco_val_reviewed\.json"):
        load_dataset("refcoco", "val_reviewed", root)
    review(root, 0, 1, 0)
    assert ids(root, "val_reviewed") == ["1"]
    assert len(ids(root, "val")) == 3


def test_a_review_of_an_image_that_is_not_there_is_refused(root):
    review(root, 1, 1, 1, 0)
    with pytest.raises(BadData, match=r"annotations\[3\]\.image_id: there is no such image"):
        load_dataset("refcoco", "val_reviewed", root)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"sentences": [{"sent_id": 0, "sent": 5}]}, "sent: should be text"),
        ({"sentences": "left dog"}, "sentences: should be a list"),
        ({"image_id": 99}, "image_id: is 99, and instances.json has no such image"),
        ({"split": None}, "split: is missing"),
        ({"sentences": [{"sent_id": 1, "sent": "twice"}]}, "occurred before"),
    ],
)
def test_what_is_refused_names_file_and_field(root, change, problem):
    file = root / "refcoco" / "refs(unc).json"
    refs = json.loads(file.read_text())
    refs[0].update(change)
    if "twice" in str(change):
        refs[1]["sentences"] = change["sentences"]
    file.write_text(json.dumps(refs))
    with pytest.raises(BadData, match=problem) as raised:
        load_dataset("refcoco", "val", root)
    assert "refs(unc).json" in str(raised.value)
