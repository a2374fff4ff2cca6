"""A run as an HTML page for notebooks, and its rows as a pandas table."""

from collections.abc import Mapping, Sequence
from typing import Any

from gcg_bench.files.html import table as html_table
from gcg_bench.types import Rows, ScoreSpec, scale_note

_SETTINGS = ("model", "dataset", "split", "limit", "seed")


def html(name: str, settings: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]]) -> str:
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


def scores(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """The scores of several scores.json files as one table, times 100 with their intervals."""
    names = dict.fromkeys(name for verdict in verdicts for name in verdict["scores"])
    headings = ["", *(f"{verdict['protocol']} v{verdict['version']}" for verdict in verdicts)]
    rows: list[list[object]] = [
        [name, *(_cell(name, verdict) for verdict in verdicts)] for name in names
    ]
    for fact in ("n", "failed", "signature"):
        rows.append([fact, *(verdict[fact] for verdict in verdicts)])
    specs = [_spec(name, verdict) for verdict in verdicts for name in verdict["scores"]]
    drawn = any(score["low"] is not None for v in verdicts for score in v["scores"].values())
    return html_table(headings, rows, caption=scale_note(specs, intervals=drawn, end=""))


def frame(tables: Mapping[str, Mapping[str, Rows]]) -> Any:
    """Rows as a pandas DataFrame: one row an image, indexed by id; empty without tables.

    Args:
        tables: prefix of the column names (a protocol, or empty) -> metric name -> rows.
    """
    import pandas as pd

    parts = [
        pd.DataFrame(
            {".".join(filter(None, (prefix, metric, name))): column},
            index=pd.Index(rows.ids, name="id"),
        )
        for prefix, metrics in tables.items()
        for metric, rows in metrics.items()
        for name, column in rows.columns.items()
    ]
    return pd.concat(parts, axis=1) if parts else pd.DataFrame(index=pd.Index([], name="id"))


def _spec(name: str, verdict: Mapping[str, Any]) -> ScoreSpec:
    """A score as far as its printing goes: its scale is what the verdict says of it."""
    described = verdict.get("measurement", {}).get("scores", {}).get(name, {})
    return ScoreSpec(name, scale="plain" if described.get("scale") == "plain" else "share")


def _cell(name: str, verdict: Mapping[str, Any]) -> str:
    """A score with its interval; empty where the verdict has none."""
    score = verdict["scores"].get(name)
    if score is None or score["value"] is None:
        return ""
    spec = _spec(name, verdict)
    return f"{spec.text(score['value'])} {spec.interval(score['low'], score['high'])}".rstrip()
