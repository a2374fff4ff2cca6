"""The command line: a click group that imports the module of a command when the command runs."""

import atexit
import gc
import importlib
import io
import os
import re
import sys
import traceback
from contextlib import suppress
from typing import NoReturn

import click

from gcg_bench import __version__
from gcg_bench.cli.signals import Ended, stop_signals_raised
from gcg_bench.errors import GcgBenchError, UnknownName

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # as console.py, which imports rich

# command -> (module in gcg_bench.cli, one line for --help). The module defines a click command of
# that name, with underscores for dashes. --help shows these lines and imports no module.
COMMANDS = {
    "evaluate": ("evaluate", "Run a model on a split and score it."),
    "predict": ("evaluate", "Run a model without scoring; write a run folder."),
    "score": ("score", "Score a run folder or prediction files."),
    "compare": ("compare", "Compare two runs: differences, intervals, paired tests."),
    "leaderboard": ("leaderboard", "Rank many runs on a board: csv, md, tex or html."),
    "report": ("report", "Write one page with every image, its masks and mistakes."),
    "data": ("data", "List, show, check, fetch and export data sets."),
    "models": ("models", "List the models and what each needs."),
    "doctor": ("doctor", "Check this machine, with a remedy for what is missing."),
    "selftest": ("selftest", "Check the metrics against laws that hold on any data."),
    "cite": ("cite", "Print BibTeX of the data, metrics and models of a run."),
}


class LazyGroup(click.Group):
    """A group that imports a command when it runs, so that --help is fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gcg_bench.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Ended as end:
            raise click.Abort from end  # for a KeyboardInterrupt click prints a line break

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command, also when its module is not imported yet.

        Raises:
            UnknownName: the command does not exist; the message names close spellings.
        """
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise UnknownName("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gcg-bench")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, *, debug: bool) -> None:
    """Benchmark models that ground language in images, such as captions whose phrases have masks.

    Example: gcg-bench evaluate --model NAME --dataset NAME --split val
    """
    ctx.ensure_object(dict)["debug"] = debug


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and turns errors into exit codes.

    The codes are 0 for success; 1 when a run finished and some images failed; 2 for an error in
    usage, data or environment, with a message of one or two lines on stderr; 130, 143 or 129 when
    Ctrl-C, SIGTERM or SIGHUP ended the process.
    """
    if arguments is None:
        _read_names_as_utf8()
    # numpy's linear algebra rounds sums differently with another number of threads; this is set
    # before numpy is imported, and does not change the threads of torch
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # commands create many small objects and few cycles: rarer collections save 10% of the time
    gc.set_threshold(100_000, 20, 20)
    # at exit no collection is needed, and one over the modules of torch is slow
    atexit.register(gc.freeze)
    _escape_unprintable()
    with stop_signals_raised():
        _run(sys.argv[1:] if arguments is None else arguments)


def _run(arguments: list[str]) -> NoReturn:
    """Runs the group on these arguments and exits with its code."""
    debug = "--debug" in arguments
    try:
        result = cli.main(
            args=[argument for argument in arguments if argument != "--debug"],
            prog_name="gcg-bench",
            standalone_mode=False,
            obj={"debug": debug},
        )
    except GcgBenchError as error:
        _trace(debug)
        _fail(str(error))
    except click.UsageError as error:
        _trace(debug)
        if (
            error.ctx and error.format_message() == error.ctx.get_help()
        ):  # a group without a command
            click.echo(error.ctx.get_help(), err=True)
            sys.exit(2)
        command = error.ctx.command_path if error.ctx else "gcg-bench"
        _fail(f"{error.format_message()} (see {command} --help)")
    except click.ClickException as error:
        _fail(error.format_message())
    except (click.Abort, KeyboardInterrupt) as stop:
        _stop(stop.__cause__ if isinstance(stop.__cause__, Ended) else stop)
    except UnicodeEncodeError as error:
        if debug or error.encoding == "utf-8":
            raise
        letters = ascii(error.object[error.start : error.end])
        _fail(
            f"{letters} cannot be written in {error.encoding}, the encoding of file names in this"
            " locale. Set PYTHONUTF8=1 and run the same command again"
        )
    except BrokenPipeError:
        # the reader of stdout has closed it (| head); this prevents a second error at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(result if isinstance(result, int) else 0)


def _read_names_as_utf8() -> None:
    """Restarts Python in UTF-8 mode when it would read file names as ASCII.

    Python chooses UTF-8 mode by itself in the locale C, unless that is switched off. Files that
    gcg-bench writes name other files in UTF-8; with file names read as ASCII these names would not
    match.
    """
    if sys.getfilesystemencoding() == "ascii" and sys.executable and not sys.flags.utf8_mode:
        if sys.stdout is not None:  # the output keeps its encoding
            os.environ.setdefault("PYTHONIOENCODING", f"{sys.stdout.encoding}:backslashreplace")
        command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execv(sys.executable, command)  # noqa: S606 - the running command with one more option


def _escape_unprintable() -> None:
    """Makes stdout and stderr write escapes for characters that their encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stop(reason: BaseException) -> NoReturn:
    """Reports on stderr that the command was stopped, and exits."""
    cause, code = "stopped", 130
    if isinstance(reason, Ended):
        cause, code = f"ended by {reason.name}", reason.code
    with suppress(OSError):  # the terminal may be closed
        click.echo(
            f"{cause}; finished work is kept, run the same command again to continue", err=True
        )
    sys.exit(code)


def _trace(debug: bool) -> None:
    """Prints the traceback of the current error when `debug` is set."""
    if debug:
        traceback.print_exc()


def _fail(message: str) -> NoReturn:
    click.echo(f"gcg-bench: {_CONTROL.sub(_escaped, message)}", err=True)
    sys.exit(2)


def _escaped(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}"
