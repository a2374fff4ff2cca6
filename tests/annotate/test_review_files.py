"""Files of decisions and their log: what is refused, and what one process does at a time."""

import json

import numpy as np
import pytest
from PIL import Image
from support.reviews import SCENE, decided, nine, written

from gcg_bench.annotate.folder import LOCK
from gcg_bench.annotate.review.result import result_of, take
from gcg_bench.errors import BadData, MissingData, RunLocked
from gcg_bench.runs.lock import Lock


def test_a_torn_line_is_mended_and_a_changed_one_refused(tmp_path):
    folder = nine(tmp_path)
    log = tmp_path / "out" / "decisions.jsonl"
    take(folder, [written(folder, tmp_path / "1.json", decided(SCENE, 0, "reject"))])
    whole = log.read_bytes()
    log.write_bytes(whole + whole[:40])
    assert set(result_of(folder).decisions["a"]) == {0}
    take(folder, [written(folder, tmp_path / "2.json", decided(SCENE, 1, "reject"))])
    assert log.read_bytes().startswith(whole + b'{"sha256": ')
    assert set(result_of(folder).decisions["a"]) == {0, 1}
    log.write_bytes(whole.replace(b'"reject"', b'"accept"'))
    with pytest.raises(BadData, match=r"decisions\.jsonl:1: sha256: is not that of the line"):
        result_of(folder)


def test_one_process_writes_at_a_time(tmp_path):
    folder = nine(tmp_path)
    lock = Lock(tmp_path / "out" / LOCK)
    try:
        with pytest.raises(RunLocked):
            take(folder, [written(folder, tmp_path / "d.json")])
    finally:
        lock.release()
    assert not (tmp_path / "out" / "decisions.jsonl").exists()


HOSTILE = {
    "no list": ({"decisions": {}}, "decisions: should be a list"),
    "other format": ({"format": "other"}, "format: should be 'gcg-bench review'"),
    "other version": ({"version": 3}, "version: is 3; 1 and 2 are read"),
    "unknown field": ({"evil": 1}, "evil: no such field"),
    "huge sample": ({"sample": {"size": 10**9, "seed": 0}}, "size and seed should be at most"),
    "no reviewer": ({"reviewer": 3}, "reviewer: should be text"),
}


HOSTILE_ONE = {
    "no image": (
        {"image": "nowhere"},
        "image nowhere: decisions[0].image: no image with a caption",
    ),
    "path": (
        {"image": "../../etc/passwd"},
        "decisions[0].image: no image with a caption has this id",
    ),
    "far": ({"phrase": 3}, "image a: decisions[0].phrase: is 3; the caption has 3 phrases"),
    "negative": ({"phrase": -1}, "decisions[0].phrase: is -1, should be at least 0"),
    "true": ({"phrase": True}, "decisions[0].phrase: should be a whole number"),
    "none": ({"phrase": None}, "decisions[0].phrase: should be the position of a phrase"),
    "words": ({"words": "A fog"}, "decisions[0].words: are not those of the phrase, 'A dog'"),
    "span": ({"span": [0, 6]}, "decisions[0].span: is not that of the phrase, [0, 5]"),
    "verdict": (
        {"verdict": "\x1b[2Jdrop"},
        r"decisions[0].verdict: is '\x1b[2Jdrop', should be one of",
    ),
    "no words": ({"verdict": "rename"}, "decisions[0].new_words: is missing"),
    "blank": ({"verdict": "rename", "new_words": " "}, "decisions[0].new_words: is empty"),
    "breaks": ({"verdict": "rename", "new_words": "a\nb"}, "decisions[0].new_words: has blanks at"),
    "same": ({"verdict": "rename", "new_words": "A dog"}, "new_words: are the old words"),
    "not renamed": ({"new_words": "x"}, "decisions[0].new_words: no such field"),
    "sampled": (
        {"sampled": True},
        "decisions[0].sampled: the phrase does not belong to the sample",
    ),
    "not bool": ({"sampled": "yes"}, "decisions[0].sampled: should be true or false"),
    "seconds": ({"seconds": -1}, "decisions[0].seconds: is negative"),
    "content": ({"content": "51aa"}, "decisions[0].content: is not that of the image's picture"),
    "no content": ({"content": ""}, "decisions[0].content: is empty"),
    "unknown": ({"apply": "all"}, "decisions[0].apply: no such field"),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """An annotation, and the content of a sound file of decisions about it."""
    place = tmp_path_factory.mktemp("hostile")
    folder = nine(place)
    file = written(folder, place / "sound.json", decided(SCENE, 0, "accept"))
    return folder, json.loads(file.read_text())


@pytest.mark.parametrize("name", [*HOSTILE, *HOSTILE_ONE])
def test_hostile_files_are_refused(shared, tmp_path, name):
    folder, content = shared
    if name in HOSTILE:
        change, message = HOSTILE[name]
        content = content | change
    else:
        change, message = HOSTILE_ONE[name]
        content = content | {"decisions": [content["decisions"][0] | change]}
    file = tmp_path / "d.json"
    file.write_text(json.dumps(content), "utf-8")
    with pytest.raises(BadData) as caught:
        take(folder, [file])
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(file))
    assert not (folder.folder / "decisions.jsonl").exists()


def test_a_phrase_is_decided_once_in_a_file(shared, tmp_path):
    folder, content = shared
    file = tmp_path / "d.json"
    file.write_text(json.dumps(content | {"decisions": content["decisions"] * 2}), "utf-8")
    with pytest.raises(BadData, match=r"image a: decisions\[1\].*decision already.*Keep one"):
        take(folder, [file])
    with pytest.raises(MissingData):
        take(folder, [tmp_path / "nowhere.json"])


def test_bad_input_of_the_command(run, tmp_path):
    nine(tmp_path)
    (tmp_path / "d.json").write_text("{")
    for command in (
        ("apply", "out", "d.json"),
        ("apply", "out", "nowhere.json"),
        ("apply", "nowhere", "d.json"),
        ("review", "nowhere"),
        ("review", "out", "--sample", "-1"),
    ):
        code, out, err = run("annotate", *command)
        assert (code, out, err.count("\n")) == (2, "", 1), err
    assert not (tmp_path / "out" / "decisions.jsonl").exists()


def test_images_are_read_inside_their_folder_alone(run, tmp_path):
    folder = nine(tmp_path).folder
    (tmp_path / "images").mkdir()
    for name in ("images/a.png", "images/b.png", "secret.png"):
        Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(tmp_path / name)
    rows = (folder / "images.jsonl").read_text()
    (folder / "images.jsonl").write_text(rows.replace('"b.png"', '"../secret.png"'))
    code, _, err = run("annotate", "review", "out", "--images", "images")
    assert code == 0
    assert "2 images have no picture" in err  # one leads outside, one does not exist
    assert (folder / "review.html").read_text().count("data:image/jpeg") == 1
