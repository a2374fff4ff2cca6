"""Prediction files that are refused, their masks, and reading that goes on."""

import json
from pathlib import Path

import pytest
from support.prediction_files import CAT, LEFT, LEFT_MASK, dump, glamm, lines, ours, read

from gcg_bench.errors import BadData, BadMask, MissingData
from gcg_bench.masks import encode, from_box, to_rle
from gcg_bench.predictions import Reading
from gcg_bench.types import Grounding, Mask, Phrase, Prediction

# --- what is refused -------------------------------------------------------------------------

SPAN = "Count characters, not bytes"
BROKEN_LINES = [
    ("not json", r"line 1: not JSON: Expecting value in line 1 column 1"),
    ('{"id": "a", "caption": "a c', r"not JSON: .*cut off"),
    ('{"id": "a", "caption": "x", "phrases": [', r"not JSON: .*cut off"),
    ("[" * 100_000, r"nested too deeply"),
    ("1" * 5000, r"not JSON that can be read"),
    ("null", r"p\.jsonl:1: no answer in a known layout"),
    ("[]", r"p\.jsonl:1: no answer in a known layout"),
    ('{"image": "a"}', r"it has the fields 'image'\. Known are JSON lines"),
    ('{"id": "a", "raw": "x"}', r"image a: caption: neither caption nor phrases are given"),
    ('{"caption": "x", "phrases": [{"text": "x"}]}', r"p\.jsonl:1: id: is missing\. Write"),
]
BROKEN_VALUES = [
    ({"id": None}, r"id: is missing\. Write the query's id"),
    ({"id": True}, r"id: an image id should be"),
    ({"id": 1.5}, r"id: an image id should be"),
    ({"id": ""}, r"id: the image id '' is empty"),
    ({"id": "../../x"}, r"id: the image id '\.\./\.\./x' is a path that leads out"),
    ({"id": "a/../../x"}, r"a path that leads out"),
    ({"id": "..\\x"}, r"a path that leads out"),
    ({"id": "/etc/passwd"}, r"a path that leads out"),
    ({"id": "C:\\x"}, r"a path that leads out"),
    ({"id": "~/x"}, r"a path that leads out"),
    ({"id": "a\0b"}, r"contains a control character"),
    ({"id": "a\nb"}, r"contains a control character"),
    ({"caption": None}, r"p\.jsonl:1: image a: caption: is missing"),
    ({"caption": ["x"]}, r"image a: caption: should be text, not a list"),
    ({"phrases": None}, r"image a: phrases: is missing"),
    ({"phrases": {}}, r"image a: phrases: should be a list, not an object"),
    ({"phrases": ["a cat"]}, r"image a: phrase 0: should be an object, not 'a cat'"),
    ({"seconds": "1"}, r"image a: seconds: should be a number"),
    ({"raw": 1}, r"image a: raw: should be text"),
    ({"error": False}, r"image a: error: should be text"),
    ({"refused": "yes"}, r"image a: refused: should be true or false"),
]
BROKEN_PHRASES = [
    ({}, r"image a: phrase 1: text: is missing\. Write null"),
    ({"text": 3}, r"phrase 1: text: should be text, not 3"),
    ({"text": "x", "score": float("nan")}, r"phrase 1: score: is nan, should be finite"),
    ({"text": "x", "score": float("inf")}, r"phrase 1: score: is inf, should be finite"),
    ({"text": "x", "score": "high"}, r"phrase 1: score: should be a number"),
    ({"text": "x", "score": 10**400}, r"phrase 1: score: is int 1000.*, should be finite"),
    ({"text": "x", "span": [0, 6]}, rf"phrase 1: span: \[0, 6\] is no part .* 5 char.*{SPAN}"),
    ({"text": "x", "span": [-1, 3]}, r"phrase 1: span: \[-1, 3\] is no part"),
    ({"text": "x", "span": [3, 2]}, r"phrase 1: span: \[3, 2\] is no part"),
    ({"text": "x", "span": [0.5, 2]}, r"phrase 1: span: should be two whole numbers"),
    ({"text": "x", "span": [1]}, r"phrase 1: span: should be two whole numbers"),
    ({"text": "x", "span": "ab"}, r"phrase 1: span: should be two whole numbers .* not 'ab'"),
    ({"text": "x", "mask": LEFT, "masks": []}, r"phrase 1: mask: both mask and masks"),
    ({"text": "x", "masks": LEFT}, r"phrase 1: masks: should be a list"),
    ({"text": "x", "mask": "m"}, r"phrase 1: mask: a mask is 'm'"),
    ({"text": "x", "masks": [LEFT, None]}, r"phrase 1: masks\[1\]: a mask is"),
    ({"text": "x", "crowd": "yes"}, r"phrase 1: crowd: should be true or false"),
]


@pytest.mark.parametrize(("line", "message"), BROKEN_LINES)
def test_lines_that_are_no_answer(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(BadData, match=message):
        read(path)


@pytest.mark.parametrize(("change", "message"), BROKEN_VALUES)
def test_fields_that_are_not_what_they_should_be(tmp_path: Path, change, message) -> None:
    with pytest.raises(BadData, match=message):
        read(lines(tmp_path / "p.jsonl", {**ours(), **change}))


@pytest.mark.parametrize(("phrase", "message"), BROKEN_PHRASES)
def test_phrases_that_are_not_what_they_should_be(tmp_path: Path, phrase, message) -> None:
    with pytest.raises(BadData, match=message):
        read(lines(tmp_path / "p.jsonl", ours(phrases=[{"text": "a cat"}, phrase])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"caption": None}, r"a\.json: image a: caption: is missing"),
        ({"phrases": "a cat"}, r"image a: phrases: should be a list"),
        ({"phrases": ["a", 2]}, r"image a: phrase 1: phrases\[1\]: should be text, not 2"),
        ({"pred_masks": None}, r"image a: pred_masks: is missing"),
        ({"pred_masks": ["x"]}, r"image a: phrase 0: pred_masks\[0\]: a mask is 'x'"),
        ({"phrase_seg_counts": [1, 1]}, r"2 counts with sum 2, for 1 phrases and 1 masks"),
        ({"phrase_seg_counts": [2]}, r"1 counts with sum 2, for 1 phrases and 1 masks"),
        ({"phrase_seg_counts": [-1]}, r"phrase_seg_counts: should be whole numbers from 0"),
    ],
)
def test_published_records_that_are_broken(tmp_path: Path, change, message) -> None:
    with pytest.raises(BadData, match=message):
        read(dump(tmp_path / "a.json", {**glamm(), **change}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": None}, r"list\.json\[0\]: image_id: is missing"),
        ({"gcg_caption": None}, r"image a: gcg_caption: is missing"),
        ({"segmentation": None}, r"image a: segmentation: is missing"),
        ({"segments_info": [{}, {}]}, r"segments_info: 2 entries for 1 masks"),
        ({"segments_info": [5]}, r"segments_info\[0\]: should be an object"),
        ({"segments_info": [{"score": float("nan")}]}, r"segments_info\[0\]\.score: is nan"),
    ],
)
def test_listed_records_that_are_broken(tmp_path: Path, change, message) -> None:
    value = {"image_id": "a", "gcg_caption": "", "gcg_phrases": ["x"], "segmentation": [LEFT]}
    with pytest.raises(BadData, match=message):
        read(dump(tmp_path / "list.json", [{**value, **change}]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"  \n", "not JSON"),
        (b"\xff{", "not UTF-8"),
        (b"\xff\xfe{\x00", "not JSON"),
        (b"[1, 2", "cut off"),
        (b'{"a": {"caption": "x", "phrases": [], "pred_masks": [', "cut off"),
        (b"3", "only a single value"),
        (b"{}", "no answer in a known layout"),
        (b'{"images": [], "annotations": []}', "no answer in a known layout"),
        (b'[{"image_id": 1, "segmentation": {}, "score": 1}]', r"x\.json\[0\]: image 1: .*size"),
    ],
)
def test_files_that_are_no_predictions(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(BadData, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="no such file or folder"):
        read(tmp_path / "absent")
    with pytest.raises(MissingData, match="holds no JSON files"):
        read(tmp_path)


def test_files_that_cannot_be_opened(tmp_path: Path, monkeypatch) -> None:
    def refuses(self: Path, *_: object) -> None:
        raise PermissionError("Permission denied")

    path = dump(tmp_path / "a.json", glamm())
    monkeypatch.setattr(Path, "open", refuses)
    with pytest.raises(MissingData, match=r"a\.json: cannot be read \(Permission denied"):
        read(path)


def test_two_answers_to_one_image(tmp_path: Path) -> None:
    path = lines(tmp_path / "p.jsonl", ours(5), ours("a"), ours("5"))
    with pytest.raises(BadData, match=r"p\.jsonl:3: image 5: .* already, in .*p\.jsonl:1"):
        read(path)
    record = json.dumps(glamm())
    both = tmp_path / "all.json"
    both.write_text(f'{{"a": {record}, "b": {record}, "a": {record}}}')
    with pytest.raises(BadData, match="the key 'a' occurs twice in one object"):
        read(both)


# --- masks -----------------------------------------------------------------------------------


def test_a_mask_of_another_size_names_its_place(tmp_path: Path) -> None:
    dump(tmp_path / "b.json", glamm("x", ["a", "b"], [LEFT, {"size": [2, 3], "counts": [6]}]))
    with pytest.raises(BadMask) as caught:
        read(tmp_path, sizes={"b": (2, 2)})
    fault = caught.value
    assert (fault.file, fault.image, fault.phrase) == (str(tmp_path / "b.json"), "b", 1)
    assert fault.field == "pred_masks[1].size"
    assert "2 x 3" in fault.problem
    assert fault.remedy
    with pytest.raises(BadMask, match="the first of its image 2 x 2"):
        read(tmp_path)


def test_masks_in_all_harmless_variants(tmp_path: Path) -> None:
    box = from_box((4, 3, 14, 13), 60, 80)
    plain = to_rle(box)
    printed = {**plain, "counts": repr(plain["counts"].encode())}
    floats = {**plain, "size": [60.0, 80.0]}
    polygon = [[4, 3, 14, 3, 14, 13, 4, 13]]
    found = read(
        dump(tmp_path / "a.json", glamm("x", list("abcd"), [plain, printed, floats, polygon])),
        sizes={"a": (60, 80)},
    )
    assert [phrase.masks for phrase in found[0].grounding.phrases] == [(box,)] * 4


@pytest.mark.parametrize(
    "counts", ["", "0", [0, 2], [0, 5], [-1, 5], "garbage bytes", [4, float("nan")], None, 7]
)
def test_broken_run_lengths_are_refused(tmp_path: Path, counts: object) -> None:
    broken = glamm("x", ["a", "b"], [LEFT, {"size": [2, 2], "counts": counts}])
    with pytest.raises(BadMask, match=r"a\.json: image a: phrase 1: pred_masks\[1\]"):
        read(dump(tmp_path / "a.json", broken))


# --- going on --------------------------------------------------------------------------------


def test_reading_goes_on_without_the_faulty_parts(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "p.jsonl",
        ours("a", "a cat", [{"text": "a cat", "score": "x", "span": [0, 99], "mask": LEFT}]),
        ours("../b"),
        ours("c", None, [{"text": "x", "masks": [LEFT, {"size": [2, 2], "counts": [9]}]}, 5]),
        ours("a"),
        ours("d", "fine"),
    )
    with path.open("a") as stream:
        stream.write("{\n")
    problems: list[BadData] = []
    found = read(path, on_problem=problems.append)
    assert found == [
        CAT,
        Prediction("c", Grounding("", (Phrase("x", (LEFT_MASK,)),))),
        Prediction("d", Grounding("fine")),
    ]
    places = {(one.image, one.phrase, one.field) for one in problems}
    assert places == {
        ("a", 0, "score"),
        ("a", 0, "span"),
        (None, None, "id"),
        ("c", None, "caption"),
        ("c", 0, "masks[1].counts"),
        ("c", 1, None),
        ("a", None, None),
        (None, None, "line 6"),
    }


def test_fields_that_nobody_reads_are_told(tmp_path: Path) -> None:
    reading = Reading()
    path = lines(tmp_path / "p.jsonl", ours(phrases=[{"text": "x", "rle": LEFT}], prompt="say"))
    read(path, reading=reading)
    assert reading.sentences() == [
        "no answer holds a mask",
        f"fields that are not read: {', '.join(f'{n} (1)' for n in reading.unread)}",
    ]
    assert set(reading.unread) == {"prompt", "phrases.rle"}


def test_masks_of_different_images_may_differ_in_size(tmp_path: Path) -> None:
    wide = {"size": [1, 4], "counts": [4]}
    dump(tmp_path / "a.json", glamm())
    dump(tmp_path / "b.json", glamm("", ["x"], [wide]))
    found = read(tmp_path, sizes={"a": (2, 2), "b": (1, 4)})
    assert found[1].grounding.phrases[0].masks == (Mask(1, 4, encode([[0] * 4]).counts),)
