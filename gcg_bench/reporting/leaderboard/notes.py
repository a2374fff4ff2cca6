"""The notes of a table: facts that a reader of the numbers must know, one sentence each."""

from collections.abc import Sequence

from gcg_bench import tasks
from gcg_bench.reporting.leaderboard.rows import Row, names_of
from gcg_bench.types import ScoreSpec, one_of, scale_note


def title_of(key: str, measured: Sequence[Row], noun: str, *, several: bool) -> str:
    """The title of a table; names the task if the board has several, or it is not the default."""
    name, _, version = key.rpartition("-")
    row, task = measured[0], str(measured[0].get("task", ""))
    images = f", {row['n']:,} {noun if row['n'] != 1 else one_of(noun)}" if "n" in row else ""
    title = f"{name} v{version}, {row.get('dataset', '')} {row.get('split', '')}{images}"
    named = task and (several or task != tasks.DEFAULT)
    return f"{tasks.title_of(task)}: {title}" if named else title


def noun_of(measured: Sequence[Row]) -> str:
    """The word for the queries: `images`, or `queries` when an image can have several."""
    names = {str(row.get("task", "")) for row in measured}
    known = [tasks.load(name).noun for name in names if name in tasks.names()]
    return known[0] if known else "images"


def scale_of(measured: Sequence[Row], specs: Sequence[ScoreSpec], *, intervals: bool = True) -> str:
    """An explanation of the numbers; values of papers are as their sources print them."""
    if not measured:
        return scale_note(specs, end=", as their sources print them.")
    drawn = any(f"{spec.name}_low" in row for row in measured for spec in specs)
    return scale_note(specs, intervals=intervals and drawn)


def notes_on(measured: Sequence[Row], reported: Sequence[Row]) -> list[str]:
    """How rows are ranked, the false-accept rate, and the origin of reported values."""
    notes = []
    by = {row["ranked_by"]: None for row in measured if "ranked_by" in row}
    for how in by:
        notes.append(f"Ranked by {how}.")
        if "paired" in how:
            notes.append(
                "Systems share a rank unless every one above differs from every one below"
                " (adjusted p < .05)."
            )
        if "places apart" in how:
            notes.append(
                "The number of comparisons is capped: systems farther apart were not compared with"
                " each other."
            )
    gates = {row["false_accept"] for row in measured if "false_accept" in row}
    if len(gates) == 1:
        notes.append(f"The false-accept rate of words is {100 * gates.pop():.1f}%.")
    return [*notes, *_on_copies(measured), *_on_reported(measured, reported)]


def _on_copies(measured: Sequence[Row]) -> list[str]:
    """The rows that have the same predictions, one sentence for each such group."""
    copies: dict[str, list[str]] = {}
    for row, name in zip(measured, names_of(measured), strict=True):
        if row.get("predictions"):
            copies.setdefault(row["predictions"], []).append(name)
    return [
        f"{', '.join(names)}: the same predictions, line for line."
        for names in copies.values()
        if names[1:]
    ]


def _on_reported(measured: Sequence[Row], reported: Sequence[Row]) -> list[str]:
    if not reported:
        return []
    notes = [
        "Reported values are from papers, whose evaluators differ as their notes say; they have"
        " no rank and no interval."
    ]
    if measured and {row.get("dataset") for row in measured} != {reported[0].get("dataset")}:
        notes.append(
            f"Reported values are of {reported[0].get('dataset')}, not of the data measured"
            " here: the two cannot be compared."
        )
    return notes
