"""The test split of RefCOCOg's regions, made of the references where it has no file of its own."""

import json

import pytest
from support.tiny import copy

from gcg_bench.data import load_dataset
from gcg_bench.data.cards import load_card
from gcg_bench.data.check import check_dataset
from gcg_bench.errors import BadData, MissingData

PUBLISHED = "finetune_refcocog_test_captions.json"


@pytest.fixture
def root(tmp_path):
    folder = copy("refcocog_region", tmp_path)
    (folder / PUBLISHED).unlink()
    return folder


def change(file, edit):
    value = json.loads(file.read_text("utf-8"))
    edit(value)
    file.write_text(json.dumps(value), "utf-8")


def test_a_region_is_an_annotation_with_the_sentences_of_all_its_references(root):
    data = load_dataset("refcocog_region", "test", root)
    # of the references of the split, 22, 23 and 26 describe annotation 3, and 24 annotation 4
    assert [sample.id for sample in data.samples] == ["3", "4"]
    wall, nothing = data.samples
    assert wall.captions == ("wall at the left", "the wall", "white wall")
    assert wall.query.regions == ((0.0, 0.0, 10.0, 30.0),)
    assert (wall.query.image_id, wall.size) == ("9", (30, 30))
    assert nothing.captions == ("nothing there",)
    assert sorted(data.files) == ["instances.json", "refs(umd).json"]


def test_the_file_of_the_split_comes_first(tmp_path):
    data = load_dataset("refcocog_region", "test", copy("refcocog_region", tmp_path))
    assert list(data.files) == [PUBLISHED]


def test_the_validation_split_has_its_file_alone(root):
    (root / "finetune_refcocog_val_captions.json").unlink()
    with pytest.raises(MissingData, match=r"cannot find finetune_refcocog_val_captions\.json"):
        load_dataset("refcocog_region", "val", root)


def test_what_is_missing_is_named(root):
    (root / "refcocog" / "instances.json").unlink()
    with pytest.raises(MissingData, match=r"cannot find refcocog/instances\.json"):
        load_dataset("refcocog_region", "test", root)


@pytest.mark.parametrize(
    ("name", "edit", "field"),
    [
        ("instances.json", lambda value: value["annotations"][2].pop("bbox"), "bbox"),
        ("instances.json", lambda value: value["annotations"][2].update(bbox=[1, 2]), "bbox"),
        ("refs(umd).json", lambda value: value[2].update(ann_id="3"), "ann_id"),
        ("refs(umd).json", lambda value: value[2].update(ann_id=77), "ann_id"),
        ("refs(umd).json", lambda value: value[4].update(sentences=[]), "sentences"),
    ],
)
def test_faulty_files_name_the_field(root, name, edit, field):
    change(root / "refcocog" / name, edit)
    with pytest.raises(BadData, match=field):
        load_dataset("refcocog_region", "test", root)


def test_a_check_goes_on_after_a_problem(root):
    change(root / "refcocog" / "refs(umd).json", lambda value: value[4].update(sentences=[]))
    checkup = check_dataset(load_card("refcocog_region"), "test", root)
    assert checkup.images == 1
    assert [fault.field for level, fault in checkup.problems if level == "error"] == [
        "[4].sentences"
    ]
