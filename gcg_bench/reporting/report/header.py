"""The page's header: scores as papers print them, with facts and notes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcg_bench.reporting.report.material import Material
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.values import Score
from gcg_bench.types import noun_of


@dataclass(frozen=True, slots=True)
class Tile:
    """One score as text, in the scale of its ScoreSpec.

    Attributes:
        name: the score's name.
        value: the score with one decimal.
        interval: its 95% interval; empty without an interval.
        lower_is_better: whether smaller values are better.
    """

    name: str
    value: str
    interval: str
    lower_is_better: bool


@dataclass(frozen=True, slots=True)
class ProtocolTiles:
    """One protocol's scores.

    Attributes:
        name: e.g. `official v1`.
        tiles: its scores, in its order.
        facts: additional numbers: words, false-accept rate.
        notes: facts that a reader must know.
        signature: everything that decided the numbers.
    """

    name: str
    tiles: tuple[Tile, ...]
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    signature: str


def protocols(material: Material) -> list[ProtocolTiles]:
    """The results as the header shows them."""
    return [_protocol(result) for result in material.results]


def _protocol(result: Result) -> ProtocolTiles:
    return ProtocolTiles(
        name=f"{result.protocol.name} v{result.protocol.version}",
        tiles=tuple(map(_tile, result.scores)),
        facts=tuple(_facts(result)),
        notes=result.notes,
        signature=result.signature,
    )


def _facts(result: Result) -> Iterator[tuple[str, str]]:
    """The facts that the protocol measures: words of captions, its false-accept rate."""
    if result.words is not None:
        yield "words a caption", f"{result.words:.1f}"
    if result.shows_false_accept:
        rate = result.false_accept  # not known for a single image
        yield "false-accept rate", "–" if rate is None else f"{100 * rate:.1f}%"


def _tile(score: Score) -> Tile:
    spec = score.spec
    interval = ""
    if score.low is not None and score.high is not None:
        interval = f"{spec.text(score.low)}–{spec.text(score.high)}"
    return Tile(spec.name, spec.text(score.value), interval, spec.lower_is_better)


def summary(material: Material) -> list[tuple[str, str]]:
    """The numbers of queries, images, phrases and failures.

    Queries are listed if they differ from images, phrases if there are any.
    """
    reference = sum(len(pair.sample.truth.phrases) for pair in material.pairs)
    predicted = sum(len(pair.prediction.grounding.phrases) for pair in material.pairs)
    failed = sum(pair.prediction.error is not None for pair in material.pairs)
    queries = len(material.pairs)
    images = len({pair.sample.query.image_id for pair in material.pairs})
    shown = [] if noun(material) == "images" else [(f"{queries:,}", "queries")]
    shown.append((f"{images:,}", "images"))
    if reference or predicted:
        shown += [(f"{reference:,}", "reference phrases"), (f"{predicted:,}", "predicted phrases")]
    return [*shown, (f"{failed:,}", f"failed {noun(material)}")]


def noun(material: Material) -> str:
    """The word for the entries of the page, see `noun_of`."""
    return noun_of(pair.sample.query for pair in material.pairs)


def settings(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings as rows of text, nested ones by their path."""
    return list(_flat(values, ""))


def _flat(values: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        full_name = f"{path}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{full_name}.")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield full_name, ", ".join(map(str, value))
        else:
            yield full_name, "not given" if value is None or value == "" else str(value)
