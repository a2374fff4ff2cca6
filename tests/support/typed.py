"""What people type in tests, and two images in the published layout to type it on."""

import json

from support.tiny import rect

from gcg_bench import masks

SIZE = (8, 10)


def rle(*box):
    return masks.to_rle(rect(*box))


GOOD = {"size": [8, 10], "counts": rle(0, 0, 4, 4)["counts"]}


def answer(phrases=("a cat",), boxes=((0, 0, 4, 4),), caption="a cat on a mat"):
    return {"caption": caption, "phrases": list(phrases), "pred_masks": [rle(*b) for b in boxes]}


def write(file, value):
    file.write_text(value if isinstance(value, str) else json.dumps(value))


def score(run, world, *more):
    root, predictions = world
    return run(
        "score", predictions, "--split", "val", "--data-root", root, "--encoder", "minilm",
        "--draws", "20", *more,
    )  # fmt: skip


def refused(result, *words):
    """Exit code 2, nothing on stdout, one short message that has all the words."""
    code, out, err = result
    assert code == 2, err
    assert out == ""
    message = [line for line in err.splitlines() if line.startswith("gcg-bench:")]
    assert len(message) == 1
    assert len(err.strip().splitlines()) <= 3
    for word in words:
        assert str(word) in err, err


def evaluate(run, *more, model="silent"):
    return run(
        "evaluate", "--model", model, "--dataset", "shapes", "--split", "val", "--limit", "3",
        "--encoder", "minilm", "--draws", "20", "--no-report", *more,
    )  # fmt: skip


def lines(world, *objects):
    """Our JSON lines in the place of the folder."""
    file = world[0].parent / "answers.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in objects))
    return world[0], file


def line(id_="sa_1", **more):
    return {
        "id": id_,
        "caption": "a cat on a mat",
        "phrases": [{"text": "a cat", "mask": GOOD}],
        **more,
    }
