"""An image that was replaced after it was listed is noticed, whatever its times say."""

import json
import os

import numpy as np
import pytest
from PIL import Image

OLD = (10**9, 10**9)


def noise(file, seed):
    """An old file of coloured noise, which the recipe refuses at once, without a model."""
    file.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    os.utime(file, OLD)


@pytest.fixture
def photographs(tmp_path):
    for seed, name in enumerate("ab"):
        noise(tmp_path / "photographs" / f"{name}.png", seed)
    return tmp_path / "photographs"


def test_a_file_that_is_older_than_the_list(run, photographs, tmp_path):
    command = ("annotate", photographs, "-o", tmp_path / "out")
    assert run(*command)[0] == 1
    assert run(*command)[0] == 1  # nothing changed
    noise(tmp_path / "other.png", 7)
    (tmp_path / "other.png").replace(photographs / "b.png")
    code, _, err = run(*command)
    assert code == 2
    assert "was made of other images; 1 differ, the first is 'b'" in err


def test_another_folder_with_the_same_names(run, photographs, tmp_path):
    assert run("annotate", photographs, "-o", tmp_path / "out")[0] == 1
    listed = (tmp_path / "out" / "images.jsonl").read_bytes()
    for seed, name in enumerate("ab"):
        noise(tmp_path / "others" / f"{name}.png", 20 + seed)
    code, _, err = run("annotate", tmp_path / "others", "-o", tmp_path / "out")
    assert code == 2
    assert "was made of other images; 2 differ, the first is 'a'" in err
    assert (tmp_path / "out" / "images.jsonl").read_bytes() == listed


@pytest.mark.parametrize(("shard", "seen"), [("1/2", False), ("2/2", True)])
def test_a_shard_hashes_its_own_images(run, photographs, tmp_path, shard, seen):
    command = ("annotate", photographs, "-o", tmp_path / "out", "--shard", shard)
    assert run(*command)[0] == 1
    noise(photographs / "b.png", 7)  # image 1 of the list, which is of shard 2
    far = 4 * 10**9  # the list is written later than the file was changed
    os.utime(tmp_path / "out" / "images.jsonl", (far, far))
    assert (run(*command)[0] == 2) is seen


def test_an_image_of_a_data_set(run, photographs, tmp_path):
    lines = [
        {"id": name, "file_name": f"{name}.png", "height": 30, "width": 40, "captions": ["Noise."]}
        for name in "ab"
    ]
    text = "".join(json.dumps({**line, "phrases": []}) + "\n" for line in lines)
    (photographs / "val.jsonl").write_text(text)
    command = ("annotate", "--dataset", photographs, "--split", "val", "-o", tmp_path / "out")
    assert run(*command)[0] == 1
    assert run(*command)[0] == 1
    noise(photographs / "a.png", 7)
    code, _, err = run(*command)
    assert code == 2
    assert "was made of other images; 1 differ, the first is 'a'" in err
