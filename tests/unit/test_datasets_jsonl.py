"""Data sets in JSON lines and parquet: written by hand, refused with the place, read by others."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny import DATA, copy, paint, rect

from gcg_bench.data import Dataset, load_dataset
from gcg_bench.data.cards import load_card
from gcg_bench.data.export import export
from gcg_bench.errors import BadData, BadMask, BadOption
from gcg_bench.types import Grounding, Phrase, Picture, Query, Sample

CARD = load_card("shapes")


def bare(sample: Sample) -> Sample:
    image = dataclasses.replace(sample.query.image, path=None)
    return dataclasses.replace(sample, query=dataclasses.replace(sample.query, image=image))


# --- jsonl -------------------------------------------------------------------------------------


def lines(tmp_path: Path, *rows: Any) -> Path:
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (tmp_path / "val.jsonl").write_text("\n".join(texts) + "\n")
    return tmp_path


ROW = {"id": "a", "height": 8, "width": 10, "captions": ["A cat."], "phrases": []}


def phrase(text: object = None, **fields: object) -> dict[str, object]:
    return {"text": text, **fields}


def test_a_file_written_by_hand() -> None:
    cat, wall = load_dataset(DATA / "jsonl", "val").samples
    assert (cat.id, cat.order, wall.id, wall.order) == ("b", 1, "a", 0)
    assert cat.captions == ("A cat sleeps.", "An animal.")
    assert cat.truth.phrases == (
        Phrase("A cat", (rect(0, 0, 2, 3), rect(4, 4, 3, 3)), span=(0, 5)),
        Phrase("sleep"),
    )
    assert (cat.query.prompt, wall.query.prompt) == ("What is to be seen?", "Where is the wall?")
    assert wall.truth.phrases == (Phrase(None, (rect(0, 0, 8, 10),), crowd=True),)
    assert cat.query.image.path == DATA / "jsonl" / "images" / "b.png"


def test_a_file_alone_needs_no_card(tmp_path: Path) -> None:
    folder = lines(tmp_path, {**ROW, "id": 10}, "", {**ROW, "id": 9})
    loaded = load_dataset(folder / "val.jsonl", "any-name")
    assert [(one.id, one.order) for one in loaded.samples] == [("10", 1), ("9", 0)]
    assert loaded.samples[0].query.prompt == ""


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"id": "a", "height": 8', r"val\.jsonl: line 2: not JSON: .*line 2 column .*cut off"),
        ("[]", r"val\.jsonl:2: should be an object, not a list"),
        ({**ROW, "id": None}, r"val\.jsonl:2: id: is missing"),
        ({**ROW, "id": "z"}, r"val\.jsonl:2: image z: id: this image id occurred before"),
        ({**ROW, "height": 0}, r"image a: height: is 0, should be at least 1"),
        ({**ROW, "captions": None}, r"image a: captions: is missing"),
        ({**ROW, "captions": [1]}, r"image a: captions\[0\]: should be text"),
        ({**ROW, "phrases": {}}, r"image a: phrases: should be a list"),
        ({**ROW, "phrases": [phrase(), {}]}, r"image a: phrase 1: text: is missing\. Write null"),
        ({**ROW, "phrases": [phrase(3)]}, r"image a: phrase 0: text: should be text, not 3"),
        ({**ROW, "phrases": [3]}, r"image a: phrase 0: should be an object, not 3"),
        ({**ROW, "phrases": [phrase(span=[1])]}, r"phrase 0: span: should be two whole numbers"),
        ({**ROW, "phrases": [phrase(span=[3, 99])]}, r"phrase 0: span: \[3, 99\] is no part of"),
        ({**ROW, "phrases": [phrase(span=[3, 1])]}, r"phrase 0: span: \[3, 1\] is no part of"),
        ({**ROW, "phrases": [phrase(score="NaN")]}, r"phrase 0: score: should be a number"),
        ({**ROW, "phrases": [phrase(mask={}, masks=[])]}, r"phrase 0: mask: both mask and masks"),
        ({**ROW, "id": "../a"}, r"jsonl:2: id: the image id '\.\./a' is a path that leads out"),
        ('{"id": "a", "height": 8, "width": 10, "captions": ["a"], "phrases":'
         ' [{"text": "a", "score": NaN}]}', r"phrase 0: score: is nan, should be finite"),
        ({**ROW, "regions": [[1, 2, 3]]}, r"regions\[0\]: should be four numbers"),
        ({**ROW, "order": -1}, r"order: is -1, should be at least 0"),
        ({**ROW, "image_id": "../a"}, r"image a: image_id: the image id '\.\./a' is a path that"),
        ({**ROW, "task": " "}, r"image a: task: is empty"),
        ({**ROW, "expression": ["x"]}, r"image a: expression: should be text, not a list"),
        ({**ROW, "turns": [None]}, r"image a: turns\[0\]: should be text, not null"),
        ({**ROW, "forced": 1}, r"image a: forced: should be text, not 1"),
        ({**ROW, "ignore": {}}, r"image a: ignore: should be a list"),
        ({**ROW, "ignore": [{"size": [8, 10], "counts": [80]}, 1]}, r"a: ignore\[1\]: a mask"),
        ({**ROW, "ignore": [{"size": [1, 1], "counts": [1]}]}, r"ignore\[0\]\.size: .*1 x 1"),
    ],
)  # fmt: skip
def test_a_broken_line_is_refused_with_the_place(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(BadData, match=message):
        load_dataset(lines(tmp_path, {**ROW, "id": "z"}, row), "val")


def test_a_broken_mask_is_refused_with_the_place(tmp_path: Path) -> None:
    broken = phrase("a", masks=[{"size": [8, 10], "counts": "02"}])
    with pytest.raises(BadMask) as caught:
        load_dataset(lines(tmp_path, {**ROW, "phrases": [phrase("b"), broken]}), "val")
    assert (caught.value.image, caught.value.phrase) == ("a", 1)
    assert str(caught.value.file).endswith("val.jsonl:1")
    assert str(caught.value.field).startswith("masks[0]")


def test_an_order_by_number_is_one_in_both_formats(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [{**ROW, "id": number} for number in (10, 9)]
    table = pyarrow.Table.from_pylist([{**row, "phrases": None, "x": [1]} for row in rows])
    filled = table.set_column(
        table.schema.get_field_index("phrases"),
        "phrases",
        pyarrow.array([[], []], pyarrow.list_(pyarrow.struct({"text": pyarrow.string()}))),
    )
    pyarrow.parquet.write_table(filled, tmp_path / "val.parquet")
    loaded = load_dataset(tmp_path / "val.parquet", "val").samples
    assert [(one.id, one.order) for one in loaded] == [("10", 1), ("9", 0)]


def test_whole_numbers_may_be_written_as_floats(tmp_path: Path) -> None:
    row = {**ROW, "phrases": [phrase("A cat", span=[0.0, 5.0])]}
    (sample,) = load_dataset(lines(tmp_path, row), "val").samples
    assert sample.truth.phrases == (Phrase("A cat", span=(0, 5)),)


def test_a_sample_without_captions_has_an_empty_one(tmp_path: Path) -> None:
    row = {**ROW, "captions": [], "phrases": [phrase("x", mask={"size": [8, 10], "counts": [80]})]}
    (sample,) = load_dataset(lines(tmp_path, row), "val").samples
    assert (sample.captions, sample.truth.caption) == ((), "")
    assert sample.truth.phrases == (Phrase("x", (rect(0, 0, 0, 0),)),)
    told = {**row, "caption": "a cat", "phrases": [phrase("a cat", span=[0, 5])]}
    (sample,) = load_dataset(lines(tmp_path, told), "val").samples
    assert (sample.captions, sample.truth.caption) == ((), "a cat")


def test_what_a_query_holds_beside_its_image(tmp_path: Path) -> None:
    corner = {"size": [8, 10], "counts": [1, 1, 78]}
    row = {
        **ROW, "id": "a/2", "image_id": "a", "task": "referring", "expression": "the left cat",
        "turns": ["Who?", "A cat."], "forced": "It is [SEG].", "ignore": [corner], "captions": [],
    }  # fmt: skip
    full, bare = load_dataset(lines(tmp_path, row, {**ROW, "id": 7}), "val").samples
    query = full.query
    assert (query.id, query.image_id, query.task) == ("a/2", "a", "referring")
    assert (query.expression, query.turns) == ("the left cat", ("Who?", "A cat."))
    assert (query.forced, full.ignore) == ("It is [SEG].", (rect(1, 0, 1, 1),))
    query = bare.query
    assert (query.id, query.image_id, query.task) == ("7", "7", "gcg")
    assert (query.expression, query.turns, query.forced, bare.ignore) == (None, (), None, ())


@pytest.mark.parametrize("format_name", ["jsonl", "parquet"])
def test_the_first_task_of_the_card_is_that_of_its_queries(tmp_path: Path, format_name) -> None:
    card = dataclasses.replace(CARD, tasks=("referring", "gcg"))
    picture = Picture(1, 1, lambda: np.zeros((1, 1, 3), dtype=np.uint8))
    world = (Sample(Query("a", picture, task="gcg"), Grounding("x"), ("x",)),)
    export(Dataset(card, "val", world, {}), tmp_path / "out", format_name)
    (stated,) = load_dataset(tmp_path / "out", "val").samples
    assert stated.query.task == "gcg"
    if format_name == "jsonl":
        stated_tasks = [{}, {"task": "gcg"}, {"task": None}]
        rows = [{**ROW, "id": k, **more} for k, more in enumerate(stated_tasks)]
        samples = load_dataset(lines(tmp_path / "out", *rows), "val").samples
        assert [one.query.task for one in samples] == ["referring", "gcg", "referring"]


def test_a_picture_that_queries_share_is_written_once(tmp_path: Path) -> None:
    root = copy("grandf", tmp_path)
    paint(root / "GranDf_HA_images/val_test" / "sa_3.jpg", 8, 10)
    (first, *_) = load_dataset("grandf", "val", root, limit=1).samples
    drawn = Picture(8, 10, lambda: np.full((8, 10, 3), 9, dtype=np.uint8))
    queries = [
        *(dataclasses.replace(first.query, id=name, image_id="sa_3") for name in "ab"),
        *(Query(name, drawn, image_id="drawn") for name in "cd"),
    ]
    world = tuple(dataclasses.replace(first, query=query) for query in queries)
    export(Dataset(CARD, "val", world, {}), tmp_path / "out", "jsonl", embed_images=True)
    assert {path.name for path in (tmp_path / "out/images/val").iterdir()} == {
        "sa_3.jpg",
        "drawn.png",
    }
    again = load_dataset(tmp_path / "out", "val").samples
    assert [one.query.image.path.name for one in again if one.query.image.path] == [
        "sa_3.jpg", "sa_3.jpg", "drawn.png", "drawn.png",
    ]  # fmt: skip
    assert (again[3].query.image.read() == 9).all()


def test_the_published_layout_holds_no_other_task(tmp_path: Path) -> None:
    loaded = load_dataset(lines(tmp_path, {**ROW, "task": "referring"}), "val")
    with pytest.raises(BadOption, match="image a: has the task referring, which the format gcg_co"):
        export(loaded, tmp_path / "out", "gcg_coco")


def test_the_published_layout_cannot_hold_a_sample_without_captions(tmp_path: Path) -> None:
    loaded = load_dataset(lines(tmp_path, {**ROW, "captions": []}), "val")
    with pytest.raises(BadOption, match="image a: has no caption, which the format gcg_coco needs"):
        export(loaded, tmp_path / "out", "gcg_coco")


# --- parquet -----------------------------------------------------------------------------------


def test_hugging_face_datasets_reads_what_is_written(tmp_path: Path) -> None:
    import datasets

    before = load_dataset("shapes", "val", limit=3)
    export(before, tmp_path / "out", "parquet", embed_images=True)
    table = datasets.Dataset.from_parquet(
        str(tmp_path / "out" / "val.parquet"), cache_dir=str(tmp_path / "cache")
    )
    assert table.features["image"] == datasets.Image()
    assert table["id"][:] == [one.id for one in before.samples]
    assert table[1]["captions"] == list(before.samples[1].captions)
    assert [len(one["masks"]) for one in table[1]["phrases"]] == [
        len(one.masks) for one in before.samples[1].truth.phrases
    ]
    assert (np.array(table[2]["image"]) == before.samples[2].query.image.read()).all()


def test_shards_that_a_hub_makes_are_one_split(tmp_path: Path) -> None:
    import datasets

    before = load_dataset("shapes", "val", limit=5)
    export(before, tmp_path / "out", "parquet", embed_images=True)
    table = datasets.Dataset.from_parquet(
        str(tmp_path / "out" / "val.parquet"), cache_dir=str(tmp_path / "cache")
    )
    hub = tmp_path / "hub" / "data"
    hub.mkdir(parents=True)
    for index in range(2):
        shard = table.shard(2, index, contiguous=True)
        shard.to_parquet(str(hub / f"val-0000{index}-of-00002.parquet"))
    after = load_dataset(tmp_path / "hub", "val")
    assert [bare(one) for one in after.samples] == [bare(one) for one in before.samples]
    assert sorted(after.files) == [f"val-0000{k}-of-00002.parquet" for k in (0, 1)]
    assert (after.samples[4].query.image.read() == before.samples[4].query.image.read()).all()


@pytest.mark.parametrize("data", [b"", b"PAR1 but no more", b"PAR1" + b"\0" * 50 + b"PAR1"])
def test_a_file_that_is_no_parquet(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "val.parquet").write_bytes(data)
    with pytest.raises(BadData, match=r"val\.parquet: not a parquet file that can be read"):
        load_dataset(tmp_path, "val")


def test_a_table_of_something_else(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"x": [1]}), tmp_path / "val.parquet")
    with pytest.raises(BadData, match=r"val\.parquet: id: is missing"):
        load_dataset(tmp_path, "val")
