"""PanoCaps: two JSON files or one table become the same samples; what is broken is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from pycocotools import mask as coco
from support.tiny import DATA, copy, paint, rect

from gcg_bench.data import load_dataset
from gcg_bench.data.cards import load_card
from gcg_bench.data.check import check_dataset
from gcg_bench.errors import BadData, BadMask, MissingData
from gcg_bench.masks import decode
from gcg_bench.types import Phrase, Sample

FOLDER = "PanoCaps/annotations"
DOGS = (rect(5, 0, 2, 2), rect(5, 3, 2, 2))


def load(root: Path, **given: Any) -> tuple[Sample, ...]:
    return load_dataset("panocaps", "val", root, **given).samples


def changed(tmp_path: Path, role: str, change: Callable[[Any], object]) -> Path:
    """The tiny data set with one of its files changed."""
    root = copy("panocaps", tmp_path)
    file = root / FOLDER / f"val_{role}.json"
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))
    return root


# --- the two JSON files ------------------------------------------------------------------------


def test_phrases_have_the_masks_that_they_name_and_the_spans_of_their_tags(tmp_path: Path) -> None:
    dogs, _ = load(copy("panocaps", tmp_path))
    assert dogs.id == "000000000139"
    assert dogs.captions == ("Two dogs rest on a red sofa near a wall; the pets sleep.",)
    assert dogs.truth.phrases == (
        Phrase("Two dogs", DOGS, span=(0, 8)),
        Phrase("a red sofa", (rect(3, 0, 2, 10),), span=(17, 27)),
        Phrase("a wall", (rect(0, 0, 3, 10),), span=(33, 39)),
        Phrase("the pets", DOGS[::-1], span=(41, 49)),  # the same masks, in the order named
    )
    assert dogs.truth.caption[41:49] == "the pets"


def test_mask_ids_count_the_masks_of_their_image_alone(tmp_path: Path) -> None:
    # the wall of the first image stands behind the mask of the second in the file
    _, tree = load(copy("panocaps", tmp_path))
    assert tree.truth.phrases == (
        Phrase("A tree", (rect(1, 1, 3, 3),), span=(0, 6)),
        Phrase("A tree", (rect(1, 1, 3, 3),), span=(8, 14)),  # without tags: sought in order
        Phrase("a pond", (), span=(25, 31)),
    )


def test_images_are_those_of_the_published_folder(tmp_path: Path) -> None:
    def nested(value: Any) -> None:
        value["images"][0]["file_name"] = "val2017/000000000139.jpg"

    root = changed(tmp_path, "mask", nested)
    paint(root / "PanoCaps/images/test_val/000000000139.jpg", 8, 10)
    dogs, tree = load(root)
    assert dogs.query.image.read().shape == (8, 10, 3)
    assert (tree.query.image.height, tree.query.image.width) == (8, 10)
    assert [(sample.id, sample.order) for sample in (dogs, tree)] == [
        ("000000000139", 0),
        ("ADE_val_00000007", 1),
    ]


def test_more_captions_of_an_image_are_more_references(tmp_path: Path) -> None:
    def another(value: Any) -> None:
        value["annotations"].append(
            {"id": 3, "image_id": "ADE_val_00000007", "caption": "Trees.", "label_matched": []}
        )

    _, tree = load(changed(tmp_path, "caption", another))
    assert tree.captions == ("A tree. A tree stands by a pond.", "Trees.")
    assert len(tree.truth.phrases) == 3


@pytest.mark.parametrize(
    ("tagged", "spans"),
    [
        ("<0:A tree>. <0:A tree> stands by <0:a pond>.", [(0, 6), (8, 14), (25, 31)]),
        ("A tree. <0:A tree> stands by <0:a pond>.", [(0, 6), (8, 14), (25, 31)]),
        ("<0: A tree >. <0 , 1:A tree> stands by <0:a pond>.", [(0, 6), (8, 14), (25, 31)]),
        ("<0-2:A tree>. <0:A tree> stands by <0:a pond>.", [(0, 6), (8, 14), (25, 31)]),
        ("<0:another text>", [(0, 6), (8, 14), (25, 31)]),
    ],
)
def test_tags_that_do_not_spell_the_caption_are_not_followed(
    tmp_path: Path, tagged: str, spans: list[tuple[int, int]]
) -> None:
    def tag(value: Any) -> None:
        value["annotations"][1]["caption_ann"] = tagged

    _, tree = load(changed(tmp_path, "caption", tag))
    assert [phrase.span for phrase in tree.truth.phrases] == spans


def test_a_tag_finds_a_phrase_that_a_search_would_not(tmp_path: Path) -> None:
    def second(value: Any) -> None:
        value["annotations"][1]["caption_ann"] = "A tree. <0:A tree> stands by a pond."
        value["annotations"][1]["label_matched"] = [{"txt_desc": "A tree", "mask_ids": [0]}]

    _, tree = load(changed(tmp_path, "caption", second))
    assert [phrase.span for phrase in tree.truth.phrases] == [(8, 14)]


def test_a_phrase_that_is_not_in_its_caption_has_no_span(tmp_path: Path) -> None:
    def other(value: Any) -> None:
        value["annotations"][1]["label_matched"][2]["txt_desc"] = "a lake"

    _, tree = load(changed(tmp_path, "caption", other))
    assert [phrase.span for phrase in tree.truth.phrases] == [(0, 6), (8, 14), None]


DOG = "image 000000000139"


@pytest.mark.parametrize(
    ("role", "change", "message"),
    [
        (
            "caption",
            lambda v: v["annotations"][0]["label_matched"][1].update(mask_ids=[4]),
            rf"val_caption\.json: {DOG}: phrase 1: .*label_matched\[1\]\.mask_ids\[0\]: is 4, and"
            r" the image has 4 masks, counted from 0. Fetch",
        ),
        (
            "caption",
            lambda v: v["annotations"][0]["label_matched"][1].update(mask_ids=[-1]),
            r"mask_ids\[0\]: is -1, and the image has 4 masks",
        ),
        (
            "caption",
            lambda v: v["annotations"][0]["label_matched"][0].update(mask_ids=["0"]),
            r"phrase 0: .*mask_ids\[0\]: should be a whole number, not '0'",
        ),
        (
            "caption",
            lambda v: v["annotations"][0]["label_matched"][0].update(mask_ids=0),
            r"mask_ids: should be a list, not 0",
        ),
        (
            "caption",
            lambda v: v["annotations"][0]["label_matched"][0].pop("txt_desc"),
            r"phrase 0: .*label_matched\[0\]\.txt_desc: is missing",
        ),
        (
            "caption",
            lambda v: v["annotations"][0].pop("label_matched"),
            rf"{DOG}: annotations\[0\]\.label_matched: is missing",
        ),
        (
            "caption",
            lambda v: v["annotations"].pop(0),
            rf"{DOG}: .*no annotation gives this image a caption",
        ),
        ("caption", lambda v: v["annotations"][0].update(image_id=1.5), r"image_id: should be te"),
        ("caption", lambda v: v["images"].append(v["images"][0]), r"two images have this id"),
        (
            "caption",
            lambda v: [
                v["images"][0].update(id="../x"),
                v["annotations"][0].update(image_id="../x", label_matched=[]),
            ],
            r"the image id '\.\./x' is a path that leads out of its folder",
        ),
        ("mask", lambda v: v["images"][0].pop("height"), rf"{DOG}: images\[0\]\.height: is missi"),
        ("mask", lambda v: v["images"][0].update(width=0), r"width: is 0, should be at least 1"),
        ("mask", lambda v: v["images"][0].pop("file_name"), r"file_name: is missing"),
        ("mask", lambda v: v["images"][0].update(file_name=".."), r"leads out"),
        (
            "mask",
            lambda v: v["annotations"][2].pop("segmentation"),
            rf"{DOG}: phrase 1: .*annotations\[2\]\.segmentation: is missing",
        ),
        ("mask", lambda v: v.pop("annotations"), r"val_mask\.json: annotations: is missing"),
    ],
)
def test_what_is_broken_is_refused_with_the_place(
    tmp_path: Path, role: str, change: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(BadData, match=message):
        load(changed(tmp_path, role, change))


@pytest.mark.parametrize(
    "change",
    [
        {"size": [10, 8]},
        {"size": [4, 20]},
        {"counts": [5, 2]},
        {"counts": [-1, 81]},
        {"counts": "x"},
    ],
)
def test_run_lengths_of_another_size_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    def other(value: Any) -> None:
        value["annotations"][1]["segmentation"].update(change)

    with pytest.raises(BadMask) as caught:
        load(changed(tmp_path, "mask", other))
    assert (caught.value.image, caught.value.phrase) == ("000000000139", 0)
    assert str(caught.value.field).startswith("annotations[1].segmentation")


def test_a_check_reports_all_that_is_broken_and_reads_the_rest(tmp_path: Path) -> None:
    def broken(value: Any) -> None:
        value["annotations"][0]["label_matched"][1]["mask_ids"] = [9]
        value["annotations"][0]["label_matched"][2]["mask_ids"] = [None]

    root = changed(tmp_path, "caption", broken)
    checkup = check_dataset(load_card("panocaps"), "val", root)
    errors = [(fault.image, fault.phrase) for level, fault in checkup.problems if level == "error"]
    assert errors == [("000000000139", 1), ("000000000139", 2), (None, None)]  # and the count
    assert (checkup.images, checkup.phrases, checkup.masks) == (2, 5, 6)


def test_a_sound_set_of_another_size_is_only_miscounted(tmp_path: Path) -> None:
    checkup = check_dataset(load_card("panocaps"), "val", copy("panocaps", tmp_path))
    problems = [str(fault) for level, fault in checkup.problems if level == "error"]
    assert len(problems) == 1
    assert "2 images, but the card states 420 (its owners)" in problems[0]


def test_without_files_the_message_names_both_layouts(tmp_path: Path) -> None:
    with pytest.raises(MissingData) as raised:
        load(tmp_path)
    for word in ("val_caption.json", "val_mask.json", "PanoCaps/annotations", "val*.parquet"):
        assert word in str(raised.value)


# --- the table ---------------------------------------------------------------------------------


def packed(counts: list[int]) -> dict[str, Any]:
    """Run lengths as the table has them, packed by pycocotools."""
    drawn = coco.frPyObjects({"size": [8, 10], "counts": counts}, 8, 10)
    return {"size": [8, 10], "counts": drawn["counts"].decode()}


def rows() -> list[dict[str, Any]]:
    """The rows of the tiny data set, with the columns of the published table."""
    folder = DATA / "panocaps" / FOLDER
    captions = json.loads((folder / "val_caption.json").read_text())
    masks = json.loads((folder / "val_mask.json").read_text())
    made = []
    for image, caption in zip(captions["images"], captions["annotations"], strict=True):
        own = [row for row in masks["annotations"] if row["image_id"] == image["id"]]
        made.append(
            {
                "split": "val",
                "image_id": image["id"],
                "file_name": image["file_name"],
                "image_info": image,
                "caption_info": {"caption_ann": "", **caption},
                "mask_annotations": [
                    {**row, "segmentation": packed(row["segmentation"]["counts"])} for row in own
                ],
                "categories": masks["categories"],
            }
        )
    return made


def write(file: Path, values: list[dict[str, Any]], **given: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(values), file, **given)


@pytest.mark.parametrize(
    "names",
    [
        ["PanoCaps/data/val-00000-of-00001.parquet"],
        ["PanoCaps/data/val-00000-of-00002.parquet", "PanoCaps/data/val-00001-of-00002.parquet"],
        ["PanoCaps/val.parquet"],
    ],
)
def test_the_table_holds_the_same_samples(tmp_path: Path, names: list[str]) -> None:
    values = rows()
    for position, name in enumerate(names):
        write(tmp_path / name, values[position:] if position else values[: 3 - len(names)])
    pairs = zip(load(tmp_path), load(copy("panocaps", tmp_path / "json")), strict=True)
    for sample, twin in pairs:
        assert (sample.id, sample.truth, sample.order) == (twin.id, twin.truth, twin.order)
        assert sample.captions == twin.captions
        assert sample.query.image.path.name == twin.query.image.path.name
    assert [sample.id for sample in load(tmp_path, limit=1)] == ["000000000139"]
    assert set(load_dataset("panocaps", "val", tmp_path).files) == {
        Path(name).name for name in names
    }


def test_the_masks_of_the_table_are_those_that_pycocotools_decodes(tmp_path: Path) -> None:
    values = rows()
    write(tmp_path / "val.parquet", values)
    mask = values[0]["mask_annotations"][2]["segmentation"]
    (sofa,) = load(tmp_path)[0].truth.phrases[1].masks
    expected = np.zeros((8, 10), bool)
    expected[3:5] = True
    assert (decode(sofa) == expected).all()
    assert int(coco.area({**mask, "counts": mask["counts"].encode()})) == 20


def test_a_table_is_read_group_by_group(tmp_path: Path) -> None:
    values = rows() + [{**row, "image_id": f"{row['image_id']}b"} for row in rows()]
    write(tmp_path / "val.parquet", values, row_group_size=1)
    assert [sample.id for sample in load(tmp_path)] == [
        "000000000139",
        "ADE_val_00000007",
        "000000000139b",
        "ADE_val_00000007b",
    ]


def test_json_files_come_before_the_table(tmp_path: Path) -> None:
    root = copy("panocaps", tmp_path)
    (root / "PanoCaps" / "val.parquet").write_bytes(b"nonsense")
    assert len(load(root)) == 2


@pytest.mark.parametrize("column", ["image_id", "image_info", "caption_info", "mask_annotations"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    values = [{name: row[name] for name in row if name != column} for row in rows()]
    write(tmp_path / "val.parquet", values)
    with pytest.raises(BadData, match=rf"val\.parquet: {column}: there is no such column. Fetch"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.update(image_id=None), r"image_id: is missing"),
        (lambda row: row.update(image_info=None), rf"{DOG}: image_info: is missing"),
        (lambda row: row.update(caption_info=None), rf"{DOG}: caption_info: is missing"),
        (
            lambda row: row.update(mask_annotations=None),
            rf"{DOG}: phrase 0: caption_info\.label_matched\[0\]\.mask_ids\[0\]: is 0, and the"
            r" image has 0 masks",
        ),
        (
            lambda row: row["mask_annotations"].pop(),
            r"label_matched\[2\]\.mask_ids\[0\]: is 3, and the image has 3 masks",
        ),
        (
            lambda row: row["mask_annotations"][0]["segmentation"].update(size=[8]),
            rf"{DOG}: phrase 0: mask_annotations\[0\]\.segmentation",
        ),
        (
            lambda row: row["caption_info"]["label_matched"][0].update(mask_ids=[None]),
            r"mask_ids\[0\]: should be a whole number, not null",
        ),
    ],
)
def test_a_broken_row_is_refused_with_the_place(
    tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    values = rows()
    change(values[0])
    write(tmp_path / "val.parquet", values)
    with pytest.raises(BadData, match=message):
        load(tmp_path)


@pytest.mark.parametrize("type_", [pa.float64(), pa.bool_(), pa.list_(pa.string())])
def test_ids_of_another_type_are_refused(tmp_path: Path, type_: pa.DataType) -> None:
    values = {pa.float64(): 1.5, pa.bool_(): True}
    table = pa.Table.from_pylist(rows())
    ids = pa.array([values.get(type_, ["a"])] * 2, type_)
    parquet.write_table(table.set_column(1, "image_id", ids), tmp_path / "val.parquet")
    with pytest.raises(BadData, match=r"val\.parquet: image_id: should be text or a whole number"):
        load(tmp_path)


def test_a_row_that_repeats_an_image_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "val.parquet", [*rows(), rows()[0]])
    with pytest.raises(BadData, match=rf"{DOG}: id: this image id occurred before"):
        load(tmp_path)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_damaged_table_is_refused_by_name(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "val.parquet"
    write(file, rows())
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(BadData, match=r"val\.parquet: not a parquet file that can be read"):
        load(tmp_path)
