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


def without_sizes(root):
    for name in ("a", "b"):
        spoil_json(root, f"ReasonSeg/val/{name}.json", lambda entry: entry.pop("imageHeight"))


def box(x0, y0, x1, y1, height=20, width=30):
    """A box of whole pixels as a run-length mask; the last column and row belong to it."""
    column = [y1 - y0 + 1, height - (y1 - y0 + 1)]
    runs = [x0 * height + y0, *(column * (x1 - x0 + 1))]
    runs[-1] = height * width - sum(runs[:-1])
    return {"size": [height, width], "counts": runs}


def test_a_model_needs_the_image_that_gives_the_size(capsys, root):
    without_sizes(root)
    typed = ("evaluate", "--model", "centre-box", "--data-root", root, "--no-report")
    code, _, err = run(capsys, *typed, "--dataset", "reasonseg", "--split", "val")
    assert code == 2
    assert "the image's size can only be read from" in err


def test_answers_are_scored_without_the_images_that_give_their_size(capsys, root, tmp_path):
    lines = (
        {"id": "a#0", "phrases": [{"mask": box(2, 2, 12, 9)}]},
        {"id": "a#1", "phrases": [{"mask": box(0, 0, 29, 19)}]},
        {"id": "b#0", "refused": True},
    )
    file = answers(tmp_path, *lines)
    stated = score(capsys, root, file, "reasonseg", "val", "--json")
    without_sizes(root)
    code, out, err = score(capsys, root, file, "reasonseg", "val", "--json")
    assert code == 0
    assert "their size is taken to be that of the masks" in err
    assert [one["scores"] for one in json.loads(out)] == [
        one["scores"] for one in json.loads(stated[1])
    ]
    # the answers of b have no mask, and its outline is from 0, 0 to 5, 5
    _, out, _ = score(capsys, root, file, "reasonseg", "val", "--explain", "b#0", "--json")
    assert json.loads(out)["reference"]["areas"] == [21]  # 1 + 2 + 3 + 4 + 5 + 6 pixels


def test_masks_too_small_for_the_reference_are_refused(capsys, root, tmp_path):
    without_sizes(root)
    file = answers(tmp_path, {"id": "a#0", "phrases": [{"mask": box(2, 2, 6, 6, 10, 10)}]})
    code, _, err = score(capsys, root, file, "reasonseg", "val", "--missing", "empty")
    assert code == 2
    assert "the masks of the answers are 10 x 10" in err
    assert "reach to 10 x 13 (height x width)" in err


def test_the_table_names_the_task_and_the_queries(capsys, root, tmp_path):
    file = answers(tmp_path, *({"id": id_, "error": "no memory"} for id_ in ("0", "1", "2")))
    code, out, err = score(capsys, root, file, "refcoco")
    assert code == 1
    assert "on refcoco val: referring segmentation" in " ".join(out.split())
    assert "3 queries failed, the first 0: no memory" in err
    code, _, err = score(capsys, root, file, "refcoco", "val", "--explain", "9")
    assert code == 2
    assert "no query '9' among the 3 of the data set" in err
    code, _, err = score(capsys, root, answers(tmp_path, {"id": "0", "phrases": []}), "refcoco")
    assert code == 2
    assert "2 of 3 queries have no prediction: '1', '2'" in err


def test_the_notes_of_a_task_are_of_what_it_reads(capsys, root, tmp_path):
    masks = answers(tmp_path, *({"id": str(k), "phrases": [{"mask": SQUARE}]} for k in range(3)))
    checked = ("data", "check", masks, "--dataset", "refcoco", "--split", "val", "--json")
    code, out, _ = run(capsys, *checked, "--data-root", root)
    assert code == 0
    assert json.loads(out)["problems"] == []  # no caption is missed
    assert run(capsys, "data", "check", masks, "--task", "referring", "--json")[0] == 2  # polygons
    words = answers(tmp_path, *({"id": k, "caption": "a red bus."} for k in (1, 2, 7)))
    code, out, _ = run(capsys, "data", "check", words, "--task", "region_caption", "--json")
    assert code == 0
    assert json.loads(out)["notes"] == []  # no mask is missed
    (same,) = json.loads(out)["problems"]
    assert "3 of 3 answers have the same caption" in same["problem"]
    _, out, _ = run(capsys, "data", "check", words, "--task", "referring", "--json")
    assert json.loads(out)["problems"] == []
    assert json.loads(out)["notes"] == ["no answer holds a mask"]


def test_an_unknown_task_is_refused(capsys, root, tmp_path):
    file = answers(tmp_path, {"id": "0", "phrases": []})
    code, _, err = run(capsys, "data", "check", file, "--task", "refering")
    assert code == 2
    assert "did you mean 'referring'" in err
    typed = ("--dataset", "refcoco", "--split", "val", "--data-root", root)
    code, _, err = run(capsys, "data", "check", file, *typed, "--task", "caption")
    assert code == 2
    assert "no task of refcoco named 'caption'" in err
    code, _, err = run(capsys, "data", "check", "refcoco", *typed[4:], "--task", "caption")
    assert code == 2
    assert "no task of refcoco named 'caption'" in err


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
