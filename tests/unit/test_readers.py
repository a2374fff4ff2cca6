"""Prediction files as other programs leave them: packed, wrapped, in parts, in other encodings."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import encodings
from gcg_bench.files.fields import CollectedFaults
from gcg_bench.files.json import read_json
from gcg_bench.masks import encode
from gcg_bench.predictions import Reading, read_predictions
from gcg_bench.types import Grounding, Phrase, Prediction

LEFT = {"size": [2, 2], "counts": [0, 2, 2]}  # the left column of 2 x 2 pixels
LEFT_MASK = encode([[1, 0], [1, 0]])
RIGHT = {"size": [2, 2], "counts": [2, 2]}
RIGHT_MASK = encode([[0, 1], [0, 1]])


def record(name: str) -> dict:
    return {"image_id": name, "caption": name, "phrases": [name], "pred_masks": [LEFT]}


def answer(name: str) -> Prediction:
    return Prediction(name, Grounding(name, (Phrase(name, (LEFT_MASK,)),)))


BOTH = [answer("a"), answer("b")]
RECORDS = [record("a"), record("b")]
LINES = "".join(json.dumps(entry) + "\n" for entry in RECORDS)


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def packed(content: bytes) -> bytes:
    """Packed with gzip, without the time: it would be part of a test's name."""
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.JSON", json.dumps(RECORDS)),
        ("p.JSONL", LINES),
        ("p.ndjson", LINES),
        ("p.json", LINES),
        ("p.json", LINES.replace("\n", "\r\n")),
        ("p.jsonl", json.dumps(RECORDS)),
        ("p.jsonl", json.dumps(RECORDS, indent=1)),
        ("p.jsonl", "\ufeff" + LINES),
        ("p.json", "\ufeff" + json.dumps(RECORDS)),
        ("p.json", json.dumps(RECORDS, indent=2).encode("utf-16")),
        ("p.json", json.dumps(RECORDS).encode("utf-16-be")),
        ("p.json", json.dumps(RECORDS).encode("utf-16-le")),
        ("p.json", json.dumps(RECORDS).encode("utf-32")),
        ("p.jsonl", LINES.encode("utf-16")),
        ("p.json.gz", packed(json.dumps(RECORDS).encode())),
        ("p.jsonl.gz", packed(LINES.encode())),
        ("p.jsonl.GZ", packed(LINES.encode("utf-16"))),
        ("p.json", packed(LINES.encode())),
    ],
)
def test_every_packing_and_encoding_gives_the_same_answers(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    path = written(tmp_path / name, content)
    assert list(read_predictions(path)) == BOTH
    assert list(read_predictions(tmp_path)) == BOTH


def test_characters_survive_other_encodings(tmp_path: Path) -> None:
    text = json.dumps([record("caf\u00e9 \U0001f408")], ensure_ascii=False)
    path = written(tmp_path / "p.json", text.encode("utf-16"))
    (prediction,) = read_predictions(path)
    assert prediction.id == "caf\u00e9 \U0001f408"


def test_names_of_packed_files_are_ids(tmp_path: Path) -> None:
    for name in "ab":
        entry = {key: value for key, value in record(name).items() if key != "image_id"}
        written(tmp_path / f"{name}.JSON.gz", packed(json.dumps(entry).encode()))
    assert list(read_predictions(tmp_path)) == BOTH


def test_subfolders_are_read_where_the_folder_holds_no_files(tmp_path: Path) -> None:
    written(tmp_path / "val" / "x" / "a.json", json.dumps(record("a")))
    written(tmp_path / "val" / "b.json", json.dumps(record("b")))
    written(tmp_path / "val" / ".hidden" / "c.json", json.dumps(record("c")))
    reading = Reading()
    answers = {prediction.id for prediction in read_predictions(tmp_path, reading=reading)}
    assert answers == {"a", "b"}
    assert "2 files were read from its subfolders: val, val/x" in reading.sentences()[0]


@pytest.mark.parametrize("key", ["results", "predictions", "annotations", "data", "outputs", "z"])
def test_answers_beside_other_things_are_read_and_the_key_is_named(
    tmp_path: Path, key: str
) -> None:
    document = {"model": "x", "config": {"id": 5, "lr": 0.1}, key: RECORDS, "count": 2}
    path = written(tmp_path / "p.json", json.dumps(document))
    reading = Reading()
    assert list(read_predictions(path, reading=reading)) == BOTH
    assert reading.sentences() == [f"the answers were read from the key '{key}' of p.json"]
    assert list(read_predictions(tmp_path)) == BOTH


def test_wrappers_may_be_nested_and_hold_objects(tmp_path: Path) -> None:
    document = {"data": {"results": {"a": record("a"), "b": record("b")}}, "n": 2}
    path = written(tmp_path / "p.json", json.dumps(document))
    reading = Reading()
    assert list(read_predictions(path, reading=reading)) == BOTH
    assert "'data.results'" in reading.sentences()[0]


def test_two_keys_with_answers_are_an_error_that_names_both(tmp_path: Path) -> None:
    path = written(tmp_path / "p.json", json.dumps({"model_a": RECORDS, "model_b": RECORDS}))
    with pytest.raises(BadData, match="'model_a', 'model_b'"):
        list(read_predictions(path))


def test_a_record_without_a_layout_names_its_fields(tmp_path: Path) -> None:
    path = written(tmp_path / "p.json", json.dumps([{"picture": "a", "text": "b"}]))
    with pytest.raises(BadData, match="it has the fields 'picture', 'text'"):
        list(read_predictions(path))


# COCO results -----------------------------------------------------------------------------------

CAPTIONS = [
    {"image_id": 1, "caption": "a cat, a dog", "labels": ["a cat", "a dog"]},
    {"image_id": 2, "caption": "a cup", "labels": ["a cup"]},
]
MASKS = [
    {"image_id": 2, "category_id": 1, "segmentation": RIGHT, "score": 0.5},
    {"image_id": 1, "category_id": 1, "segmentation": LEFT, "score": 1.0},
    {"image_id": 1, "category_id": 1, "segmentation": RIGHT, "score": 0.25},
]
PAIR = [
    Prediction(
        "1",
        Grounding(
            "a cat, a dog",
            (Phrase("a cat", (LEFT_MASK,), 1.0), Phrase("a dog", (RIGHT_MASK,), 0.25)),
        ),
    ),
    Prediction("2", Grounding("a cup", (Phrase("a cup", (RIGHT_MASK,), 0.5),))),
]


@pytest.mark.parametrize("names", [("a_captions", "b_masks"), ("b_captions", "a_masks")])
def test_both_results_files_make_whole_answers(tmp_path: Path, names: tuple[str, str]) -> None:
    for name, rows in zip(names, (CAPTIONS, MASKS), strict=True):
        written(tmp_path / f"{name}.json", json.dumps(rows))
    reading = Reading()
    answers = sorted(read_predictions(tmp_path, reading=reading), key=lambda one: one.id)
    assert answers == PAIR
    assert reading.sentences() == ["COCO results were read: 2 captions and 3 masks of 2 images"]


def test_results_sorted_by_score_are_said(tmp_path: Path) -> None:
    captions = [{**CAPTIONS[0], "image_id": k} for k in range(3)]
    rows = [
        {"image_id": k, "category_id": 1, "segmentation": LEFT, "score": score}
        for score in (0.9, 0.4)
        for k in range(3)
    ]
    reading = Reading()
    list(read_predictions(_mixed(tmp_path, captions + rows), reading=reading))
    (sentence,) = reading.sentences()
    said = "masks stand by falling score, and the k-th one was given to the k-th phrase"
    assert sentence.endswith(said)
    reading = Reading()
    list(read_predictions(_mixed(tmp_path, captions + rows[::-1]), reading=reading))
    assert reading.sentences() == ["COCO results were read: 3 captions and 6 masks of 3 images"]


def test_results_without_labels_say_so(tmp_path: Path) -> None:
    captions = [{"image_id": row["image_id"], "caption": row["caption"]} for row in CAPTIONS]
    reading = Reading()
    list(read_predictions(_mixed(tmp_path, captions + MASKS), reading=reading))
    assert reading.sentences()[0].endswith("of 2 images; no file holds phrases (labels)")


def _mixed(tmp_path: Path, rows: list[dict]) -> Path:
    return written(tmp_path / "rows.json", json.dumps(rows))


def test_results_of_masks_alone_say_what_is_missing(tmp_path: Path) -> None:
    path = written(tmp_path / "m.json", json.dumps(MASKS))
    reading = Reading()
    answers = {one.id: one for one in read_predictions(path, reading=reading)}
    assert [phrase.text for phrase in answers["1"].grounding.phrases] == [None, None]
    assert "no file holds captions" in reading.sentences()[0]


def test_results_of_captions_alone_say_what_is_missing(tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", json.dumps(CAPTIONS))
    reading = Reading()
    assert [one.grounding.caption for one in read_predictions(path, reading=reading)] == [
        "a cat, a dog",
        "a cup",
    ]
    assert "no answer holds a mask" in reading.sentences()


def test_an_image_with_two_captions_is_an_error_that_names_both(tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", json.dumps([*CAPTIONS, CAPTIONS[0]]))
    with pytest.raises(BadData, match=r"c\.json\[2\].*has a caption already, in .*c\.json\[0\]"):
        list(read_predictions(path))


def test_a_box_without_a_mask_is_an_error(tmp_path: Path) -> None:
    row = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}
    path = written(tmp_path / "b.json", json.dumps([row]))
    with pytest.raises(BadData, match="holds a box and no mask"):
        list(read_predictions(path))


def test_parts_that_do_not_fit_are_said(tmp_path: Path) -> None:
    written(tmp_path / "a.json", json.dumps(CAPTIONS[:1]))
    written(tmp_path / "b.json", json.dumps(MASKS[:2]))
    reading = Reading()
    list(read_predictions(tmp_path, reading=reading))
    assert "1 captions and 2 masks of 2 images, of which 1 have both" in reading.sentences()[0]
    assert "paired by position as published: 1 of 2" in reading.sentences()[1]


# archives and bombs -----------------------------------------------------------------------------


def test_archives_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("a.json", json.dumps(record("a")))
    with pytest.raises(BadData, match=r"p\.zip: is a zip archive, no JSON\. Unpack it"):
        list(read_predictions(tmp_path / "p.zip"))
    with pytest.raises(MissingData, match=r"holds the archive p\.zip: unpack it"):
        list(read_predictions(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x04\x95abc", "a Python pickle"),
        (b"PAR1abc", "a parquet table"),
        (b"\x80\x05\x8c", "a Python pickle"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"\x89PNG\r\n", "a picture"),
        pytest.param(packed(packed(b"{}")), "packed twice with gzip", id="gzip in gzip"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><html>", "a web page"),
        ('{"id": "caf\u00e9"}'.encode("latin-1"), "not UTF-8 .* Write the file again, in UTF-8"),
        (b"\x00" * 257 + b"ustar", "a tar archive"),
        (b"\xff\xfe{\x00\x00", "not UTF-16"),
        pytest.param(packed(LINES.encode())[:-20], "damaged gzip file", id="gzip without its end"),
        pytest.param(packed(LINES.encode())[:30], "damaged gzip file", id="gzip cut short"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = written(tmp_path / "p.jsonl", content)
    with pytest.raises(BadData, match=message):
        list(read_predictions(path))


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
def test_utf32_without_its_mark_is_read(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "p.jsonl", json.dumps(record("a")).encode(encoding))
    assert [one.id for one in read_predictions(path)] == ["a"]


def test_a_packed_file_cannot_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "bomb.json.gz", packed(b"[" + b" " * 5_000_000 + b"]"))
    assert path.stat().st_size < 10_000
    with pytest.raises(BadData, match="unpacks to more than 1,000,000 bytes"):
        read_json(path, most=1_000_000)
    monkeypatch.setattr(encodings.opened.__wrapped__, "__kwdefaults__", {"most": 1_000_000})
    lines = written(tmp_path / "bomb.jsonl.gz", packed(b"\n" * 5_000_000))
    faults = CollectedFaults()
    list(read_predictions(lines, faults=faults))
    assert "unpacks to more than" in faults.collected[0][1].problem
