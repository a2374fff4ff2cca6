"""A board as Markdown: one table for each section, for READMEs and issues."""

import re

from gcg_bench.files.display import visible
from gcg_bench.reporting.leaderboard.entries import NUMERIC, Entry
from gcg_bench.reporting.leaderboard.layout import Section
from gcg_bench.reporting.leaderboard.shown import BEST, Figure
from gcg_bench.types import ScoreSpec

# characters with a meaning inside a cell of GitHub's Markdown; a backslash escapes them
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#&|~$!^@])")


def escaped(text: str) -> str:
    """Markdown that shows exactly this text, on one line.

    Invisible characters become escapes.
    """
    return _SPECIAL.sub(r"\\\1", visible(" ".join(text.split())))


def markdown(sections: list[Section]) -> str:
    """The sections as one document."""
    return "\n".join(_section(section) for section in sections)


def _section(section: Section) -> str:
    headings = [_heading(spec) for spec in section.scores]
    after = [*section.columns, "signature", *(["source"] if section.sources else [])]
    texts = ["rank", "model", *headings, *after]
    numbers = ["---:" if name in NUMERIC else "---" for name in after]
    rule = ["---:", "---", *["---:" for _ in headings], *numbers]
    lines = [f"## {escaped(section.title)}", "", _line(texts), _line(rule)]
    for part in section.parts:
        if part.title:
            lines.append(_line(["", f"*{escaped(part.title)}*", *[""] * (len(texts) - 2)]))
        lines += [_line(_cells(entry, section)) for entry in part.entries]
    best = ["The best value of a column is bold."] if section.marks else []
    notes = [section.scale, *best, *section.notes]
    lines += ["", *(f"- {escaped(note)}" for note in notes)]
    signed = [entry for entry in section.entries if entry.signature]
    if signed:
        # nothing is escaped: a code span shows backslashes as they are
        lines += ["", "Signatures:", ""]
        lines += [f"- {escaped(e.name)}, {e.hash}: `{_code(e.signature)}`" for e in signed]
    if section.sources:
        lines += ["", "Sources of reported values:", ""]
        lines += [f"{k}. {escaped(source)}" for k, source in enumerate(section.sources, 1)]
    return "\n".join([*lines, ""])


def _heading(spec: ScoreSpec) -> str:
    return f"{escaped(spec.name)} ↓" if spec.lower_is_better else escaped(spec.name)


def _cells(entry: Entry, section: Section) -> list[str]:
    source = [f"\\[{entry.source}\\]" if entry.source else ""] if section.sources else []
    return [
        entry.rank,
        escaped(entry.name),
        *(_number(figure) for figure in entry.figures),
        *map(escaped, entry.facts),
        entry.hash,
        *source,
    ]


def _number(figure: Figure | None) -> str:
    if figure is None:
        return ""
    value = f"**{figure.value}**" if figure.mark == BEST else figure.value
    return f"{value} \\[{figure.low}, {figure.high}\\]" if figure.low else value


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    return visible(" ".join(text.replace("`", "'").split()))
