"""leaderboard: many runs become a ranked board."""

from pathlib import Path
from typing import Any

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import say, stdout, table
from gcg_bench.errors import BadOption


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="FILE.csv",
)
@click.option("--by", default=None, help="Score to rank by. [default: AP50, F1]")
@click.option("--force", is_flag=True, help="Write over an existing file.")
@options.quiet
def leaderboard(
    runs: tuple[Path, ...], output: Path, by: str | None, force: bool, quiet: bool
) -> None:
    """One row a run and protocol, ranked among rows whose measurements agree."""
    from gcg_bench.leaderboard import RANKED_BY, Board

    if output.suffix != ".csv":
        raise BadOption(f"{output}: a board is written as .csv")
    if output.exists() and not force:
        raise BadOption(f"{output} exists; give another name, or --force to write over it")
    board = Board.of_runs(runs).ranked(by)
    board.write(output)
    if not quiet:
        made = table(
            "", ["rank", "model", "protocol", "by", "score", "n", "failed"], numeric=["rank"]
        )
        for row in board.rows:
            score = by or RANKED_BY[row["protocol"].rpartition("-")[0]]
            cells: list[Any] = [
                row["rank"], row["model"], row["protocol"], score,
                f"{100 * row[score]:.1f}", row["n"], row["failed"],
            ]  # fmt: skip
            made.add_row(*map(str, cells))
        stdout().print(made)
    say(f"wrote {output}", quiet=quiet)
