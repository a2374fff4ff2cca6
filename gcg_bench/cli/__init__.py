"""The command line: a click group that imports the module of a command when the command runs."""

import atexit
import gc
import importlib
import os
import shutil
import sys
import textwrap
import traceback
from pathlib import Path
from typing import Any

import click

from gcg_bench import __version__
from gcg_bench.cli import required, streams, supervision
from gcg_bench.cli.signals import Ended, stop_signals_raised
from gcg_bench.errors import GcgBenchError, UnknownName
from gcg_bench.execution.exits import open_standard
from gcg_bench.files import paths
from gcg_bench.files.display import visible

# command -> (module in gcg_bench.cli, one line for --help). The module defines a click command of
# that name, with underscores for dashes. --help shows these lines and imports no module.
COMMANDS = {
    "evaluate": ("evaluate", "Run a model on a split and score it."),
    "predict": ("evaluate", "Run a model without scoring; write a run folder."),
    "merge": ("merge", "Merge the shards of several machines into one run."),
    "score": ("score", "Score a run folder or prediction files."),
    "compare": ("compare", "Compare two runs: differences, intervals, paired tests."),
    "leaderboard": ("leaderboard", "Rank many runs on a board: csv, md, tex or html."),
    "report": ("report", "Write one page with every image, its masks and mistakes."),
    "annotate": ("annotate", "Annotate images: captions whose phrases have masks."),
    "data": ("data", "List, show, check, describe, fetch and export data sets."),
    "models": ("models", "List the models and what each needs."),
    "doctor": ("doctor", "Check this machine, with a remedy for what is missing."),
    "selftest": ("selftest", "Check the metrics against laws that hold on any data."),
    "cite": ("cite", "Print BibTeX of what a run used; --diff explains signatures."),
}


# the commands that run the user's models, metrics or protocols, which may change the current folder
ANCHORED = ("evaluate", "predict", "merge", "score", "compare", "report", "run", "status", "export")


class Working(click.Context):
    """The context of a command whose function runs foreign code: models, metrics, libraries."""

    def invoke(self, callback: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Runs the function: foreign code cannot write to stdout, and relative paths stay valid."""
        streams.lend()
        is_anchored = self.command.name in ANCHORED
        kwargs = {name: _checked(value, is_anchored) for name, value in kwargs.items()}
        return super().invoke(callback, *args, **kwargs)


class LazyGroup(click.Group):
    """A group that imports a command when it runs, so that --help is fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gcg_bench.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        inner = command.commands.values() if isinstance(command, click.Group) else [command]
        for each in inner:
            each.context_class = Working
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
    Ctrl-C, SIGTERM or SIGHUP ended the process. The code is also 2 when a model ends the process,
    or when the result cannot be written completely to stdout.
    """
    is_process = arguments is None
    if is_process:
        _read_names_as_utf8()
        open_standard()
        supervision.supervise()
    # numpy's linear algebra rounds sums differently with another number of threads; this is set
    # before numpy is imported, and does not change the threads of torch
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # commands create many small objects and few cycles: rarer collections save 10% of the time
    gc.set_threshold(100_000, 20, 20)
    # at exit no collection is needed, and one over the modules of torch is slow
    atexit.register(gc.freeze)
    given = sys.argv[1:] if arguments is None else arguments
    owner = os.getpid()
    restored = not is_process
    with (
        streams.own_streams(restored=restored),
        stop_signals_raised(restored=restored),
        paths.anchor(restored=restored),
    ):
        code = None
        try:
            code = _ran(given)
        finally:
            if code is None:  # a fault of the program: the traceback follows
                supervision.report(1)
    if os.getpid() != owner:  # a process that a model forked has returned to this point
        os._exit(code)
    if is_process:
        supervision.leave(code)
    raise SystemExit(code)  # a model may have replaced sys.exit


def _ran(arguments: list[str]) -> int:
    """Runs the group on these arguments; returns the exit code after the result is written."""
    debug = "--debug" in arguments
    try:
        try:
            code = _called([argument for argument in arguments if argument != "--debug"], debug)
        finally:
            streams.finish()
    except GcgBenchError as error:
        return _failed(str(error), debug)
    except click.UsageError as error:
        return _wrong_usage(error, debug)
    except click.ClickException as error:
        return _failed(error.format_message(), debug)
    except (click.Abort, KeyboardInterrupt) as stop:
        return _stopped(stop.__cause__ if isinstance(stop.__cause__, Ended) else stop)
    except UnicodeEncodeError as error:
        letters = ascii(error.object[error.start : error.end])
        return _failed(
            f"{letters} cannot be written in {error.encoding}, the encoding of file names in this"
            " locale. Set PYTHONUTF8=1 and run the same command again",
            debug,
        )
    except ModuleNotFoundError as error:
        if not required.is_left_out(error.name):
            raise
        return _failed(required.remedy(str(error.name)), debug)
    except OSError as error:
        place = f"{error.filename}: " if error.filename is not None else ""
        reason = f"{error.strerror or error} ({type(error).__name__})"
        return _failed(f"{place}{reason}; --debug shows where", debug)
    return code


def _called(arguments: list[str], debug: bool) -> int:
    """The exit code of the group on these arguments, without --debug."""
    result = cli.main(
        args=arguments, prog_name="gcg-bench", standalone_mode=False, obj={"debug": debug}
    )
    return result if isinstance(result, int) else 0


def _wrong_usage(error: click.UsageError, debug: bool) -> int:
    if error.ctx and error.format_message() == error.ctx.get_help():  # a group without a command
        click.echo(error.ctx.get_help(), file=streams.err())
        return 2
    command = error.ctx.command_path if error.ctx else "gcg-bench"
    message = error.format_message()
    if isinstance(error, click.NoSuchOption) and error.ctx:
        known = [name for param in error.ctx.command.params for name in param.opts]
        options = [name for name in known if name.startswith("--")]
        message = str(UnknownName(f"option of {command}", error.option_name, options))
    return _failed(f"{message} (see {command} --help)", debug)


def _checked(value: Any, is_anchored: bool) -> Any:
    """The value of an option; a path, also within a tuple, is checked and may become absolute.

    Raises:
        MissingData: no system can have the path.
    """
    if isinstance(value, tuple):
        return tuple(_checked(inner, is_anchored) for inner in value)
    if not isinstance(value, Path):
        return value
    if str(value) in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        return streams.path_of_out(value)
    paths.refuse_bad_path(value)
    return paths.anchored(value) if is_anchored else value


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


def _stopped(reason: BaseException) -> int:
    """Reports on stderr that the command was stopped; returns the exit code."""
    cause, code = "stopped", 130
    if isinstance(reason, Ended):
        cause, code = f"ended by {reason.name}", reason.code
    message = f"{cause}; finished work is kept, run the same command again to continue"
    click.echo(message, file=streams.err())
    return code


def _failed(message: str, debug: bool) -> int:
    """Shows an error on stderr, with the traceback of the current one when `debug` is set."""
    if debug:
        traceback.print_exc(file=streams.err())
    text = f"gcg-bench: {visible(paths.relative_text(message), breaks=True)}"
    click.echo(_whole_words(text) if streams.err().isatty() else text, file=streams.err())
    return 2


def _whole_words(text: str) -> str:
    """The text in lines as wide as the terminal, which itself breaks lines within words."""
    width = shutil.get_terminal_size().columns
    return "\n".join(
        textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )
