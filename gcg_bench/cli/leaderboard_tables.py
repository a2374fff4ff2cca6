"""Boards, what verifying them found, and submissions as a terminal shows them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from gcg_bench.cli.console import table
from gcg_bench.cli.data_tables import levels, problem_fields, problems_table
from gcg_bench.reporting.leaderboard import Board, Fault, Submission
from gcg_bench.reporting.leaderboard.layout import Entry, Section, sections


def print_board(console: Console, board: Board) -> None:
    """Each section in short: rank, model, the score it is ranked by, and what qualifies it."""
    for section in sections(board):
        console.print(Text(section.title, "bold"))
        headings = ["rank", "model", section.by, "95% interval", "images", "failed", "provenance"]
        made = table("", headings, numeric=["rank", section.by, "images", "failed"])
        for part in section.parts:
            if part.title:
                made.add_section()
                made.add_row("", Text(part.title, "dim"))
            for entry in part.entries:
                if entry.leads:
                    made.add_section()
                made.add_row(*_cells(entry, section))
        console.print(made)
        for note in section.notes:
            console.print(Text(note, "dim"))


def _cells(entry: Entry, section: Section) -> list[Text]:
    figure = entry.figures[section.scores.index(section.by)]
    value = "-" if figure is None else figure.value
    interval = "" if figure is None or not figure.low else f"{figure.low} to {figure.high}"
    model = f"{entry.model} ({entry.split})" if entry.split else entry.model
    texts = (
        entry.rank, model, value, interval, entry.images, entry.failed, entry.provenance,
    )  # fmt: skip
    return [Text(text) for text in texts]


def print_faults(console: Console, file: Path, rows: int, faults: Sequence[Fault]) -> None:
    """What of a board does not hold, or that all of it does."""
    if faults:
        made = table("", ["row", "field", "the board says", "found"])
        for one in faults:
            made.add_row(*map(Text, (one.row, one.field or "(all)", one.board, one.found)))
        console.print(made)
    differ = len({fault.row for fault in faults})
    said = f"{differ} of {rows} rows differ" if faults else f"all {rows} rows hold"
    console.print(Text(f"{file}: {said}"), soft_wrap=True)


def print_submission(console: Console, found: Submission) -> None:
    """Everything that was found, and whether it can be accepted."""
    if found.problems:
        console.print(problems_table(found.path.name, found.path, found.problems))
    answered = f"{found.answered} of {found.n} images of {found.dataset} {found.split}"
    facts = {
        "layout": found.layout,
        "coverage": f"{answered}, {found.failed} of them failed",
        "content": f"{found.phrases} phrases, {found.masks} masks, {found.captions} captions",
        "sha256": found.content,
        "signature": "|".join(f"{name}:{value}" for name, value in found.measured_on.items()),
        "problems": levels(found.problems),
    }
    made = table("", ["", ""])
    made.show_header = False
    for name, fact in facts.items():
        made.add_row(name, Text(fact))
    console.print(made)
    for note in found.notes:
        console.print(Text(f"{note}."))
    said = "can be accepted" if found.accepted else "cannot be accepted as it is"
    console.print(Text(f"{found.path}: {said}"), soft_wrap=True)


def submission_json(found: Submission) -> dict[str, Any]:
    """A submission as JSON values."""
    return {
        "submission": str(found.path),
        "accepted": found.accepted,
        "layout": found.layout,
        "dataset": found.dataset,
        "split": found.split,
        "n": found.n,
        "answered": found.answered,
        "failed": found.failed,
        "phrases": found.phrases,
        "masks": found.masks,
        "captions": found.captions,
        "content_sha256": found.content,
        "measured_on": dict(found.measured_on),
        "problems": [problem_fields(*problem) for problem in found.problems],
        "notes": list(found.notes),
    }
