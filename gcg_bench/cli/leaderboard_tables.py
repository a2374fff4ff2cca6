"""Tables of boards, of the faults of a board, and of submissions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from gcg_bench.cli.console import table
from gcg_bench.cli.data_tables import levels, problem_fields, problems_table
from gcg_bench.reporting.leaderboard import Board, Fault, Submission
from gcg_bench.reporting.leaderboard.layout import Entry, Section, sections
from gcg_bench.scoring import signature


def print_board(console: Console, board: Board) -> None:
    """Prints each section: rank, model, the score that ranks it, and the notes."""
    for section in sections(board):
        console.print(Text(section.title, "bold"))
        headings = ["rank", "model", section.by, "95% interval", section.noun, "failed"]
        rows = table("", [*headings, "provenance"], numeric=["rank", *headings[-2:], section.by])
        for part in section.parts:
            if part.title:
                rows.add_section()
                rows.add_row("", Text(part.title, "dim"))
            for entry in part.entries:
                if entry.leads:
                    rows.add_section()
                rows.add_row(*_cells(entry, section))
        console.print(rows)
        for note in section.notes:
            console.print(Text(note, "dim"))


def _cells(entry: Entry, section: Section) -> list[Text]:
    names = [spec.name for spec in section.scores]
    figure = entry.figures[names.index(section.by)] if names else None
    value = "-" if figure is None else figure.value
    interval = "" if figure is None or not figure.low else f"{figure.low} to {figure.high}"
    model = f"{entry.model} ({entry.split})" if entry.split else entry.model
    texts = (
        entry.rank, model, value, interval, entry.images, entry.failed, entry.provenance,
    )  # fmt: skip
    return [Text(text) for text in texts]


def print_faults(console: Console, file: Path, count: int, faults: Sequence[Fault]) -> None:
    """Prints the fields of a board that differ, and how many rows differ.

    Args:
        console: the console.
        file: the file of the board.
        count: the number of its rows.
        faults: the fields that differ; empty when all rows hold.
    """
    if faults:
        rows = table("", ["row", "field", "the board says", "found"])
        for fault in faults:
            cells = (fault.row, fault.field or "(all)", fault.board, fault.found)
            rows.add_row(*map(Text, cells))
        console.print(rows)
    differ = len({fault.row for fault in faults})
    outcome = f"{differ} of {count} rows differ" if faults else f"all {count} rows hold"
    console.print(Text(f"{file}: {outcome}"), soft_wrap=True)


def print_submission(console: Console, submission: Submission) -> None:
    """Prints the facts and problems of a submission, and whether it can be accepted."""
    path = submission.path
    if submission.problems:
        console.print(problems_table(path.name, path, submission.problems))
    images = f"{submission.n} {submission.noun} of {submission.dataset} {submission.split}"
    facts = {
        "layout": submission.layout,
        "coverage": f"{submission.answered} of {images}, {submission.failed} of them failed",
        "content": f"{submission.phrases} phrases, {submission.masks} masks,"
        f" {submission.captions} captions",
        "sha256": submission.content,
        "signature": signature.line(submission.measured_on),
        "problems": levels(submission.problems),
    }
    rows = table("", ["", ""])
    rows.show_header = False
    for name, fact in facts.items():
        rows.add_row(name, Text(fact))
    console.print(rows)
    for note in submission.notes:
        console.print(Text(f"{note}."))
    outcome = "can be accepted" if submission.accepted else "cannot be accepted as it is"
    console.print(Text(f"{path}: {outcome}"), soft_wrap=True)


def submission_json(submission: Submission) -> dict[str, Any]:
    """A submission as JSON values."""
    return {
        "submission": str(submission.path),
        "accepted": submission.accepted,
        "layout": submission.layout,
        "dataset": submission.dataset,
        "split": submission.split,
        "n": submission.n,
        "answered": submission.answered,
        "failed": submission.failed,
        "phrases": submission.phrases,
        "masks": submission.masks,
        "captions": submission.captions,
        "content_sha256": submission.content,
        "measured_on": dict(submission.measured_on),
        "problems": [problem_fields(*problem) for problem in submission.problems],
        "notes": list(submission.notes),
    }
