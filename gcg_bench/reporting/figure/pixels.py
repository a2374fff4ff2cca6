"""A figure as pixels."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gcg_bench import masks
from gcg_bench.reporting.draw import COLOURS, edge, middle
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
    font,
)

_INK, _LIGHT, _BLUE = (20, 22, 26), (255, 255, 255), 4
_BLANK = (233, 234, 236)


def drawn(figure: Figure, picture: Image.Image | None, dots: float) -> Image.Image:
    """The figure with `dots` pixels for each unit; a missing picture is a blank canvas."""
    canvas = Image.new("RGB", (round(figure.wide * dots), round(figure.tall * dots)), "white")
    height, width = (round(side * figure.scale * dots) for side in figure.size)
    behind = Image.new("RGB", (width, height), _BLANK)
    if picture is not None:
        behind = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    for panel in figure.panels:
        _panel(canvas, panel, behind, dots)
    return canvas


def _panel(canvas: Image.Image, panel: Panel, behind: Image.Image, dots: float) -> None:
    pen = ImageDraw.Draw(canvas)
    title = font(13 * dots)
    pen.text((panel.x * dots, 22 * dots), panel.title, _INK, title, "ls", stroke_width=1)
    bitmaps = [(patch, _resized(patch, behind.size)) for patch in panel.patches]
    covered = _covered(np.asarray(behind), bitmaps, dots)
    canvas.paste(Image.fromarray(covered), (round(panel.x * dots), round(TOP * dots)))
    for run in panel.runs:
        _run(canvas, run, dots)
    numbers = []
    for patch, bitmap in bitmaps:
        if bitmap.any():
            x, y = middle(bitmap)
            numbers.append(Badge(panel.x + x / dots, TOP + y / dots, patch.number))
    for badge in (*numbers, *panel.badges):
        _badge(canvas, badge, dots)


def _resized(patch: Patch, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask with as many pixels as the picture."""
    bitmap = Image.fromarray(masks.decode(patch.mask).astype(np.uint8) * 255)
    return np.asarray(bitmap.resize(size, Image.Resampling.BILINEAR)) > 127


def _covered(
    pixels: NDArray[np.uint8], bitmaps: list[tuple[Patch, NDArray[np.bool_]]], dots: float
) -> NDArray[np.uint8]:
    """Draws masks on the picture: matched masks are tinted, others striped; then the outlines."""
    blended = pixels.astype(np.float64)
    rows, columns = np.indices(pixels.shape[:2])
    period = max(2, round(11 * dots))
    striped = (rows + columns) % period < 0.38 * period
    for patch, bitmap in bitmaps:
        colour = np.array(_colour(patch.number), dtype=np.float64)
        tints = [(bitmap, 0.45)]
        if patch.state != "matched":
            tints = [(bitmap & ~striped, 0.14), (bitmap & striped, 0.8)]
        for where, share in tints:
            blended[where] = (1 - share) * blended[where] + share * colour
    for patch, bitmap in bitmaps:
        blended[edge(bitmap, max(1, round(1.6 * dots)))] = _colour(patch.number)
    return blended.astype(np.uint8)


def _colour(number: int) -> tuple[int, int, int]:
    return COLOURS[(number - 1) % len(COLOURS)]


def _run(canvas: Image.Image, run: Run, dots: float) -> None:
    pen = ImageDraw.Draw(canvas)
    if run.number is not None:
        colour = _colour(run.number)
        pale = tuple(round(255 - 0.25 * (255 - part)) for part in colour)
        left, right = (run.x - 2) * dots, (run.x + run.wide + 2) * dots
        box = (left, (run.y - 15) * dots, right, (run.y + 5) * dots)
        pen.rounded_rectangle(box, 3 * dots, fill=pale)
        pen.rectangle((left, (run.y + 4) * dots, right, (run.y + 6.2) * dots), fill=colour)
    pen.text((run.x * dots, run.y * dots), run.text, _INK, font(SIZE * dots), "ls")


def _badge(canvas: Image.Image, badge: Badge, dots: float) -> None:
    pen, half = ImageDraw.Draw(canvas), badge_width(badge.number) / 2
    x, y = badge.x * dots, badge.y * dots
    box = (x - half * dots, y - BADGE * dots, x + half * dots, y + BADGE * dots)
    colour, light = _colour(badge.number), (badge.number - 1) % len(COLOURS) == _BLUE
    pen.rounded_rectangle(box, BADGE * dots, fill=colour, outline=_INK, width=round(dots))
    text = str(badge.number)
    pen.text((x, y), text, _LIGHT if light else _INK, font(SMALL * dots), "mm")
