"""Runs the blocks of a page as a reader does: from top to bottom, in one folder.

    <!-- file: NAME -->    the block is written to NAME
    bash                   its lines are typed
    python                 the program runs
    <!-- output -->        the block is what the block before it printed
    anything else          shown, not run

Everything runs in this process, so that torch is imported once for all pages.
"""

import runpy
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.fences import Fence, fences

from gcg_bench.cli import cli, main

# commands that are run on few images, by their first words
LIMITED = (
    ("evaluate",),
    ("predict",),
    ("selftest",),
    ("data", "export"),
    ("annotate", "--dataset"),
)
LIMIT = "4"


@dataclass(frozen=True)
class Step:
    """A block that was run.

    Attributes:
        fence: the block.
        printed: what it printed on stdout.
    """

    fence: Fence
    printed: str


class Reader:
    """Somebody who follows a page in a folder.

    Args:
        capfd: takes what the blocks print.
        folder: the current folder.
    """

    def __init__(self, capfd: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capfd, self._folder = capfd, folder

    def follow(self, page: str, *, without: tuple[str, ...] = ()) -> list[Step]:
        """Runs every block of a page.

        Args:
            page: its path in the project.
            without: marks of blocks that are left out.
        """
        steps: list[Step] = []
        for fence in fences(page):
            if fence.mark.startswith("file: "):
                file = self._folder / fence.mark.removeprefix("file: ")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(fence.text, encoding="utf-8")
            elif fence.mark == "output":
                assert shows(fence.text, steps[-1].printed), f"{page}:\n{steps[-1].printed}"
            elif fence.language in ("bash", "python") and fence.mark not in without:
                steps.append(Step(fence, self._run(fence, page)))
        return steps

    def type(self, line: str) -> str:
        """What a line prints on stdout; it must end with exit code 0."""
        self._capfd.readouterr()
        command, _, target = line.partition(" > ")
        printed, code = self._typed(command)
        out, err = self._capfd.readouterr()
        assert code == 0, f"{line}: exit code {code}\n{printed}{out}{err}"
        assert "Traceback" not in err, f"{line}\n{err}"
        if target:
            (self._folder / target).write_text(printed + out, encoding="utf-8")
        return printed + out

    def _run(self, fence: Fence, page: str) -> str:
        if fence.language == "bash":
            lines = fence.text.replace("\\\n", " ").splitlines()
            return "".join(self.type(line) for line in lines if line.strip())
        self._capfd.readouterr()
        exec(compile(fence.text, page, "exec"), {"__name__": "__main__"})
        return self._capfd.readouterr().out

    def _typed(self, line: str) -> tuple[str, int]:
        words = expanded(line, self._folder)
        if words[0] == "gcg-bench":
            with pytest.raises(SystemExit) as left:
                main(shortened(words[1:]))
            return "", int(left.value.code or 0)
        if words[0] == "python":
            runpy.run_path(str(self._folder / words[1]), run_name="__main__")
            return "", 0
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=self._folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout, done.returncode


def expanded(line: str, folder: Path) -> list[str]:
    """The words of a line after bash has read its quotes and patterns."""
    name = shlex.split(line, comments=True)[0]
    script = f"{name}() {{ printf '%s\\0' {shlex.quote(name)} \"$@\"; }}\n{line}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split("\0")[:-1]


def shortened(words: list[str]) -> list[str]:
    """The arguments, with few images where a command is slow and the page asks for all."""
    slow = any(tuple(words[: len(first)]) == first for first in LIMITED)
    return [*words, "--limit", LIMIT] if slow and "--limit" not in words else words


def shows(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; a line `...` stands for any lines."""
    return _matches(_lines(shown), _lines(printed))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _matches(shown: list[str], printed: list[str]) -> bool:
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(_matches(shown[1:], printed[k:]) for k in range(len(printed) + 1))
    return printed[:1] == shown[:1] and _matches(shown[1:], printed[1:])


def parse(words: list[str]) -> None:
    """Parses the arguments of gcg-bench; click raises where it does not know one."""
    name, *rest = words
    with cli.make_context("gcg-bench", list(words)) as context:
        command = cli.get_command(context, name)
        assert command is not None, words
        # a group may also be called as a command of its own: leaderboard RUN... -o FILE
        if rest and rest[0] in getattr(command, "commands", {}):
            name, *rest = rest
            command = command.commands[name]  # type: ignore[attr-defined]
        command.make_context(name, rest)
