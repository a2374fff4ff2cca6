"""Fenced blocks of the project's Markdown pages, so that tests can run what readers copy."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]+?) -->\n)?^```(?P<language>[^\n`]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Fence:
    """A fenced block.

    Attributes:
        mark: the comment on the line before it; empty when there is none.
        language: what stands after the backticks; a directive of the docs is in braces.
        text: its lines, each with its line break.
    """

    mark: str
    language: str
    text: str


def fences(page: str) -> list[Fence]:
    """The blocks of a page of the project, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [Fence(m["mark"] or "", m["language"], m["text"]) for m in _FENCE.finditer(text)]


def marked(page: str, mark: str) -> str:
    """The text of the one block with that mark."""
    (found,) = [fence.text for fence in fences(page) if fence.mark == mark]
    return found


def files(page: str) -> dict[str, str]:
    """Path -> content of the blocks marked `file: PATH`."""
    return {
        fence.mark.removeprefix("file: "): fence.text
        for fence in fences(page)
        if fence.mark.startswith("file: ")
    }


def commands(page: str, *languages: str) -> list[list[str]]:
    """The arguments of every line `gcg-bench ...` in the blocks of these languages, in order."""
    lines = [
        line
        for fence in fences(page)
        if fence.language in languages
        for line in fence.text.replace("\\\n", " ").splitlines()
    ]
    typed = [shlex.split(line.partition(" > ")[0], comments=True) for line in lines]
    return [words[1:] for words in typed if words and words[0] == "gcg-bench"]
