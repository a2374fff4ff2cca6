"""Cards by name and by path, invalid cards, and the folders that are searched."""

from pathlib import Path

import pytest
from support.tiny import DATA

from gcg_bench.data import load_dataset
from gcg_bench.data.cards import (
    NOT_STATED,
    annotation_folders,
    card_names,
    data_folder,
    image_folders,
    load_card,
    locate,
)
from gcg_bench.errors import BadData, BadOption, MissingData, UnknownName

CARD = (DATA / "jsonl" / "card.md").read_text(encoding="utf-8")


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_names_are_known_with_dashes_too() -> None:
    assert {"grandf", "shapes", "openpsg_gcg"} <= set(card_names())
    assert load_card("openpsg-gcg") == load_card("openpsg_gcg")


def test_a_name_misspelt_is_answered_with_the_right_one() -> None:
    with pytest.raises(UnknownName, match="did you mean 'grandf'"):
        load_card("granf")


def test_a_split_misspelt_is_answered_with_the_right_one() -> None:
    with pytest.raises(UnknownName, match="split of grandf named 'tset'; did you mean 'test'"):
        load_dataset("grandf", "tset")


@pytest.mark.parametrize("where", ["nothing/here.md", "nothing.jsonl", "no/such/folder"])
def test_a_path_to_nothing_is_missing_data_not_an_unknown_name(where: str) -> None:
    with pytest.raises(MissingData, match="no data set there"):
        load_card(where)


def test_a_folder_without_data_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"neither a card.md nor"):
        load_card(tmp_path)


def test_a_folder_a_card_and_a_file_name_the_same_data(tmp_path: Path) -> None:
    by_folder, by_card = load_card(DATA / "jsonl"), load_card(DATA / "jsonl" / "card.md")
    assert by_folder == by_card
    assert by_folder.home == DATA / "jsonl"
    bare = load_card(DATA / "jsonl" / "val.jsonl")
    assert (bare.format, list(bare.splits), bare.license) == ("jsonl", ["val"], NOT_STATED)
    assert list(load_card(DATA / "jsonl" / "val.jsonl", split="dev").splits) == ["dev"]


def test_shards_are_one_split(tmp_path: Path) -> None:
    touch(*(tmp_path / "data" / f"val-0000{k}-of-00002.parquet" for k in (0, 1)))
    touch(tmp_path / "data" / "test-00000-of-00001.parquet")
    card = load_card(tmp_path)
    assert (card.format, sorted(card.splits)) == ("parquet", ["test", "val"])


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        (("format: jsonl\n", ""), "format", "is missing"),
        (('version: "1"', "version: 1"), "version", "should be text"),
        (("tasks: [gcg]", "tasks: [1]"), r"tasks\[0\]", "should be text"),
        (("tasks: [gcg]", "tasks: []"), "tasks", "names no task"),
        (("license: Apache-2.0\nimage", "license: ' '\nimage"), "license", "is empty"),
        (("homepage: none", "homepage: none\nhomepgae: x"), "homepgae", "no such field"),
        (("files: {samples: val.jsonl}", "files: [a]"), r"splits.val.files", "an object"),
        (("count: 2,", "count: many,"), r"splits.val.sizes\[0\].count", "whole number"),
        (("count: 2,", "count: -2,"), r"splits.val.sizes\[0\].count", "at least 0"),
    ],
)
def test_a_fault_in_a_card_names_file_and_field(
    tmp_path: Path, change: tuple[str, str], field: str, problem: str
) -> None:
    assert change[0] in CARD
    (tmp_path / "card.md").write_text(CARD.replace(*change), encoding="utf-8")
    with pytest.raises(BadData, match=rf"card\.md: {field}: .*{problem}"):
        load_card(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# no front matter", "no front matter"),
        ("---\nname: x\n", "no front matter"),
        ("---\nname: [\n---\n", r"not YAML \(line 2\)"),
        ("---\n- a\n---\n", "should be an object, not a list"),
        ("---\n---\n", "should be an object, not null"),
    ],
)
def test_front_matter_that_is_none(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "card.md").write_text(text, encoding="utf-8")
    with pytest.raises(BadData, match=problem):
        load_card(tmp_path)


def test_a_card_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "card.md").write_bytes(b"---\nname: \xff\n---\n")
    with pytest.raises(BadData, match="not UTF-8"):
        load_card(tmp_path)


@pytest.mark.parametrize(
    "folder",
    ["", "GranDf/annotations/val_test", "annotations/val_test", "annotations/gcg_val_test"],
)
def test_files_are_found_in_every_known_folder(tmp_path: Path, folder: str) -> None:
    names = ["val_gcg_coco_mask_gt.json", "val_gcg_coco_caption_gt.json"]
    touch(*(tmp_path / folder / name for name in names))
    found = locate(load_card("grandf"), "val", tmp_path, ("masks", "captions"))
    assert found == {
        "masks": tmp_path / folder / names[0],
        "captions": tmp_path / folder / names[1],
    }


def test_what_is_missing_is_named_with_where_it_was_sought(tmp_path: Path) -> None:
    touch(tmp_path / "val_gcg_coco_mask_gt.json")
    with pytest.raises(MissingData) as caught:
        locate(load_card("grandf"), "val", tmp_path)
    message = str(caught.value)
    assert "cannot find val_gcg_coco_caption_gt.json" in message
    assert "mask_gt" not in message
    assert str(tmp_path / "GranDf/annotations/val_test") in message
    assert "gcg-bench data fetch grandf" in message


def test_a_role_that_a_card_does_not_name() -> None:
    with pytest.raises(BadData, match=r"data card tiny: splits\.val\.files: .*'masks'"):
        locate(load_card(DATA / "jsonl"), "val", Path(), ("masks",))


def test_a_card_of_ones_own_is_looked_beside_before_the_root(tmp_path: Path) -> None:
    card = load_card(DATA / "jsonl")
    assert annotation_folders(card, tmp_path) == (DATA / "jsonl", tmp_path)
    assert image_folders(card, "val", tmp_path) == (DATA / "jsonl/images", tmp_path / "images")


def test_the_data_root_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GCG_BENCH_DATA", "/somewhere")
    assert data_folder() == Path("/somewhere")
    monkeypatch.delenv("GCG_BENCH_DATA")
    monkeypatch.setenv("GCG_BENCH_CACHE", "/cache")
    assert data_folder() == Path("/cache/data")


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(BadOption, match="limit 0"):
        load_dataset("shapes", "val", limit=0)
