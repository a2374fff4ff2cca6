"""The table of scores: protocols side by side, times 100 as papers print them."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from gcg_bench.cli.console import table
from gcg_bench.reporting.leaderboard.board import lower_is_better
from gcg_bench.scoring.score import Evaluation
from gcg_bench.types import Score

# printed as they are: a number of words is no share
PLAIN = ("Words",)


def print_scores(console: Console, title: str, evaluations: Sequence[Evaluation]) -> None:
    """The scores of all protocols beside each other, and below them what qualifies them."""
    names = list(dict.fromkeys(s.metric for e in evaluations for s in e.scores))
    headings = ["", *(f"{e.protocol} v{e.version}" for e in evaluations)]
    made = table(title, headings, numeric=headings[1:])
    for name in names:
        cells = [_cell(name, evaluation) for evaluation in evaluations]
        made.add_row(f"{name} (lower is better)" if lower_is_better(name) else name, *cells)
    made.add_section()
    made.add_row("images", *(str(e.n) for e in evaluations))
    made.add_row("failed images", *(_failed(e) for e in evaluations))
    made.add_row("words a caption", *(f"{e.words:.1f}" for e in evaluations))
    made.add_row("false-accept rate", *map(_gate, evaluations))
    console.print(made)
    drawn = any(score.low is not None for one in evaluations for score in one.scores)
    intervals = " with 95% bootstrap intervals over images" if drawn else ""
    console.print(Text(f"Scores x 100{intervals}; words as they are.", "dim"))
    for note, protocols in _noted(evaluations).items():
        console.print(Text(f"{' and '.join(protocols)}: {note}.", "dim"))
    for evaluation in evaluations:
        console.print(Text(evaluation.signature, "dim"), soft_wrap=True)


def _noted(evaluations: Sequence[Evaluation]) -> dict[str, list[str]]:
    """Each note once, with the protocols it is about."""
    noted: dict[str, list[str]] = {}
    for evaluation in evaluations:
        for note in evaluation.notes:
            noted.setdefault(note, []).append(evaluation.protocol)
    return noted


def _cell(name: str, evaluation: Evaluation) -> str:
    found = [score for score in evaluation.scores if score.metric == name]
    return shown(found[0]) if found else ""


def shown(score: Score) -> str:
    """A score as tables print it: `16.2 [15.8, 16.6]`."""
    factor = 1 if score.metric in PLAIN else 100
    value = f"{factor * score.value:.1f}"
    if score.low is None or score.high is None:
        return value
    return f"{value} [{factor * score.low:.1f}, {factor * score.high:.1f}]"


def _gate(evaluation: Evaluation) -> str:
    share = evaluation.false_accept
    return "-" if share is None else f"{100 * share:.1f}%"


def _failed(evaluation: Evaluation) -> str:
    return f"[red]{evaluation.failed}[/red]" if evaluation.failed else "0"
