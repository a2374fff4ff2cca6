"""leaderboard: ranks runs on a board, verifies a board, checks a submission."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

import click

from gcg_bench.cli import options
from gcg_bench.cli.console import print_json, progress, say, stdout
from gcg_bench.cli.given_runs import FileOptions, of_files, runs_of
from gcg_bench.cli.options import DataOptions, OutputOptions
from gcg_bench.cli.outputs import OutputFile
from gcg_bench.cli.without_effect import refuse_without_effect
from gcg_bench.errors import BadData, BadOption, UnknownName
from gcg_bench.reporting.leaderboard import Board
from gcg_bench.runs import Run
from gcg_bench.runs.settings import limit_of


@dataclass(frozen=True)
class BoardOptions:
    """The file of a board, and how the board is ranked."""

    output: Path
    by: str | None
    scores: str | None
    bold: bool
    intervals: bool
    published: str | None
    draws: int
    seed: int
    signature: bool
    force: bool


_SAME, _ALL = "same", "all"  # values of --published other than names


class Boards(click.Group):
    """A group with the default command `board`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {*self.commands, *self.get_help_option_names(ctx)}
        unknown = args and args[0] not in known and not Path(args[0]).exists()
        if unknown and get_close_matches(args[0], self.commands, n=1):
            raise UnknownName("command of leaderboard, and no run,", args[0], self.commands)
        # --published without a value: the next argument is a run
        args = [f"--published={_SAME}" if arg == "--published" else arg for arg in args]
        return super().parse_args(ctx, args if args and args[0] in known else ["board", *args])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the options of `board`, then the commands."""
        board.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(
    cls=Boards, options_metavar="[OPTIONS]", subcommand_metavar="RUN... -o BOARD | COMMAND ..."
)
def leaderboard() -> None:
    """Rank runs: one row for each run and protocol, one table for each measurement.

    gcg-bench leaderboard RUN... -o BOARD writes .csv, .md, .tex or .html. A run folder with the
    name of a command must be written as a path, for example ./check.
    """


@leaderboard.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=OutputFile(),
    help="The board: FILE.csv, .md, .tex or .html.",
)
@click.option(
    "--by", default=None, help="Score that ranks the rows. [default: the choice of each protocol]"
)
@click.option(
    "--scores",
    default=None,
    metavar="A,B",
    help="Scores to show, in this order; a .csv keeps all. [default: all, in .tex the headline"
    " scores]",
)
@click.option(
    "--bold/--no-bold",
    default=True,
    show_default=True,
    help="Mark the best value of each column, and underline the second (.tex, .html).",
)
@click.option(
    "--intervals/--no-intervals", default=True, show_default=True, help="Show the 95% intervals."
)
@click.option(
    "--published",
    default=None,
    metavar="NAME,...",
    help="Add what papers report on the same data set and split, marked and not ranked; with"
    " =NAME,... only models of such names, with =all also other data.",
)
@click.option(
    "--draws",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Draws for the paired test; many runs use more.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@options.signature
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@of_files
@options.quiet
@options.given(BoardOptions, FileOptions)
def board(chosen: BoardOptions, files: FileOptions, *, runs: Sequence[Path], quiet: bool) -> None:
    """Rank runs: one row for each run and protocol (the default command).

    Only rows with equal measurements are compared; other rows get a table of their own. Systems
    without a significant difference share a rank. Prediction files can be given instead of a run:
    they are scored, and become a run.
    """
    from gcg_bench.cli.leaderboard_tables import print_board
    from gcg_bench.reporting.leaderboard import Shown, write_board
    from gcg_bench.reporting.leaderboard.rows import specs_in
    from gcg_bench.reporting.leaderboard.writing import refuse_suffix

    file = chosen.output
    refuse_suffix(file)
    if file.exists() and not chosen.force:
        raise BadOption(f"{file} exists; give another name, or --force to overwrite it")
    if not runs and not chosen.published:
        raise BadOption("no runs: gcg-bench leaderboard RUN... -o board.csv")
    measured = Board.of_runs(runs_of(runs, files, quiet=quiet))
    shown = Shown(_names(chosen.scores), chosen.bold, chosen.intervals)
    made = _with_published(measured, chosen.published, quiet=quiet)
    shown.refuse_unknown(specs_in(made.rows))
    for sentence in made.apart():
        say(sentence, quiet=quiet)
    ranked = made.ranked(
        chosen.by, draws=chosen.draws, seed=chosen.seed, bar=partial(progress, quiet=quiet)
    )
    write_board(ranked, file, shown)
    if not quiet:
        print_board(stdout(), ranked, shown, signatures=chosen.signature)
    say(f"wrote {file}", quiet=quiet)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in (text or "").split(","))))


def _with_published(board: Board, published: str | None, *, quiet: bool) -> Board:
    """The board with the chosen published values; reports on stderr when there are none."""
    if published is None:
        return board
    everywhere, names = published == _ALL, () if published in (_SAME, _ALL) else _names(published)
    made = board.with_published(names, anywhere=everywhere)
    if len(made.rows) == len(board.rows):
        text = "no published results of these data and split are known here"
        say(f"{text}; --published=all adds those of other data", quiet=quiet)
    return made


@leaderboard.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--dataset", default=None, help="Data card, by name or path. [default: the rows']")
@options.data_root
@options.quiet
@options.as_json
@options.given(OutputOptions)
def verify(shown: OutputOptions, *, file: Path, dataset: str | None, data_root: Path | None) -> int:
    """Score the runs of a board again from their predictions, and list the differences.

    The board is a .csv file, which contains the paths of its runs. The exit code is 2 when a value
    differs or cannot be checked.
    """
    from gcg_bench.cli.leaderboard_tables import print_faults
    from gcg_bench.reporting.leaderboard import verify as faults_of
    from gcg_bench.reporting.leaderboard.verifying import BELIEVED

    if file.suffix != ".csv":
        raise BadOption(
            f"{file}: only a .csv board can be verified. Make one from the same runs:"
            " gcg-bench leaderboard RUN... -o board.csv"
        )
    read = Board.read(file)
    if not read.rows:
        raise BadData(
            "holds no rows, so nothing can be verified",
            file=file,
            remedy="Make the board again from its runs: gcg-bench leaderboard RUN... -o board.csv",
        )
    bar = partial(progress, quiet=shown.quiet or shown.as_json)
    faults = faults_of(read, root=data_root, dataset=dataset, bar=bar)
    if shown.as_json:
        listed = [
            {"row": fault.row, "field": fault.field, "board": fault.board, "found": fault.found}
            for fault in faults
        ]
        stated = {"board": str(file), "rows": len(read.rows), "faults": listed}
        print_json({**stated, "not_checked": [BELIEVED]})
    else:
        print_faults(stdout(), file, len(read.rows), faults)
        say(f"not checked: {BELIEVED}", quiet=shown.quiet)
    return 2 if faults else 0


@leaderboard.command()
@click.argument("submission", type=click.Path(path_type=Path))
@click.option("--dataset", default=None, help="Data card. [default: the run's, else grandf]")
@click.option("--split", default=None, help="Split. [default: the run's]")
@options.task
@options.data_root
@options.limit
@click.option(
    "--score/--no-score",
    "rescored",
    default=True,
    show_default=True,
    help="Score the predictions of a run again, and compare every figure of its results.",
)
@options.as_json
@options.given(DataOptions)
def check(wanted: DataOptions, *, submission: Path, rescored: bool, as_json: bool) -> int:
    """Check a submission: coverage, sizes, duplicates, hash, signature, layout.

    SUBMISSION is a prediction file or folder in any published layout, or a run folder. The results
    of a run are computed again from its predictions; what cannot be computed again is named. The
    exit code is 2 when there is an error.
    """
    from gcg_bench.cli.leaderboard_tables import print_submission, submission_json
    from gcg_bench.cli.score import without_split
    from gcg_bench.pipeline.spec import DataSpec
    from gcg_bench.reporting.leaderboard import inspect

    settings = Run.open(submission).settings if Run.is_run(submission) else {}
    if not settings:
        refuse_without_effect("on prediction files, which have no scores", "rescored")
    split = wanted.split or settings.get("split")
    if split is None:
        raise without_split(submission)
    data = DataSpec(
        dataset=wanted.dataset or settings.get("dataset", DataSpec.dataset),
        split=split,
        root=wanted.data_root,
        limit=wanted.limit or (limit_of(settings) if settings else None),
        task=wanted.task or settings.get("task"),
        shipped=wanted.dataset is None,
    ).load()
    bar = partial(progress, quiet=as_json)
    inspected = inspect(submission, data, rescored=rescored, bar=bar)
    if as_json:
        print_json(submission_json(inspected))
    else:
        print_submission(stdout(), inspected)
    return 0 if inspected.accepted else 2
