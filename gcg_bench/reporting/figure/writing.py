"""Writes a figure as SVG or PNG, by the ending of the file's name."""

import base64
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image

from gcg_bench import masks
from gcg_bench.errors import BadData, BadOption, EnvironmentProblem, MissingData
from gcg_bench.files.atomic import replace_with
from gcg_bench.files.display import visible
from gcg_bench.reporting.draw import COLOURS, middle
from gcg_bench.reporting.figure.layout import (
    BADGE,
    SIZE,
    SMALL,
    TOP,
    Badge,
    Figure,
    Panel,
    Patch,
    Run,
    badge_width,
)
from gcg_bench.reporting.figure.outlines import outline
from gcg_bench.reporting.figure.pixels import drawn
from gcg_bench.reporting.report.svg import Svg, element

SUFFIXES = (".svg", ".png")
_INK, _LIGHT, _BLUE = "#14161a", "#ffffff", 4
_BLANK = "#e9eaec"
_DASHES = {"matched": None, "near": "9 4", "apart": "3 3.5"}
_LONGEST = 1024  # pixels of the picture inside an SVG


def write_figure(figure: Figure, file: Path, *, dots: float = 3.0) -> str | None:
    """Writes the file; it appears complete or not at all.

    Args:
        figure: the figure.
        file: the file; the ending of its name decides the format.
        dots: pixels of a PNG for each unit of an SVG.

    Returns: Why the canvas behind the masks is blank; None when the picture was read.

    Raises:
        BadOption: the ending is no known format.
        EnvironmentProblem: the file cannot be written.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise BadOption(f"{file}: a figure is written as {' or '.join(SUFFIXES)}")
    picture, why = _picture(figure)
    stream = BytesIO()
    if file.suffix.lower() == ".png":
        drawn(figure, picture, dots).save(stream, "PNG")
    else:
        stream.write(svg_text(figure, picture).encode("utf-8", "replace"))

    def fill(draft: Path) -> None:
        draft.write_bytes(stream.getvalue())

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"{file}: cannot be written ({error})") from error
    replace_with(file, fill)
    return why


def svg_text(figure: Figure, picture: Image.Image | None) -> str:
    """The figure as the text of an SVG file that refers to no other file."""
    address = None if picture is None else _address(picture)
    shapes = [shape for panel in figure.panels for shape in _panel(figure, panel, address)]
    whole = element("rect", width=figure.wide, height=figure.tall, fill=_LIGHT)
    attributes = (
        f'width="{figure.wide:.2f}" height="{figure.tall:.2f}"'
        f' viewBox="0 0 {figure.wide:.2f} {figure.tall:.2f}"'
        ' font-family="Helvetica, Arial, \'Liberation Sans\', sans-serif" role="img"'
        f' aria-label="{escape(visible(figure.id))}"'
    )
    defs = element("defs", *_patterns(figure))
    body = "".join((defs, whole, *shapes))
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{body}</svg>\n'


def _picture(figure: Figure) -> tuple[Image.Image | None, str | None]:
    try:
        picture = Image.fromarray(figure.picture.read())
    except (MissingData, BadData) as error:
        return None, str(error)
    picture.thumbnail((_LONGEST, _LONGEST))
    return picture, None


def _address(picture: Image.Image) -> str:
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def hex_of(number: int) -> str:
    """The colour of a phrase."""
    return "#{:02x}{:02x}{:02x}".format(*COLOURS[(number - 1) % len(COLOURS)])


def _patterns(figure: Figure) -> list[Svg]:
    """The stripes of masks that are not matched."""
    numbers = {
        patch.number: None
        for panel in figure.panels
        for patch in panel.patches
        if patch.state != "matched"
    }
    turned = f"scale({1 / figure.scale:.5f}) rotate(45)"
    return [
        element(
            "pattern",
            element("rect", width=3, height=8, fill=hex_of(number)),
            id=f"stripes{number}",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
            patternTransform=turned,
        )
        for number in numbers
    ]


def _panel(figure: Figure, panel: Panel, address: str | None) -> list[Svg]:
    height, width = (side * figure.scale for side in figure.size)
    place = {"x": panel.x, "y": TOP, "width": width, "height": height}
    shapes = [
        _words(panel.x, 22, panel.title, 13, bold=True),
        element("rect", fill=_BLANK, **place),
    ]
    if address is not None:
        shapes.append(element("image", href=address, preserveAspectRatio="none", **place))
    numbers = []
    for patch in panel.patches:
        bitmap = masks.decode(patch.mask)
        shapes += _patch(patch, outline(bitmap), panel.x, figure.scale)
        x, y = middle(bitmap)
        numbers.append(Badge(panel.x + x * figure.scale, TOP + y * figure.scale, patch.number))
    shapes += [shape for run in panel.runs for shape in _run(run)]
    return shapes + [_badge(badge) for badge in (*numbers, *panel.badges)]


def _patch(patch: Patch, path: str, x: float, scale: float) -> list[Svg]:
    colour, matched = hex_of(patch.number), patch.state == "matched"
    place = {
        "d": path,
        "transform": f"translate({x:.2f} {TOP:g}) scale({scale:.5f})",
        "fill_rule": "evenodd",
        "vector_effect": "non-scaling-stroke",
        "stroke_linejoin": "round",
    }
    faint = [] if matched else [element("path", fill=colour, fill_opacity=0.14, **place)]
    return [
        *faint,
        element(
            "path",
            fill=colour if matched else f"url(#stripes{patch.number})",
            fill_opacity=0.45 if matched else 0.8,
            stroke="#000000",
            stroke_opacity=0.6,
            stroke_width=3.4,
            **place,
        ),
        element(
            "path",
            fill="none",
            stroke=colour,
            stroke_width=2,
            stroke_dasharray=_DASHES[patch.state],
            **place,
        ),
    ]


def _run(run: Run) -> list[Svg]:
    """Words, tinted and underlined in the colour of their phrase."""
    words = _words(run.x, run.y, run.text, SIZE, wide=run.wide)
    if run.number is None:
        return [words]
    fill = {"fill": hex_of(run.number), "x": run.x - 2, "width": run.wide + 4}
    return [
        element("rect", y=run.y - 15, height=20, rx=3, fill_opacity=0.25, **fill),
        element("rect", y=run.y + 4, height=2.2, **fill),
        words,
    ]


def _words(
    x: float, y: float, text: str, size: int, *, bold: bool = False, wide: float | None = None
) -> Svg:
    return element(
        "text",
        text,
        x=x,
        y=y,
        fill=_INK,
        font_size=size,
        font_weight=700 if bold else None,
        textLength=wide,
    )


def _badge(badge: Badge) -> Svg:
    wide, place = badge_width(badge.number), (badge.number - 1) % len(COLOURS)
    return element(
        "g",
        element(
            "rect",
            x=badge.x - wide / 2,
            y=badge.y - BADGE,
            width=wide,
            height=2 * BADGE,
            rx=BADGE,
            fill=hex_of(badge.number),
            stroke=_INK,
            stroke_width=0.8,
        ),
        element(
            "text",
            str(badge.number),
            x=badge.x,
            y=badge.y + 4,
            text_anchor="middle",
            font_size=SMALL,
            font_weight=700,
            fill=_LIGHT if place == _BLUE else _INK,
        ),
    )
