"""Objects from files: every field is checked, and every error names its location."""

import math
from pathlib import Path
from typing import Any

import pytest

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files.fields import CollectedFaults, Faults, Record
from gcg_bench.files.json import parse_json, read_json

INF = math.inf


def record(**fields: Any) -> Record:
    return Record(fields, "f.json", image="7", prefix="images[2].")


@pytest.mark.parametrize(
    ("take", "value", "expected"),
    [
        ("text", "a", "a"),
        ("text", "", ""),
        ("whole", 3, 3),
        ("whole", 3.0, 3),
        ("whole", -3, -3),
        ("number", 3, 3.0),
        ("number", -0.5, -0.5),
        ("items", [1, "a"], [1, "a"]),
        ("texts", ["a", "b"], ("a", "b")),
        ("texts", "a", ("a",)),
        ("id", "sa_1", "sa_1"),
        ("id", 0, 0),
        ("id", 12.0, 12),
        ("any", False, False),
    ],
)
def test_fields_are_taken(take: str, value: Any, expected: Any) -> None:
    found = getattr(record(x=value), take)("x")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("take", "value", "problem"),
    [
        ("text", 3, "should be text, not 3"),
        ("text", None, "is missing"),
        ("text", ["a"], "should be text, not a list"),
        ("text", "x" * 99, None),
        ("whole", True, "should be a whole number, not True"),
        ("whole", 3.5, "should be a whole number, not 3.5"),
        ("whole", "3", "should be a whole number, not '3'"),
        ("whole", INF, "should be a whole number"),
        ("number", True, "should be a number"),
        ("number", INF, "should be finite"),
        ("number", math.nan, "should be finite"),
        ("items", {"a": 1}, "should be a list, not an object"),
        ("items", "ab", "should be a list, not 'ab'"),
        ("texts", ["a", 1], None),
        ("id", 1.5, "should be text or a whole number"),
        ("id", True, "should be text or a whole number"),
        ("record", [1], "should be an object, not a list"),
    ],
)
def test_a_fault_names_file_image_and_field(take: str, value: Any, problem: str | None) -> None:
    if take == "texts":
        with pytest.raises(BadData, match=r"images\[2\]\.x\[1\]: should be text, not 1"):
            record(x=value).texts("x")
        return
    if problem is None:
        assert record(x=value).text("x") == value
        return
    with pytest.raises(BadData) as caught:
        getattr(record(x=value), take)("x")
    assert problem in caught.value.problem
    assert (caught.value.file, caught.value.image) == ("f.json", "7")
    assert caught.value.field == "images[2].x"


def test_bounds_and_blanks() -> None:
    assert record(x=1).whole("x", least=1) == 1
    with pytest.raises(BadData, match="is 0, should be at least 1"):
        record(x=0).whole("x", least=1)
    with pytest.raises(BadData, match="is empty"):
        record(x=" \t").text("x", empty=False)


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), (False, False), (1, True), (0, False), (None, True)]
)
def test_truth_values_may_be_numbers_and_have_a_default(value: Any, expected: bool) -> None:
    assert record(x=value).boolean("x", default=True) is expected


def test_a_truth_value_that_is_none() -> None:
    with pytest.raises(BadData, match="should be true or false, not 2"):
        record(x=2).boolean("x", default=True)


def test_optional_lists_may_be_left_out() -> None:
    assert record().items("x", optional=True) == []
    assert record(x=None).records("x", optional=True) == []
    assert record().texts("x", optional=True) == ()
    with pytest.raises(BadData, match="is missing"):
        record().items("x")


def test_records_within_records_know_their_place() -> None:
    outer = Record({"images": [{"id": 1}, {"id": []}]}, "f.json")
    first, second = outer.records("images")
    assert first.id("id") == 1
    with pytest.raises(BadData, match=r"f\.json: images\[1\]\.id: "):
        second.id("id")


def test_a_question_mark_ends_a_sentence_of_a_message() -> None:
    assert str(BadData("are its units percent?", remedy="Write pixels")) == (
        "are its units percent? Write pixels"
    )
    assert (
        str(BadData("is no number", file="f", remedy="Write one")) == "f: is no number. Write one"
    )


def test_long_values_are_cut_in_messages() -> None:
    with pytest.raises(BadData) as caught:
        record(x="y" * 5000).whole("x")
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b'{"a": [1, 2', "cut off"),
        (b'{"a": "unterm', "cut off"),
        (b"", "cut off"),
        (b'{"a": 1} x', "Extra data in line 1 column 10"),
        (b'{"a": 1},', "Extra data in line 1 column 9"),
        (b"{'a': 1}", "Expecting property name"),
        (b'\n\n{"a" 1, "b": [1, 2, 3]}', "in line 3"),
        (b'{"a": "\xff"}', "not UTF-8 (byte 7)"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5000, "not JSON that can be read: "),
    ],
)
def test_json_that_is_none(data: bytes, problem: str) -> None:
    with pytest.raises(BadData) as caught:
        parse_json(data, "f.json")
    assert problem in str(caught.value)
    assert ("cut off" in str(caught.value)) == (problem == "cut off")
    assert caught.value.file == "f.json"
    assert caught.value.remedy


def test_json_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes('\ufeff{"a": "é"}'.encode())
    assert read_json(tmp_path / "a.json") == {"a": "é"}


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "no.json", tmp_path):
        with pytest.raises(MissingData, match="no such file"):
            read_json(path)


def test_by_default_an_error_stops_and_a_warning_does_not() -> None:
    faults = Faults()
    faults.warning(BadData("odd"))
    with pytest.raises(BadData, match="wrong"):
        faults.error(BadData("wrong"))
    with (
        pytest.raises(BadData, match="f: image 1: phrase 2: wrong"),
        faults.caught(file="f", image="1", phrase=2),
    ):
        raise BadData("wrong")


def test_collected_faults_let_the_reader_go_on() -> None:
    faults = CollectedFaults()
    for number in range(3):
        with faults.caught(image=str(number)):
            if number != 1:
                raise BadData("wrong")
    faults.warning(BadData("odd"))
    found = [(level, fault.image, fault.problem) for level, fault in faults.collected]
    assert found == [
        ("error", "0", "wrong"),
        ("error", "2", "wrong"),
        ("warning", None, "odd"),
    ]


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ('[{"a": 1},\n]', "a list or object ends with a comma", "Remove the comma"),
        ('{"a": 1, }', "a list or object ends with a comma", "Remove the comma"),
        ("[{'a': 1}]", "text is in single quotes", "Write the file with Python's json.dump"),
        ("['a']", "text is in single quotes", "Write the file with Python's json.dump"),
        ('{"a": 1}\n{"a": 2}', "another value follows", "Write one object a line, or one list"),
        ('[{"a": 1},', "the file seems to be cut off", "Fetch or write the file again"),
        ('[{"a": "b', "the file seems to be cut off", "Fetch or write the file again"),
    ],
)
def test_a_text_that_is_nearly_json_gets_the_remedy_of_its_fault(
    text: str, problem: str, remedy: str
) -> None:
    with pytest.raises(BadData) as caught:
        parse_json(text.encode(), "answers.json")
    assert problem in str(caught.value)
    assert remedy in str(caught.value)
