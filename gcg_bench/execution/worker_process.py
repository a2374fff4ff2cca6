"""The process in which a model of this package or of the user works: `python -m` this module.

In addition to the messages of `wire`, it reads (left) and sends (right):

    {"prepare": {"queries": [...]}}                            all queries, before the first
    {"word": {QUERY}}               {"worded": TEXT}           the instruction of a query
    {"noted": true}                 {"notes": [...]}           what the model noted
    {"pixels": BASE64, "of": ID}    {"fetch": ID}              an image without a file
                                    {"failed": TEXT}           the model raised
                                    {"done": true}             its answers ended
                                    {"fault": CLASS}           an error, and no greeting
"""

import base64
import os
import queue
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gcg_bench.errors import GcgBenchError, MissingData
from gcg_bench.execution.exits import contained, end_now
from gcg_bench.execution.isolation import stream
from gcg_bench.execution.model_spec import unpacked
from gcg_bench.execution.models import name_of
from gcg_bench.execution.parents import die_with_parent
from gcg_bench.execution.wire import PROTOCOL, decoded, encoded, read_question
from gcg_bench.files.addresses import address_picture
from gcg_bench.files.images import file_picture
from gcg_bench.predictions import write_line
from gcg_bench.registry import Loading
from gcg_bench.types import Model, Picture, Pixels, Query

_SAYS = ("takes_replies", "own_instruction")  # attributes of a model that the greeting reports
_PRIVATE = 64  # the lowest number of a private descriptor: models open few files


class Channel:
    """The messages between this process and gcg-bench; safe to use from any thread.

    Args:
        incoming: where messages come from.
        outgoing: where messages go.
    """

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._writing, self._fetching = threading.Lock(), threading.Lock()
        self._fetched: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def start(self) -> None:
        """Begins to read messages, in a thread."""
        threading.Thread(target=self._read, daemon=True).start()

    def receive(self) -> dict[str, Any]:
        """The next message."""
        return self._messages.get()

    def send(self, message: Mapping[str, Any]) -> None:
        """Sends a message; ends the process when nobody listens any more."""
        self.send_line(encoded(message))

    def send_line(self, line: bytes) -> None:
        """Sends a message that is a line already."""
        with self._writing:
            try:
                self._outgoing.write(line)
                self._outgoing.flush()
            except OSError:
                end_now(1)

    def picture(self, message: Mapping[str, Any]) -> Picture:
        """The image of a query: a file, an address, or pixels that the other side sends.

        The pixels are requested when they are read; so is a file that is not on this machine.
        """
        height, width = message["height"], message["width"]
        if "address" in message:
            return address_picture(message["address"], height, width)
        if "image" in message and Path(message["image"]).is_file():
            return file_picture(Path(message["image"]), height, width)
        return Picture(height, width, partial(self._fetch, message["id"], height, width))

    def _fetch(self, id_: str, height: int, width: int) -> Pixels:
        """The pixels of an image without a file, requested from gcg-bench."""
        with self._fetching:
            self.send({"fetch": id_})
            reply = self._fetched.get()
        if "problem" in reply:
            raise MissingData(reply["problem"])
        flat = np.frombuffer(base64.b64decode(reply["pixels"]), np.uint8)
        return flat.reshape(height, width, 3).copy()

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            while line := self._incoming.readline():
                message = decoded(line)
                if message is not None and "of" in message:
                    self._fetched.put(message)
                elif message is not None:
                    self._messages.put(message)
        end_now(0)  # nobody asks any more


class Worker:
    """A model and the loop that answers queries with it.

    Args:
        model: the model.
        channel: the messages.
    """

    def __init__(self, model: Model, channel: Channel) -> None:
        self._model, self._channel = model, channel
        self._next: dict[str, Any] | None = None  # a message that ended a stream

    def hello(self) -> dict[str, Any]:
        """The greeting."""
        model = self._model
        batch = getattr(model, "batch_size", 1)
        has = [name for name in ("worded", "prepare") if callable(getattr(model, name, None))]
        says = [name for name in _SAYS if getattr(model, name, False)]
        return {
            "gcg_bench_worker": PROTOCOL,
            "pull": True,
            "batch": batch if type(batch) is int and batch > 0 else 1,
            "name": name_of(model),
            "settings": dict(getattr(model, "settings", {})),
            "traits": ["stream", *has, *says],
            "undeciding": list(getattr(model, "undeciding", ())),
        }

    def run(self) -> None:
        """Handles messages until they end; then the process ends."""
        while True:
            message, self._next = self._next or self._channel.receive(), None
            if "id" in message:
                self._answer(message)
            elif "prepare" in message:
                self._prepare(message["prepare"])
            elif "word" in message:
                with Loading("word the instruction"), contained():
                    text = self._model.worded(self._query(message["word"]))  # type: ignore[attr-defined]
                self._channel.send({"worded": text if isinstance(text, str) else repr(text)[:80]})
            elif "noted" in message:
                notes: list[object] = getattr(self._model, "notes", list)()
                self._channel.send({"notes": [str(note) for note in notes]})

    def _answer(self, first: dict[str, Any]) -> None:
        """Answers a stream of queries: the first, and the queries that the model asks for later."""
        taken: dict[str, Query] = {}
        stream_ = stream(self._model, self._queries(first, taken), taken)
        failure = None
        while True:
            try:
                prediction = next(stream_)
            except StopIteration as end:
                failure = end.value
                break
            self._channel.send_line(write_line(prediction).encode("utf-8") + b"\n")
        self._channel.send({"done": True} if failure is None else {"failed": failure})

    def _queries(self, first: dict[str, Any], taken: dict[str, Query]) -> Iterator[Query]:
        message = first
        while "id" in message:
            query = self._query(message)
            taken[query.id] = query
            yield query
            self._channel.send({"more": 1})
            message = self._channel.receive()
        if "end" not in message:
            self._next = message

    def _prepare(self, what: Mapping[str, Any]) -> None:
        queries = [self._query(message) for message in what["queries"]]
        limits = {"missing": what["missing"], "limited": what["limited"]}
        with Loading("prepare the model"), contained():
            self._model.prepare(queries, **limits)  # type: ignore[attr-defined]

    def _query(self, message: Mapping[str, Any]) -> Query:
        return read_question(message, self._channel.picture(message))


def main() -> None:
    """Reads the greeting, builds the model, sends a greeting, and answers until gcg-bench ends."""
    die_with_parent()
    channel = Channel(*_private_streams())
    channel.start()
    greeting = channel.receive()
    try:
        worker = Worker(unpacked(greeting["model"]).build(), channel)
        channel.send(worker.hello())
        channel.send({"more": 1})
        worker.run()
    except GcgBenchError as error:
        channel.send({"fault": type(error).__name__, "text": str(error)})
    end_now(1)


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """The real stdin and stdout, under numbers that a model does not know.

    What the model prints goes to stderr, and what it reads is empty.
    """
    incoming, outgoing = os.fdopen(_private(0), "rb"), os.fdopen(_private(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return incoming, outgoing


def _private(number: int) -> int:
    try:
        import fcntl

        return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _PRIVATE)
    except (ImportError, AttributeError, OSError):  # Windows, or a low limit of open files
        return os.dup(number)


if __name__ == "__main__":
    main()
