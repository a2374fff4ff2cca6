"""The result of an annotation as parquet: the content of SPLIT.jsonl, a row an image."""

import json

import pyarrow.parquet
import pytest
from support.annotations import annotation, scene

from gcg_bench.annotate import table
from gcg_bench.annotate.exporting import write_dataset
from gcg_bench.errors import BadData, MissingData


def as_line(row):
    """A row as a line of SPLIT.jsonl has it, without its rank."""
    phrases = []
    for phrase in row["phrases"]:
        masks = [
            {"size": [mask["height"], mask["width"]], "counts": mask["counts"]}
            for mask in phrase["masks"]
        ]
        fields = {"text": phrase["text"], "masks": masks}
        if phrase["start"] is not None:
            fields["span"] = [phrase["start"], phrase["end"]]
        if phrase["score"] is not None:
            fields["score"] = phrase["score"]
        phrases.append(fields)
    plain = {name: row[name] for name in ("id", "file_name", "height", "width")}
    return {**plain, "captions": [row["caption"]], "phrases": phrases}


def test_the_table_read_back_is_the_data_set(run, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "GROUP", 2)
    folder = annotation(
        tmp_path / "out",
        scene("a", "a cat beside a dog", "a cat", "a dog", scores=(0.25, 1.0)),
        scene("b", ""),
        scene("inner/c", "Größe: ein 🐈", "ein 🐈", others=("rug",)),
        scene("z", "nothing to point at"),
    )
    lines = [
        json.loads(line)
        for line in write_dataset(folder)[0].read_text(encoding="utf-8").splitlines()
    ]
    code, said, _ = run("annotate", "export", tmp_path / "out", "--as", "parquet")
    assert (code, said.strip()) == (0, "out/val.parquet")
    with pyarrow.parquet.ParquetFile(tmp_path / "out/val.parquet") as read:
        assert read.num_row_groups == 2  # three rows
        rows = read.read().to_pylist()
    assert [row["id"] for row in rows] == ["a", "inner/c", "z"]
    cat, dog = rows[0]["phrases"]
    assert (cat["text"], cat["start"], cat["end"], cat["score"]) == ("a cat", 0, 5, 0.25)
    assert (dog["text"], dog["start"], dog["end"], dog["score"]) == ("a dog", 13, 18, 1.0)
    for line in lines:
        del line["order"]
    assert [as_line(row) for row in rows] == lines


def test_what_a_table_cannot_hold_leaves_no_file(tmp_path):
    folder = annotation(tmp_path / "none", scene("a", ""))
    with pytest.raises(MissingData, match="no image has a caption yet"):
        table.write_parquet(folder)
    folder = annotation(tmp_path / "half", scene("a", "half \ud83d"))
    with pytest.raises(BadData, match="half a surrogate pair"):
        table.write_parquet(folder)
    assert not [*tmp_path.rglob("*.parquet")]
