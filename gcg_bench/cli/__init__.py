"""The command line: a click group that imports a command's module only when it is asked for."""

import atexit
import gc
import importlib
import importlib.util
import io
import os
import re
import sys
import traceback
from contextlib import suppress
from typing import NoReturn

import click

from gcg_bench import __version__
from gcg_bench.cli.signals import Ended, heard
from gcg_bench.errors import GcgBenchError, UnknownName

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # as console.py, which imports rich

# command -> (module in gcg_bench.cli, one line for --help); a command is a click command named as
# its key with dashes as underscores. The help stands here so that --help imports none of them.
COMMANDS = {
    "evaluate": ("evaluate", "Run a model on a split and score it: table, leaderboard row."),
    "predict": ("evaluate", "Only run the model: writes a run folder."),
    "score": ("score", "Only the numbers, for a run or anybody's prediction files."),
    "compare": ("compare", "Two runs: differences, intervals, paired tests."),
    "leaderboard": ("leaderboard", "Many runs: a ranked board as csv, md, tex or html."),
    "report": ("report", "One page with every image, its masks and its mistakes."),
    "data": ("data", "Data cards: list, show, check, fetch, export."),
    "models": ("models", "What --model takes, and what each needs."),
    "doctor": ("doctor", "What is missing on this machine, and the remedy."),
    "selftest": ("selftest", "Are the metrics sound? Laws that hold whatever the truth is."),
    "cite": ("cite", "BibTeX of the data, metrics and models of a run."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they run, so that --help is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [name for name, (module, _) in COMMANDS.items() if _exists(module)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS or not _exists(COMMANDS[cmd_name][0]):
            return None
        module = importlib.import_module(f"gcg_bench.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Ended as end:
            raise click.Abort from end  # click would break the line first, as after ^C

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, which knows nothing of commands that are not imported yet.

        Raises:
            UnknownName: no such command; offers close spellings.
        """
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise UnknownName("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        listed = self.list_commands(ctx)
        if not listed:
            return
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in listed])


def _exists(module: str) -> bool:
    return importlib.util.find_spec(f"gcg_bench.cli.{module}") is not None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gcg-bench")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, *, debug: bool) -> None:
    """Benchmark grounded conversation generation: captions whose phrases carry masks.

    The main job: gcg-bench evaluate --model NAME --dataset NAME --split val
    """
    ctx.ensure_object(dict)["debug"] = debug


def main(arguments: list[str] | None = None) -> None:
    """The console script: runs the group and turns errors into exit codes.

    0 done; 1 a run finished but some images failed; 2 usage, data or environment error, told in a
    line or two on stderr; 130, 143 or 129 ended by Ctrl-C, SIGTERM or SIGHUP.
    """
    if arguments is None:
        _read_names_as_utf8()
    # sums in numpy's linear algebra are rounded differently by another number of threads; numpy is
    # not imported yet, and torch has threads of its own
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # we build many small values and few cycles: looking for cycles less often saves a tenth
    gc.set_threshold(100_000, 20, 20)
    # the process ends, and its memory with it: no search for the cycles of torch's modules
    atexit.register(gc.freeze)
    _spell_what_the_terminal_cannot()
    with heard():
        _run(sys.argv[1:] if arguments is None else arguments)


def _run(given: list[str]) -> NoReturn:
    """The group on what was typed; exits with the code."""
    debug = "--debug" in given
    try:
        result = cli.main(
            args=[argument for argument in given if argument != "--debug"] if debug else given,
            prog_name="gcg-bench",
            standalone_mode=False,
            obj={"debug": debug},
        )
    except GcgBenchError as error:
        _trace(debug)
        _fail(str(error))
    except click.UsageError as error:
        _trace(debug)
        if error.ctx and error.format_message() == error.ctx.get_help():  # a group alone
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
            f"{letters} cannot be written in {error.encoding}, this locale's letters for names of"
            " files. Set PYTHONUTF8=1 and run the same command again"
        )
    except BrokenPipeError:
        # the reader of our output went away (| head); leave without a second complaint
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(result if isinstance(result, int) else 0)


def _read_names_as_utf8() -> None:
    """Starts Python anew, in UTF-8 mode, where names of files would be read as ASCII.

    Python does so by itself in the locale C, unless it is told not to. What is written names files
    in UTF-8 everywhere, and half letters in the place of others would name none.
    """
    if sys.getfilesystemencoding() == "ascii" and sys.executable and not sys.flags.utf8_mode:
        if sys.stdout is not None:  # the terminal shows no more than before
            os.environ.setdefault("PYTHONIOENCODING", f"{sys.stdout.encoding}:backslashreplace")
        command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execv(sys.executable, command)  # noqa: S606 - what runs already, with an option more


def _spell_what_the_terminal_cannot() -> None:
    """Characters that stdout or stderr cannot show are written as escapes, and end nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stop(why: BaseException) -> NoReturn:
    how, code = (f"ended by {why.name}", why.code) if isinstance(why, Ended) else ("stopped", 130)
    with suppress(OSError):  # the terminal may be what went away
        click.echo(f"{how}; what was finished is kept, run the same command to go on", err=True)
    sys.exit(code)


def _trace(debug: bool) -> None:
    """The traceback of the error at hand, where it is asked for."""
    if debug:
        traceback.print_exc()


def _fail(message: str) -> NoReturn:
    click.echo(f"gcg-bench: {_CONTROL.sub(_spelt, message)}", err=True)
    sys.exit(2)


def _spelt(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"
