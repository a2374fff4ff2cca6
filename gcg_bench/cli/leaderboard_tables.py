"""Tables of boards, of the faults of a board, and of submissions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from gcg_bench.cli.console import table
from gcg_bench.cli.data_tables import levels, problem_fields, problems_table
from gcg_bench.reporting.leaderboard import Board, Fault, Submission
from gcg_bench.reporting.leaderboard.entries import NUMERIC
from gcg_bench.reporting.leaderboard.layout import sections
from gcg_bench.reporting.leaderboard.shown import BEST, Figure, Shown
from gcg_bench.scoring import signature


def print_board(console: Console, board: Board, shown: Shown, *, signatures: bool = False) -> None:
    """Prints each section: rank, model, scores, signature, and the notes.

    Only the score that ranks the section is shown, unless other scores are chosen. Whole signatures
    follow only if `signatures` is set.
    """
    for section in sections(board, shown):
        console.print(Text(section.title, "bold"))
        names = [spec.name for spec in section.scores]
        columns = list(shown.scores and names) or [name for name in names if name == section.by]
        places = [names.index(name) for name in columns]
        headings = ["rank", "model", *columns, *section.columns, "signature"]
        rows = table("", headings, numeric=["rank", *columns, *NUMERIC])
        for part in section.parts:
            if part.title:
                rows.add_section()
                rows.add_row("", Text(part.title, "dim"))
            for entry in part.entries:
                if entry.leads:
                    rows.add_section()
                figures = [_figure(entry.figures[place]) for place in places]
                texts = map(Text, (*entry.facts, entry.hash))
                rows.add_row(Text(entry.rank), Text(entry.name), *figures, *texts)
        console.print(rows)
        for note in (section.scale, *section.notes):
            console.print(Text(note, "dim"))
        for entry in section.entries if signatures else ():
            if entry.signature:
                text = f"{entry.name}, {entry.hash}: {entry.signature}"
                console.print(Text(text, "dim"), soft_wrap=True)


def _figure(figure: Figure | None) -> Text:
    if figure is None:
        return Text("-")
    value = Text(figure.value, "bold" if figure.mark == BEST else "")
    return value.append(f" [{figure.low}, {figure.high}]", "not bold") if figure.low else value


def print_faults(console: Console, file: Path, count: int, faults: Sequence[Fault]) -> None:
    """Prints the fields of a board that differ, and how many rows differ.

    Args:
        console: the console.
        file: the file of the board.
        count: the number of its rows.
        faults: the fields that differ; empty when all rows are correct.
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
    for sentence in submission.unchecked:
        console.print(Text(f"Not checked: {sentence}."))
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
        "not_checked": list(submission.unchecked),
    }
