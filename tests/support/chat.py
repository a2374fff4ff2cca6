"""A real HTTP server on loopback that answers as a chat server would: recorded texts, faults."""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

CHAT = "/v1/chat/completions"


def reply(text: Any, reason: str = "stop") -> dict[str, Any]:
    """The body of a chat server's answer."""
    return {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": reason}]
    }


@dataclass
class Answer:
    """One answer of the server: an object is sent as JSON, bytes as they are."""

    body: Any = field(default_factory=lambda: reply("A scene."))
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    act: Callable[[BaseHTTPRequestHandler], None] | None = None


@dataclass
class Server:
    """The state of a server.

    Attributes:
        port: where it listens.
        models: what GET /v1/models answers.
        answers: takes the body of a question, returns the answer.
        asked: the bodies of all questions with an image, in order of arrival.
        headers: the headers of all requests.
        trials: the bodies of the questions without an image.
    """

    port: int = 0
    models: Answer = field(default_factory=lambda: listing("Qwen/Qwen3-VL-8B-Instruct"))
    answers: Callable[[dict[str, Any]], Answer] = lambda body: Answer()
    trial: Callable[[dict[str, Any]], Answer] = lambda body: Answer()
    asked: list[dict[str, Any]] = field(default_factory=list)
    trials: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def texts(self) -> list[str]:
        """The instructions of the questions with an image."""
        return [parts(body)[1] for body in self.asked]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """The (height, width) of the images that were sent."""
        return [parts(body)[0].shape[:2] for body in self.asked]


def listing(*names: str, **more: str) -> Answer:
    """The list of models of a server."""
    return Answer(
        {"object": "list", "data": [{"id": name, "owned_by": "vllm", **more} for name in names]}
    )


def parts(body: dict[str, Any]) -> tuple[np.ndarray, str]:
    """The pixels and the text of a question."""
    image, text = body["messages"][0]["content"]
    head, _, data = image["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data)))), text["text"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Server

    def setup(self) -> None:
        super().setup()
        self.state.connections.append(self.connection)

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.state.headers.append({name.lower(): value for name, value in self.headers.items()})
        self._send(self.state.models if self.path == "/v1/models" else Answer({}, 404))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.path == CHAT
        is_trial = isinstance(body["messages"][0]["content"], str)
        with self.state.lock:
            self.state.headers.append({name.lower(): value for name, value in self.headers.items()})
            (self.state.trials if is_trial else self.state.asked).append(body)
        self._send((self.state.trial if is_trial else self.state.answers)(body))

    def _send(self, answer: Answer) -> None:
        if answer.act is not None:
            answer.act(self)
            return
        data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        kind = {"content-type": "application/json", "content-length": str(len(data))}
        for name, value in {**kind, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class _Threads(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that went away is part of the tests."""


@contextmanager
def serving(**options: Any) -> Iterator[Server]:
    """A server that runs in a thread for a block."""
    state = Server(**options)
    handler = type("Handler", (_Handler,), {"state": state})
    with _Threads(("127.0.0.1", 0), handler) as http:
        state.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            http.shutdown()
            thread.join()
            for connection in state.connections:
                with suppress(OSError):
                    connection.shutdown(2)
