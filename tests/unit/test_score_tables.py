"""The table of scores as people read it in a terminal."""

from dataclasses import dataclass, replace
from io import StringIO
from typing import ClassVar

from rich.console import Console
from support import scored

from gcg_bench.cli.score_tables import print_scores
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.scoring.values import Score
from gcg_bench.types import ScoreSpec


@dataclass(frozen=True)
class Blunders(Hallucination):
    """A metric of somebody's own, in no protocol of a task: mistakes an image, as they are."""

    name: ClassVar[str] = "blunders"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec("Blunders", direction="lower", scale="plain"),
    )


def printed(*results):
    console = Console(file=StringIO(), width=160, highlight=False)
    print_scores(console, "mine", results)
    return console.file.getvalue()


def small():
    return scored.result(scored.SMALL["gcg.strict-2"], scored.rows([5, 4]))


def test_intervals_are_named_only_where_they_were_drawn():
    made = small()
    assert "Scores x 100 with 95% bootstrap intervals over images." in printed(made)
    bare = replace(made, scores=tuple(replace(s, low=None, high=None) for s in made.scores))
    assert "Scores x 100." in printed(bare)


def test_a_score_of_ones_own_is_printed_in_its_direction_and_scale():
    made = small()
    own = Score(Blunders.scores[0], 0.25, 0.125, 1.0)
    text = printed(replace(made, scores=(*made.scores, own)))
    lines = [line.strip("│ ") for line in text.splitlines()]
    marked = [line.partition(" (lower is better)")[0] for line in lines if "lower is" in line]
    assert marked == ["Hallucination", "Blunders"]
    cells = [[cell.strip() for cell in line.split("│")] for line in lines]
    assert ["Blunders (lower is better)", "0.2 [0.1, 1.0]"] in cells
    assert "; Blunders as they are." in text


def test_a_score_without_a_value_is_none():
    made = small()
    nothing = replace(made.scores[0], value=None, low=None, high=None)
    assert str(nothing) == "–"
    text = printed(replace(made, scores=(nothing, *made.scores[1:])))
    cells = [[cell.strip() for cell in line.strip("│ ").split("│")] for line in text.splitlines()]
    assert [nothing.name, "–"] in cells


def test_what_was_not_measured_is_not_shown():
    made = replace(small(), words=None, false_accept=None, encoder=None)
    text = printed(made)
    assert "words a caption" not in text
    assert "false-accept rate" not in text
