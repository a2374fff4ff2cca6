"""The table of scores as people read it in a terminal."""

from dataclasses import dataclass, replace
from io import StringIO

from rich.console import Console
from support import scored

from gcg_bench.cli.score_tables import print_scores
from gcg_bench.metrics.hallucination import Hallucination
from gcg_bench.reporting.leaderboard import board
from gcg_bench.types import Score


@dataclass(frozen=True)
class Blunders(Hallucination):
    """A metric of somebody's own, in no protocol."""

    name = "blunders"
    scores = ("Blunders",)


def printed(*evaluations):
    console = Console(file=StringIO(), width=160, highlight=False)
    print_scores(console, "mine", evaluations)
    return console.file.getvalue()


def test_intervals_are_spoken_of_only_where_they_were_drawn():
    made = scored.evaluation(scored.SMALL["strict-1"], scored.rows([5, 4]))
    assert "Scores x 100 with 95% bootstrap intervals over images; words" in printed(made)
    bare = replace(made, scores=tuple(replace(s, low=None, high=None) for s in made.scores))
    assert "Scores x 100; words as they are." in printed(bare)


def test_rates_of_mistakes_are_marked_in_metrics_of_ones_own_too(monkeypatch):
    monkeypatch.setattr(board, "OPTIONAL_METRICS", ("blunders",))
    monkeypatch.setattr(board.metrics, "load", lambda name: {"blunders": Blunders()}[name])
    made = scored.evaluation(scored.SMALL["strict-1"], scored.rows([5, 4]))
    own = Score("Blunders", 0.25, None, None, 2, made.signature)
    text = printed(replace(made, scores=(*made.scores, own)))
    lines = [line.strip("│ ") for line in text.splitlines()]
    marked = [line.partition(" (lower is better)")[0] for line in lines if "lower is" in line]
    assert marked == ["Hallucination", "Blunders"]
    cells = [[cell.strip() for cell in line.split("│")] for line in lines]
    assert ["Blunders (lower is better)", "25.0"] in cells
