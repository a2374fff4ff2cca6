"""Reading prediction files: every layout, and every way in which one can be broken."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcg_bench.errors import BadData, BadMask, MissingData
from gcg_bench.masks import encode, from_box, to_rle
from gcg_bench.predictions import Reading, read_predictions, write_line
from gcg_bench.types import Grounding, Mask, Phrase, Prediction

# 2 x 2 masks with their run lengths written out by hand, down the columns, zeros first
LEFT = {"size": [2, 2], "counts": [0, 2, 2]}
RIGHT = {"size": [2, 2], "counts": [2, 2]}
NONE = {"size": [2, 2], "counts": [4]}
LEFT_MASK = encode([[1, 0], [1, 0]])
RIGHT_MASK = encode([[0, 1], [0, 1]])
NO_MASK = encode([[0, 0], [0, 0]])


def dump(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def read(path: Path, **given: object) -> list[Prediction]:
    return list(read_predictions(path, **given))


def glamm(caption: str = "a cat", phrases=("a cat",), masks=(LEFT,), **more: object) -> dict:
    return {"caption": caption, "phrases": list(phrases), "pred_masks": list(masks), **more}


def ours(id_: object = "a", caption: str = "a cat", phrases=(), **more: object) -> dict:
    return {"id": id_, "caption": caption, "phrases": list(phrases), **more}


def lines(path: Path, *values: object) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


CAT = Prediction("a", Grounding("a cat", (Phrase("a cat", (LEFT_MASK,)),)))


# --- layouts ---------------------------------------------------------------------------------


def test_our_json_lines_with_every_field(tmp_path: Path) -> None:
    full = ours(
        "a",
        "a cat and two dogs",
        [
            {"text": "a cat", "span": [0, 5], "score": 0.5, "mask": LEFT},
            {"text": "two dogs", "masks": [LEFT, RIGHT]},
            {"text": "air"},
            {"text": None, "mask": NONE},
        ],
        raw="<p>a cat</p>",
        seconds=1,
        error=None,
    )
    failed = {"id": "b", "error": "out of memory"}
    refusing = {"id": "c", "raw": "There is none.", "refused": True}
    reading = Reading()
    found = read(lines(tmp_path / "p.jsonl", full, failed, refusing), reading=reading)
    phrases = (
        Phrase("a cat", (LEFT_MASK,), 0.5, (0, 5)),
        Phrase("two dogs", (LEFT_MASK, RIGHT_MASK)),
        Phrase("air"),
        Phrase(None, (NO_MASK,)),
    )
    assert found == [
        Prediction("a", Grounding("a cat and two dogs", phrases), "<p>a cat</p>", 1.0),
        Prediction("b", error="out of memory"),
        Prediction("c", raw="There is none.", refused=True),
    ]
    assert (reading.layout, reading.images, reading.phrases) == ("JSON lines", 3, 3)
    assert (reading.masks, reading.failed, reading.refused) == (4, 1, 1)
    assert reading.sentences() == []


def test_a_folder_of_one_json_an_image(tmp_path: Path) -> None:
    dump(tmp_path / "b.json", glamm(image_id="something else"))
    dump(tmp_path / "a.json", {"arbitrary": glamm()})
    (tmp_path / ".hidden.json").write_text("not JSON")
    (tmp_path / "log.txt").write_text("not JSON")
    assert [found.id for found in read(tmp_path)] == ["a", "b"]
    assert read(tmp_path)[0] == CAT


def test_settings_left_beside_the_answers_are_left_out(tmp_path: Path) -> None:
    dump(tmp_path / "a.json", glamm())
    dump(tmp_path / "args.json", {"lr": 0.1})
    assert read(tmp_path) == [CAT]
    (tmp_path / "a.json").unlink()
    with pytest.raises(BadData, match="no file is an answer"):
        read(tmp_path)


def test_counts_deal_masks_to_phrases(tmp_path: Path) -> None:
    value = glamm("cats, air, a dog", ["cats", "air", "a dog"], [LEFT, RIGHT, NONE])
    (found,) = read(dump(tmp_path / "a.json", {**value, "phrase_seg_counts": [2, 0, 1]}))
    assert [(phrase.text, phrase.masks) for phrase in found.grounding.phrases] == [
        ("cats", (LEFT_MASK, RIGHT_MASK)),
        ("air", ()),
        ("a dog", (NO_MASK,)),
    ]


def test_one_json_list_for_all_images(tmp_path: Path) -> None:
    listed = [
        {
            "image_id": 7,
            "file_name": "7.jpg",
            "segmentation": [LEFT, RIGHT],
            "segments_info": [{"id": 1, "category_id": 0, "score": 0.25}, {"id": 2}],
            "gcg_phrases": ["a cat", "a dog"],
            "gcg_caption": "a cat, a dog",
        },
        {"image_id": "8", "segmentation": [], "gcg_phrases": [], "gcg_caption": "", "idx": 1},
    ]
    reading = Reading()
    found = read(dump(tmp_path / "predictions.json", listed), reading=reading)
    phrases = (Phrase("a cat", (LEFT_MASK,), 0.25), Phrase("a dog", (RIGHT_MASK,)))
    assert found == [Prediction("7", Grounding("a cat, a dog", phrases)), Prediction("8")]
    assert reading.layout == "one JSON list"


def test_one_json_object_for_all_images(tmp_path: Path) -> None:
    value = {"a": glamm(), "b": glamm("", [], [])}
    path = tmp_path / "all.json"
    for indent in (None, 2):
        path.write_text(json.dumps(value, indent=indent), encoding="utf-8")
        assert read(path) == [CAT, Prediction("b")]


def test_published_records_in_lines_and_on_their_own(tmp_path: Path) -> None:
    assert read(lines(tmp_path / "all.txt", glamm(image_id="a"), glamm(image_id=2))) == [
        CAT,
        Prediction("2", CAT.grounding),
    ]
    assert read(dump(tmp_path / "a.json", glamm())) == [CAT]


def test_shards_in_a_folder(tmp_path: Path) -> None:
    lines(tmp_path / "rank0.jsonl", ours("a"))
    lines(tmp_path / "rank1.jsonl", ours("b"), ours("c"))
    assert [found.id for found in read(tmp_path)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("phrases", "masks", "pairs"),
    [
        (["a", "b"], [LEFT], [("a", (LEFT_MASK,)), ("b", ())]),
        (["a"], [LEFT, RIGHT], [("a", (LEFT_MASK,)), (None, (RIGHT_MASK,))]),
        ([], [LEFT], [(None, (LEFT_MASK,))]),
        (["a"], [], [("a", ())]),
    ],
)
def test_uneven_counts_are_read_as_published_and_told(tmp_path, phrases, masks, pairs) -> None:
    reading = Reading()
    (found,) = read(dump(tmp_path / "a.json", glamm("x", phrases, masks)), reading=reading)
    assert [(phrase.text, phrase.masks) for phrase in found.grounding.phrases] == pairs
    assert reading.uneven == 1
    assert reading.sentences()[0].endswith("paired by position as published: 1 of 1")


def test_a_run_folder_whose_last_line_was_torn(tmp_path: Path) -> None:
    whole = json.dumps(ours("a"))
    (tmp_path / "predictions.jsonl").write_text(f'{whole}\n{{"id": "b", "capt')
    dump(tmp_path / "run.json", {"model": "silent"})
    assert [found.id for found in read(tmp_path)] == ["a"]
    with pytest.raises(BadData, match="cut off"):
        read(tmp_path / "predictions.jsonl")


@pytest.mark.parametrize("set_name", ["coco_a/pred_mismatch", "quirks_a/pred_quirks"])
def test_the_published_goldens(set_name: str) -> None:
    folder = Path(__file__).parents[3] / "shared/goldens/official_gcg" / set_name
    if not folder.is_dir():
        pytest.skip("the goldens are not beside this checkout")
    reading = Reading()
    found = {prediction.id: prediction for prediction in read(folder, reading=reading)}
    uneven = 0
    for file in folder.iterdir():
        value = json.loads(file.read_bytes())
        value = value if "caption" in value else next(iter(value.values()))
        grounding = found[file.stem].grounding
        texts = [phrase.text for phrase in grounding.phrases if phrase.text is not None]
        masks = [to_rle(mask) for phrase in grounding.phrases for mask in phrase.masks]
        assert (grounding.caption, texts) == (value["caption"], value["phrases"])
        assert masks == value["pred_masks"]
        uneven += len(texts) != len(masks)
    assert (len(found), reading.uneven) == (len(list(folder.iterdir())), uneven)


def test_a_line_needs_a_caption_or_phrases_and_an_id_of_any_name(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "p.jsonl",
        {"id": "a", "caption": "a cat"},
        {"image_id": "b", "phrases": [{"text": None, "mask": LEFT}]},
        {"image_id": 3, "phrases": []},
        {"image_id": "d", "caption": "a cat"},
        {"image_id": "e", "error": "out of memory"},
        {"id": "f", "image_id": "g", "caption": ""},
    )
    reading = Reading()
    assert read(path, reading=reading) == [
        Prediction("a", Grounding("a cat")),
        Prediction("b", Grounding("", (Phrase(None, (LEFT_MASK,)),))),
        Prediction("3"),
        Prediction("d", Grounding("a cat")),
        Prediction("e", error="out of memory"),
        Prediction("f"),
    ]
    assert reading.sentences() == ["answers without a caption: 2 of 5"]


def test_captions_that_no_line_has_are_not_missed(tmp_path: Path) -> None:
    reading = Reading()
    path = lines(tmp_path / "p.jsonl", {"id": "a", "phrases": [{"text": None, "mask": LEFT}]})
    read(path, reading=reading)
    assert (reading.captionless, reading.sentences()) == (1, [])


# --- round trip ------------------------------------------------------------------------------

anything = st.text(st.characters(), max_size=30)
finite = st.floats(allow_nan=False, allow_infinity=False)
drawn = st.lists(st.booleans(), min_size=6, max_size=6)


@st.composite
def predictions(draw: st.DrawFn) -> Prediction:
    caption = draw(anything)

    def phrase() -> Phrase:
        ends = sorted(draw(st.lists(st.integers(0, len(caption)), min_size=2, max_size=2)))
        return Phrase(
            draw(st.none() | anything),
            tuple(encode([m[:3], m[3:]]) for m in draw(st.lists(drawn, max_size=3))),
            draw(st.none() | finite),
            draw(st.sampled_from([None, tuple(ends)])),
            draw(st.booleans()),
        )

    return Prediction(
        draw(st.from_regex(r"[A-Za-z0-9 _/é.-]{0,9}[A-Za-z0-9]", fullmatch=True).filter(is_safe)),
        Grounding(caption, tuple(phrase() for _ in range(draw(st.integers(0, 3))))),
        draw(st.none() | anything),
        draw(st.none() | finite),
        draw(st.none() | anything),
        refused=draw(st.booleans()),
    )


def is_safe(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/")


@given(st.lists(predictions(), max_size=3, unique_by=lambda found: found.id))
def test_what_was_written_is_read_back(tmp_path_factory, made: list[Prediction]) -> None:
    path = tmp_path_factory.mktemp("round") / "p.jsonl"
    path.write_bytes("".join(write_line(found) + "\n" for found in made).encode("utf-8"))
    assert read(path) == made


def test_a_line_is_plain_json(tmp_path: Path) -> None:
    line = write_line(Prediction("é", Grounding("a\u2028b\nc", (Phrase("ü", (LEFT_MASK,)),))))
    assert json.loads(line)["phrases"][0]["text"] == "ü"
    assert "é" in line
    assert "\n" not in line


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
def test_a_line_never_holds_nan(score: float) -> None:
    with pytest.raises(BadData, match=r"image a: .*NaN or infinite"):
        write_line(Prediction("a", Grounding("x", (Phrase("x", score=score),))))


# --- captions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]
)
def test_every_line_break_stays_in_its_caption(tmp_path: Path, broken: str) -> None:
    reading = Reading()
    values = [ours("a", f"one{broken}two"), ours("b", f"end{broken}"), ours("c", "plain")]
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(v, ensure_ascii=False) + "\n" for v in values), newline="\n")
    found = read(path, reading=reading)
    assert [one.grounding.caption for one in found] == [value["caption"] for value in values]
    assert reading.broken_lines == 2
    assert "captions that hold a line break, scored as a space: 2" in reading.sentences()


def test_captions_may_be_empty_or_endless(tmp_path: Path) -> None:
    endless = "word " * 100_000
    found = read(lines(tmp_path / "p.jsonl", ours("a", ""), ours("b", endless)))
    assert [one.grounding.caption for one in found] == ["", endless]


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
