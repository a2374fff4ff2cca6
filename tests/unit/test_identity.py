"""Whose answer a record is: names in files against the ids of the split."""

import json
from pathlib import Path

import pytest

from gcg_bench.adapters.predictions_file import PredictionFile
from gcg_bench.errors import BadData
from gcg_bench.predictions import Known, Reading, read_predictions
from gcg_bench.predictions.check import check, fix
from gcg_bench.types import Picture, Prediction, Query

FOLDED = "the case of letters, white space or the form of Unicode"
WORDS = {"caption": "x", "phrases": []}


def split(*ids: str) -> list[Known]:
    return [Known(id_) for id_ in ids]


def lines(tmp_path: Path, *records: dict) -> Path:
    path = tmp_path / "p.jsonl"
    text = "".join(json.dumps({**WORDS, **record}) + "\n" for record in records)
    path.write_text(text, encoding="utf-8")
    return path


def folder(tmp_path: Path, **records: dict) -> Path:
    for name, record in records.items():
        file = tmp_path / "answers" / f"{name}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({**WORDS, "pred_masks": [], **record}), encoding="utf-8")
    return tmp_path / "answers"


def ids(path: Path, known: list[Known], reading: Reading | None = None) -> list[str]:
    return [one.id for one in read_predictions(path, known=known, reading=reading)]


@pytest.mark.parametrize(
    ("written", "known", "said"),
    [
        ("sa_1.jpg", "sa_1", "the file extension"),
        ("sa_1.JPEG", "sa_1", "the file extension"),
        ("sa_1", "sa_1.png", "the file extension"),
        ("val/sa_1.jpg", "sa_1", "the folder"),
        (r"val\sa_1.jpg", "sa_1", "the folder"),
        (r"C:\data\val\sa_1.JPG", "sa_1", "the file extension"),
        ("/data/val/sa_1.jpg", "sa_1", "the file extension"),
        ("https://example.org/val/sa_1.jpg?size=9", "sa_1", "the file extension"),
        ("sa_1", "val/sa_1", "the folder"),
        ("000000000123", "123", "zero padding"),
        (123, "000000000123", "zero padding"),
        ("000000000123.jpg", "123", "zero padding"),
        ("COCO_val2014_000000000123.jpg", "123", "COCO's prefix"),
        (123, "COCO_val2014_000000000123", "COCO's prefix"),
        ("000000000000", "0", "zero padding"),
        ("sa_1.heic", "sa_1", "the file extension"),
        ("SA_1", "sa_1", FOLDED),
        ("sa_1 ", "sa_1", FOLDED),
        (" Sa_1.JPG", "sa_1.jpg", FOLDED),
        ("\ufeffsa_1", "sa_1", FOLDED),
        ("'sa_1'", "sa_1", FOLDED),
        ("cafe\u0301", "caf\u00e9", FOLDED),
        ("\uff53\uff41_1", "sa_1", FOLDED),
    ],
)
@pytest.mark.parametrize(
    "field", ["id", "image_id", "img_id", "file_name", "image", "file", "img_name", "path"]
)
def test_a_spelling_of_the_splits_id_is_read_and_said(
    tmp_path: Path, written: object, known: str, said: str, field: str
) -> None:
    reading = Reading()
    path = lines(tmp_path, {field: written})
    assert ids(path, split("other", known), reading) == [known]
    (sentence,) = reading.sentences()[:1]
    assert f"1 of 1 answers name their image otherwise than the split ({said})" in sentence
    assert f"was read as {known!r}" in sentence


@pytest.mark.parametrize("record", [{"id": 7}, {"id": "7"}, {"image_id": 7.0}, {"img_id": 7}])
def test_numbers_and_text_are_one_id_and_nothing_is_said(tmp_path: Path, record: dict) -> None:
    reading = Reading()
    assert ids(lines(tmp_path, record), split("7"), reading) == ["7"]
    assert [one for one in reading.sentences() if "image" in one] == []


def test_a_file_name_of_the_split_is_read(tmp_path: Path) -> None:
    known = [Known("1", "1", "beach.jpg"), Known("2", "2", "street.jpg")]
    reading = Reading()
    path = lines(tmp_path, {"id": "street.jpg"}, {"id": "beach"})
    assert ids(path, known, reading) == ["2", "1"]
    assert "'street.jpg' was read as '2'" in reading.sentences()[0]


def test_the_field_that_names_the_images_is_used_and_said(tmp_path: Path) -> None:
    reading = Reading()
    path = lines(tmp_path, {"id": 0, "image_id": "b"}, {"id": 1, "image_id": "a"})
    assert ids(path, split("a", "b"), reading) == ["b", "a"]
    assert reading.sentences()[0].startswith("image_id says whose answer a record is")
    reading = Reading()
    path = folder(tmp_path, r0={"image_id": "b"}, r1={"image_id": "a"})
    assert ids(path, split("a", "b"), reading) == ["b", "a"]
    assert reading.sentences()[0].startswith("image_id says whose answer a record is")


def test_a_chance_hit_of_a_counter_is_no_conflict(tmp_path: Path) -> None:
    """Of COCO's ids few lie among the first numbers; the field that names all images counts."""
    images = ["139", "1", "632", "724"]
    path = lines(tmp_path, *({"id": k, "image_id": name} for k, name in enumerate(images)))
    assert ids(path, split(*images)) == images


CONFLICT = r"p\.jsonl:1: .*id '1' and image_id '3' name two images of the split"


def crossed(tmp_path: Path) -> Path:
    pairs = [(1, 3), (2, 1), (3, 2)]
    return lines(
        tmp_path, *({"id": id_, "image_id": image, "caption": str(image)} for id_, image in pairs)
    )


def test_two_fields_that_name_two_images_are_an_error_naming_both(tmp_path: Path) -> None:
    path, known = crossed(tmp_path), split("1", "2", "3")
    with pytest.raises(BadData, match=CONFLICT):
        ids(path, known)
    problems = check(path, known=known)
    assert [level for level, _ in problems] == ["error"] * 3
    assert all(fault.file and fault.remedy for _, fault in problems)


def test_fix_uses_the_field_that_does_not_number_the_records(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    repair = fix(crossed(tmp_path), out, known=split("1", "2", "3"))
    assert [done for _, done in repair.changes] == ["image_id used"] * 3
    fixed = {one.id: one.grounding.caption for one in read_predictions(out)}
    assert fixed == {"1": "1", "2": "2", "3": "3"}


def test_fix_uses_the_id_where_image_id_numbers_the_records(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    path = lines(tmp_path, *({"id": id_, "image_id": k + 1} for k, id_ in enumerate((3, 1, 2))))
    repair = fix(path, out, known=split("1", "2", "3"))
    assert [done for _, done in repair.changes] == ["id used"] * 3
    assert [one.id for one in read_predictions(out)] == ["3", "1", "2"]


def test_one_crossed_record_is_found_and_left_out_of_the_repair(tmp_path: Path) -> None:
    known, out = split("a", "b", "c"), tmp_path / "out.jsonl"
    records = [{"id": name, "image_id": name} for name in "ab"]
    path = lines(tmp_path, *records, {"id": "c", "image_id": "a"})
    with pytest.raises(BadData, match=r"p\.jsonl:3: .*'c' and image_id 'a'"):
        ids(path, known)
    assert [done for _, done in fix(path, out, known=known).changes] == ["answer left out"]
    assert [one.id for one in read_predictions(out)] == ["a", "b"]


def test_a_files_name_against_the_record_in_it(tmp_path: Path) -> None:
    path = folder(tmp_path, a={"image_id": "b"}, b={"image_id": "a"})
    with pytest.raises(BadData, match=r"a\.json: .*file name 'a' and image_id 'b'"):
        ids(path, split("a", "b"))


def test_a_field_that_agrees_is_no_conflict(tmp_path: Path) -> None:
    known = [Known("1", "1", "beach.jpg"), Known("2", "2", "street.jpg")]
    path = lines(
        tmp_path,
        {"id": 1, "image_id": "0001", "file_name": "val/beach.jpg"},
        {"id": 2, "image_id": "0002", "file_name": "val/street.jpg"},
    )
    assert ids(path, known) == ["1", "2"]


def test_queries_that_share_an_image_keep_their_own_ids(tmp_path: Path) -> None:
    """Image ids may look like ids of other queries."""
    known = [Known("1", "2", "x.jpg"), Known("2", "1", "y.jpg"), Known("3", "2", "x.jpg")]
    path = lines(
        tmp_path,
        *({"id": one.id, "image_id": one.image_id, "file_name": one.file_name} for one in known),
    )
    reading = Reading()
    assert ids(path, known, reading) == ["1", "2", "3"]
    assert reading.sentences() == ["no answer holds a mask"]


@pytest.mark.parametrize("names", [("sa_1", "sa_1.jpg"), ("1.jpg", "0001"), ("a/7", "b/7.png")])
def test_two_spellings_of_one_image_are_an_error_naming_both(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    known = split("sa_1", "1", "7")
    with pytest.raises(BadData) as caught:
        ids(lines(tmp_path, *({"id": name} for name in names)), known)
    message = str(caught.value)
    assert "two answers for one image" in message
    assert all(repr(name) in message for name in names)


def test_a_spelling_that_could_be_two_images_is_not_guessed(tmp_path: Path) -> None:
    known = split("7", "007", "8")
    assert ids(lines(tmp_path, {"id": "8"}, {"id": "07"}), known) == ["8", "07"]
    problems = check(lines(tmp_path, {"id": "8"}, {"id": "07"}), known=known)
    assert ("07", "not in the split") in [(one.image, one.problem) for _, one in problems]
    assert "Its ids are such as '7'" in problems[0][1].remedy


def test_exact_ids_are_kept_whatever_else_would_fit(tmp_path: Path) -> None:
    known = split("1", "01", "1.jpg")
    reading = Reading()
    path = lines(tmp_path, {"id": "1.jpg"}, {"id": "01"}, {"id": "1"})
    assert ids(path, known, reading) == ["1.jpg", "01", "1"]
    assert reading.remarks == []


@pytest.mark.parametrize("name", ["../sa_1.jpg", "/etc/passwd", "a/../../sa_1"])
def test_paths_that_lead_out_are_still_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadData, match="leads out of its folder"):
        ids(lines(tmp_path, {"id": name}), split("sa_1"))


def test_the_adapter_reads_the_same_names(tmp_path: Path) -> None:
    queries = [Query(name, Picture(2, 2, lambda: None)) for name in ("sa_1", "sa_2")]
    model = PredictionFile(lines(tmp_path, {"id": "sa_2.jpg"}, {"id": "sa_1.jpg"}))
    model.prepare(queries)
    assert [one.id for one in model.answer(queries)] == ["sa_1", "sa_2"]
    assert all(isinstance(one, Prediction) and not one.error for one in model.answer(queries))
    assert "'sa_2.jpg' was read as 'sa_2'" in model.notes()[0]


def test_a_part_of_a_split_is_enough(tmp_path: Path) -> None:
    """With a limit, most answers are for images that are not asked for."""
    path = lines(tmp_path, *({"id": f"{k:012d}.jpg"} for k in range(50)))
    assert ids(path, split("3", "4"))[3:5] == ["3", "4"]
