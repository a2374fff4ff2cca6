"""The tasks beside grounded conversation from the command line: scores, bad input, several sets."""

import json
import pickle
import shutil

import pytest
from support.tiny import DATA

from gcg_bench.cli import main

SQUARE = [[5, 5, 25, 5, 25, 25, 5, 25]]
SETS = ("refcoco", "refcocog", "grefcoco", "reasonseg", "refcocog_region", "nocaps", "refcoco_m")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in SETS:
        shutil.copytree(DATA / name, tmp_path / "data", dirs_exist_ok=True)
    return tmp_path / "data"


def run(capsys, *typed):
    """The exit code, stdout and stderr of a command."""
    try:
        code = main([str(word) for word in typed])
    except SystemExit as left:
        code = left.code
    said = capsys.readouterr()
    return code or 0, said.out, said.err


def answers(folder, *lines):
    file = folder / "answers.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def score(capsys, root, file, dataset, split="val", *more):
    return run(
        capsys, "score", file, "--dataset", dataset, "--split", split, "--data-root", root, *more
    )


def test_referring(capsys, root, tmp_path):
    file = answers(
        tmp_path,
        {"id": "0", "phrases": [{"mask": SQUARE}]},
        {"id": 1, "phrases": [{"text": "x", "mask": SQUARE}]},
        {"id": "2", "refused": True},
    )
    code, out, _ = score(capsys, root, file, "refcoco", "val", "--json", "--draw", "1")
    assert code == 0
    official, strict = json.loads(out)
    assert (official["task"], official["protocol"]) == ("referring", "official")
    assert strict["scores"]["gIoU"]["value"] == pytest.approx(2 / 3)
    assert strict["scores"]["P@0.9"]["value"] == pytest.approx(2 / 3)
    assert official["scores"]["cIoU"]["value"] == pytest.approx(1)
    assert len(strict["draw"]["seeds"]) == 10
    code, out, _ = score(capsys, root, file, "refcoco", "val", "--explain", "2")
    assert code == 0
    assert "no mask: left out of both sums" in out


def test_generalized_referring(capsys, root, tmp_path):
    file = answers(
        tmp_path,
        {"id": "0", "phrases": [{"mask": SQUARE}]},
        {"id": "1", "phrases": []},
        {"id": "2", "refused": True},
        {"id": "3", "phrases": [{"mask": SQUARE}], "refused": False},
    )
    code, out, _ = score(capsys, root, file, "grefcoco", "val", "--json", "--protocol", "strict")
    assert code == 0
    (strict,) = json.loads(out)
    assert strict["scores"]["N_acc"]["value"] == 1
    assert strict["scores"]["T_acc"]["value"] == pytest.approx(2 / 3)


def test_reasoning_without_pictures(capsys, root, tmp_path):
    ids = ("a#0", "a#1", "b#0")
    file = answers(tmp_path, *({"id": id_, "phrases": []} for id_ in ids))
    code, out, _ = score(capsys, root, file, "reasonseg", "val", "--json")
    assert code == 0
    assert [result["n"] for result in json.loads(out)] == [3, 3]


def test_region_captions(capsys, root, tmp_path):
    file = answers(
        tmp_path,
        {"id": 1, "caption": "a red bus"},
        {"id": 2, "caption": "a man"},
        {"id": 7, "caption": "the man in a hat"},
    )
    code, out, _ = score(capsys, root, file, "refcocog_region", "val", "--json")
    assert code == 0
    assert json.loads(out)[0]["scores"]["METEOR"]["value"] == pytest.approx(1)


def test_captions_of_a_domain(capsys, root, tmp_path):
    file = answers(tmp_path, {"id": 0, "caption": "a dog runs"})
    code, out, _ = score(capsys, root, file, "nocaps", "val_in", "--json")
    assert code == 0
    assert json.loads(out)[0]["n"] == 1


class Runs:
    def __reduce__(self):
        return shutil.rmtree, ("data",)


def spoil_pickle(root, value):
    (root / "refcoco" / "refs(unc).json").unlink()
    (root / "refcoco" / "refs(unc).p").write_bytes(pickle.dumps(value, 2))


def spoil_json(root, name, change):
    file = root / name
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def text_as_id(refs):
    refs[0]["ann_id"] = "1"


def text_as_sentence(refs):
    refs[0]["sentences"][0]["sent_id"] = "0"


def two_points(instances):
    instances["annotations"][0]["segmentation"] = [[1, 2, 3, 4]]


def no_such_annotation(refs):
    refs[0]["ann_id"] = 99


REFS, INSTANCES = "refcoco/refs(unc).json", "refcoco/instances.json"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda root: spoil_pickle(root, [Runs()]), "names a class or a function"),
        (lambda root: spoil_pickle(root, [10**400]), "whole number is too large"),
        (lambda root: spoil_pickle(root, ["x"]), "should be an object"),
        (lambda root: spoil_json(root, REFS, text_as_id), "ann_id: should be a whole number"),
        (lambda root: spoil_json(root, REFS, text_as_sentence), "sent_id: should be a whole"),
        (lambda root: spoil_json(root, REFS, no_such_annotation), "has no such annotation"),
        (lambda root: spoil_json(root, INSTANCES, two_points), "a polygon of 4 numbers"),
        (lambda root: (root / INSTANCES).unlink(), "cannot find refcoco/instances.json"),
    ],
)
def test_bad_files_are_one_message_and_exit_2(capsys, root, tmp_path, spoil, said):
    spoil(root)
    file = answers(tmp_path, {"id": "0", "phrases": []})
    code, out, err = score(capsys, root, file, "refcoco")
    assert code == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.startswith("gcg-bench:")]) == 1
    assert (root / "refcoco").is_dir()


def test_an_image_that_gives_the_size_is_missing(capsys, root, tmp_path):
    spoil_json(root, "ReasonSeg/val/a.json", lambda entry: entry.pop("imageHeight"))
    file = answers(tmp_path, {"id": "a#0", "phrases": []})
    code, _, err = score(capsys, root, file, "reasonseg")
    assert code == 2
    assert "the image's size can only be read from" in err


def test_images_shared_between_splits_are_counted(capsys, root):
    typed = ("data", "check", "refcoco", "--split", "testA", "--data-root", root, "--json")
    _, out, _ = run(capsys, *typed)
    assert "1 of 1 images are in refcoco test too" in out
    assert "images are in grefcoco val too" in out


def test_several_data_sets_with_one_model(capsys, root):
    typed = ["evaluate", "--model", "copy-truth", "--data-root", root, "--no-report", "--quiet"]
    code, out, _ = run(
        capsys, *typed, "--dataset", "refcoco,refcoco_m", "--split", "val", "--json", "--draws", "0"
    )
    assert code == 0
    found = json.loads(out)
    assert [(one["dataset"], one["protocol"]) for one in found] == [
        (dataset, protocol)
        for dataset in ("refcoco", "refcoco_m")
        for protocol in ("official", "strict")
    ]
    code, out, _ = run(capsys, *typed, "--dataset", "refcoco", "--split", "val,testA")
    assert code == 0
    assert "All data sets" in out
    code, _, err = run(capsys, *typed, "--dataset", "paper", "--split", "val")
    assert code == 2
    assert "refcoco_plus val: cannot find" in err
    assert "run folder" not in err
    code, _, err = run(capsys, *typed, "--dataset", "refcoco")
    assert code == 2
    assert "--split" in err


def test_a_model_that_takes_no_replies_is_told_so(capsys, root):
    typed = ("evaluate", "--model", "centre-box", "--data-root", root, "--no-report", "--forced")
    code, _, err = run(capsys, *typed, "--dataset", "refcoco", "--split", "val")
    assert code == 2
    assert "cannot be given replies" in err
    code, _, err = run(capsys, *typed, "--dataset", "nocaps", "--split", "val")
    assert code == 2
    assert "drop --forced" in err
