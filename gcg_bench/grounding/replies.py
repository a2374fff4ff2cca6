"""A model's reply -> a prediction: text is parsed, boxes become masks, problems are counted."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gcg_bench.grounding.boxes import Frame, points_to_pixels, to_pixels
from gcg_bench.grounding.dialects import BoxedPhrase, parse, without_thoughts
from gcg_bench.grounding.json_answers import repairer
from gcg_bench.grounding.masking import Masker
from gcg_bench.grounding.placing import place
from gcg_bench.grounding.questions import needs_boxes
from gcg_bench.masks import area
from gcg_bench.types import Grounding, Mask, Phrase, Pixels, Prediction, Query

_REFUSING = "generalized_referring"
_NOTES = {
    "cut off": "answers that reached the limit of tokens, of which what was complete is read",
    "repaired": "answers of damaged JSON that were repaired",
    "partial": "answers of incomplete JSON, of which what was complete is read",
    "text": "answers of plain text where boxes were asked for",
    "clipped": "boxes that left their image and were clipped",
    "reordered": "boxes with corners in another order",
    "dropped": "boxes or points without a pixel in their image, or without the numbers that they"
    " need, which were left out",
    "unplaced": "phrases that do not stand in their caption",
    "unmasked": "points without a mask, which only a masker can give",
}


@dataclass
class ReplyReader:
    """Makes predictions of replies.

    Attributes:
        masker: makes masks of boxes.
        counts: how often each problem occurred, by the keys of the notes.
    """

    masker: Masker
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def settings(self) -> dict[str, Any]:
        """How replies are read, for runs and signatures."""
        return {"json_repair": repairer(), **self.masker.settings}

    def prediction(
        self, query: Query, text: str, frame: Frame, pixels: Pixels, *, truncated: bool = False
    ) -> Prediction:
        """The prediction of a reply.

        Args:
            query: the query that was asked.
            text: the reply.
            frame: the unit of its coordinates.
            pixels: the pixels of the original image.
            truncated: the reply reached the limit of tokens.
        """
        self.counts["cut off"] += truncated
        if not needs_boxes(query):
            caption = " ".join(without_thoughts(text).split())
            return Prediction(query.id, Grounding(caption), text)
        answer = parse(text, truncated=truncated)
        self.counts[answer.form] += 1
        masked = self._masked(answer.phrases, frame, pixels)
        if query.expression is not None:
            return self._referred(query, text, masked)
        return Prediction(query.id, self._grounding(answer.caption, answer.phrases, masked), text)

    def notes(self) -> list[str]:
        """The problems in the replies and how often each occurred, one line each."""
        return [
            f"{words}: {self.counts[name]:,}" for name, words in _NOTES.items() if self.counts[name]
        ]

    def _referred(self, query: Query, text: str, masked: Sequence[Sequence[Mask]]) -> Prediction:
        """The prediction for an expression: one phrase with all masks."""
        masks = tuple(dict.fromkeys(mask for group in masked for mask in group))
        refused = None if query.task != _REFUSING else not masks
        phrases = (Phrase(query.expression, masks),) if masks else ()
        return Prediction(query.id, Grounding("", phrases), text, refused=refused)

    def _grounding(
        self, caption: str, phrases: Sequence[BoxedPhrase], masked: Sequence[Sequence[Mask]]
    ) -> Grounding:
        """The caption and its phrases; spans come from the tags, or are searched in the caption."""
        spans = place([phrase.text for phrase in phrases], caption)
        placed = []
        for phrase, span, masks in zip(phrases, spans, masked, strict=True):
            chosen = phrase.span or span
            self.counts["unplaced"] += bool(phrase.text) and chosen is None
            if phrase.text or masks:
                placed.append(Phrase(phrase.text or None, tuple(masks), span=chosen))
        return Grounding(caption, tuple(placed))

    def _masked(
        self, phrases: Sequence[BoxedPhrase], frame: Frame, pixels: Pixels
    ) -> list[tuple[Mask, ...]]:
        """The masks of each phrase; all boxes of an image are masked at once."""
        boxes, points = [], []
        for phrase in phrases:
            inside = to_pixels(phrase.boxes, frame)
            for name in ("clipped", "reordered", "dropped"):
                self.counts[name] += getattr(inside, name)
            boxes.append(inside.boxes)
            marked, dropped = points_to_pixels(phrase.points, frame)
            self.counts["dropped"] += dropped
            points.append(marked)
        drawn = iter(self.masker.of_boxes(pixels, [box for group in boxes for box in group]))
        pointed = self._pointed(pixels, [point for group in points for point in group])
        masked = []
        for group, marks in zip(boxes, points, strict=True):
            masks = [*(next(drawn) for _ in group), *(next(pointed) for _ in marks)]
            kept = tuple(mask for mask in masks if mask is not None and area([mask])[0])
            self.counts["dropped"] += len(masks) - len(kept) - masks.count(None)
            masked.append(kept)
        return masked

    def _pointed(
        self, pixels: Pixels, points: Sequence[tuple[float, float]]
    ) -> Iterator[Mask | None]:
        """One mask for each point; None for each point when the masker takes only boxes."""
        of_points = getattr(self.masker, "of_points", None)
        if of_points is None:
            self.counts["unmasked"] += len(points)
            return iter([None] * len(points))
        masks: Iterator[Mask | None] = iter(of_points(pixels, points))
        return masks
