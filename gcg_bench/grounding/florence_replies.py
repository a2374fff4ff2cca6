"""Replies of Florence-2: captions, phrases with boxes, polygons; and regions in its questions.

The processor of the model parses the marks. Coordinates are steps of a thousandth of a side.
"""

import re
from typing import Any

from gcg_bench.grounding.boxes import Frame, to_pixels
from gcg_bench.grounding.masking import Masker
from gcg_bench.grounding.placing import Span, place
from gcg_bench.masks import from_polygons
from gcg_bench.types import Box, Mask, Phrase, Pixels

GROUND = "<CAPTION_TO_PHRASE_GROUNDING>"
SEGMENT = "<REFERRING_EXPRESSION_SEGMENTATION>"

_WORDS = "<CAPTION>"
_CORNERS = 3  # at least, of a polygon
_STEPS = 1000  # of a side


def region_marks(box: Box, height: int, width: int) -> str:
    """The marks of a region: its corners in whole steps.

    Args:
        box: x0, y0, x1, y1 in pixels of the image.
        height: the height of the image.
        width: the width of the image.
    """
    steps = (
        min(max(int(value * _STEPS / side), 0), _STEPS - 1)
        for value, side in zip(box, (width, height) * 2, strict=True)
    )
    return "".join(f"<loc_{step}>" for step in steps)


def read_caption(processor: Any, reply: str) -> str:
    """The caption of a reply, without the region marks at the end of a region's description."""
    text: str = processor.post_process_generation(text=reply, task=_WORDS)[_WORDS]
    return " ".join(re.sub(r"<loc_\d+>|<pad>", "", text).split())


def read_phrases(
    processor: Any, reply: str, caption: str, pixels: Pixels, masker: Masker
) -> tuple[Phrase, ...]:
    """The phrases of the reply that grounds a caption.

    The processor leaves out characters outside ASCII; a phrase that is found in the caption gets
    the words of the caption. Phrases with equal words at the same position are one phrase.

    Args:
        processor: the processor of the model.
        reply: the reply to the second instruction.
        caption: the caption that was grounded.
        pixels: the pixels of the image.
        masker: makes boxes into masks.
    """
    height, width = pixels.shape[:2]
    parse = processor.post_processor
    entries = parse(text=reply, image_size=(width, height), parse_tasks="phrase_grounding")
    labels = [entry["cat_name"] for entry in entries["phrase_grounding"]]
    spans = place(labels, caption)
    grouped: list[tuple[str, Span | None, list[Box]]] = []
    for entry, label, span in zip(entries["phrase_grounding"], labels, spans, strict=True):
        boxes = list(map(tuple, entry["bbox"]))
        if grouped and grouped[-1][:2] == (label, span):
            grouped[-1][2].extend(boxes)
        else:
            grouped.append((label, span, boxes))
    frame = Frame("pixels", (height, width), (height, width))
    return tuple(
        Phrase(
            label if span is None else caption[slice(*span)],
            masker.of_boxes(pixels, to_pixels(boxes, frame).boxes),
            span=span,
        )
        for label, span, boxes in grouped
    )


def read_polygons(processor: Any, reply: str, pixels: Pixels) -> Mask | None:
    """The mask of a reply to an expression; None when it has no polygon with an area."""
    height, width = pixels.shape[:2]
    answer = processor.post_process_generation(text=reply, task=SEGMENT, image_size=(width, height))
    polygons = [
        polygon
        for instance in answer[SEGMENT]["polygons"]
        for polygon in instance
        if len(polygon) >= 2 * _CORNERS
    ]
    return from_polygons(polygons, height, width) if polygons else None
