"""A board as Markdown: one table a section, for READMEs and issues."""

import re

from gcg_bench.files.display import visible
from gcg_bench.reporting.leaderboard.layout import Entry, Figure, Section
from gcg_bench.types import ScoreSpec

# the characters with a meaning inside a cell of GitHub's Markdown; a backslash takes it away
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#&|~$!^@])")


def escaped(text: str) -> str:
    """Text as Markdown that shows exactly this text, on one line.

    Invisible characters become escapes.
    """
    return _SPECIAL.sub(r"\\\1", visible(" ".join(text.split())))


def markdown(sections: list[Section]) -> str:
    """The sections as one document."""
    return "\n".join(_section(section) for section in sections)


def _section(section: Section) -> str:
    headings = [_heading(spec) for spec in section.scores]
    texts = [
        "rank",
        "model",
        *headings,
        section.noun,
        "failed",
        "protocol",
        "evaluator",
        "provenance",
        "source",
    ]
    rule = ["---:", "---", *["---:" for _ in headings], "---:", "---:", *["---"] * 4]
    lines = [f"## {escaped(section.title)}", "", _line(texts), _line(rule)]
    for part in section.parts:
        if part.title:
            lines.append(_line(["", f"*{escaped(part.title)}*", *[""] * (len(texts) - 2)]))
        lines += [_line(_cells(entry)) for entry in part.entries]
    lines += ["", *(f"- {escaped(note)}" for note in section.notes)]
    if section.signature:
        # nothing is escaped: a code span shows backslashes as they are
        lines += ["", f"Signature: `{_code(section.signature)}`"]
    entries = [entry for part in section.parts for entry in part.entries if entry.answered]
    lines += [f"- {escaped(entry.model)}: {escaped(entry.answered)}" for entry in entries]
    if section.sources:
        lines += ["", "Sources of reported values:", ""]
        lines += [f"{k}. {escaped(source)}" for k, source in enumerate(section.sources, 1)]
    return "\n".join([*lines, ""])


def _heading(spec: ScoreSpec) -> str:
    return f"{escaped(spec.name)} ↓" if spec.lower_is_better else escaped(spec.name)


def _cells(entry: Entry) -> list[str]:
    model = f"{entry.model} ({entry.split})" if entry.split else entry.model
    return [
        entry.rank,
        escaped(model),
        *(_number(figure) for figure in entry.figures),
        entry.images,
        entry.failed,
        escaped(entry.protocol),
        escaped(entry.evaluator),
        escaped(entry.provenance),
        f"\\[{entry.source}\\]" if entry.source else "",
    ]


def _number(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"{figure.value} \\[{figure.low}, {figure.high}\\]" if figure.low else figure.value


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    return visible(" ".join(text.replace("`", "'").split()))
