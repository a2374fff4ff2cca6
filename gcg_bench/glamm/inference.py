"""Queries through a GLaMM to predictions: what an adapter does around the model.

Images go through in blocks of the data set's order. Neighbours in a block move an answer by
rounding only, but a pixel on an edge may turn over; so the blocks depend on nothing but the data
set and the batch size, and a run that was stopped goes on to the same answers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite
from typing import Any

from gcg_bench.errors import BadData
from gcg_bench.glamm.batching import Batches, Result, Stages
from gcg_bench.glamm.generation import Generated, generate
from gcg_bench.glamm.modeling import Glamm
from gcg_bench.glamm.processing import Prepared, Processor
from gcg_bench.glamm.prompts import CAPTION_WITH_MASKS, DESCRIBE_REGION, as_evaluated
from gcg_bench.masks import encode
from gcg_bench.types import Grounding, Phrase, Prediction, Query

_DIGITS = 6  # of a score; single precision has no more


@dataclass(frozen=True)
class Asked:
    """A query, and whether its answer is wanted or it only fills up its block."""

    query: Query
    wanted: bool = True


@dataclass(frozen=True)
class Reply:
    """What the model said, read."""

    grounding: Grounding
    raw: str


class GlammAnswers:
    """A GLaMM that answers queries.

    A query's prompt is its instruction, as the published script hands it on; without one it is
    asked for a grounded caption, or for a description of its regions when it has some. A [SEG]
    belongs to its own phrase; one that belongs to none is a mask without words. Phrases whose tags
    the model left unpaired are kept; `Prediction.unpaired` counts such tags in `raw`. A phrase's
    score is the mean probability of its words, or that of its first [SEG] where it has none.

    Attributes:
        settings: what decides the answers, for runs and signatures.
        batch_size: the images of a block.

    Args:
        model: in evaluation mode.
        processor: for the model's sizes and vocabulary.
        settings: as above.
        batch_size: at least 1; what runs at once is halved when memory runs out.
        workers: threads that read images ahead.
        max_new_tokens: where an answer is cut off.
    """

    def __init__(
        self,
        model: Glamm,
        processor: Processor,
        *,
        settings: Mapping[str, Any],
        batch_size: int,
        workers: int,
        max_new_tokens: int,
    ) -> None:
        self.settings = dict(settings)
        self.batch_size = batch_size
        self._model, self._processor = model, processor
        self._workers, self._limit = workers, max_new_tokens
        self._order: tuple[Query, ...] = ()
        self._places: dict[str, int] = {}

    def prepare(self, queries: Sequence[Query], **_: object) -> None:
        """Fixes the blocks by all queries of the data set, whichever of them are asked later."""
        self._order = tuple(queries)
        self._places = {query.id: place for place, query in enumerate(queries)}

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        """One prediction a query, in the order asked; what fails alone carries an `error`.

        Up to two blocks of queries are taken ahead of the answers.
        """
        batches = Batches(
            Stages(self._ready, self._generated, self._reply),
            size=self.batch_size,
            workers=self._workers,
            release=self._release,
        )
        for result in batches.stream(self._blocks(queries)):
            if result.item.wanted:
                yield _prediction(result)

    def _blocks(self, queries: Iterable[Query]) -> Iterator[list[Asked]]:
        """Queries in blocks; where `prepare` knows a query, its block is whole, as it ever was."""
        for (known, number), group in groupby(enumerate(queries), self._block):
            asked = [query for _, query in group]
            if known:
                wanted = {query.id for query in asked}
                block = self._order[number * self.batch_size : (number + 1) * self.batch_size]
                yield [Asked(query, query.id in wanted) for query in block]
            else:
                yield [Asked(query) for query in asked]

    def _block(self, numbered: tuple[int, Query]) -> tuple[bool, int]:
        """Whether `prepare` knows the query, and the number of its block."""
        counted, query = numbered
        place = self._places.get(query.id)
        if place is None or self._order[place] != query:
            return False, counted // self.batch_size
        return True, place // self.batch_size

    def _ready(self, asked: Asked) -> Prepared:
        query = asked.query
        if query.regions and self._model.region_encoder is None:
            raise BadData("the model has no region encoder, and the query has regions")
        image = self._processor.image(query.image.read())
        return self._processor.prepare(image, instruction(query), boxes=query.regions)

    def _generated(self, batch: Sequence[Prepared]) -> list[Generated]:
        return generate(self._model, self._processor.tokenizer, batch, max_new_tokens=self._limit)

    def _reply(self, asked: Asked, prepared: Prepared, said: Generated) -> Reply | None:
        if not asked.wanted:
            return None
        answer = self._processor.read(prepared, said.ids, said.probabilities)
        seg = self._processor.tokenizer.seg
        chances = [
            *(1.0 for token in prepared.ids if token == seg),
            *(p for token, p in zip(said.ids, said.probabilities, strict=True) if token == seg),
        ]
        masks = {k: encode(said.masks[k].numpy()) for k in range(len(said.masks))}
        spoken = [
            (
                part.masks,
                Phrase(
                    part.text,
                    tuple(masks[k] for k in part.masks),
                    _score(part.probability, [chances[k] for k in part.masks]),
                    part.span,
                ),
            )
            for part in answer.phrases
        ]
        loose = [(k, Phrase(None, (masks[k],), _score(None, [chances[k]]))) for k in answer.loose]
        return Reply(Grounding(answer.caption, _in_order(spoken, loose)), answer.text)

    def _release(self) -> None:
        """Gives back what a failed attempt left with the accelerator's allocator."""
        if self._model.device.type == "cuda":
            import torch

            torch.cuda.empty_cache()


def instruction(query: Query) -> str:
    """What a query asks the model, one `<bbox>` a region where it has no words of its own."""
    if query.prompt:
        return as_evaluated(query.prompt)
    if query.regions:
        return DESCRIBE_REGION.replace("<bbox>", ", ".join(["<bbox>"] * len(query.regions)))
    return CAPTION_WITH_MASKS


def _in_order(
    spoken: Sequence[tuple[tuple[int, ...], Phrase]], loose: Sequence[tuple[int, Phrase]]
) -> tuple[Phrase, ...]:
    """Phrases as they were said, with masks that belong to none where their [SEG] stood."""
    phrases: list[Phrase] = []
    waiting = list(loose)
    for masks, phrase in spoken:
        while waiting and masks and waiting[0][0] < masks[0]:
            phrases.append(waiting.pop(0)[1])
        phrases.append(phrase)
    return (*phrases, *(phrase for _, phrase in waiting))


def _score(probability: float | None, others: Sequence[float]) -> float | None:
    """The probability, else the first of the others, rounded; None for none or what is no number.

    A model in half precision may overflow to NaN, which no prediction file can hold.
    """
    known = [*(() if probability is None else (probability,)), *others]
    return round(known[0], _DIGITS) if known and isfinite(known[0]) else None


def _prediction(result: Result[Asked, Reply | None]) -> Prediction:
    query, reply = result.item.query, result.value
    if reply is None:
        return Prediction(query.id, seconds=result.seconds, error=result.error)
    return Prediction(query.id, reply.grounding, reply.raw, result.seconds)
