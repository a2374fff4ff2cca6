"""--model-arg, a checkpoint behind a file's attribute, and --name, as users type them."""

import json
import sys
from pathlib import Path

import pytest

MODEL = """
from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import from_box

class Model:
    def __init__(self, said):
        self.said = said

    def answer(self, queries):
        for query in queries:
            mask = from_box((0, 0, 4, 4), query.image.height, query.image.width)
            yield Prediction(query.id, Grounding(self.said, (Phrase(self.said, (mask,)),)))

def load(checkpoint="base", share=0.5, count=1, word="a", wide=False, most=7):
    return Model(f"{checkpoint} {share!r} {count!r} {word!r} {wide!r} {most!r}")

def anything(**more):
    return Model(repr(sorted(set(more) - {"batch_size", "device", "seed", "workers"})))

def needy(checkpoint):
    return Model(checkpoint)

def hungry(checkpoint, beams):
    return Model(checkpoint)

made = Model("made")
"""
TWO = ("--dataset", "shapes", "--split", "val", "--limit", "2", "--quiet")
EVALUATED = (*TWO, "--protocol", "./masks.py:PROTOCOL", "--draws", "0", "--no-report")
PROTOCOL = """
from gcg_bench.metrics.ap50 import AP50
from gcg_bench.tasks import EvalProtocol

PROTOCOL = EvalProtocol("masks", 1, (AP50(),))
"""


@pytest.fixture(autouse=True)
def files(tmp_path):
    """A model and a protocol of a user."""
    (tmp_path / "mine.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "masks.py").write_text(PROTOCOL, encoding="utf-8")
    yield
    sys.modules.pop("mine", None)  # another test has another module of this name


@pytest.fixture
def predict(run, tmp_path):
    """Predicts with a model of the file; gives the code, what was said or the error, the run."""

    def predicted(model: str, *arguments: str, out: str = "r"):
        code, _, err = run("predict", "--model", model, *TWO, "--out", out, *arguments)
        folder = tmp_path / out
        lines = folder / "predictions.jsonl"
        if code or not lines.exists():
            return code, err, folder
        return code, json.loads(lines.read_text().splitlines()[0])["caption"], folder

    return predicted


def arguments(*texts: str) -> list[str]:
    return [part for text in texts for part in ("--model-arg", text)]


def test_arguments_reach_the_model_with_their_types(predict):
    given = arguments("share=1", "count=2.0", "word='3'", "wide=true", "most=none")
    code, said, folder = predict("./mine.py", *given)
    assert (code, said) == (0, "base 1 2.0 '3' True None")
    settings = json.loads((folder / "run.json").read_text())
    assert settings["arguments"] == {
        "share": 1, "count": 2.0, "word": "3", "wide": True, "most": None,
    }  # fmt: skip


def test_a_run_without_arguments_has_no_such_setting(predict):
    _, said, folder = predict("./mine.py")
    assert said == "base 0.5 1 'a' False 7"
    assert "arguments" not in json.loads((folder / "run.json").read_text())


@pytest.mark.parametrize(
    ("then", "difference"),
    [
        (["share=0.25"], "arguments.share was 0.5, now it is 0.25"),
        (["share='0.5'"], "arguments.share was 0.5, now it is '0.5'"),
        ([], "arguments.share was 0.5, now it is not set"),
        (["share=0.5", "count=1"], "arguments.count was not set, now it is 1"),
    ],
)
def test_a_run_with_other_arguments_is_not_resumed(predict, then, difference):
    assert predict("./mine.py", *arguments("share=0.5"))[0] == 0
    assert predict("./mine.py", *arguments("share=.50"))[0] == 0  # the same value resumes it
    code, err, _ = predict("./mine.py", *arguments(*then))
    assert code == 2
    assert difference in err or (not then and "arguments was" in err)


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        ("./mine.py", "shade=1", "takes no shade; it takes share, count, word, wide, most"),
        ("./mine.py:made", "share=1", "takes no share: it is an object"),
        ("silent", "share=1", "model silent takes no share; it takes no argument of its own"),
        ("./mine.py", "device=cpu", "there is an option for device: --device"),
        ("./mine.py", "share", "give KEY=VALUE"),
        ("./mine.py", "=1", "the key is empty"),
        ("./mine.py:hungry:x", "", "cannot be built without beams: --model-arg beams=VALUE"),
        ("./mine.py:hungry:x", "beans=1", "takes no beans; it takes beams"),
    ],
)
def test_what_a_model_does_not_take_is_exit_2(predict, model, given, message):
    code, err, folder = predict(model, *(arguments(given) if given else ()))
    assert code == 2
    assert message in err
    assert not folder.exists()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("./mine.py:load:big", "big 0.5 1 'a' False 7"),
        ("./mine.py::big", "big 0.5 1 'a' False 7"),
        ("./mine.py:load:12", "12 0.5 1 'a' False 7"),
        ("./mine.py:needy:a:b/c.py:d", "a:b/c.py:d"),
        ("mine:needy:weights/last.pt", "weights/last.pt"),
        ("mine:needy:7", "7"),
        ("./mine.py:anything", "[]"),
        ("./mine.py:anything:x", "['checkpoint']"),
    ],
)
def test_a_checkpoint_follows_the_attribute(predict, monkeypatch, tmp_path, model, said):
    monkeypatch.syspath_prepend(tmp_path)
    code, caption, folder = predict(model)
    assert (code, caption) == (0, said)
    settings = json.loads((folder / "run.json").read_text())
    assert settings["model"] == model
    assert list(settings["code"]) == ["mine.py"]


def test_a_checkpoint_as_integer_stays_text(predict):
    _, caption, _ = predict("./mine.py:needy:007")
    assert caption == "007"


def test_any_argument_goes_to_a_model_that_takes_all(predict):
    _, caption, _ = predict("./mine.py:anything", *arguments("spec=1", "options=2"))
    assert caption == "['options', 'spec']"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("./mine.py:needy", "needs a checkpoint: --model ./mine.py:needy:CHECKPOINT"),
        ("./mine.py:made:x", "takes no checkpoint: it is an object"),
        ("./mine.py:absent:x", "no attribute of"),
        ("./mine.py:load:", "no model named './mine.py'"),
        ("./mine.py::", "no model named './mine.py'"),
    ],
)
def test_a_checkpoint_that_cannot_be_taken_is_exit_2(predict, model, message):
    code, err, _ = predict(model)
    assert code == 2
    assert message in err


def test_no_folder_of_the_machine_enters_a_run(predict, tmp_path):
    home = tmp_path / "home of anna"
    code, _, folder = predict(
        f"{tmp_path}/mine.py:load:{home}/last.pt", *arguments(f"word={home}/words.txt")
    )
    assert code == 0
    text = (folder / "run.json").read_text()
    assert "home of anna" not in text
    assert str(tmp_path) not in text
    settings = json.loads(text)
    assert settings["model"] == "mine.py:load:last.pt"
    assert settings["arguments"] == {"word": "words.txt"}


# --- what a run is called


def board(folder: Path) -> str:
    return (folder / "leaderboard.csv").read_text()


def test_a_name_is_shown_and_is_no_part_of_the_signature(run, tmp_path):
    for out, more in (("plain", ()), ("named", ("--name", "my model"))):
        code, _, err = run("evaluate", "--model", "centre-box", *EVALUATED, *more, "--out", out)
        assert code == 0, err
    plain, named = tmp_path / "plain", tmp_path / "named"
    assert "my model" in board(named)
    assert "centre-box" not in board(named).replace("centre-box-", "")
    signatures = [
        json.loads(next(folder.glob("*/scores.json")).read_text())["signature"]
        for folder in (plain, named)
    ]
    assert signatures[0] == signatures[1]
    assert run("leaderboard", "named", "plain", "--by", "AP50", "-o", "b.md", "--quiet")[0] == 0
    assert "my model" in (tmp_path / "b.md").read_text()
    # another name resumes the run; nothing is asked again
    before = (named / "predictions.jsonl").read_bytes()
    code, _, err = run(
        "evaluate", "--model", "centre-box", *EVALUATED, "--name", "other", "--out", "named"
    )
    assert code == 0, err
    assert (named / "predictions.jsonl").read_bytes() == before


def test_a_name_given_to_predict_is_that_of_the_scores(run):
    code, _, err = run("predict", "--model", "centre-box", *TWO, "--name", "my model", "--out", "r")
    assert code == 0, err
    code, out, err = run(
        "score", "r", "--protocol", "./masks.py:PROTOCOL", "--draws", "0", "--quiet"
    )
    assert code == 0, err
    assert "my model" in out
    assert "centre-box" not in out


def test_arguments_are_in_the_signature(run, tmp_path):
    code, _, err = run(
        "evaluate", "--model", "./mine.py", *EVALUATED, *arguments("share=0.25", "word=x|y"),
        "--out", "r",
    )  # fmt: skip
    assert code == 0, err
    signature = json.loads(next((tmp_path / "r").glob("*/scores.json")).read_text())["signature"]
    assert '|argument_share:0.25|argument_word:"x%7Cy"|' in signature


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        ("one", "two", "the run keeps its name 'one'"),
        ("", "two", "the run was begun without a name"),
        ("one", "one", ""),
        ("one", "", ""),
    ],
)
def test_a_run_that_continues_says_that_it_keeps_its_name(run, first, then, message):
    typed = ("predict", "--model", "silent", *TWO[:-1], "--out", "r")
    assert run(*typed, *(("--name", first) if first else ()))[0] == 0
    code, _, err = run(*typed, *(("--name", then) if then else ()))
    assert code == 0
    assert (message in err) if message else "name" not in err
