"""The tables of the diagnosis: what kind of mistake cost what, and where they are made."""

from itertools import groupby

from rich.console import Console
from rich.text import Text

from gcg_bench.analysis.errors import KINDS, Diagnosis, Slice, Tally
from gcg_bench.cli.console import table

_ONLY_PREDICTED = ("duplicate", "hallucinated")
_BAR = 16  # characters of the longest bar: the table fits a terminal of 80


def print_diagnosis(console: Console, diagnosis: Diagnosis, *, slices: bool = True) -> None:
    """Kinds with counts and costs; then, if asked for, recall and precision by property."""
    headings = ["mistake", "predicted", "reference", "F1 without", "cost", ""]
    made = table("What kind of mistake cost what", headings, numeric=headings[1:5])
    dearest = max(tally.f1_without - diagnosis.f1 for tally in diagnosis.tallies)
    for kind, tally in zip(KINDS, diagnosis.tallies, strict=True):
        made.add_row(kind.title, *_counts(tally), *_cost(tally, diagnosis.f1, dearest))
    made.add_section()
    made.add_row("all phrases", str(diagnosis.predicted), str(diagnosis.reference), "", "", "")
    console.print(made)
    console.print(
        Text(
            f"F1 is {100 * diagnosis.f1:.1f}. Without a kind: reference phrases charged to it are"
            " answered right, its other predicted phrases are gone, missed ones are found.",
            "dim",
        )
    )
    if slices:
        for by, group in groupby(diagnosis.slices, key=lambda one: one.by):
            _print_slices(console, by, list(group))


def _counts(tally: Tally) -> tuple[str, str]:
    predicted = "–" if tally.kind == "missed" else str(tally.predicted)
    return predicted, "–" if tally.kind in _ONLY_PREDICTED else str(tally.reference)


def _cost(tally: Tally, f1: float, dearest: float) -> tuple[str, str, str]:
    if tally.kind == "matched":
        return "", "", ""
    cost = tally.f1_without - f1
    bar = "━" * round(_BAR * cost / dearest) if dearest else ""
    return f"{100 * tally.f1_without:.1f}", f"+{100 * cost:.1f}", bar


def _print_slices(console: Console, by: str, group: list[Slice]) -> None:
    headings = [f"by {by}", "phrases", "recall", "predicted", "precision"]
    made = table("", headings, numeric=headings[1:])
    for one in group:
        made.add_row(
            one.name,
            str(sum(one.reference.values())),
            _share(one.recall),
            str(sum(one.predicted.values())),
            _share(one.precision),
        )
    console.print(made)


def _share(part: float | None) -> str:
    return "–" if part is None else f"{100 * part:.1f}"
