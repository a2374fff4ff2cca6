"""The page: one HTML file with its style, script, data and thumbnails inside.

The page loads no other file: its content-security policy allows its own style and script by their
hashes, and pictures in data addresses. Text of captions, phrases and ids stays text: Jinja escapes
it in markup, `embedded` in data.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import sqrt
from pathlib import Path
from typing import Any

from gcg_bench.analysis.errors import KINDS
from gcg_bench.analysis.errors.expressions import ANSWER_KINDS, tally
from gcg_bench.files.display import visible_value
from gcg_bench.reporting import pages
from gcg_bench.reporting.report import plots
from gcg_bench.reporting.report.chosen import MOST, SAMPLED, Listed, listed
from gcg_bench.reporting.report.header import noun, protocols, settings, summary
from gcg_bench.reporting.report.images import records
from gcg_bench.reporting.report.index import Column, columns, index
from gcg_bench.reporting.report.material import Material
from gcg_bench.reporting.report.svg import Svg
from gcg_bench.reporting.report.thumbnails import Thumbnail, thumbnails
from gcg_bench.types import Bar, no_bar, one_of, scale_note

# characters of a page for so many images; twice as many for four times the images
_FULL, _IMAGES = 18_000_000, 500
_LARGEST = 36_000_000  # characters of any page, without plots and tables
_TEXTS = 24_000_000  # share of these characters for everything except pictures
_FEWEST = 50  # images that a page always lists, even with long texts
_SIDES = (512, 320, 192)  # longer sides of masks, tried in turn until pictures fit
_SCRIPTS = ("elements.js", "masks.js", "drawing.js", "scene.js", "report.js")  # in this order
_SMALLEST = 4_000  # characters that a thumbnail may always have, even above the limit of the page


@dataclass(frozen=True)
class Written:
    """The page that was written.

    Attributes:
        file: the page.
        size: in bytes.
        images: the number of images on it.
        total: the number of images over which its scores are computed.
        blank: the number of images without a picture.
        why: why the first of these images has no picture.
    """

    file: Path
    size: int
    images: int
    total: int
    blank: int
    why: str | None


def write_page(material: Material, out: Path, *, bar: Bar = no_bar) -> Written:
    """Writes the page; the file appears complete or not at all.

    Thumbnails and masks are as large as possible within 18 MB for up to 500 images, and within
    twice that for four times the images. If there are more images than `chosen.MOST`, or their
    texts are too long, only the worst, the best and a random sample are listed; scores, mistakes
    and plots are over all images.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    everything = columns(material.results)
    shown, texts, index_text = _listed(material, everything)
    room = _full(len(texts)) - sum(map(len, texts)) - len(index_text)
    owners = _owners(shown.material) if texts else []
    first = sorted(set(owners))
    with bar("pictures", len(first)) as advance:
        pictures = [shown.material.pairs[k].sample.query.image for k in first]
        made = thumbnails(pictures, max(_SMALLEST, int(room / max(len(first), 1))), advance)
    small = dict(zip(first, made, strict=True))
    blank = [why for owner in owners if (why := small[owner].why) is not None]
    content = {
        **_content(material, everything, linked=not shown.is_sample),
        "index": index_text,
        "sample": shown if shown.is_sample and texts else None,
        "records": _joined(texts, owners, small),
        "blank": blank,
    }
    size = pages.write(out, _render(content))
    why = blank[0] if blank else None
    total = len(material.pairs) if texts else 0
    return Written(out, size, len(texts), total, len(blank), why)


def embedded(value: Any, *, shown: bool = True) -> Svg:
    """A value as JSON for a script element: only ASCII, without `<`, `>` and `&`.

    Args:
        value: a value that JSON can hold.
        shown: whether invisible characters in its texts become escapes. They stay in texts that the
            page returns and does not show.
    """
    made = visible_value(value) if shown else value
    text = json.dumps(made, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Svg(text)


def _full(images: int) -> float:
    """The maximum number of characters for so many images."""
    return min(_LARGEST, _FULL * sqrt(max(1.0, images / _IMAGES)))


def _listed(material: Material, scores: Sequence[Column]) -> tuple[Listed, list[str], Svg]:
    """The listed images, their records and their index, so that pictures fit in the page."""
    count = len(material.pairs) if len(material.pairs) <= MOST else SAMPLED
    while True:
        shown = listed(material, scores, count)
        texts = _records(shown.material)
        text = embedded(index(shown.material, shown.scores))
        if sum(map(len, texts)) + len(text) <= _TEXTS or count <= _FEWEST:
            return shown, texts, text
        count = max(_FEWEST, count // 2)


def _records(material: Material) -> list[str]:
    """The records of all images as JSON, with masks so small that pictures fit in the page."""
    if not material.shows("images"):
        return []
    limit = _full(len(material.pairs)) / 2
    diagnosis = None if material.mistakes is None else material.mistakes.diagnosis
    texts: list[str] = []
    for longest in _SIDES:
        texts = [embedded(record) for record in records(material.pairs, diagnosis, longest)]
        if sum(map(len, texts)) <= limit:
            break
    return texts


def _owners(material: Material) -> list[int]:
    """For each query, the position of the first query with the same picture, which holds it."""
    first: dict[object, int] = {}
    return [
        first.setdefault(pair.sample.query.picture_key, position)
        for position, pair in enumerate(material.pairs)
    ]


def _joined(
    texts: Sequence[str], owners: Sequence[int], small: Mapping[int, Thumbnail]
) -> list[Svg]:
    """The records with a picture, or the reason why there is none, or the record that has it."""
    joined = []
    for position, (text, owner) in enumerate(zip(texts, owners, strict=True)):
        thumbnail = small[owner]
        own = {"picture": thumbnail.address, "why": thumbnail.why}
        picture = embedded(own if owner == position else {"pictureOf": owner})
        joined.append(Svg(f"{text[:-1]},{picture[1:]}"))
    return joined


def _render(content: Mapping[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("gcg_bench.reporting.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=pages.visible_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = template("scene.css") + template("report.css")
    script = script_of(_SCRIPTS)
    return environment.get_template("report.html").render(
        **content,
        style=Svg(style),
        style_hash=_hash(style),
        script=Svg(script),
        script_hash=_hash(script),
    )


def _content(material: Material, scores: Sequence[Column], *, linked: bool) -> Mapping[str, Any]:
    shown = protocols(material)
    specs = [spec for result in material.results for spec in result.protocol.scores]
    intervals = any(tile.interval for protocol in shown for tile in protocol.tiles)
    return {
        "title": material.title,
        "version": material.version,
        "panels": [panel for panel in material.panels if material.shows(panel)],
        "summary": summary(material),
        "noun": noun(material),
        "one": one_of(noun(material)),
        "masks": material.parts.masks,
        "protocols": shown,
        "scale": scale_note(specs, intervals=intervals, end=""),
        **_mistakes(material),
        "answers": tally(material.verdicts),
        "kind_numbers": {kind.name: number for number, kind in enumerate(ANSWER_KINDS)},
        "oracle": material.settings.get("oracle") is True,
        "settings": settings(material.settings),
        "environment": settings(material.environment),
        "histograms": plots.distributions(scores, noun(material))
        if material.shows("distributions")
        else [],
        "plots": plots.plots(material, linked=linked),
        "legend": plots.legend(),
    }


def _mistakes(material: Material) -> Mapping[str, Any]:
    """The values of the template for kinds of mistakes; empty without a diagnosis."""
    if material.mistakes is None:
        return {"diagnosis": None, "dearest": 0.0, "described": {}}
    diagnosis = material.mistakes.diagnosis
    return {
        "diagnosis": diagnosis,
        "dearest": max(0.01, *(tally.f1_without - diagnosis.f1 for tally in diagnosis.tallies)),
        "described": {kind.name: kind for kind in KINDS},
    }


def script_of(names: Sequence[str]) -> str:
    """Joins files of the templates folder to one script, which defines no global names."""
    return "".join(['(() => {\n"use strict";\n', *map(template, names), "})();\n"])


def template(name: str) -> str:
    """A file of the templates folder."""
    folder = files("gcg_bench.reporting.report") / "templates"
    return (folder / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The hash by which a content-security policy allows an inline element."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
