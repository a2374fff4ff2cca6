"""Files as editors on Windows save them: with a byte order mark and CR LF. They say the same."""

import json
from pathlib import Path

import pytest
from support.tiny import copy, paint, rect

from gcg_bench import masks
from gcg_bench.data import load_dataset
from gcg_bench.data.cards import load_card
from gcg_bench.predictions import read_predictions, write_line
from gcg_bench.reporting.leaderboard import Board
from gcg_bench.runs import Run
from gcg_bench.runs.seals import refuse_changed_lines, sealed
from gcg_bench.types import Grounding, Phrase, Prediction

MASK = rect(1, 1, 3, 3)
SPLITS = {
    "flickr30k_gcg": "val",
    "geopixeld": "test",
    "grand": "train",
    "grandf": "val",
    "grandf_human": "train",
    "jsonl": "val",
    "openpsg_gcg": "val",
    "panocaps": "val",
    "refcocog_gcg": "val",
}


def resaved(file: Path) -> None:
    data = file.read_bytes()
    assert b"\r" not in data
    file.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))


@pytest.mark.parametrize("name", sorted(SPLITS))
def test_annotations_say_the_same(tmp_path: Path, name: str) -> None:
    root = copy(name, tmp_path)
    card = root if name == "jsonl" else name
    paint(root / "coco_2014/train2014/COCO_train2014_000000000005.jpg", 8, 10)  # for its size
    before = load_dataset(card, SPLITS[name], root)
    files = [file for file in root.rglob("*") if file.suffix in (".json", ".jsonl")]
    for file in files:
        if file.suffix == ".json":  # lines for the marks to stand at
            file.write_text(json.dumps(json.loads(file.read_text("utf-8")), indent=1), "utf-8")
        resaved(file)
    after = load_dataset(card, SPLITS[name], root)
    assert files
    assert before.samples
    assert after.samples == before.samples


def test_a_card_says_the_same(tmp_path: Path) -> None:
    root = copy("jsonl", tmp_path)
    before = load_card(root)
    resaved(root / "card.md")
    assert load_card(root) == before


def test_a_board_says_the_same(tmp_path: Path) -> None:
    row = {
        "model": "größer, 🐈", "protocol": "strict-2", "task": "gcg", "signature": "s", "F1": 0.5,
        "scores": {"F1": {"direction": "higher", "scale": "share"}},
        "measurement": {"split": "größer"}, "answered": {"prompt": "a\r\nb"},
    }  # fmt: skip
    board = Board((row, {**row, "model": "b"}))
    board.write(tmp_path / "board.csv")
    resaved(tmp_path / "board.csv")
    assert Board.read(tmp_path / "board.csv") == board


RECORD = {"caption": "a cat", "phrases": ["a cat"], "pred_masks": [masks.to_rle(MASK)]}
LISTED = {
    "image_id": "one", "gcg_caption": "a cat", "gcg_phrases": ["a cat"],
    "segmentation": [masks.to_rle(MASK)],
}  # fmt: skip
LAYOUTS = {
    "one.json": [RECORD],  # named for the image, in a folder
    "list.json": [[LISTED, {**LISTED, "image_id": "two"}]],
    "keyed.json": [{"one": RECORD, "two": RECORD}],
    "lines.jsonl": [{**RECORD, "image_id": "one"}, {**RECORD, "image_id": "two"}],
}


@pytest.mark.parametrize("name", sorted(LAYOUTS))
@pytest.mark.parametrize("foldered", [False, True])
def test_predictions_say_the_same(tmp_path: Path, name: str, foldered: bool) -> None:
    file = tmp_path / name
    indent = None if name.endswith("l") else 1
    lines = [json.dumps(value, indent=indent) for value in LAYOUTS[name]]
    file.write_bytes("".join(f"{line}\n" for line in lines).encode())
    place = tmp_path if foldered else file
    before = list(read_predictions(place))
    resaved(file)
    assert before
    assert list(read_predictions(place)) == before


def test_a_run_says_the_same_and_is_gone_on_with(tmp_path: Path) -> None:
    said = Prediction("one", Grounding("a cat", (Phrase("a cat", (MASK,)),)), seconds=0.5)
    with Run.create_or_resume(tmp_path, {"model": "größer"}) as run:
        run.append(said)
    for name in ("run.json", "predictions.jsonl"):
        resaved(tmp_path / name)
    with Run.create_or_resume(tmp_path, {"model": "größer"}) as run:
        assert list(run.predictions()) == [said]
        run.append(Prediction("two", error="x"))
    text = (tmp_path / "predictions.jsonl").read_bytes()
    assert text.endswith(
        b"}\r\n" + sealed(write_line(Prediction("two", error="x")).encode()) + b"\n"
    )
    refuse_changed_lines(tmp_path)
    assert run.done_ids() == {"one", "two"}
