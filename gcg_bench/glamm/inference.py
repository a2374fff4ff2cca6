"""Turns queries into predictions with a GLaMM: the work of an adapter around the model.

Images are processed in blocks of the data set's order. Other images in a block change an answer by
rounding only, but this can change a pixel on an edge. So the blocks depend on the data set and the
batch size alone, and an interrupted run continues with the same answers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite
from typing import Any

from gcg_bench.errors import BadData
from gcg_bench.glamm.batching import Batches, Result, Stages
from gcg_bench.glamm.generation import GeneratedAnswer, generate
from gcg_bench.glamm.modeling import Glamm
from gcg_bench.glamm.processing import Prepared, Processor
from gcg_bench.glamm.prompts import (
    CAPTION,
    CAPTION_WITH_MASKS,
    DESCRIBE_REGION,
    segment,
    with_escaped_ampersands,
)
from gcg_bench.glamm.sharing import BlockQuery, block_queries
from gcg_bench.masks import encode
from gcg_bench.types import Grounding, Phrase, Prediction, Query

_DIGITS = 6  # decimal digits of a score; single precision has no more


@dataclass(frozen=True)
class ParsedReply:
    """The parsed reply of the model."""

    grounding: Grounding
    raw: str


class GlammAnswers:
    """A GLaMM that answers queries.

    The instruction is the query's prompt, processed as in the published script. Without a prompt
    the instruction asks for the mask of the query's expression, or for a description of its regions
    when it has any, or for a caption, with masks unless the task is that of captions alone. A query
    with a forced reply gets the masks of that reply, in one pass and without writing. A [SEG]
    belongs to its own phrase; a [SEG] of no phrase gives a mask without words. Phrases with
    an unpaired tag are kept; `Prediction.unpaired` counts such tags in `raw`. A phrase's score is
    the mean probability of its words, or the probability of its first [SEG] when it has no words.

    Attributes:
        takes_replies: queries may have a forced reply.
        settings: the values that decide the answers, for runs and signatures.
        batch_size: the number of images in a block.

    Args:
        model: in evaluation mode.
        processor: for the model's sizes and vocabulary.
        settings: the values that decide the answers.
        batch_size: at least 1; the number of images that run at once is halved when memory runs
            out.
        workers: threads that read images ahead.
        max_new_tokens: the maximum length of an answer in tokens.
    """

    takes_replies = True

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
        self._positions: dict[str, int] = {}

    def prepare(self, queries: Sequence[Query], **_: object) -> None:
        """Derives the blocks from all queries of the data set, also from those that are never
        asked.
        """
        self._order = tuple(queries)
        self._positions = {query.id: position for position, query in enumerate(queries)}

    def worded(self, query: Query) -> str:
        """The instruction that the model asks a query with."""
        return instruction(query)

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        """One prediction for each query, in order; a query that fails gets an `error`.

        Up to two blocks of queries are read ahead of the answers.
        """
        batches = Batches(
            Stages(self._prepare, self._generate, self._parse),
            size=self.batch_size,
            workers=self._workers,
            release=self._release,
        )
        for result in batches.stream(self._blocks(queries)):
            if result.item.needed:
                yield _prediction(result)

    def _blocks(self, queries: Iterable[Query]) -> Iterator[list[BlockQuery]]:
        """Queries in blocks; a block with queries that `prepare` knows is always complete."""
        for (is_known, number), group in groupby(enumerate(queries), self._block):
            requested = [query for _, query in group]
            if is_known:
                ids = {query.id for query in requested}
                block = self._order[number * self.batch_size : (number + 1) * self.batch_size]
                yield block_queries(block, ids)
            else:
                yield block_queries(requested)

    def _block(self, numbered: tuple[int, Query]) -> tuple[bool, int]:
        """Whether `prepare` knows the query, and the number of its block."""
        index, query = numbered
        position = self._positions.get(query.id)
        if position is None or self._order[position] != query:
            return False, index // self.batch_size
        return True, position // self.batch_size

    def _prepare(self, block_query: BlockQuery) -> Prepared:
        query = block_query.query
        if len(query.turns) % 2:
            raise BadData("earlier turns are the user's and the model's in alternation")
        if query.regions and self._model.region_encoder is None:
            raise BadData("the model has no region encoder, and the query has regions")
        image = block_query.image.inputs(lambda: self._processor.image(query.image.read()))
        return self._processor.prepare(
            image,
            instruction(query),
            boxes=query.regions,
            history=list(zip(query.turns[::2], query.turns[1::2], strict=True)),
            forced=query.forced,
        )

    def _generate(self, batch: Sequence[Prepared]) -> list[GeneratedAnswer]:
        # a reply that is given beforehand needs one pass; the token that follows it is not read
        limit = 1 if all(prepared.forced is not None for prepared in batch) else self._limit
        return generate(self._model, self._processor.tokenizer, batch, max_new_tokens=limit)

    def _parse(
        self, block_query: BlockQuery, prepared: Prepared, generated: GeneratedAnswer
    ) -> ParsedReply | None:
        if not block_query.needed:
            return None
        if prepared.forced is not None:
            text = block_query.query.forced or ""
            written = prepared.ids.count(self._processor.tokenizer.seg)
            return _forced_reply(text, written, prepared.forced, generated)
        answer = self._processor.read(prepared, generated.ids, generated.probabilities)
        seg = self._processor.tokenizer.seg
        seg_probabilities = [
            *(1.0 for token in prepared.ids if token == seg),
            *(
                probability
                for token, probability in zip(generated.ids, generated.probabilities, strict=True)
                if token == seg
            ),
        ]
        masks = {k: encode(generated.masks[k].numpy()) for k in range(len(generated.masks))}
        phrases = [
            (
                phrase.masks,
                Phrase(
                    phrase.text,
                    tuple(masks[k] for k in phrase.masks),
                    _score(phrase.probability, [seg_probabilities[k] for k in phrase.masks]),
                    phrase.span,
                ),
            )
            for phrase in answer.phrases
        ]
        unassigned = [
            (k, Phrase(None, (masks[k],), _score(None, [seg_probabilities[k]])))
            for k in answer.unassigned
        ]
        return ParsedReply(Grounding(answer.caption, _in_order(phrases, unassigned)), answer.text)

    def _release(self) -> None:
        """Frees the memory that a failed attempt left in the accelerator's allocator."""
        if self._model.device.type == "cuda":
            import torch

            torch.cuda.empty_cache()


def instruction(query: Query) -> str:
    """The instruction of a query; without a prompt, that of its expression, regions or task."""
    if query.prompt:
        return with_escaped_ampersands(query.prompt)
    if query.expression is not None:
        return with_escaped_ampersands(segment(query.expression))
    if query.regions:
        return DESCRIBE_REGION.replace("<bbox>", ", ".join(["<bbox>"] * len(query.regions)))
    return CAPTION_WITH_MASKS if query.task != "caption" else CAPTION


def _forced_reply(text: str, written: int, count: int, generated: GeneratedAnswer) -> ParsedReply:
    """A reply that was given beforehand, with the masks of its [SEG].

    Args:
        text: the reply.
        written: the number of [SEG] in the prompt, of which those of the reply are the last.
        count: the number of [SEG] in the reply.
        generated: the masks of prompt and reply.
    """
    masks = [encode(generated.masks[k].numpy()) for k in range(written - count, written)]
    return ParsedReply(Grounding("", (Phrase(None, tuple(masks)),) if masks else ()), text)


def _in_order(
    phrases_with_masks: Sequence[tuple[tuple[int, ...], Phrase]],
    unassigned: Sequence[tuple[int, Phrase]],
) -> tuple[Phrase, ...]:
    """Phrases in the order of the reply; masks without words at the position of their [SEG]."""
    phrases: list[Phrase] = []
    remaining = list(unassigned)
    for masks, phrase in phrases_with_masks:
        while remaining and masks and remaining[0][0] < masks[0]:
            phrases.append(remaining.pop(0)[1])
        phrases.append(phrase)
    return (*phrases, *(phrase for _, phrase in remaining))


def _score(probability: float | None, others: Sequence[float]) -> float | None:
    """The probability, or without one the first of the others, rounded.

    None when there is none, or when it is not finite.

    A model in half precision may overflow to NaN, which a prediction file cannot hold.
    """
    values = [*(() if probability is None else (probability,)), *others]
    return round(values[0], _DIGITS) if values and isfinite(values[0]) else None


def _prediction(result: Result[BlockQuery, ParsedReply | None]) -> Prediction:
    query, reply = result.item.query, result.value
    if reply is None:
        return Prediction(query.id, seconds=result.seconds, error=result.error)
    return Prediction(query.id, reply.grounding, reply.raw, result.seconds)
