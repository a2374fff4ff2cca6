"""GranD's format from the command line: export, read again, rows of objects and expressions."""

import json

from gcg_bench.data import load_dataset


def test_shapes_as_the_release_and_back(run, tmp_path):
    out = tmp_path / "grand"
    code, said, _ = run("data", "export", "shapes", out, "--split", "val", "--limit", 2,
                        "--format", "grand")  # fmt: skip
    assert (code, said.split(": ")[-1].strip()) == (0, "2 files")
    truth = load_dataset("shapes", "val", limit=2).samples
    rows = tmp_path / "objects.jsonl"
    code, _, _ = run("data", "grand-table", out, rows)
    assert code == 0
    made = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
    wanted = [(one.id, mask) for one in truth for part in one.truth.phrases for mask in part.masks]
    assert [row["image"] for row in made] == [id_ for id_, _ in wanted]
    code, _, err = run("data", "grand-table", out, rows)
    assert code == 2
    assert "nothing is written over" in err


def test_expressions_of_the_release(run, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    thing = {"id": 3, "bbox": [0, 0, 2, 2], "labels": ["dog"], "attributes": ["assistant: a dog"]}
    entry = {"a.jpg": {"objects": [thing], "floating_objects": []}}
    (folder / "a.json").write_text(json.dumps(entry), "utf-8")
    out = tmp_path / "expressions.jsonl"
    code, _, _ = run("data", "grand-table", folder, out, "--what", "expressions")
    assert code == 0
    assert json.loads(out.read_text("utf-8")) == {
        "image": "a",
        "file_name": "a.jpg",
        "attribute": "a dog",
        "id": 3,
        "bbox": [0, 0, 2, 2],
        "segmentation": None,
    }
    code, _, err = run("data", "grand-table", tmp_path / "nowhere", out)
    assert code == 2
    assert "no *.json" in err


def test_an_export_that_fails_leaves_nothing(run, tmp_path):
    source = tmp_path / "source"
    code, _, _ = run("data", "export", "shapes", source, "--split", "val", "--limit", 2)
    assert code == 0
    file = source / "val.jsonl"
    first, second = map(json.loads, file.read_text("utf-8").splitlines())
    second["phrases"][0]["score"] = 0.5  # the second image is refused
    file.write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n", "utf-8")
    for name in ("out", "out.tar.gz"):
        code, _, err = run("data", "export", source, tmp_path / "to" / name, "--split", "val",
                           "--format", "grand")  # fmt: skip
        assert (code, "a phrase with a score" in err) == (2, True)
        assert not list((tmp_path / "to").iterdir())
    code, _, err = run("data", "export", "shapes", file / "out", "--split", "val", "--limit", 2,
                       "--format", "grand")  # fmt: skip
    assert (code, "out: cannot be written" in err) == (2, True)
