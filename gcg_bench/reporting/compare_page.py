"""Writes a contrast as one self-contained HTML page: numbers, intervals, images, phrases."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gcg_bench import __version__
from gcg_bench.analysis.errors import KINDS
from gcg_bench.analysis.run_comparison.changes import Contrast, ImageChange, ScoreChange
from gcg_bench.files.display import visible
from gcg_bench.reporting import pages
from gcg_bench.reporting.compare_scenes import Scene
from gcg_bench.reporting.report.page import embedded, script_of, template
from gcg_bench.runs.labels import short_labels
from gcg_bench.tasks import parts_of
from gcg_bench.types import ScoreSpec, one_of, scale_note

SCENE_SCRIPTS = ("elements.js", "masks.js", "drawing.js", "scene.js", "compare.js")
"""The scripts of the page: the report's renderer, and the part for comparisons."""

_SIDE, _MARGIN = 300, 34  # sizes of the scatter plot, in its own units


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the page for one score.

    Attributes:
        spec: the definition of the score.
        a: the score of A as text.
        b: the score of B as text.
        change: B minus A as text, with a sign.
        low: the lower end of the interval as text; empty without an interval.
        high: the upper end of the interval.
        visible: the smallest difference that these images could have shown, as text.
        p: the p-value as text.
        holm: the adjusted p-value as text.
        verdict: the verdict on B, in words.
        tone: `better`, `worse` or empty.
        numbers: the difference, p and adjusted p as numbers, for sorting.
        drawn: the positions of the interval's low end, value, high end and zero, from 0 to 100.
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
    contrast: Contrast,
    out: Path,
    *,
    top: int = 20,
    captions: Mapping[str, Sequence[str]],
    scenes: Mapping[str, Scene] | None = None,
    no_scenes: str = "",
) -> None:
    """Writes the page.

    Args:
        contrast: the comparison to show.
        out: the file.
        top: the number of images to list.
        captions: image id -> A's caption and B's, for images that have them; not shown when the
            task reads no captions.
        scenes: image id -> its pictures; with pictures, the tables have no captions.
        no_scenes: why there are no pictures; empty when they were not requested.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    shown = list((scenes or {}).values())
    if shown or not parts_of(contrast.protocols[0].task).captions:
        captions = {}
    content = _content(contrast, top, captions, out) | {
        "scenes": [_scene(scene, contrast) for scene in shown],
        "places": {scene.id: place for place, scene in enumerate(shown)},
        "no_scenes": no_scenes,
    }
    more = {"style": template("scene.css"), "script": script_of(SCENE_SCRIPTS)} if shown else {}
    pages.write(out, pages.render("gcg_bench.reporting", "compare.html", content, **more))


def _content(
    contrast: Contrast, top: int, captions: Mapping[str, Sequence[str]], out: Path
) -> dict[str, Any]:
    """The values of the template, without the pictures."""
    a, b = short_labels([contrast.a.model, contrast.b.model])
    specs = [change.spec for change in contrast.scores]
    return {
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
        "captions": captions,
        "kinds": embedded([kind.name for kind in KINDS]),
        "reports": [_report(side.folder, out) for side in (contrast.a, contrast.b)],
        "points": _points(contrast.images.images),
        "side": _SIDE,
        "margin": _MARGIN,
        "factor": contrast.images.spec.factor,
        "version": __version__,
    }


def _scene(scene: Scene, contrast: Contrast) -> Mapping[str, Any]:
    """The values of the template for an image with pictures."""
    scores = next((image for image in contrast.images.images if image.id == scene.id), None)
    return {
        "id": scene.id,
        "anchor": quote(visible(scene.id), safe=""),
        "record": embedded(scene.record),
        "gained": scene.gained,
        "lost": scene.lost,
        "scores": scores,
    }


def _report(folder: str, out: Path) -> str:
    """The address of a run's report, relative to the page; empty without a report."""
    report = Path(folder) / "report.html"
    if not report.is_file():
        return ""
    try:
        return quote(os.path.relpath(report.resolve(), out.resolve().parent).replace(os.sep, "/"))
    except ValueError:  # another drive
        return ""


def p_shown(p: float) -> str:
    """A p-value as text: three decimals, and never 0."""
    if math.isnan(p):
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0") if p < 1 else "1"


def _has_own_scale(spec: ScoreSpec) -> bool:
    """Whether differences of the score are drawn in their own unit, because it is no fraction."""
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
    """The largest distance from 0 of a difference and its interval."""
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
    """The position of every image in the scatter plot of B over A; both axes are equal."""
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
