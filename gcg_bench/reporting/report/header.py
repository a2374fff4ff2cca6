"""The page's header: scores as papers print them, and what qualifies them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcg_bench.reporting.report.index import factor
from gcg_bench.reporting.report.material import Judged, Material


@dataclass(frozen=True, slots=True)
class Tile:
    """One score, times 100, as text.

    Attributes:
        name: the score.
        value: one decimal.
        interval: its 95% interval, empty without one.
        lower_is_better: whether it counts mistakes.
    """

    name: str
    value: str
    interval: str
    lower_is_better: bool


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol's scores.

    Attributes:
        name: e.g. `official v1`.
        tiles: its scores, in its order.
        facts: what stands beside them: gate, words.
        notes: what a reader must know.
        signature: everything that could move a number.
    """

    name: str
    tiles: tuple[Tile, ...]
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    signature: str


def protocols(material: Material) -> list[Protocol]:
    """The verdicts as the header shows them."""
    return [_protocol(judged) for judged in material.judged]


def _protocol(judged: Judged) -> Protocol:
    verdict = judged.verdict
    return Protocol(
        name=f"{verdict['protocol']} v{verdict['version']}",
        tiles=tuple(
            _tile(name, score, lower_is_better=name in judged.lower_is_better)
            for name, score in verdict["scores"].items()
        ),
        facts=(
            ("words a caption", f"{verdict['words']:.1f}"),
            ("false-accept rate", _share(verdict["false_accept"])),
        ),
        notes=tuple(verdict["notes"]),
        signature=verdict["signature"],
    )


def _share(part: float | None) -> str:
    """A share in per cent; of one image alone it is not known."""
    return "–" if part is None else f"{100 * part:.1f}%"


def _tile(name: str, score: Mapping[str, Any], *, lower_is_better: bool) -> Tile:
    times = factor(name)
    low, high = score["low"], score["high"]
    interval = "" if low is None or high is None else f"{times * low:.1f}–{times * high:.1f}"
    return Tile(name, f"{times * score['value']:.1f}", interval, lower_is_better)


def summary(material: Material) -> list[tuple[str, str]]:
    """What there is, in numbers."""
    diagnosis = material.diagnosis
    failed = sum(one.prediction.error is not None for one in material.pairs)
    return [
        (f"{len(material.pairs):,}", "images"),
        (f"{diagnosis.reference:,}", "reference phrases"),
        (f"{diagnosis.predicted:,}", "predicted phrases"),
        (f"{failed:,}", "failed images"),
    ]


def settings(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings as rows of text, nested ones by their path."""
    return list(_flat(values, ""))


def _flat(values: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        here = f"{path}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{here}.")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield here, ", ".join(map(str, value))
        else:
            yield here, "not given" if value is None or value == "" else str(value)
