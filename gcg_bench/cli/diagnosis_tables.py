"""Tables of the diagnosis: the cost of each kind of mistake, and mistakes by phrase property."""

from itertools import groupby

from rich.console import Console
from rich.text import Text

from gcg_bench.analysis.errors import KINDS, Diagnosis, Slice, Tally
from gcg_bench.cli.console import table

_ONLY_PREDICTED = ("duplicate", "hallucinated")
_BAR = 16  # characters of the longest bar: the table fits a terminal of 80


def print_diagnosis(console: Console, diagnosis: Diagnosis, *, slices: bool = True) -> None:
    """Prints kinds with counts and costs; with `slices`, also recall and precision by property."""
    headings = ["mistake", "predicted", "reference", "F1 without", "cost", ""]
    rows = table("Cost of each kind of mistake", headings, numeric=headings[1:5])
    highest = max(tally.f1_without - diagnosis.f1 for tally in diagnosis.tallies)
    for kind, tally in zip(KINDS, diagnosis.tallies, strict=True):
        rows.add_row(kind.title, *_counts(tally), *_cost(tally, diagnosis.f1, highest))
    rows.add_section()
    rows.add_row("all phrases", str(diagnosis.predicted), str(diagnosis.reference), "", "", "")
    console.print(rows)
    console.print(
        Text(
            f"F1 is {100 * diagnosis.f1:.1f}. F1 without a kind: reference phrases charged to it"
            " are matched, and its other predicted phrases are removed.",
            "dim",
        )
    )
    if diagnosis.imprecise.pairs:
        cost = 100 * diagnosis.imprecise.cost
        console.print(
            Text(
                f"Wrong attribute or less exact noun: {diagnosis.imprecise.pairs} of the matched"
                f" pairs, which costs {cost:.1f} points of the quality of matched pairs.",
                "dim",
            )
        )
    if slices:
        for by, group in groupby(diagnosis.slices, key=lambda part: part.by):
            _print_slices(console, by, list(group))


def _counts(tally: Tally) -> tuple[str, str]:
    predicted = "–" if tally.kind == "missed" else str(tally.predicted)
    return predicted, "–" if tally.kind in _ONLY_PREDICTED else str(tally.reference)


def _cost(tally: Tally, f1: float, highest: float) -> tuple[str, str, str]:
    if tally.kind == "matched":
        return "", "", ""
    cost = tally.f1_without - f1
    bar = "━" * round(_BAR * cost / highest) if highest else ""
    return f"{100 * tally.f1_without:.1f}", f"+{100 * cost:.1f}", bar


def _print_slices(console: Console, by: str, group: list[Slice]) -> None:
    headings = [f"by {by}", "phrases", "recall", "predicted", "precision"]
    rows = table("", headings, numeric=headings[1:])
    for part in group:
        rows.add_row(
            part.name,
            str(sum(part.reference.values())),
            _share(part.recall),
            str(sum(part.predicted.values())),
            _share(part.precision),
        )
    console.print(rows)


def _share(part: float | None) -> str:
    return "–" if part is None else f"{100 * part:.1f}"
