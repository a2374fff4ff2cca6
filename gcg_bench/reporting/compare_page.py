"""A contrast as one HTML page that opens anywhere: numbers, intervals drawn, images, phrases."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcg_bench import __version__
from gcg_bench.analysis.run_comparison.changes import Contrast, ImageChange, ScoreChange
from gcg_bench.reporting import pages
from gcg_bench.runs.labels import short_labels
from gcg_bench.tasks import parts_of
from gcg_bench.types import ScoreSpec, one_of, scale_note

_SIDE, _MARGIN = 300, 34  # of the scatter, in its own units


@dataclass(frozen=True, slots=True)
class Line:
    """One score as the page shows it.

    Attributes:
        spec: what the score is.
        a: the score of A as text.
        b: that of B.
        change: B minus A, signed.
        low: of the interval; empty without one.
        high: of the interval.
        visible: the smallest difference that the images could have shown, as text.
        p: as text.
        holm: adjusted, as text.
        verdict: of B, in words.
        tone: `better`, `worse` or nothing.
        numbers: the difference, p and adjusted p as numbers, to sort by.
        drawn: where the interval's low end, value, high end and zero stand between 0 and 100.
    """

    spec: ScoreSpec
    a: str
    b: str
    change: str
    low: str
    high: str
    visible: str
    p: str
    holm: str
    verdict: str
    tone: str
    numbers: tuple[float, float, float]
    drawn: tuple[float, float, float, float] | None


def write_page(
    contrast: Contrast, out: Path, *, top: int = 20, captions: Mapping[str, Sequence[str]]
) -> None:
    """Writes the page.

    Args:
        contrast: what to show.
        out: the file.
        top: images to list.
        captions: image id -> A's caption and B's, for images that have them; not shown where the
            task reads none.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    a, b = short_labels([contrast.a.model, contrast.b.model])
    specs = [change.spec for change in contrast.scores]
    content = {
        "title": f"{b} against {a}",
        "names": (a, b),
        "sides": [
            ("A", contrast.a, Path(contrast.a.folder).name),
            ("B", contrast.b, Path(contrast.b.folder).name),
        ],
        "contrast": contrast,
        "one": one_of(contrast.noun),
        "scale": scale_note(specs, end=""),
        "own_scale": list(dict.fromkeys(spec.name for spec in specs if _has_own_scale(spec))),
        "tables": [
            (f"{protocol.name} v{protocol.version}", _lines(contrast, protocol.key))
            for protocol in contrast.protocols
        ],
        "changed": contrast.images.changed[:top],
        "phrases": () if contrast.phrases is None else contrast.phrases.images[:top],
        "captions": captions if parts_of(contrast.protocols[0].task).captions else {},
        "points": _points(contrast.images.images),
        "side": _SIDE,
        "margin": _MARGIN,
        "factor": contrast.images.spec.factor,
        "version": __version__,
    }
    pages.write(out, pages.render("gcg_bench.reporting", "compare.html", content))


def p_shown(p: float) -> str:
    """A p-value as text: three decimals, and never 0."""
    if math.isnan(p):
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0") if p < 1 else "1"


def _has_own_scale(spec: ScoreSpec) -> bool:
    """Whether differences of the score are drawn in a unit of their own: it is no fraction."""
    return spec.scale != "share"


def _lines(contrast: Contrast, key: str) -> list[Line]:
    shared = [change for change in contrast.scores if not _has_own_scale(change.spec)]
    reach = max(map(_reach, shared), default=0.0)
    return [
        _line(change, _reach(change) if _has_own_scale(change.spec) else reach)
        for change in contrast.scores
        if change.protocol == key
    ]


def _reach(change: ScoreChange) -> float:
    """How far from 0 a difference and its interval reach."""
    difference = change.difference
    ends = (abs(difference.low), abs(difference.high), abs(difference.value))
    return max((end for end in ends if not math.isnan(end)), default=0.0)


def _line(change: ScoreChange, reach: float) -> Line:
    factor, difference = change.spec.factor, change.difference
    ends = (difference.low, difference.value, difference.high)
    drawn = None
    if reach > 0 and not any(map(math.isnan, ends)):
        low, value, high = (50 + 46 * end / reach for end in ends)
        drawn = (low, value, high, 50.0)
    return Line(
        spec=change.spec,
        a=change.spec.text(change.a),
        b=change.spec.text(change.b),
        change=_signed(factor * difference.value),
        low="" if math.isnan(difference.low) else _signed(factor * difference.low),
        high=_signed(factor * difference.high),
        visible="–" if math.isnan(difference.visible) else f"{factor * difference.visible:.1f}",
        p=p_shown(difference.p),
        holm=p_shown(change.holm),
        verdict=change.verdict,
        tone=change.verdict if change.verdict in ("better", "worse") else "",
        numbers=(difference.value, difference.p, change.holm),
        drawn=drawn,
    )


def _signed(value: float) -> str:
    if math.isnan(value):
        return "–"
    text = f"{value:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") and value == 0 else text


def _points(images: Sequence[ImageChange]) -> list[Mapping[str, Any]]:
    """Where every image stands in the scatter of B over A; the scale is that of both."""
    known = [image for image in images if not math.isnan(image.a + image.b)]
    top = max([1.0, *(max(image.a, image.b) for image in known)])
    span = _SIDE - 2 * _MARGIN
    return [
        {
            "x": round(_MARGIN + span * image.a / top, 1),
            "y": round(_SIDE - _MARGIN - span * image.b / top, 1),
            "image": image,
        }
        for image in known
    ]
