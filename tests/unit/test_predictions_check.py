"""Every problem of prediction files in one list, and what can be saved of them."""

import json
from pathlib import Path

import pytest

from gcg_bench.errors import BadData, BadOption, EnvironmentProblem, MissingData
from gcg_bench.masks import encode
from gcg_bench.predictions import Reading, read_predictions
from gcg_bench.predictions.check import check, fix
from gcg_bench.types import Grounding, Phrase, Prediction

LEFT = {"size": [2, 2], "counts": [0, 2, 2]}  # the left column of 2 x 2 pixels
LEFT_MASK = encode([[1, 0], [1, 0]])
SHORT = {"size": [2, 2], "counts": [3]}
WIDE = {"size": [2, 3], "counts": [6]}
SIZES = dict.fromkeys("abcde", (2, 2))


def write(folder: Path, **values: object) -> Path:
    folder.mkdir(exist_ok=True)
    for name, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return folder


def record(caption: str = "x", phrases=("x",), masks=(LEFT,)) -> dict:
    return {"caption": caption, "phrases": list(phrases), "pred_masks": list(masks)}


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return write(
        tmp_path / "answers",
        a=record("two\nlines", ["x", "y"]),
        b=record("x", ["x", "y"], [SHORT, WIDE]),
        c='{"caption": "x", "phra',
        d={"caption": 5, "phrases": ["x"], "pred_masks": [LEFT]},
        z=record(),
    )


def seen(found: list[tuple[str, BadData]]) -> list[tuple[str, str | None, int | None, str | None]]:
    return [(level, fault.image, fault.phrase, fault.field) for level, fault in found]


def test_sound_files_have_no_problem(tmp_path: Path) -> None:
    reading = Reading()
    assert check(write(tmp_path, a=record()), sizes=SIZES, ids=["a"], reading=reading) == []
    assert (reading.layout, reading.images) == ("folder of JSON files", 1)


def test_every_problem_is_listed_with_its_place(broken: Path) -> None:
    found = check(broken, sizes=SIZES, ids=list("abcde"))
    assert sorted(seen(found), key=str) == sorted(
        [
            ("warning", "a", None, None),  # uneven
            ("warning", "a", None, None),  # a line break
            ("warning", "a", None, None),  # phrases that are not in the caption
            ("warning", "d", None, None),  # an empty caption
            ("error", "b", 0, "pred_masks[0].counts"),
            ("error", "b", 1, "pred_masks[1].size"),
            ("error", None, None, None),  # cut off
            ("error", "d", None, "caption"),
            ("error", "z", None, None),  # not in the split
            ("error", "c", None, None),  # no prediction
            ("error", "e", None, None),
        ],
        key=str,
    )
    files = {Path(fault.file).name for _, fault in found}
    assert files == {"a.json", "b.json", "c.json", "d.json", "answers"}
    assert all(fault.problem and str(fault) for _, fault in found)


def test_without_a_split_nothing_is_missing_or_strange(broken: Path) -> None:
    levels = [level for level, _ in check(broken)]
    # the masks of b have two sizes: the first is broken, so the second sets the size
    assert (levels.count("error"), levels.count("warning")) == (3, 4)


def test_what_can_be_saved_is_written(broken: Path, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in broken.iterdir()}
    out = tmp_path / "fixed.jsonl"
    repair = fix(broken, out, sizes=SIZES, ids=list("abcde"))
    assert list(read_predictions(out)) == [
        Prediction("a", Grounding("two\nlines", (Phrase("x", (LEFT_MASK,)), Phrase("y")))),
        Prediction("b", Grounding("x", (Phrase("x"), Phrase("y")))),
        Prediction("d", Grounding("", (Phrase("x", (LEFT_MASK,)),))),
    ]
    assert repair.written == 3
    assert [(fault.image, done) for fault, done in repair.changes] == [
        (None, "answer left out"),
        ("d", "made empty"),
        ("b", "mask left out"),
        ("b", "mask left out"),
        ("z", "answer left out"),
    ]
    assert {file: file.read_bytes() for file in broken.iterdir()} == before
    assert [level for level, _ in check(out, sizes=SIZES, ids="abd")] == ["warning"] * 3


def test_each_change_is_told_in_words(tmp_path: Path) -> None:
    phrase = {"text": 1, "score": "x", "span": 5, "crowd": 7, "mask": LEFT, "masks": []}
    value = {"id": "a", "caption": "x", "phrases": [phrase, 3], "seconds": "x"}
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in (value, value)))
    repair = fix(path, tmp_path / "out.jsonl")
    assert {(fault.field, done) for fault, done in repair.changes} == {
        ("text", "set to null"),
        ("score", "set to null"),
        ("span", "set to null"),
        ("seconds", "set to null"),
        ("crowd", "set to false"),
        ("mask", "no mask"),
        (None, "phrase left out"),
        (None, "answer left out"),
    }
    counted = {**record(), "phrase_seg_counts": [3]}
    repair = fix(write(tmp_path / "more", a=counted), tmp_path / "more.jsonl")
    assert [done for _, done in repair.changes] == ["paired by position"]


def test_nothing_is_written_over(broken: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("precious")
    with pytest.raises(BadOption, match="not written over"):
        fix(broken, out)
    assert out.read_text() == "precious"


def test_what_cannot_be_fixed(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="nothing was written"):
        fix(write(tmp_path / "bad", a="{"), tmp_path / "out.jsonl")
    with pytest.raises(MissingData):
        fix(tmp_path / "absent", tmp_path / "out.jsonl")
    good = write(tmp_path / "good", a=record())
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        fix(good, tmp_path / "absent" / "out.jsonl")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad", "good"]
