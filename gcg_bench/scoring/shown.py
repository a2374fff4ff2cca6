"""Scores as short tables: plain text for a terminal, HTML for notebooks."""

from collections.abc import Mapping, Sequence
from typing import Any

from gcg_bench import tasks
from gcg_bench.files.display import visible
from gcg_bench.files.html import folded
from gcg_bench.files.html import table as html_table
from gcg_bench.scoring.values import data_text
from gcg_bench.types import ScoreSpec, scale_note

Verdict = Mapping[str, Any]
"""The content of a scores.json, see `Result.to_json`."""

_SETTINGS = ("model", "dataset", "split", "limit", "seed")


def text(label: str, verdicts: Sequence[Verdict]) -> str:
    """The headline scores times 100 with their intervals, one column a protocol.

    Args:
        label: the name of the predictions; may be empty.
        verdicts: the scores of each protocol; empty when nothing is scored yet.
    """
    if not verdicts:
        return f"{visible(label, breaks=True)}: not scored yet".removeprefix(": ")
    names, specs = _names(verdicts), tasks.known_scores()
    short = [name for name in names if name not in specs or specs[name].headline] or names
    left_out = len(names) - len(short)
    lines = [["", *map(_protocol, verdicts)]]
    lines += [[name, *(_cell(name, verdict) for verdict in verdicts)] for name in short]
    lines.append(["failed", *(str(verdict["failed"]) for verdict in verdicts)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    body = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    note = _note(verdicts, short) + (f"; {left_out} more in HTML" if left_out else "")
    return visible("\n".join([_title(label, verdicts), *body, note]), breaks=True)


def html(name: str, settings: Mapping[str, Any], verdicts: Sequence[Verdict]) -> str:
    """The settings of a run and its scores times 100, with one column a protocol.

    Args:
        name: name of the run, the heading of the page.
        settings: from run.json.
        verdicts: the content of each scores.json; empty when the run is not scored yet.
    """
    facts = [(key, settings[key]) for key in _SETTINGS if settings.get(key) is not None]
    page = html_table(["run", name], facts)
    if not verdicts:
        return page + html_table(["scores"], [["not scored yet"]])
    return page + scores(verdicts)


def scores(verdicts: Sequence[Verdict]) -> str:
    """The scores of several scores.json files as one HTML table, times 100 with their intervals.

    The signatures stand below it, folded.
    """
    rows: list[list[object]] = [
        [name, *(_cell(name, verdict) for verdict in verdicts)] for name in _names(verdicts)
    ]
    rows += [[fact, *(verdict[fact] for verdict in verdicts)] for fact in ("n", "failed")]
    note = _note(verdicts, _names(verdicts))
    page = html_table(["", *map(_protocol, verdicts)], rows, caption=note)
    signatures = [f"signature of {_protocol(verdict)}" for verdict in verdicts]
    return page + "".join(
        folded(title, verdict["signature"])
        for title, verdict in zip(signatures, verdicts, strict=True)
    )


def _title(label: str, verdicts: Sequence[Verdict]) -> str:
    """The title: the label, the data and the number of queries."""
    first = verdicts[0]
    data = data_text(first["dataset"], first["split"], first.get("task", ""))
    return f"{f'{label} on ' if label else ''}{data}, n = {first['n']}"


def _protocol(verdict: Verdict) -> str:
    return f"{verdict['protocol']} v{verdict['version']}"


def _names(verdicts: Sequence[Verdict]) -> list[str]:
    """The names of all scores, each once."""
    return list(dict.fromkeys(name for verdict in verdicts for name in verdict["scores"]))


def _note(verdicts: Sequence[Verdict], names: Sequence[str]) -> str:
    """A note on the scale of some scores."""
    specs = [_spec(name, v) for v in verdicts for name in v["scores"] if name in names]
    drawn = any(score["low"] is not None for v in verdicts for score in v["scores"].values())
    return scale_note(specs, intervals=drawn, end="")


def _spec(name: str, verdict: Verdict) -> ScoreSpec:
    """A score for printing, with the scale that the verdict states."""
    described = verdict.get("measurement", {}).get("scores", {}).get(name, {})
    return ScoreSpec(name, scale="plain" if described.get("scale") == "plain" else "share")


def _cell(name: str, verdict: Verdict) -> str:
    """A score with its interval; a dash where it has no value, empty where it is not measured."""
    score = verdict["scores"].get(name)
    if score is None:
        return ""
    spec = _spec(name, verdict)
    return f"{spec.text(score['value'])} {spec.interval(score['low'], score['high'])}".rstrip()
