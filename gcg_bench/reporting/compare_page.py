"""A contrast as one HTML page that opens anywhere: numbers, intervals drawn, images, phrases."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcg_bench import __version__
from gcg_bench.analysis.run_comparison.changes import Contrast, ImageChange, ScoreChange
from gcg_bench.reporting import pages
from gcg_bench.scoring.results import short_labels

# scores of a scale of their own: the unit of their intervals' drawing is not that of the rest
_OWN_SCALE = ("CIDEr", "Words")
_PLAIN = ("Words",)  # shown as they are: a number of words is no share
_SIDE, _MARGIN = 300, 34  # of the scatter, in its own units


@dataclass(frozen=True, slots=True)
class Line:
    """One score as the page shows it.

    Attributes:
        name: the score.
        lower_is_better: whether it counts mistakes.
        a: the score of A as text, times 100.
        b: that of B.
        change: B less A, signed.
        low: of the interval.
        high: of the interval.
        p: as text.
        holm: adjusted, as text.
        verdict: of B, in words.
        tone: `better`, `worse` or nothing.
        numbers: the difference, p and adjusted p as numbers, to sort by.
        drawn: where the interval's low end, value, high end and zero stand between 0 and 100.
    """

    name: str
    lower_is_better: bool
    a: str
    b: str
    change: str
    low: str
    high: str
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
        captions: image id -> A's caption and B's, for images that have them.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    a, b = short_labels([contrast.a.model, contrast.b.model])
    content = {
        "title": f"{b} against {a}",
        "names": (a, b),
        "sides": [
            ("A", contrast.a, Path(contrast.a.folder).name),
            ("B", contrast.b, Path(contrast.b.folder).name),
        ],
        "contrast": contrast,
        "tables": [(_titled(key), _lines(contrast, key)) for key in contrast.protocols],
        "changed": contrast.images.changed[:top],
        "phrases": () if contrast.phrases is None else contrast.phrases.images[:top],
        "captions": captions,
        "points": _points(contrast.images.images),
        "side": _SIDE,
        "margin": _MARGIN,
        "factor": 1 if contrast.images.score in _PLAIN else 100,
        "version": __version__,
    }
    pages.write(out, pages.render("gcg_bench.reporting", "compare.html", content))


def p_shown(p: float) -> str:
    """A p-value as text: three decimals, and never 0."""
    if math.isnan(p):
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0") if p < 1 else "1"


def times(score: str) -> int:
    """What a score is multiplied by when it is shown."""
    return 1 if score in _PLAIN else 100


def _titled(key: str) -> str:
    name, _, version = key.rpartition("-")
    return f"{name} v{version}"


def _lines(contrast: Contrast, key: str) -> list[Line]:
    reach = max((_reach(s) for s in contrast.scores if s.score not in _OWN_SCALE), default=0.0)
    return [
        _line(one, _reach(one) if one.score in _OWN_SCALE else reach)
        for one in contrast.scores
        if one.protocol == key
    ]


def _reach(one: ScoreChange) -> float:
    ends = (abs(one.difference.low), abs(one.difference.high), abs(one.difference.value))
    return max((end for end in ends if not math.isnan(end)), default=0.0)


def _line(one: ScoreChange, reach: float) -> Line:
    factor, found = times(one.score), one.difference
    ends = (found.low, found.value, found.high)
    drawn = None
    if reach > 0 and not any(map(math.isnan, ends)):
        low, value, high = (50 + 46 * end / reach for end in ends)
        drawn = (low, value, high, 50.0)
    return Line(
        name=one.score,
        lower_is_better=one.lower_is_better,
        a=_number(factor * one.a),
        b=_number(factor * one.b),
        change=_signed(factor * found.value),
        low=_signed(factor * found.low),
        high=_signed(factor * found.high),
        p=p_shown(found.p),
        holm=p_shown(one.holm),
        verdict=one.verdict,
        tone=one.verdict if one.verdict in ("better", "worse") else "",
        numbers=(found.value, found.p, one.holm),
        drawn=drawn,
    )


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1f}"


def _signed(value: float) -> str:
    if math.isnan(value):
        return "–"
    text = f"{value:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") and value == 0 else text


def _points(images: Sequence[ImageChange]) -> list[Mapping[str, Any]]:
    """Where every image stands in the scatter of B over A; the scale is that of both."""
    known = [one for one in images if not math.isnan(one.a + one.b)]
    top = max([1.0, *(max(one.a, one.b) for one in known)])
    span = _SIDE - 2 * _MARGIN
    return [
        {
            "x": round(_MARGIN + span * one.a / top, 1),
            "y": round(_SIDE - _MARGIN - span * one.b / top, 1),
            "image": one,
        }
        for one in known
    ]
