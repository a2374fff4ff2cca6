"""The diagnosis and the explanation of one image as people read them in a terminal."""

from io import StringIO

from rich.console import Console
from support.pages import laid
from support.worlds import block, compare, phrase, sample

from gcg_bench.analysis.errors import diagnose, explain, match_rule
from gcg_bench.cli.diagnosis_tables import print_diagnosis
from gcg_bench.cli.explain_tables import print_explanation
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.tasks import EvalProtocol
from gcg_bench.tasks.gcg import OFFICIAL, STRICT
from gcg_bench.types import SILENCE, Grounding

TRUTH = Grounding("a cat, a dog", (phrase("a cat", block(0, 0)), phrase("a dog", block(30, 30))))
ANSWER = Grounding(
    "a cat", (phrase("a cat", block(0, 0), score=0.5), phrase("[bold]two lamps", block(30, 31)))
)


def printed(show, *arguments, **more):
    console = Console(file=StringIO(), width=160, highlight=False)
    show(console, *arguments, **more)
    return console.file.getvalue()


def cells(text, start):
    """The cells of the row that begins so."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"│ {start} ")]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_costs():
    found = diagnose([compare(sample("a", TRUTH), ANSWER)], match_rule(STRICT))
    text = printed(print_diagnosis, found)
    # TP 1, P 2, R 2: F1 = 2/4; with the lamps called a dog it is perfect
    assert cells(text, "matched") == ["matched", "1", "1", "", "", ""]
    assert cells(text, "wrong words") == ["wrong words", "1", "1", "100.0", "+50.0", "━" * 16]
    assert cells(text, "missed") == ["missed", "–", "0", "50.0", "+0.0", ""]
    assert cells(text, "all phrases")[1:3] == ["2", "2"]
    assert max(len(line) for line in text.splitlines() if line.startswith("┏")) <= 80
    assert "F1 is 50.0" in text
    assert cells(text, "small (under 32² px)") == ["small (under 32² px)", "2", "50.0", "2", "50.0"]
    assert "by object size" not in printed(print_diagnosis, found, slices=False)


def test_costs_of_nothing():
    text = printed(print_diagnosis, diagnose([], match_rule(STRICT)))
    assert cells(text, "all phrases")[1:3] == ["0", "0"]


def test_explanation():
    pair = laid("an [red]id", TRUTH, ANSWER)
    scores = [{"Recall": 0.5}, {"F1": 0.5}]
    explanation = explain([OFFICIAL, STRICT], [pair, pair], scores)
    text = printed(print_explanation, explanation)
    assert "image an [red]id" in text
    assert "failed" not in text
    assert cells(text, "P1") == ["P1", "a cat", "1", "100", "0.500"]
    assert cells(text, "P2")[1] == "[bold]two lamps"
    assert "this image alone: Recall 0.500" in text
    assert (
        "halted: IoU 0.818, but similarity 0.000 is below 0.5; nothing behind it is looked at"
        in text
    )
    assert "matched: IoU 1.000, noun 1.00, attributes 1.00" in text
    assert "not found, charged to wrong words: IoU 0.818, noun 0.00, attributes 1.00" in text


def test_explanation_of_silence():
    pair = laid("a", TRUTH, SILENCE, error="it broke")
    text = printed(print_explanation, explain([OFFICIAL], [pair]))
    assert "failed: it broke" in text
    assert "official-1" in text
    assert "prediction: (no caption)" in text
    assert "no phrases" in text
    assert "IoU of the masks" not in text


def test_explanation_without_similarity():
    pair = laid("a", TRUTH, ANSWER)
    masks_alone = EvalProtocol(name="masks", version=1, metrics=(MeanIoU(),))
    text = printed(print_explanation, explain([OFFICIAL, masks_alone], [pair, pair]))
    # a title may be broken between its words
    assert (text.count("similarity of"), text.count("IoU of")) == (1, 1)
    assert "masks-1" in text
