"""Groups rows with equal measurements into tables, and explains the differences of others."""

from collections.abc import Iterable, Mapping, Sequence

from gcg_bench.reporting.leaderboard.rows import Row, names_of
from gcg_bench.scoring.signature import MEASUREMENT

Key = tuple[str, ...]

_DATA = ("dataset", "split")
_OF_DATA = ("card", "truth", "n")  # these differ with the data; not mentioned when the data differ
_NAMES = 3  # names of runs in a sentence
_LONGEST = 60  # characters of a value in a sentence


def protocol_of(row: Row) -> tuple[str, str]:
    """The task, and the protocol's name without its version."""
    return str(row.get("task", "")), str(row["protocol"]).rpartition("-")[0]


def key_of(row: Row) -> Key:
    """The values that are equal in a table: task, protocol, and all that decided the numbers."""
    measurement = row.get("measurement", {})
    fields = (str(measurement.get(name, "")) for name in MEASUREMENT)
    return (str(row.get("task", "")), str(row["protocol"]), *fields)


def by_measurement(rows: Iterable[Row]) -> dict[Key, list[Row]]:
    """The rows of each table, by their common values; tables of one protocol are adjacent."""
    protocols: dict[tuple[str, str], dict[Key, list[Row]]] = {}
    for row in rows:
        protocols.setdefault(protocol_of(row), {}).setdefault(key_of(row), []).append(row)
    return {key: group for groups in protocols.values() for key, group in groups.items()}


def differing_fields(groups: Sequence[Sequence[Row]]) -> dict[str, list[str]]:
    """The fields in which the measurements of some groups differ, with the value of each group."""
    measurements = [group[0].get("measurement", {}) for group in groups]
    values = {
        name: [_value(measurement, name) for measurement in measurements] for name in MEASUREMENT
    }
    differing = {name: texts for name, texts in values.items() if len(set(texts)) > 1}
    other_data = any(name in differing for name in _DATA)
    return {
        name: _shortened(name, texts)
        for name, texts in differing.items()
        if not (other_data and name in _OF_DATA)
    }


def apart(rows: Iterable[Row]) -> list[str]:
    """Why the rows of a protocol are in several tables, one sentence for each protocol."""
    protocols: dict[str, list[list[Row]]] = {}
    for group in by_measurement(rows).values():
        protocols.setdefault(protocol_of(group[0])[1], []).append(group)
    reasons: dict[tuple[int, str], list[str]] = {}
    for name, groups in protocols.items():
        if len(groups) > 1:
            reasons.setdefault((len(groups), _reason(groups)), []).append(name)
    return [
        f"{' and '.join(names)}: {count} tables, because the runs were measured differently:"
        f" {reason}"
        for (count, reason), names in reasons.items()
    ]


def _reason(groups: Sequence[Sequence[Row]]) -> str:
    everyone = [row for group in groups for row in group]
    names = dict(zip(map(id, everyone), names_of(everyone), strict=True))
    labels = [_listed([names[id(row)] for row in group]) for group in groups]
    return "; ".join(
        f"{field} is {_of_groups(values, labels)}"
        for field, values in differing_fields(groups).items()
    )


def _of_groups(values: Sequence[str], labels: Sequence[str]) -> str:
    """Each value with the runs that have it, e.g. `40 (a, b) and 10 (c)`."""
    runs: dict[str, list[str]] = {}
    for value, label in zip(values, labels, strict=True):
        runs.setdefault(value, []).append(label)
    return " and ".join(f"{value} ({', '.join(names)})" for value, names in runs.items())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"


def _value(measurement: Mapping[str, str], name: str) -> str:
    return str(measurement.get(name) or "not stated")


def _shortened(name: str, texts: Sequence[str]) -> list[str]:
    """The values of a field, shortened; metrics that all measurements have are left out."""
    if name == "metrics":
        sets = [text.split("+") for text in texts]
        shared = set(sets[0]).intersection(*sets[1:])
        texts = ["+".join(m for m in metrics if m not in shared) or "none" for metrics in sets]
    cut = [text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [...]" for text in texts]
    return cut if len(set(cut)) == len(set(texts)) else list(texts)
