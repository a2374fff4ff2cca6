"""Draws one image: masks on the picture, reference next to prediction, phrases in colours."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gcg_bench import masks
from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.files.display import visible
from gcg_bench.types import Grounding, Picture, Pixels, Prediction, Sample

# Okabe and Ito's colours, which colour-blind readers can distinguish
COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (229, 212, 50),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
_BLANK = 235  # grey of the canvas without a picture
_GAP = 12  # pixels between the two pictures
_OPACITY = 0.45


@dataclass(frozen=True, repr=False)
class Drawing:
    """A picture with its phrases; notebooks display it.

    Attributes:
        image: the pictures side by side, with masks that have the numbers of the phrases.
        sides: title, caption and phrases (number, words) of each picture, left to right.
        note: why the picture behind the masks is blank; None when it is not blank.
    """

    image: Image.Image
    sides: tuple[tuple[str, Grounding], ...]
    note: str | None = None

    def save(self, file: Path | str) -> None:
        """Writes the pictures; the ending of the file name decides the format.

        Raises:
            BadOption: no format has that ending.
        """
        try:
            self.image.save(file)
        except ValueError as error:
            raise BadOption(f"{file}: {error}") from error

    def __repr__(self) -> str:
        width, height = self.image.size
        titles = ", ".join(title for title, _ in self.sides)
        return f"<Drawing of {width} x {height} pixels: {titles}>"

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.image.save(stream, "PNG")
        return stream.getvalue()

    def _repr_html_(self) -> str:
        """The pictures, each with its caption and coloured phrases as text below."""
        address = base64.b64encode(self._repr_png_()).decode("ascii")
        parts = [f'<img style="max-width:100%" src="data:image/png;base64,{address}">']
        if self.note is not None:
            parts.append(f"<p><i>{_shown(self.note)}</i></p>")
        for title, grounding in self.sides:
            phrases = " ".join(
                f'<span style="border-bottom:3px solid rgb{COLOURS[k % len(COLOURS)]};'
                f'margin-right:.6em"><b>{k + 1}</b> {_shown(_words(phrase.text))}</span>'
                for k, phrase in enumerate(grounding.phrases)
            )
            parts.append(f"<p><b>{_shown(title)}</b> {_shown(grounding.caption)}<br>{phrases}</p>")
        return f"<div>{''.join(parts)}</div>"


def _shown(text: str) -> str:
    return escape(visible(text, breaks=True))


def show(sample: Sample, prediction: Prediction | None = None) -> Drawing:
    """Draws the reference on its picture, and a prediction next to it.

    When the picture cannot be read, masks are drawn on a blank canvas, and `note` has the reason.

    Raises:
        BadOption: the prediction belongs to another image, or its masks have another size.
    """
    if prediction is not None and prediction.id != sample.id:
        raise BadOption(f"the prediction is of image {prediction.id!r}, not {sample.id!r}")
    pixels, note = _pixels(sample.query.image)
    sides = [("reference", sample.truth)]
    if prediction is not None:
        failed = "" if prediction.error is None else f" (failed: {prediction.error})"
        sides.append((f"prediction{failed}", prediction.grounding))
    images = [_drawn(pixels, grounding) for _, grounding in sides]
    height, width = pixels.shape[:2]
    joined = Image.new("RGB", (len(images) * (width + _GAP) - _GAP, height), "white")
    for k, image in enumerate(images):
        joined.paste(image, (k * (width + _GAP), 0))
    return Drawing(joined, tuple(sides), note)


def _pixels(picture: Picture) -> tuple[Pixels, str | None]:
    """The picture's pixels and None; a blank canvas and the reason when it cannot be read."""
    try:
        return picture.read(), None
    except (MissingData, BadData) as error:
        blank = np.full((picture.height, picture.width, 3), _BLANK, dtype=np.uint8)
        return blank, f"drawn on a blank canvas: {error}"


def _drawn(pixels: Pixels, grounding: Grounding) -> Image.Image:
    """The picture with masks over it, large ones first, then outlines, then numbers."""
    height, width = pixels.shape[:2]
    blended = pixels.astype(np.float64)
    united = {
        k: masks.union(phrase.masks) for k, phrase in enumerate(grounding.phrases) if phrase.masks
    }
    if any((mask.height, mask.width) != (height, width) for mask in united.values()):
        raise BadOption(f"masks are not the size of the image, {height} x {width}")
    areas = dict(zip(united, masks.area(list(united.values())).tolist(), strict=True))
    order = sorted(united, key=lambda k: -areas[k])
    bitmaps = {k: masks.decode(united[k]) for k in order}
    for k in order:
        colour = np.array(COLOURS[k % len(COLOURS)], dtype=np.float64)
        blended[bitmaps[k]] = (1 - _OPACITY) * blended[bitmaps[k]] + _OPACITY * colour
    for k in order:
        blended[edge(bitmaps[k])] = COLOURS[k % len(COLOURS)]
    image = Image.fromarray(blended.astype(np.uint8))
    _number(image, [(k, bitmaps[k]) for k in order if areas[k]])
    return image


def edge(bitmap: NDArray[np.bool_], wide: int = 2) -> NDArray[np.bool_]:
    """The outline of a mask: its pixels at a distance of at most `wide` from a pixel outside."""
    outline = np.zeros_like(bitmap)
    for axis in (0, 1):
        for step in (*range(-wide, 0), *range(1, wide + 1)):
            shifted = np.roll(bitmap, step, axis=axis)
            # pixels that np.roll moves in from the opposite side of the image are not neighbours
            wrapped: list[Any] = [slice(None), slice(None)]
            wrapped[axis] = slice(0, step) if step > 0 else slice(step, None)
            shifted[tuple(wrapped)] = True
            outline |= bitmap & ~shifted
    return outline


def _number(image: Image.Image, bitmaps: Sequence[tuple[int, NDArray[np.bool_]]]) -> None:
    """Writes the number of each phrase at the longest row of pixels of its mask."""
    pen = ImageDraw.Draw(image)
    size = max(11, round(min(image.size) / 32))
    font = ImageFont.load_default(size)
    for k, bitmap in bitmaps:
        x, y = middle(bitmap)
        text = str(k + 1)
        half = max(size * 0.75, pen.textlength(text, font) / 2 + 4)
        corners = (x - half, y - size * 0.75, x + half, y + size * 0.75)
        pen.rounded_rectangle(
            corners, size * 0.75, fill=COLOURS[k % len(COLOURS)], outline=(20, 22, 26)
        )
        pen.text((x, y), text, fill=(20, 22, 26), font=font, anchor="mm")


def middle(bitmap: NDArray[np.bool_]) -> tuple[float, float]:
    """A point (x, y) in a non-empty mask, in the middle of one of its longest rows of pixels."""
    padded = np.pad(bitmap, ((0, 0), (1, 1))).astype(np.int8)
    row, start = np.nonzero(np.diff(padded, axis=1) == 1)
    _, end = np.nonzero(np.diff(padded, axis=1) == -1)
    length = end - start
    wide = np.flatnonzero(length >= 0.9 * length.max())
    chosen = int(wide[len(wide) // 2])
    return float(start[chosen] + end[chosen]) / 2, float(row[chosen]) + 0.5


def _words(text: str | None) -> str:
    return "(no words)" if text is None else text
