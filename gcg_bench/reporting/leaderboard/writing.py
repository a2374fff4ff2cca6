"""Writes a board as a file; the file's suffix decides the format."""

from collections.abc import Callable, Mapping
from pathlib import Path

from gcg_bench import __version__
from gcg_bench.errors import BadOption
from gcg_bench.reporting import pages
from gcg_bench.reporting.leaderboard.board import Board
from gcg_bench.reporting.leaderboard.latex import latex
from gcg_bench.reporting.leaderboard.layout import sections
from gcg_bench.reporting.leaderboard.markdown import markdown


def _csv(board: Board, file: Path) -> None:
    board.write(file)


def _markdown(board: Board, file: Path) -> None:
    pages.write(file, markdown(sections(board)))


def _latex(board: Board, file: Path) -> None:
    pages.write(file, latex(sections(board)))


def _html(board: Board, file: Path) -> None:
    content = {"title": "Leaderboard", "sections": sections(board), "version": __version__}
    pages.write(file, pages.render("gcg_bench.reporting.leaderboard", "board.html", content))


_WRITERS: Mapping[str, Callable[[Board, Path], None]] = {
    ".csv": _csv,
    ".md": _markdown,
    ".tex": _latex,
    ".html": _html,
}
SUFFIXES = tuple(_WRITERS)


def refuse_suffix(file: Path) -> None:
    """Raises BadOption when no board is written with the file's suffix."""
    if file.suffix not in _WRITERS:
        raise BadOption(f"{file}: a board is written as {', '.join(SUFFIXES)}")


def write_board(board: Board, file: Path) -> None:
    """Writes a board as CSV, Markdown, LaTeX or HTML, by the file's suffix.

    Raises:
        BadOption: another suffix.
        EnvironmentProblem: the file cannot be written.
    """
    refuse_suffix(file)
    _WRITERS[file.suffix](board, file)
