"""A model on a server that answers queries: several requests at a time, images resized here."""

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from gcg_bench.errors import BadOption, GcgBenchError
from gcg_bench.grounding.boxes import UNITS, Frame, Size
from gcg_bench.grounding.chat_server import ChatServer, Reply
from gcg_bench.grounding.masking import Masker
from gcg_bench.grounding.questions import Asking, needs_boxes
from gcg_bench.grounding.replies import ReplyReader
from gcg_bench.grounding.sending import RESAMPLE, data_uri, resized, sent_size
from gcg_bench.types import Pixels, Prediction, Query

# errors that reading or sending an image may raise; any other is a mistake of this package
_FAILURES = (GcgBenchError, OSError, ValueError, RuntimeError, MemoryError, LookupError, TypeError)


@dataclass(frozen=True, slots=True)
class Served:
    """The fields that every request has in addition to the question.

    Attributes:
        model: the model, as the server calls it.
        limit: the name of the field for the limit of tokens.
        tokens: the limit of tokens of an answer.
        seed: the seed.
    """

    model: str
    limit: str
    tokens: int
    seed: int

    def body(self, content: Any, schema: dict[str, Any] | None) -> dict[str, Any]:
        """The body of a request."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            "temperature": 0,
            "seed": self.seed,
            self.limit: self.tokens,
        }
        if schema is not None:
            form = dict(name="answer", strict=True, schema=schema)  # noqa: C408 - keys of the interface
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The outcome of a request: a reply with the image, or an error."""

    query: Query
    seconds: float
    reply: Reply | None = None
    pixels: Pixels | None = None
    error: str = "the request failed"


class ServedModel:
    """A model on a server that answers queries.

    Attributes:
        settings: the values that decide the answers.
        own_instruction: True: the instruction of a data card asks for masks, which the model cannot
            give.
        undeciding: arguments of the adapter that decide no answer.

    Args:
        server: the server.
        served: the fields that every request has.
        asking: how the model is asked.
        known_unit: the unit of coordinates is known.
        masker: makes masks of boxes.
        image: the budget of pixels of an image, and the number whose multiples its sides are.
        concurrency: how many requests are open at a time.
        settings: the settings above, without those of `asking` and `masker`.
    """

    own_instruction = True
    undeciding = ("concurrency", "request_timeout", "retries", "api_key_env")

    def __init__(
        self,
        server: ChatServer,
        served: Served,
        asking: Asking,
        *,
        known_unit: bool,
        masker: Masker,
        image: tuple[int, int],
        concurrency: int,
        settings: dict[str, Any],
    ) -> None:
        self._server, self._served, self._asking = server, served, asking
        self._known_unit, self._image, self._concurrency = known_unit, image, concurrency
        self._reader = ReplyReader(masker)
        self.settings = {
            **settings,
            "coordinates": asking.unit if known_unit else None,
            "dialect": asking.dialect,
            "form": asking.style,
            "max_new_tokens": served.tokens,
            "decoding": "greedy",
            "max_pixels": image[0],
            "multiple": image[1],
            "resample": RESAMPLE,
            **self._reader.settings,
        }

    def prepare(self, queries: Sequence[Query], **_: object) -> None:
        """Refuses queries with boxes when the unit of the model's coordinates is unknown.

        Raises:
            BadOption: the unit is unknown.
        """
        if not self._known_unit and any(needs_boxes(q) or q.regions for q in queries):
            raise BadOption(
                f"the unit of the coordinates of {self.settings['checkpoint']!r} is not known. Look"
                " it up on the model's page and name it: --model-arg coordinates=UNIT, with UNIT"
                f" one of {', '.join(UNITS)}"
            )

    def worded(self, query: Query) -> str:
        """The instruction that the model gets for a query, without the numbers of its image."""
        return self._asking.template(query)

    def notes(self) -> list[str]:
        """Notes on the problems in the replies, one sentence each."""
        return self._reader.notes()

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        """One prediction for each query, in the order in which the server answers."""
        results: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        in_flight = 0
        waiting = iter(queries)
        while True:
            while in_flight < self._concurrency and (query := next(waiting, None)) is not None:
                arguments = (query, results)
                threading.Thread(target=self._work, args=arguments, daemon=True).start()
                in_flight += 1
            if not in_flight:
                return
            outcome = results.get()
            in_flight -= 1
            yield self._prediction(outcome)

    def _work(self, query: Query, results: "queue.SimpleQueue[_Outcome]") -> None:
        """Asks one query, in a thread; always puts one outcome."""
        started = perf_counter()
        outcome = _Outcome(query, 0.0)
        try:
            pixels = query.image.read()
            reply = self._server.complete(self._body(query, pixels))
            outcome = _Outcome(query, 0.0, reply, pixels)
        except _FAILURES as error:
            own = isinstance(error, GcgBenchError)
            text = str(error) if own else f"{type(error).__name__}: {error}"
            outcome = _Outcome(query, 0.0, error=text)
        finally:
            results.put(replace(outcome, seconds=perf_counter() - started))

    def _body(self, query: Query, pixels: Pixels) -> dict[str, Any]:
        """The body of the request for a query."""
        size = self._size(query)
        content = [
            {"type": "image_url", "image_url": {"url": data_uri(resized(pixels, size))}},
            {"type": "text", "text": self._asking.instruction(query, size)},
        ]
        return self._served.body(content, self._asking.schema(query))

    def _size(self, query: Query) -> Size:
        most, multiple = self._image
        return sent_size(query.image.height, query.image.width, most=most, multiple=multiple)

    def _prediction(self, outcome: _Outcome) -> Prediction:
        query, reply = outcome.query, outcome.reply
        if reply is None or outcome.pixels is None:
            return Prediction(query.id, seconds=outcome.seconds, error=outcome.error)
        started = perf_counter()
        size = (query.image.height, query.image.width)
        prediction = self._reader.prediction(
            query,
            reply.text,
            Frame(self._asking.unit, size, self._size(query)),
            outcome.pixels,
            truncated=reply.truncated,
        )
        return replace(prediction, seconds=outcome.seconds + perf_counter() - started)
