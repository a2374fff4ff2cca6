"""Text files and cards made to hang the program, to fill the memory or to name foreign files."""

import json
import os
from pathlib import Path

import pytest
from support.hostile_files import little_memory, sparse
from support.tiny import DATA, copy

from gcg_bench import masks
from gcg_bench.data import load_dataset
from gcg_bench.data.cards import load_card, read_card
from gcg_bench.data.export import export
from gcg_bench.errors import BadData, BadMask, BadOption, MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import CollectedFaults
from gcg_bench.files.images import image_sizes
from gcg_bench.files.json import parse_json, read_json, read_record
from gcg_bench.masks import read_mask
from gcg_bench.predictions import read_predictions
from gcg_bench.predictions.check import check
from gcg_bench.reporting.leaderboard.csv_file import read_csv


def read(path: Path, **given):
    return list(read_predictions(path, **given))


# Size ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["p.jsonl", "run/predictions.jsonl"])
def test_a_line_of_ten_gigabytes_is_not_read(tmp_path, name):
    (tmp_path / "run").mkdir()
    file = sparse(tmp_path / name, start=b'{"id": "a", "caption": "')
    path = file.parent if name.startswith("run/") else file
    with little_memory(1 << 30), pytest.raises(BadData, match=r"line 1: longer than 67,108,864 by"):
        read(path)


def test_a_long_line_costs_only_itself_and_what_follows(tmp_path):
    start = b'{"id": "a", "caption": "a", "phrases": []}\n'
    file = sparse(tmp_path / "p.jsonl", start=start)
    faults = CollectedFaults()
    with little_memory(1 << 30):
        assert [one.id for one in read(file, faults=faults)] == ["a"]
    ((level, fault),) = faults.collected
    assert (level, fault.field) == ("error", "line 2")


@pytest.mark.parametrize("name", ["p.json", "predictions"])
def test_a_document_of_ten_gigabytes_is_not_read(tmp_path, name):
    file = sparse(tmp_path / name, start=b'{"a": "')
    with little_memory(1 << 30), pytest.raises(BadData, match=r"10,737,418,240 bytes"):
        read(file)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("grandf", "GranDf/annotations/val_test/val_gcg_coco_mask_gt.json"),
        ("jsonl", "val.jsonl"),
        ("jsonl", "card.md"),
    ],
)
def test_annotations_and_cards_of_ten_gigabytes_are_not_read(tmp_path, name, file):
    folder = copy(name, tmp_path)
    sparse(folder / file, start=b"---\n" if file == "card.md" else b"{")
    given = "grandf" if name == "grandf" else folder
    with little_memory(1 << 30), pytest.raises(BadData, match=r"longer than|is not read"):
        load_dataset(given, "val", folder)


def test_settings_scores_and_boards_are_small(tmp_path):
    for name in ("run.json", "board.csv"):
        sparse(tmp_path / name, limits.RECORD + 1)
    with pytest.raises(BadData, match="16,777,217 bytes"):
        read_record(tmp_path / "run.json")
    with pytest.raises(BadData, match="16,777,217 bytes"):
        read_csv(tmp_path / "board.csv")


@pytest.mark.parametrize("size", [[10**9, 10**9], [2**31, 2**31], [1, 10**18], [10**30, 1]])
def test_a_mask_of_absurd_size(size):
    with pytest.raises(BadMask, match=r"size is .* at most 67108864"):
        read_mask({"size": size, "counts": "0"})


def test_the_cap_of_pictures_is_that_of_masks():
    assert limits.PIXELS == masks.MAX_PIXELS


def test_an_image_of_absurd_size_in_annotations(tmp_path):
    row = {"id": "a", "height": 10**9, "width": 10**9, "captions": ["a"], "phrases": []}
    (tmp_path / "val.jsonl").write_text(json.dumps(row))
    with pytest.raises(BadMask, match=r"image a: size: size is 1000000000 x 1000000000"):
        load_dataset(tmp_path, "val")


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"id": "a", "caption": "a", "phrases": [{"text": "x"}] * 10**6}, "phrases"),
        ({"id": "a", "caption": "a", "phrases": [{"text": "x", "masks": [0] * 20_000}]}, "masks"),
        (
            {"id": "a", "caption": "a", "phrases": [{"text": "x", "masks": [0] * 6000}] * 2},
            "phrases: have 12,000 masks",
        ),
        ({"image_id": "a", "caption": "a", "phrases": ["x"] * 10**6, "pred_masks": []}, "phrases"),
        ({"image_id": "a", "caption": "a", "phrases": [], "pred_masks": [0] * 10**6}, "pred_masks"),
        ({"id": "a", "caption": "a" * (10**6 + 1), "phrases": []}, "caption"),
        ({"id": "a", "caption": "a", "phrases": [{"text": "b" * (10**6 + 1)}]}, "text"),
        ({"image_id": "a", "gcg_caption": "", "gcg_phrases": ["b" * (10**6 + 1)]}, "gcg_phrases"),
    ],
)
def test_a_million_of_anything_in_one_answer(tmp_path, answer, field):
    (tmp_path / "p.jsonl").write_text(json.dumps(answer))
    with pytest.raises(BadData, match=rf"image a: .*{field}.* more than [0-9,]+ are not read"):
        read(tmp_path / "p.jsonl")


def test_a_million_phrases_in_one_reference(tmp_path):
    row = {
        "id": "a",
        "height": 2,
        "width": 2,
        "captions": ["a"],
        "phrases": [{"text": "x"}] * 10**5,
    }
    (tmp_path / "val.jsonl").write_text(json.dumps(row))
    with pytest.raises(BadData, match="phrases: has 100,000 items; more than 10,000 are not"):
        load_dataset(tmp_path, "val")


def test_a_million_characters_in_the_caption_that_phrases_belong_to(tmp_path):
    row = {"id": "a", "height": 2, "width": 2, "captions": ["a"], "phrases": []}
    (tmp_path / "val.jsonl").write_text(json.dumps({**row, "caption": "a" * (10**6 + 1)}))
    with pytest.raises(BadData, match="image a: caption: has 1,000,001 characters; more than"):
        load_dataset(tmp_path, "val")


def test_a_million_problems_are_counted_and_not_kept(tmp_path):
    (tmp_path / "p.jsonl").write_text("x\n" * 50_000)
    found = check(tmp_path / "p.jsonl")
    assert len(found) == 10_001
    assert "more than 10,000 problems" in str(found[-1][1])


# JSON ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        ("9" * 5000, "Exceeds the limit"),
        ('{"a": 1, "a": 2}', "the key 'a' occurs twice in one object"),
        ('[{"b": {"id": 1, "x": 2, "id": 1}}]', "the key 'id' occurs twice"),
        ("\ufeff\ufeff{}", "not JSON"),
        ('{"a": 1}\0', "not JSON"),
    ],
)
def test_json_that_is_made_to_break_a_reader(text, problem):
    with pytest.raises(BadData, match=problem):
        parse_json(text.encode("utf-8"), "f.json")


def test_settings_that_are_nested_for_no_reason(tmp_path):
    (tmp_path / "run.json").write_text('{"a":' * 65 + "{}" + "}" * 65)
    with pytest.raises(BadData, match="nested more than 64 deep"):
        read_record(tmp_path / "run.json")
    (tmp_path / "run.json").write_text('{"a":' * 60 + "{}" + "}" * 60)
    assert list(read_record(tmp_path / "run.json")) == ["a"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
def test_numbers_that_are_none(tmp_path, number):
    mask = '{"size": [2, 2], "counts": [4]}'
    phrase = f'{{"text": "x", "score": {number}, "mask": {mask}}}'
    (tmp_path / "p.jsonl").write_text(f'{{"id": "a", "caption": "x", "phrases": [{phrase}]}}')
    with pytest.raises(BadData, match=r"phrase 0: score: .*should be finite"):
        read(tmp_path / "p.jsonl")
    row = (
        '{"id": "a", "height": 2, "width": 2, "captions": ["a"], "phrases": [], "regions": [[0, 0, '
    )
    (tmp_path / "val.jsonl").write_text(f"{row}1, {number}]]}}")
    with pytest.raises(BadData, match=r"regions\[0\]: should be four numbers"):
        load_dataset(tmp_path / "val.jsonl", "val")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(MissingData, match=r"a\.json: no such file"):
        read_json(tmp_path / "a.json")
    with pytest.raises(MissingData, match="no JSON files"):
        read(tmp_path)
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(MissingData, match="no such image"):
        image_sizes(tmp_path / "a.png")


# Cards ---------------------------------------------------------------------------------------

CARD = (DATA / "jsonl" / "card.md").read_text(encoding="utf-8")


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("origin: &x y", "anchors and aliases"),
        (BOMB, "anchors and aliases"),
        ("origin: !!python/object/apply:os.system [echo]", "tags"),
        ("origin: !!set {a, b}", "tags"),
        ("origin: !!bool x", "tags"),
        ("origin: !x y", "tags"),
        ("name: other", "a key occurs twice"),
        ("origin: 0x_", "is not YAML"),
        (f"origin: {'9' * 5000}", "is not YAML"),
        (f"origin: {'[' * 1000}", "is not YAML"),
        ('origin: "\\ud800"', "half a surrogate pair"),
        ("origin: [a]\n? [b]\n: c", "is not YAML"),
    ],
)
def test_a_card_that_is_not_plain(tmp_path, line, problem):
    text = (
        CARD
        if line.startswith("name")
        else CARD.replace("origin: Written by hand for the tests.\n", "")
    )
    (tmp_path / "card.md").write_text(text.replace("---\n", f"---\n{line}\n", 1))
    with pytest.raises(BadData, match=problem):
        load_card(tmp_path)


def test_a_date_is_a_text_and_no_date(tmp_path):
    (tmp_path / "card.md").write_text(CARD.replace('version: "1"', "version: 2024-13-45"))
    assert load_card(tmp_path).version == "2024-13-45"


@pytest.mark.parametrize("place", ["../x", "/etc", "a/../../b", "C:/x", "~/x", "a\\..\\..\\b"])
@pytest.mark.parametrize("field", ["files", "images", "folders", "hub", "hub file", "put"])
def test_paths_in_a_card_stay_under_its_folder(tmp_path, place, field):
    quoted = json.dumps(place)
    more = {
        "folders": f"folders: [{quoted}]\n",
        "hub": f"hub: {{repo: a/b, files: {{{quoted}: x}}}}\n",
        "hub file": f"hub: {{repo: a/b, files: {{x: {quoted}}}}}\n",
        "put": f"by_hand: [{{what: x, url: y, put: {quoted}}}]\n",
    }
    text = CARD.replace("name: tiny\n", f"name: tiny\n{more.get(field, '')}")
    if field == "files":
        text = text.replace("{samples: val.jsonl}", f"{{samples: {quoted}}}")
    if field == "images":
        text = text.replace("images: [images]", f"images: [{quoted}]")
    assert text != CARD
    (tmp_path / "card.md").write_text(text)
    with pytest.raises(BadData, match="leads out of its folder"):
        read_card(tmp_path / "card.md", home=tmp_path)


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", '"a\\\\b"'])
def test_a_card_and_its_splits_are_named_as_files_can_be(tmp_path, name):
    for old in ("name: tiny", "  val:"):
        new = f"name: {name}" if old.startswith("name") else f"  {name}:"
        (tmp_path / "card.md").write_text(CARD.replace(old, new, 1))
        with pytest.raises(BadData, match="cannot be part of a file's name"):
            load_card(tmp_path)


def test_an_export_of_an_oddly_named_split_writes_nothing(tmp_path):
    (tmp_path / "...jsonl").write_text(
        '{"id": "a", "height": 2, "width": 2, "captions": ["a"], "phrases": []}'
    )
    with pytest.raises(BadOption, match="cannot be part of a file's name"):
        export(load_dataset(tmp_path / "...jsonl", ".."), tmp_path / "out", "jsonl")
    assert not (tmp_path / "out").exists()
