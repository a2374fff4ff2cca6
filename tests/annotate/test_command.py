"""`gcg-bench annotate` as it is typed: its default command, wrong usage, and photographs."""

import json
import sys

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photographs(tmp_path):
    """A folder of two images of coloured noise."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in ("a.png", "b.tif"):
        pixels = np.random.default_rng(len(name)).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def test_photographs_are_refused_and_counted(run, photographs, tmp_path):
    out = tmp_path / "out"
    code, said, _ = run("annotate", photographs, "-o", out, "--json")
    assert code == 1
    told = json.loads(said)
    assert (told["images"], told["finished"], told["remaining"]) == (2, 0, 0)
    assert [one["image"] for one in told["lost"]] == ["a", "b"]
    assert all("looks like a photograph" in one["reason"] for one in told["lost"])
    code, said, _ = run("annotate", "status", out)
    assert code == 1
    assert "0 of 2 images annotated, 2 refused, 0 failed, 0 remain" in said
    code, _, err = run("annotate", "export", out)
    assert code == 2
    assert "no image has a caption yet" in err


def test_mended_files_are_asked_again_with_one_option(run, tmp_path):
    folder, out = tmp_path / "drawings", tmp_path / "out"
    folder.mkdir()
    pixels = np.full((40, 60, 3), 255, dtype=np.uint8)
    pixels[10:25, 10:25] = (255, 0, 0)
    Image.fromarray(pixels).save(folder / "a.png")
    (folder / "b.png").write_bytes(b"\x89PNG")
    command = ("annotate", folder, "-o", out, "--quiet", "--json")
    assert run(*command)[0] == 1
    Image.fromarray(pixels).save(folder / "b.png")
    code, said, _ = run(*command)  # it stays failed, as in a run
    assert (code, [one["image"] for one in json.loads(said)["lost"]]) == (1, ["b"])
    code, said, _ = run(*command, "--retry-failed")
    assert (code, json.loads(said)["finished"]) == (0, 2)
    rows = [json.loads(line) for line in (out / "val.jsonl").read_text().splitlines()]
    assert rows[0]["captions"] == rows[1]["captions"]
    assert rows[0]["captions"][0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["annotate", "-o", "out"], "give IMAGES, a folder of images, or --dataset NAME"),
        (["annotate", "nowhere", "-o", "out"], "nowhere: no such folder of images"),
        (["annotate", "nowhere", "-o", "out", "--recipe", "embeded"], "did you mean 'embedded'"),
        (["annotate", "--dataset", "shapes", "-o", "out"], "give the --split of shapes"),
        (["annotate", "x", "-o", "out", "--on", "spark"], "--on spark: give ray or ray:ADDRESS"),
        (["annotate", "x", "-o", "out", "--shards", 2], "--shards is for --on ray"),
        (["annotate", "x", "-o", "o", "--on", "ray", "--shard", "1/2"], "give --shards N"),
        (["annotate", "status", "nowhere"], "not an annotation, it has no recipe.json"),
        (["annotate", "measure", "nowhere"], "not an annotation, it has no recipe.json"),
    ],
)
def test_wrong_usage_is_one_message(run, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*words)
    assert code == 2
    assert message in err


def test_without_ray_one_message_names_the_extra(run, photographs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, err = run("annotate", photographs, "-o", tmp_path / "out", "--on", "ray")
    assert code == 2
    assert "pip install 'gcg-bench[ray]'" in err
    assert not (tmp_path / "out").exists()


def test_help_shows_every_form(run):
    code, said, _ = run("annotate", "--help")
    assert code == 0
    for form in ("[run] IMAGES -o DIR", "--dataset NAME --split SPLIT", "COMMAND DIR"):
        assert form in said
