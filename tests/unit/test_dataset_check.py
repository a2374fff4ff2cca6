"""What `data check` finds: every planted fault, with its place, and nothing in sound data."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.tiny import DATA, copy, paint

from gcg_bench.data.cards import load_card
from gcg_bench.data.check import Checkup, check_dataset
from gcg_bench.errors import UnknownName
from gcg_bench.masks import area, encode

FOLDER = "GranDf/annotations/val_test"
IMAGES = {"sa_3": (8, 10), "sa_1": (8, 10), "sa_2": (6, 4)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The tiny benchmark with its images."""
    folder = copy("grandf", tmp_path)
    for name, size in IMAGES.items():
        paint(folder / "GranDf_HA_images/val_test" / f"{name}.jpg", *size)
    return folder


def check(root: Path, **given: Any) -> Checkup:
    return check_dataset(load_card("grandf"), "val", root, **given)


def change(root: Path, which: str, edit: Callable[[Any], object]) -> None:
    file = root / FOLDER / f"val_gcg_coco_{which}_gt.json"
    value = json.loads(file.read_text())
    edit(value)
    file.write_text(json.dumps(value))


def said(checkup: Checkup, level: str) -> list[tuple[str | None, int | None, str]]:
    """Image, phrase and problem of each problem of a level, but for the count of the tiny set."""
    return [
        (fault.image, fault.phrase, fault.problem)
        for found, fault in checkup.problems
        if found == level and "the card states" not in fault.problem
    ]


UNEVEN = [("sa_1", None, "labels: 2, masks: 1"), ("sa_2", None, "labels: 1, masks: 2")]


def test_the_tiny_benchmark_is_uneven_and_small_but_sound(root: Path) -> None:
    checkup = check(root)
    assert (checkup.images, checkup.phrases, checkup.masks, checkup.pictures) == (3, 6, 5, 3)
    assert said(checkup, "error") == []
    assert said(checkup, "warning") == UNEVEN
    (count,) = (fault for _, fault in checkup.problems if "card states" in fault.problem)
    assert count.problem.startswith("3 images, but the card states 2500 (the GLaMM paper, as 2.5K)")
    assert checkup.sound


def test_what_is_sound_gives_no_problem_at_all(root: Path) -> None:
    def even(value: Any) -> None:
        value["annotations"][1]["labels"].pop()
        value["annotations"][2]["labels"].append("one of them")

    change(root, "caption", even)
    card = load_card("grandf")
    for name in ("shapes", "grandf"):
        card = load_card(name)
        found = check_dataset(card, "val", root).problems
        assert [fault.problem for _, fault in found if "card states" not in fault.problem] == []


def test_all_faults_are_found_in_one_go(root: Path) -> None:
    def spoil_masks(value: Any) -> None:
        first, second, third, fourth, fifth = value["annotations"]
        first["segmentation"]["counts"] = "02600"  # cut short
        second["segmentation"]["size"] = [10, 8]
        third["segmentation"]["counts"] = "`2"  # 80 zeros: an empty mask
        fourth["id"] = 0
        fifth["id"] = 1
        fifth["bbox"] = [0, 0, 4, 6]
        fifth["area"] = 24

    def spoil_captions(value: Any) -> None:
        value["annotations"][1]["labels"][0] = " "
        value["images"].append(dict(value["images"][0]))
        value["images"].append({"id": "sa_4", "height": 8, "width": 10})
        value["annotations"].append({"id": 9, "image_id": "sa_5", "caption": "Who?", "labels": []})

    change(root, "mask", spoil_masks)
    change(root, "caption", spoil_captions)
    (root / "GranDf_HA_images/val_test/sa_3.jpg").write_bytes(b"no image")
    paint(root / "GranDf_HA_images/val_test/sa_1.jpg", 8, 12)
    (root / "GranDf_HA_images/val_test/sa_2.jpg").unlink()
    checkup = check(root)
    errors, warnings = said(checkup, "error"), said(checkup, "warning")
    assert [(image, phrase) for image, phrase, _ in errors] == [
        ("sa_4", None),  # without a caption
        ("sa_3", 0),
        ("sa_3", 1),
        ("sa_3", None),  # its picture
        ("sa_1", None),
        ("sa_2", None),
    ]
    pictures = [problem for _, _, problem in errors[3:]]
    assert pictures[0].startswith("not an image that can be read")
    assert pictures[1].startswith("the image is 8 x 12, the annotations are for 8 x 10")
    assert pictures[2] == "there is no such image"
    assert warnings == [
        ("sa_3", None, "the image is listed twice"),
        ("sa_2", None, "is 0, which pycocotools counts as not found"),
        ("sa_2", None, "1 occurred before"),
        ("sa_5", None, "the caption file lists no such image"),
        ("sa_1", None, "states an area of 10, the mask has 0 pixels"),
        ("sa_1", None, "states [1, 1, 2, 5], the mask's box is [0.0, 0.0, 0.0, 0.0]"),
        ("sa_2", None, "states an area of 24, the mask has 2 pixels"),
        ("sa_2", None, "states [0, 0, 4, 6], the mask's box is [2.0, 2.0, 2.0, 1.0]"),
        ("sa_1", None, "labels: 2, masks: 1"),
        ("sa_1", 0, "the label is empty"),
        ("sa_1", 0, "the mask is empty"),
        ("sa_2", None, "labels: 1, masks: 2"),
    ]
    assert not checkup.sound
    for _, fault in checkup.problems:
        assert fault.file is not None


def test_entries_that_are_no_objects_do_not_hide_the_rest(root: Path) -> None:
    def litter(value: Any) -> None:
        value["images"].insert(0, "sa_9")
        value["annotations"].insert(0, None)
        value["annotations"][-1]["segmentation"] = "text"

    change(root, "mask", litter)
    errors = [fault for level, fault in check(root).problems if level == "error"]
    places = [(fault.image, fault.phrase, fault.field) for fault in errors]
    assert places == [
        (None, None, "annotations[0]"),
        (None, None, "images[0]"),
        ("sa_2", 1, "annotations[5].segmentation"),
    ]


def test_missing_files_are_an_error_of_the_split(tmp_path: Path) -> None:
    checkup = check(tmp_path)
    ((level, fault),) = checkup.problems
    assert (level, checkup.images) == ("error", 0)
    assert "cannot find val_gcg_coco_mask_gt.json, val_gcg_coco_caption_gt.json" in fault.problem


def test_a_file_cut_short_is_an_error(root: Path) -> None:
    file = root / FOLDER / "val_gcg_coco_caption_gt.json"
    file.write_text(file.read_text()[:300])
    (fault,) = (fault for level, fault in check(root).problems if level == "error")
    assert fault.file == str(file)
    assert "cut off" in fault.problem


def test_no_folder_of_images_is_one_warning(tmp_path: Path) -> None:
    checkup = check(copy("grandf", tmp_path))
    assert checkup.sound
    assert checkup.pictures == 0
    assert said(checkup, "warning")[-1] == (None, None, "there is no folder of images")


def test_a_truncated_image_is_found_when_pixels_are_looked_at(root: Path) -> None:
    file = root / "GranDf_HA_images/val_test/sa_2.jpg"
    file.write_bytes(file.read_bytes()[:-30])
    assert check(root).sound
    ((image, _, problem),) = said(check(root, pixels=True), "error")
    assert image == "sa_2"
    assert problem.startswith("not an image that can be read")


def test_a_count_that_contradicts_an_exact_statement_is_an_error(tmp_path: Path) -> None:
    folder = copy("jsonl", tmp_path)
    lines = (folder / "val.jsonl").read_text().splitlines()
    (folder / "val.jsonl").write_text(lines[1] + "\n")
    (fault,) = (
        fault
        for level, fault in check_dataset(load_card(folder), "val", tmp_path).problems
        if level == "error"
    )
    assert fault.problem == "1 images, but the card states 2 (the one who wrote it)"


def test_it_goes_on_after_lines_that_are_broken(tmp_path: Path) -> None:
    rows = (DATA / "jsonl" / "val.jsonl").read_text().splitlines()
    broken = ["{", rows[0], '{"id": "c", "height": "8"}', "[]", rows[1], rows[1]]
    (tmp_path / "val.jsonl").write_text("\n".join(broken))
    checkup = check_dataset(load_card(tmp_path), "val", tmp_path)
    assert checkup.images == 2
    errors = [fault for level, fault in checkup.problems if level == "error"]
    places = [str(fault.file).rpartition("val.jsonl")[2] for fault in errors]
    assert places[:4] == ["", ":3", ":4", ":6"]
    assert [fault.image for fault in errors] == [None, "c", None, "a", "b"]  # b has no picture
    assert errors[0].field == "line 1"


def test_samples_of_other_tasks_need_no_caption_and_no_label(tmp_path: Path) -> None:
    whole = {"size": [8, 10], "counts": [0, 80]}
    row = {"height": 8, "width": 10, "captions": [], "phrases": [{"text": None, "mask": whole}]}
    rows = [{**row, "id": task, "task": task} for task in ("gcg", "referring")]
    rows.append({**row, "id": "none", "task": "referring", "phrases": []})
    (tmp_path / "val.jsonl").write_text("\n".join(map(json.dumps, rows)))
    checkup = check_dataset(load_card(tmp_path), "val", tmp_path)
    assert checkup.sound
    assert said(checkup, "warning") == [
        ("gcg", None, "the caption is empty"),
        ("gcg", None, "labels: 0, masks: 1"),
    ]


@pytest.mark.parametrize(
    ("name", "split", "warnings"),
    [
        ("grandf_human", "train", []),
        ("openpsg_gcg", "val", []),
        (
            "flickr30k_gcg",
            "val",
            [
                ("1", "has fewer than 3 words; dropped"),
                ("2", "a side is under 32 pixels; dropped"),
                ("0", "ignored, empty or outside the image; dropped"),
                ("0", "ignored, empty or outside the image; dropped"),
                ("0", "ignored, empty or outside the image; dropped"),
            ],
        ),
        (
            "grand",
            "train",
            [("sa_8", "there is no caption; dropped"), ("sa_7", "labels: 3, masks: 2")],
        ),
        ("refcocog_gcg", "val", [("5", "'a blue car' is not in the caption; dropped")]),
    ],
)
def test_training_sets_are_checked_as_well(
    tmp_path: Path, name: str, split: str, warnings: list[tuple[str, str]]
) -> None:
    root = copy(name, tmp_path)
    paint(root / "coco_2014/train2014/COCO_train2014_000000000005.jpg", 8, 10)
    checkup = check_dataset(load_card(name), split, root)
    assert checkup.sound
    found = [(image, problem) for image, _, problem in said(checkup, "warning")]
    assert [pair for pair in found if "no folder of images" not in pair[1]] == warnings


def test_missing_images_of_polygons_are_told_one_by_one(tmp_path: Path) -> None:
    checkup = check_dataset(load_card("refcocog_gcg"), "val", copy("refcocog_gcg", tmp_path))
    assert [image for image, _, _ in said(checkup, "error")] == ["5", "5#2"]


def test_a_split_without_end_is_looked_at_in_part() -> None:
    assert check_dataset(load_card("shapes"), "train", Path()).images == 100


def test_an_unknown_split_is_no_finding() -> None:
    with pytest.raises(UnknownName, match="did you mean 'val'"):
        check_dataset(load_card("grandf"), "vall", Path())


def test_more_masks_than_pycocotools_can_count_at_once() -> None:
    masks = [encode([[1] * k + [0] * (700 - k)]) for k in range(700)]
    assert area(masks).tolist() == list(range(700))
