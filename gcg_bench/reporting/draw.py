"""One image drawn: masks on the picture, reference beside prediction, phrases in their colours."""

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
from gcg_bench.types import Grounding, Picture, Pixels, Prediction, Sample

# Okabe and Ito's colours, told apart by colour-blind readers
COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (229, 212, 50),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
_BLANK = 235  # grey of the canvas where there is no picture
_GAP = 12  # pixels between the two pictures
_OPACITY = 0.45


@dataclass(frozen=True)
class Drawing:
    """A picture with its phrases; shows itself in notebooks.

    Attributes:
        image: the pictures side by side, masks on them, numbered as the phrases are.
        sides: title, caption and phrases (number, words) of each picture, left to right.
        note: why there is no picture behind the masks, None when there is one.
    """

    image: Image.Image
    sides: tuple[tuple[str, Grounding], ...]
    note: str | None = None

    def save(self, file: Path | str) -> None:
        """Writes the pictures; the file's ending says in which format.

        Raises:
            BadOption: no format has that ending.
        """
        try:
            self.image.save(file)
        except ValueError as error:
            raise BadOption(f"{file}: {error}") from error

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.image.save(stream, "PNG")
        return stream.getvalue()

    def _repr_html_(self) -> str:
        """The pictures, and under each its caption and phrases as text in their colours."""
        address = base64.b64encode(self._repr_png_()).decode("ascii")
        shown = [f'<img style="max-width:100%" src="data:image/png;base64,{address}">']
        if self.note is not None:
            shown.append(f"<p><i>{escape(self.note)}</i></p>")
        for title, grounding in self.sides:
            phrases = " ".join(
                f'<span style="border-bottom:3px solid rgb{COLOURS[k % len(COLOURS)]};'
                f'margin-right:.6em"><b>{k + 1}</b> {escape(_named(phrase.text))}</span>'
                for k, phrase in enumerate(grounding.phrases)
            )
            shown.append(f"<p><b>{escape(title)}</b> {escape(grounding.caption)}<br>{phrases}</p>")
        return f"<div>{''.join(shown)}</div>"


def show(sample: Sample, prediction: Prediction | None = None) -> Drawing:
    """The reference on its picture, beside the prediction if one is given.

    Where the picture cannot be read, masks are drawn on a blank canvas and the note says why.

    Raises:
        BadOption: the prediction is of another image, or its masks are of another size.
    """
    if prediction is not None and prediction.id != sample.id:
        raise BadOption(f"the prediction is of image {prediction.id!r}, not {sample.id!r}")
    pixels, note = _pixels(sample.query.image)
    sides = [("reference", sample.truth)]
    if prediction is not None:
        failed = "" if prediction.error is None else f" (failed: {prediction.error})"
        sides.append((f"prediction{failed}", prediction.grounding))
    drawn = [_drawn(pixels, grounding) for _, grounding in sides]
    height, width = pixels.shape[:2]
    joined = Image.new("RGB", (len(drawn) * (width + _GAP) - _GAP, height), "white")
    for k, one in enumerate(drawn):
        joined.paste(one, (k * (width + _GAP), 0))
    return Drawing(joined, tuple(sides), note)


def _pixels(picture: Picture) -> tuple[Pixels, str | None]:
    try:
        return picture.read(), None
    except (MissingData, BadData) as error:
        blank = np.full((picture.height, picture.width, 3), _BLANK, dtype=np.uint8)
        return blank, f"drawn on a blank canvas: {error}"


def _drawn(pixels: Pixels, grounding: Grounding) -> Image.Image:
    """Masks over the picture, large ones first, then outlines, then numbers."""
    height, width = pixels.shape[:2]
    mixed = pixels.astype(np.float64)
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
        mixed[bitmaps[k]] = (1 - _OPACITY) * mixed[bitmaps[k]] + _OPACITY * colour
    for k in order:
        mixed[_edge(bitmaps[k])] = COLOURS[k % len(COLOURS)]
    image = Image.fromarray(mixed.astype(np.uint8))
    _number(image, [(k, bitmaps[k]) for k in order if areas[k]])
    return image


def _edge(bitmap: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of the mask, two deep, that touch what is not the mask."""
    edge = np.zeros_like(bitmap)
    for axis in (0, 1):
        for step in (-2, -1, 1, 2):
            moved = np.roll(bitmap, step, axis=axis)
            # what was rolled in from the other side of the image is no neighbour
            inside: list[Any] = [slice(None), slice(None)]
            inside[axis] = slice(0, step) if step > 0 else slice(step, None)
            moved[tuple(inside)] = True
            edge |= bitmap & ~moved
    return edge


def _number(image: Image.Image, bitmaps: Sequence[tuple[int, NDArray[np.bool_]]]) -> None:
    """Writes the number of each phrase where its mask has the longest row of pixels."""
    pen = ImageDraw.Draw(image)
    size = max(11, round(min(image.size) / 32))
    font = ImageFont.load_default(size)
    for k, bitmap in bitmaps:
        x, y = _middle(bitmap)
        text = str(k + 1)
        half = max(size * 0.75, pen.textlength(text, font) / 2 + 4)
        corners = (x - half, y - size * 0.75, x + half, y + size * 0.75)
        pen.rounded_rectangle(
            corners, size * 0.75, fill=COLOURS[k % len(COLOURS)], outline=(20, 22, 26)
        )
        pen.text((x, y), text, fill=(20, 22, 26), font=font, anchor="mm")


def _middle(bitmap: NDArray[np.bool_]) -> tuple[float, float]:
    """A place (x, y) in a mask that is not empty, where rows of pixels are about the longest."""
    padded = np.pad(bitmap, ((0, 0), (1, 1))).astype(np.int8)
    row, start = np.nonzero(np.diff(padded, axis=1) == 1)
    _, end = np.nonzero(np.diff(padded, axis=1) == -1)
    length = end - start
    wide = np.flatnonzero(length >= 0.9 * length.max())
    chosen = int(wide[len(wide) // 2])
    return float(start[chosen] + end[chosen]) / 2, float(row[chosen]) + 0.5


def _named(text: str | None) -> str:
    return "(no words)" if text is None else text
