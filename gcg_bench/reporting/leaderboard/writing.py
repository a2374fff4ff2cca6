"""Writes a board as a file; the file's suffix decides the format."""

from collections.abc import Callable, Mapping
from pathlib import Path

from gcg_bench import __version__
from gcg_bench.errors import BadOption
from gcg_bench.reporting import pages
from gcg_bench.reporting.leaderboard.board import Board
from gcg_bench.reporting.leaderboard.entries import NUMERIC
from gcg_bench.reporting.leaderboard.latex import latex
from gcg_bench.reporting.leaderboard.layout import headline, sections
from gcg_bench.reporting.leaderboard.markdown import markdown
from gcg_bench.reporting.leaderboard.shown import Shown


def _csv(board: Board, file: Path, _: Shown) -> None:
    board.write(file)


def _markdown(board: Board, file: Path, shown: Shown) -> None:
    pages.write(file, markdown(sections(board, shown)))


def _latex(board: Board, file: Path, shown: Shown) -> None:
    pages.write(file, latex(sections(board, headline(board, shown))))


def _html(board: Board, file: Path, shown: Shown) -> None:
    content = {
        "title": "Leaderboard",
        "sections": sections(board, shown),
        "numeric": NUMERIC,
        "version": __version__,
    }
    pages.write(file, pages.render("gcg_bench.reporting.leaderboard", "board.html", content))


_WRITERS: Mapping[str, Callable[[Board, Path, Shown], None]] = {
    ".csv": _csv,
    ".md": _markdown,
    ".tex": _latex,
    ".html": _html,
}
SUFFIXES = tuple(_WRITERS)


def refuse_suffix(file: Path) -> None:
    """Raises BadOption when the file's suffix is not a format of boards."""
    if file.suffix not in _WRITERS:
        raise BadOption(f"{file}: a board is written as {', '.join(SUFFIXES)}")


def write_board(board: Board, file: Path, shown: Shown | None = None) -> None:
    """Writes a board as CSV, Markdown, LaTeX or HTML, by the file's suffix.

    Args:
        board: the rows.
        file: the file.
        shown: the scores and intervals of the tables; by default everything, in LaTeX the headline
            scores. A CSV always contains the whole board, so that it can be verified.

    Raises:
        BadOption: the suffix is not a format of boards.
        UnknownName: no row has a score of `shown`.
        EnvironmentProblem: the file cannot be written.
    """
    refuse_suffix(file)
    _WRITERS[file.suffix](board, file, shown or Shown())
