"""Reading prediction files: every layout; what is written is read back; captions."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.prediction_files import CAT, LEFT, LEFT_MASK, dump, glamm, lines, ours, read

from gcg_bench.errors import BadData
from gcg_bench.masks import encode, to_rle
from gcg_bench.predictions import Reading, write_line
from gcg_bench.types import Grounding, Phrase, Prediction

RIGHT = {"size": [2, 2], "counts": [2, 2]}
NONE = {"size": [2, 2], "counts": [4]}
RIGHT_MASK = encode([[0, 1], [0, 1]])
NO_MASK = encode([[0, 0], [0, 0]])


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
