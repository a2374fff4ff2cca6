"""A card for one's own folder: the published layout, COCO files, JSON lines."""

import json
import shutil

import pytest
from support.tiny import DATA, paint

from gcg_bench import load_card, load_dataset, masks
from gcg_bench.cli import main

PUBLISHED = DATA / "grandf/GranDf/annotations/val_test"
# image 7 has a cat of two polygons (16 and 4 pixels) and a crowd of sheep; image 9 has nothing
INSTANCES = {
    "images": [
        {"id": 7, "file_name": "a.png", "height": 8, "width": 10},
        {"id": 9, "file_name": "b.png", "height": 8, "width": 10},
    ],
    "categories": [{"id": 17, "name": "cat"}, {"id": 20, "name": "sheep"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 17, "iscrowd": 0,
         "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4], [6, 6, 8, 6, 8, 8, 6, 8], [1, 1, 2, 2]]},
        {"id": 2, "image_id": 7, "category_id": 20, "iscrowd": 1,
         "segmentation": {"size": [8, 10], "counts": [0, 8, 72]}},
    ],
}  # fmt: skip
CAPTIONS = {
    "images": INSTANCES["images"],
    "annotations": [
        {"id": 1, "image_id": 7, "caption": "A cat and sheep."},
        {"id": 2, "image_id": 9, "caption": "Nothing."},
        {"id": 3, "image_id": 7, "caption": "A cat."},
    ],
}


@pytest.fixture
def card(capsys):
    """Types `gcg-bench data card`; gives the exit code, stdout and stderr."""

    def typed(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["data", "card", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return int(left.value.code or 0), out, err

    return typed


@pytest.fixture
def coco(tmp_path):
    """A folder with COCO instances, captions and an image, where COCO has them."""
    folder = tmp_path / "my pets"
    (folder / "annotations").mkdir(parents=True)
    (folder / "annotations/instances_val.json").write_text(json.dumps(INSTANCES))
    (folder / "annotations/captions_val.json").write_text(json.dumps(CAPTIONS))
    paint(folder / "photos/a.png", 8, 10)
    return folder


@pytest.mark.parametrize("name", ["val.jsonl", "val.parquet"])
def test_a_split_in_two_layouts_is_refused(coco, card, name):
    (coco / "train.jsonl").write_text("")  # another split, or predictions
    assert card(coco)[0] == 0
    (coco / "card.md").unlink()
    (coco / name).write_text("")
    code, _, err = card(coco)
    assert code == 2
    assert f"holds split val in two layouts, as COCO files and as {name}" in err


def test_coco_instances_and_captions_become_a_data_set(coco, card):
    code, out, err = card(coco)
    assert code == 0, err
    assert out.endswith("card.md\n")
    assert "my-pets (coco_instances): val: 2" in err
    data = load_dataset(coco, "val")
    assert data.card.splits["val"].images == ("photos",)
    assert set(data.files) == {"instances_val.json", "captions_val.json"}
    first, second = data.samples
    assert first.captions == ("A cat and sheep.", "A cat.")
    cat, sheep = first.truth.phrases
    assert [phrase.text for phrase in (cat, sheep)] == ["cat", "sheep"]
    assert list(masks.area(cat.masks)) == [16, 4]  # the two points are no polygon
    assert (cat.crowd, sheep.crowd, list(masks.area(sheep.masks))) == (False, True, [8])
    assert (second.id, second.truth.phrases) == ("9", ())
    assert first.query.image.read().shape == (8, 10, 3)


def test_the_published_layout_becomes_a_data_set(tmp_path, card):
    folder = shutil.copytree(PUBLISHED, tmp_path / "mine")
    code, _, err = card(folder)
    assert code == 0, err
    made = load_card(folder)
    assert (made.name, made.format, sorted(made.splits)) == ("mine", "gcg_coco", ["test", "val"])
    ours = load_dataset(folder, "val")
    theirs = load_dataset("grandf", "val", DATA / "grandf")
    assert [s.truth for s in ours.samples] == [s.truth for s in theirs.samples]
    assert made.splits["val"].sizes[0].count == len(theirs.samples)


def test_files_of_other_names_are_named(tmp_path, card):
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(PUBLISHED / "val_gcg_coco_mask_gt.json", folder / "m.json")
    shutil.copy(PUBLISHED / "val_gcg_coco_caption_gt.json", folder / "c.json")
    code, _, err = card(folder, "--masks", "m.json", "--captions", folder / "c.json",
                        "--split", "dev", "--name", "other")  # fmt: skip
    assert code == 0, err
    made = load_card(folder)
    assert (made.name, made.format) == ("other", "gcg_coco")
    assert made.splits["dev"].files == {"masks": "m.json", "captions": "c.json"}


def test_an_update_keeps_what_the_card_states(coco, card):
    assert card(coco)[0] == 0
    file = coco / "card.md"
    stated = file.read_text().replace("license: not stated by its owners", "license: CC0", 1)
    file.write_text(stated)
    code, _, err = card(coco)
    assert code == 2
    assert "--update" in err
    content = {**CAPTIONS, "images": CAPTIONS["images"][:1]}
    content["annotations"] = [CAPTIONS["annotations"][0]]
    (coco / "annotations/captions_val.json").write_text(json.dumps(content))
    assert card(coco, "--update")[0] == 0
    made = load_card(coco)
    assert made.license == "CC0"
    assert made.splits["val"].sizes[0].count == 1


def test_json_lines_get_a_card(tmp_path, card):
    row = {"id": "a", "height": 8, "width": 10, "captions": ["A cat."], "phrases": []}
    (tmp_path / "val.jsonl").write_text(json.dumps(row) + "\n")
    code, _, err = card(tmp_path, "--name", "lines")
    assert code == 0, err
    made = load_card(tmp_path)
    assert (made.name, made.version, made.splits["val"].sizes[0].count) == ("lines", "1", 1)


def broken(folder, change):
    content = json.loads(json.dumps(INSTANCES))
    change(content)
    (folder / "annotations/instances_val.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["annotations"][0].update(category_id=3), "category_id"),
        (lambda c: c.pop("categories"), "categories"),
        (lambda c: c["annotations"][0].update(segmentation="x"), "segmentation"),
        (
            lambda c: c["annotations"][1].update(image_id=8),
            "image_id: is 8, and instances_val.json has no",
        ),
        (lambda c: c["images"].pop(0), "image_id: is 7, and instances_val.json has no"),
    ],
)
def test_no_card_is_written_for_files_that_cannot_be_read(coco, card, change, words):
    broken(coco, change)
    code, out, err = card(coco)
    assert (code, out) == (2, "")
    assert words in err
    assert "instances_val.json" in err
    assert not (coco / "card.md").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no files of a known layout"),
        (["--masks", "m.json"], "give all three"),
        (["--masks", "m", "--captions", "c", "--split", "val"], "no such file"),
        (["--name", "a/b"], "--name"),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path, card, arguments, words):
    code, out, err = card(tmp_path, *arguments)
    assert (code, out) == (2, "")
    assert words in err
