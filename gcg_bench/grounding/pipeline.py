"""A captioner, a grounder and a masker as one model: the work of the adapters of detectors."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from gcg_bench.errors import BadOption
from gcg_bench.grounding.captions import lowered
from gcg_bench.grounding.masking import Masker
from gcg_bench.grounding.regions import Grounder, Region, Wanted
from gcg_bench.masks import area
from gcg_bench.types import SILENCE, Box, Grounding, Mask, Model, Phrase, Pixels, Prediction, Query

EXPRESSIONS = ("referring", "generalized_referring", "reasoning")
"""The tasks that give an expression instead of asking for a caption."""

NONE = "none"
"""The captioner of a pipeline that answers expressions alone."""

_DIGITS = 6  # decimal digits of a score


class Pipeline:
    """Answers with captions of a captioner; a grounder and a masker make masks of their phrases.

    A phrase gets the masks of all its regions, and the highest of their scores; a phrase without a
    region stays without a mask, and masks without words are left out. A query with an expression
    needs no caption: the expression is the phrase. `referring` and `reasoning` ask for one region:
    the answer is the region with the highest score, even below the threshold. For
    `generalized_referring` the answer is all regions above the threshold, or a refusal when no
    region is above it.

    Attributes:
        settings: the values that decide the answers.
        own_instruction: whether the captioner cannot follow the instruction of a data card.

    Args:
        captioner: a model; None when every query has an expression.
        grounder: finds regions.
        masker: makes masks of boxes.
        settings: the settings of the captioner.
    """

    def __init__(
        self,
        captioner: Model | None,
        grounder: Grounder,
        masker: Masker | None,
        settings: dict[str, Any],
    ) -> None:
        self._captioner, self._grounder, self._masker = captioner, grounder, masker
        self.settings = {
            **settings,
            **({} if captioner is None else {"phrases": "those of the captioner"}),
            "regions_of_expressions": "the best one; all above the threshold where none may fit",
            **grounder.settings,
            **({} if masker is None else masker.settings),
        }
        self.batch_size = getattr(captioner, "batch_size", 1)
        self.own_instruction = bool(getattr(captioner, "own_instruction", False))

    def prepare(self, queries: Sequence[Query], **options: Any) -> None:
        """Prepares the captioner; see `predictions_file`.

        Raises:
            BadOption: a query needs a caption, and there is no captioner.
        """
        captioned = [query for query in queries if query.expression is None]
        if captioned and self._captioner is None:
            raise BadOption("the task needs captions, and the model writes none: name a captioner")
        prepare = getattr(self._captioner, "prepare", None)
        if captioned and prepare is not None:
            prepare(captioned, **options)

    def worded(self, query: Query) -> str:
        """The words of a query that the captioner or the grounder gets."""
        if query.expression is not None:
            return lowered(query.expression)
        worded = getattr(self._captioner, "worded", None)
        return "" if worded is None else str(worded(query))

    def notes(self) -> list[str]:
        """Notes on the captions for the user, one sentence each."""
        notes = getattr(self._captioner, "notes", None)
        return [] if notes is None else list(notes())

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        """One prediction for each query; expressions are not sent to the captioner."""
        for is_captioned, group in groupby(queries, lambda query: query.expression is None):
            if is_captioned:
                yield from self._captioned(group)
            else:
                yield from map(self._referred, group)

    def _captioned(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        if self._captioner is None:
            for query in queries:
                yield Prediction(
                    query.id, error=f"the captioner is {NONE}, and a caption is needed"
                )
            return
        waiting: dict[str, Query] = {}

        def recorded() -> Iterator[Query]:
            for query in queries:
                waiting[query.id] = query
                yield query

        for prediction in self._captioner.answer(recorded()):
            if prediction.id in waiting:
                yield self._regrounded(waiting.pop(prediction.id), prediction)

    def _regrounded(self, query: Query, prediction: Prediction) -> Prediction:
        """The prediction of the captioner with new masks and scores."""
        if prediction.error is not None:
            return prediction
        caption = prediction.grounding.caption
        phrases = [phrase for phrase in prediction.grounding.phrases if (phrase.text or "").strip()]
        wanted = [Wanted(phrase.text or "", _inside(phrase.span, caption)) for phrase in phrases]
        pixels = query.image.read()
        regions = self._grounder.regions(pixels, caption, wanted)
        masked = self._masks(pixels, regions)
        grounded = tuple(
            replace(phrase, masks=masks, score=_score(found), crowd=False)
            for phrase, masks, found in zip(phrases, masked, regions, strict=True)
        )
        return replace(prediction, grounding=Grounding(caption, grounded), seconds=None)

    def _referred(self, query: Query) -> Prediction:
        """The answer to a query with an expression."""
        expression = query.expression or ""
        pixels = query.image.read()
        may_refuse = query.task == "generalized_referring"
        wanted = [Wanted(expression)]
        regions = self._grounder.regions(pixels, "", wanted, best=not may_refuse)
        (masks,) = self._masks(pixels, regions)
        if may_refuse and not masks:
            return Prediction(query.id, SILENCE, refused=True)
        phrase = Phrase(expression, masks, _score(regions[0]))
        refused = False if may_refuse else None
        return Prediction(query.id, Grounding("", (phrase,)), refused=refused)

    def _masks(self, pixels: Pixels, regions: Sequence[Sequence[Region]]) -> list[tuple[Mask, ...]]:
        """The masks of each phrase's regions; equal boxes are masked once, empty masks left out."""
        boxes = [region.box for group in regions for region in group if region.box is not None]
        drawn: dict[Box, Mask] = {}
        if self._masker is not None:
            distinct = list(dict.fromkeys(boxes))
            drawn = dict(zip(distinct, self._masker.of_boxes(pixels, distinct), strict=True))
        masks = [
            [drawn.get(region.box) if region.box else region.mask for region in group]
            for group in regions
        ]
        return [tuple(mask for mask in group if mask and area([mask])[0]) for group in masks]


def _inside(span: tuple[int, int] | None, caption: str) -> tuple[int, int] | None:
    """The span when it lies in the caption and is not empty, else None."""
    return span if span is not None and 0 <= span[0] < span[1] <= len(caption) else None


def _score(regions: Sequence[Region]) -> float | None:
    """The highest score of regions; None without regions."""
    return round(max(region.score for region in regions), _DIGITS) if regions else None
