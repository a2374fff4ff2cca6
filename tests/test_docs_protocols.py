"""What the pages of docs/ say of protocols, scores and baselines is true."""

import re

import numpy as np
import pytest
from support.fences import ROOT
from support.worlds import block, compare_all, phrase, sample

from gcg_bench import masks
from gcg_bench.execution.models import describe_models
from gcg_bench.scoring.score import measure
from gcg_bench.tasks.gcg import OFFICIAL, STRICT
from gcg_bench.types import Grounding, Mask


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text() -> str:
    return page("protocols.md")


NAMES = ("ant", "bee", "cow", "dog", "eel")


def thing(k: int, columns: int = 20) -> Mask:
    """The left columns of the k-th of five strips of 20 x 10 pixels."""
    return block(12 * k, 0, 10, columns)


FIVE = Grounding("", tuple(phrase(name, thing(k)) for k, name in enumerate(NAMES)))
JUNK = tuple(phrase("junk", block(k % 50, 40 + k // 50, 1, 1)) for k in range(100))
ONE = Grounding("", (phrase("ant", thing(0, 19)),))
FAIR = Grounding("", tuple(phrase(name, thing(k, 16)) for k, name in enumerate(NAMES)))
WRONG = (phrase("xyz", thing(0)), *(phrase(NAMES[k], thing(k, 18)) for k in range(1, 5)))
UNEVEN = (*(phrase(NAMES[k], thing(k, 19)) for k in range(4)), phrase(None, thing(4)))
NOTHING = Grounding("", (phrase("ant", masks.empty(60, 80)),))
HIT, MISS = Grounding("", (phrase("ant", thing(0)),)), Grounding("", (phrase("ant", thing(4)),))
IMAGES = [sample(name, HIT, order=k) for k, name in enumerate("ab")]

# the row's first words -> worlds (references, answers) whose scores it quotes, in order
ROWS = {
    "finds 1 of 5": [([sample("a", FIVE)], [ONE]), ([sample("a", FIVE)], [FAIR])],
    "finds 4 of 5": [([sample("a", FIVE)], [Grounding("", FIVE.phrases[:4])])],
    "finds all 5": [([sample("a", FIVE)], [Grounding("", (*FIVE.phrases, *JUNK))])],
    "finds 5, but": [([sample("a", FIVE)], [Grounding("", WRONG)])],
    "gives an empty mask": [([sample("a", NOTHING)], [NOTHING])],
    "gives 5 masks": [([sample("a", FIVE)], [Grounding("", UNEVEN)])],
    "gives the same answers": [(IMAGES, [HIT, MISS]), (IMAGES, [MISS, HIT])],
}


def hundredfold(protocol, name: str, worlds) -> list[str]:
    """One of a protocol's scores in each world, as the page prints it."""
    metric = protocol.metric_of(name)
    found = []
    for references, answers in worlds:
        rows = measure(metric, compare_all(references, answers))
        value = metric.reduce(rows, np.ones((1, len(rows))))[name][0]
        found.append(f"{100 * value:.1f}".removesuffix(".0"))
    return found


@pytest.mark.parametrize("row", ROWS)
def test_the_table_of_weaknesses_is_what_comes_out(row, text):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {row}")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    for protocol, cell in zip((OFFICIAL, STRICT), cells[1:], strict=True):
        if cell == "AP50 the same":
            first, second = hundredfold(protocol, "AP50", ROWS[row])
            assert first == second
            continue
        quoted = re.findall(r"(mIoU|Recall|Precision|AP50) ([\d.]+)", cell)
        assert quoted
        for name, value in quoted:
            assert hundredfold(protocol, name, ROWS[row])[0] == value
        if len(ROWS[row]) > 1:  # the other world's number stands last
            (name, _) = quoted[0]
            assert hundredfold(protocol, name, ROWS[row])[1] == re.findall(r"[\d.]+", cell)[-1]


def test_the_table_of_weaknesses_has_no_other_rows(text):
    table = text.partition("| what a model does | official | strict |\n|---|---|---|\n")[2]
    assert len(table.partition("\n\n")[0].splitlines()) == len(ROWS)


def test_the_page_names_every_score_and_encoder(text):
    (line,) = [line for line in text.splitlines() if line.startswith("| computes |")]
    _, official, strict = line.strip("|").split("|")
    for protocol, cell in ((OFFICIAL, official), (STRICT, strict)):
        assert all(re.search(rf"\b{spec.name}\b", cell) for spec in protocol.scores)
    (line,) = [line for line in text.splitlines() if line.startswith("| compares words by |")]
    assert [f"`{OFFICIAL.encoder}`" in line, f"`{STRICT.encoder}`" in line] == [True, True]


def test_the_page_on_the_table_defines_every_score():
    rows = page("table.md").partition("| score | definition | protocol |")[2].partition("\n\n")[0]
    defined = {}
    for line in rows.strip().splitlines()[1:]:
        name, _, protocol = (cell.strip() for cell in line.strip("|").split("|"))
        defined[name] = protocol.partition(",")[0]
    names = [{spec.name for spec in protocol.scores} for protocol in (OFFICIAL, STRICT)]
    expected = {name: "both" if name in names[0] else "strict" for name in names[0] | names[1]}
    assert defined == expected


def test_the_page_on_models_names_every_baseline_and_what_it_sees():
    table = page("models.md").partition("## Baselines")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| (yes|no) \|$", table, re.MULTILINE)
    described = {
        one.name: "yes" if one.needs.oracle else "no"
        for one in describe_models()
        if not one.needs.weights and not one.origin and one.name != "predictions"
    }
    assert dict(rows) == described
