"""Pictures, tables, weights and boards made to fill the memory or to run code."""

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from support.hostile_files import little_memory, sparse
from support.tiny import copy, paint

from gcg_bench.data import load_dataset
from gcg_bench.data.export import export
from gcg_bench.errors import BadData
from gcg_bench.files.images import decode, encoded, file_picture, image_sizes, read_pixels
from gcg_bench.reporting.leaderboard import Board
from gcg_bench.reporting.leaderboard.csv_file import write_csv
from gcg_bench.reporting.report.thumbnails import thumbnails

# Pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [8193, 10_000, 14_000])
def test_a_picture_that_is_small_on_disk_and_huge_in_memory(tmp_path, side):
    file = tmp_path / "bomb.png"
    Image.new("1", (side, side)).save(file)
    assert file.stat().st_size < 100_000
    for look in (
        lambda: image_sizes(file),
        lambda: read_pixels(file, side, side),
        lambda: decode(file.read_bytes(), file, side, side),
        lambda: encoded(file_picture(file, side, side)),
    ):
        with pytest.raises(BadData, match=r"bomb\.png: .*(more than 67,108,864|bomb DOS)"):
            look()
    (thumbnail,) = thumbnails([file_picture(file, side, side)], 5000, lambda _: None)
    assert "67,108,864" in str(thumbnail.why) or "bomb DOS" in str(thumbnail.why)


def test_an_image_file_of_ten_gigabytes_is_not_read(tmp_path):
    paint(tmp_path / "a.bmp", 4, 4)
    sparse(tmp_path / "b.bmp", start=(tmp_path / "a.bmp").read_bytes())
    with little_memory(1 << 30), pytest.raises(BadData, match="10,737,418,240 bytes"):
        read_pixels(tmp_path / "b.bmp", 4, 4)


def test_a_format_that_a_program_would_be_started_for(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    with pytest.raises(BadData, match="not an image that can be read"):
        read_pixels(tmp_path / "a.jpg", 4, 4)


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.txt", "images/../../secret.txt"])
def test_no_file_outside_the_image_folders_is_read_or_exported(tmp_path, name):
    folder = copy("jsonl", tmp_path)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "val.jsonl").write_text(
        (folder / "val.jsonl").read_text().replace('"b.png"', json.dumps(name))
    )
    with pytest.raises(BadData, match=r"file_name: the file name .* leads out of its folder"):
        load_dataset(folder, "val")


def test_a_link_among_the_images_to_something_else_is_not_exported(tmp_path):
    folder = copy("jsonl", tmp_path)
    (folder / "images").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "images" / "b.png").symlink_to(tmp_path / "secret.txt")
    data = load_dataset(folder, "val", limit=1)
    with pytest.raises(BadData, match="not an image"):
        export(data, tmp_path / "out", "jsonl", embed_images=True)
    kept = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert not any(b"secret" in file.read_bytes() for file in kept if file.name != "card.md")


# Tables and weights --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({f"c{k}": [1] for k in range(1001)}, "1,001 columns"),
        ({"id": [1.5]}, "id: an image id should be text or a whole number"),
        ({"id": ["a"], "image": [1]}, "not a parquet file that can be read"),
        ({"id": ["a"], "captions": [["x"]], "image": [{"bytes": "text"}]}, "phrases: is missing"),
    ],
)
def test_a_table_of_absurd_columns(tmp_path, columns, problem):
    parquet.write_table(pa.table(columns), tmp_path / "val.parquet")
    with pytest.raises(BadData, match=problem):
        load_dataset(tmp_path / "val.parquet", "val")


def test_a_table_that_is_small_on_disk_and_huge_in_memory(tmp_path):
    table = pa.table({"id": pa.nulls(1, pa.string())})
    (huge,) = table.columns
    many = pa.chunked_array(
        [pa.DictionaryArray.from_arrays(pa.array(np.zeros(2**20, np.int8)), ["a"])]
    )
    columns = {f"c{k}": many for k in range(300)}
    parquet.write_table(pa.table({"id": many, **columns}), tmp_path / "val.parquet")
    assert len(huge) == 1
    assert (tmp_path / "val.parquet").stat().st_size < 1 << 20
    with pytest.raises(BadData, match="states 315,621,376 values"):
        load_dataset(tmp_path / "val.parquet", "val")


def test_weights_that_grow_when_they_are_read(tmp_path):
    from gcg_bench.glamm.weights import Checkpoint

    with zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10**7)
    with pytest.raises(BadData, match="expands when it is read"):
        Checkpoint(tmp_path)


def test_weights_that_would_run_code(tmp_path):
    import pickle

    import torch

    from gcg_bench.glamm.weights import Checkpoint

    class Harm:
        def __reduce__(self):
            return Path.touch, (tmp_path / "harmed",)

    torch.save({"a": Harm()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(BadData, match="without running code"):
        Checkpoint(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Harm()}, protocol=2))
    with pytest.raises(BadData, match="without running code"):
        Checkpoint(tmp_path)
    assert not (tmp_path / "harmed").exists()


def test_the_head_of_weights_is_not_believed(tmp_path):
    from gcg_bench.files import checkpoints

    sparse(tmp_path / "model.safetensors", start=(9 << 30).to_bytes(8, "little") + b"{")
    (tmp_path / "config.json").write_text("{}")
    with little_memory(1 << 30), pytest.raises(BadData, match="damaged"):
        checkpoints.weight_names(tmp_path)


# Boards --------------------------------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "'", "''", "=", "-"]


def test_no_cell_of_a_board_starts_a_formula(tmp_path):
    rows = tuple(
        {"model": name, "protocol": "strict-2", "F1": -0.5, "note": name, "signature": "x:y"}
        | {"task": "gcg", "scores": {}, "measurement": {name: name}, "answered": {}}
        for name in FORMULAS
    )
    write_csv(rows, tmp_path / "board.csv")
    cells = list(csv.reader(io.StringIO((tmp_path / "board.csv").read_text(), newline="")))
    texts = [
        cell for row in cells[1:] for name, cell in zip(cells[0], row, strict=True) if name != "F1"
    ]
    assert not [text for text in texts if text[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert {row[cells[0].index("F1")] for row in cells[1:]} == {"-0.5"}
    spelt = {"\r=1": r"\x0d=1"}  # a table shows what cannot be seen
    expected = [
        row | {key: spelt.get(row[key], row[key]) for key in ("model", "note")} for row in rows
    ]
    assert list(Board.read(tmp_path / "board.csv").rows) == expected


@pytest.mark.parametrize(
    ("column", "cell", "problem"),
    [
        ("n", "9" * 4000, "no whole number"),
        ("n", "9" * 5000, "no whole number"),
        ("F1", "1e999", "no number"),
        ("run", "a\0b", "no path of a run"),
        ("run", "x" * 300, "no path of a run"),
        ("note", "x" * 10_001, "more than 10,000 characters"),
        ("signature", "x" * 10_001, "more than 10,000 characters"),
    ],
)
def test_cells_that_no_board_has(tmp_path, column, cell, problem):
    headings = ["model", "protocol", "task", "scores", "measurement", "answered", column]
    with (tmp_path / "board.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([headings, ["m", "strict-2", "gcg", "{}", "{}", "{}", cell]])
    with pytest.raises(BadData, match=problem):
        Board.read(tmp_path / "board.csv")
