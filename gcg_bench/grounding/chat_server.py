"""Requests to a server with the chat interface of OpenAI: vLLM, SGLang, llama.cpp and others.

The answers of a server are not trusted: each has a limit in bytes and in seconds, and only a part
of an error message is quoted. The user's key is sent to that server alone and is never part of a
message.
"""

import json
import os
import re
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isnan
from time import monotonic, sleep
from typing import Any

from gcg_bench.errors import BadData, EnvironmentProblem
from gcg_bench.files import limits
from gcg_bench.files.display import visible
from gcg_bench.grounding.addresses import Location

BODY = limits.RECORD
"""Bytes of an answer that are read; a longer answer is an error."""

_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_REFUSED = frozenset({401, 403})
_LONGEST_WAIT = 120.0  # seconds, even if the server asks for more
_CONNECT = 10.0  # seconds
_QUOTED = 200  # characters of a server's message


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of the model.

    Attributes:
        text: the text that the model wrote.
        truncated: whether the reply reached the limit of tokens.
    """

    text: str
    truncated: bool


class ServerProblem(BadData):
    """A request failed after all repetitions; one query has no answer.

    Attributes:
        status: the HTTP status of the answer; None when no answer came.
    """

    status: int | None = None


class ChatServer:
    """A server that runs a model; its methods may be called from several threads.

    A request is repeated when the server is busy (429), fails (5xx) or drops the connection: after
    1, 2, 4 ... seconds, or after the time that the server names. When a request has failed after
    all repetitions because no server was reached, later requests are tried once each until one
    succeeds.

    Args:
        place: its location.
        key_name: the environment variable with the key.
        seconds: the limit of one request, from its beginning to the last byte.
        retries: how often a request is repeated.
        first_wait: seconds before the first repetition.
    """

    def __init__(
        self,
        place: Location,
        *,
        key_name: str = "OPENAI_API_KEY",
        seconds: float = 300.0,
        retries: int = 5,
        first_wait: float = 1.0,
    ) -> None:
        self.url = place.url
        self.key_name = key_name
        self._user, self._seconds = place.user, seconds
        self._retries, self._first_wait = retries, first_wait
        self._unreachable = threading.Event()
        self._http = _http()
        self._client = self._http.Client(
            timeout=self._http.Timeout(seconds, connect=min(_CONNECT, seconds)),
            follow_redirects=False,
            trust_env=not place.is_local,  # a proxy of the environment cannot reach this machine
        )
        weakref.finalize(self, self._client.close)

    def models(self) -> list[dict[str, Any]]:
        """The models that the server lists; empty when it has no list.

        Raises:
            EnvironmentProblem: no server answers, or it refuses the key.
        """
        try:
            document = self.request("GET", "/models")
        except ServerProblem as error:
            if error.status in (404, 405, 501):
                return []
            raise self.absence(error) from error
        listed = document.get("data")
        models = listed if isinstance(listed, list) else []
        return [model for model in models if isinstance(model, dict) and model.get("id")]

    def complete(self, question: Mapping[str, Any]) -> Reply:
        """The model's reply to a request of the chat interface.

        Raises:
            ServerProblem: no reply came.
        """
        document = self.request("POST", "/chat/completions", question)
        try:
            choice = document["choices"][0]
            content = choice["message"]["content"]
            reason = choice.get("finish_reason")
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise self._problem("the server's answer has no choices[0].message.content") from error
        if content is None:
            content = ""
        if isinstance(content, list):  # parts of text
            content = "".join(
                str(part.get("text", "")) for part in content if isinstance(part, dict)
            )
        if not isinstance(content, str):
            raise self._problem("the server's answer has no choices[0].message.content")
        return Reply(content, reason == "length")

    def request(
        self, method: str, path: str, content: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The JSON object that the server answers with.

        Raises:
            ServerProblem: no such object came, after all repetitions.
        """
        wait = self._first_wait
        for attempt in range(self._retries + 1):
            last = attempt == self._retries or self._unreachable.is_set()
            try:
                status, headers, body = self._send(method, path, content)
            except self._http.TimeoutException as error:
                if isinstance(error, self._http.ConnectTimeout) and not last:
                    sleep(wait)
                else:
                    raise self._problem(f"no answer within {self._seconds:g} s") from error
            except (self._http.TransportError, OSError) as error:
                if last:
                    self._unreachable.set()
                    raise self._problem(f"no connection ({_reason(error)})") from error
                sleep(wait)
            else:
                self._unreachable.clear()
                if status not in _AGAIN or last:
                    return self._document(status, headers, body)
                sleep(max(wait, _asked_wait(headers.get("retry-after"))))
            wait = min(2 * wait, _LONGEST_WAIT)
        raise self._problem("no answer")

    def _send(
        self, method: str, path: str, content: Mapping[str, Any] | None
    ) -> tuple[int, Any, bytes]:
        """Status, headers and body of the answer to one request."""
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        key = os.environ.get(self.key_name, "")
        if key:
            headers["authorization"] = f"Bearer {key}"
        end, body = monotonic() + self._seconds, bytearray()
        with self._client.stream(
            method,
            f"{self.url}{path}",
            headers=headers,
            auth=None if key else self._user,
            **({} if content is None else {"json": content}),
        ) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > BODY:
                    raise self._problem(f"the server's answer has more than {BODY:,} bytes")
                if monotonic() > end:
                    raise self._http.ReadTimeout("slow")
            return response.status_code, response.headers, bytes(body)

    def _document(self, status: int, headers: Any, body: bytes) -> dict[str, Any]:
        """The object in the body of an answer.

        Raises:
            ServerProblem: the status is an error, or the body is not a JSON object.
        """
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        if 200 <= status < 300 and isinstance(value, dict):
            return value
        if 200 <= status < 300:
            kind = visible(str(headers.get("content-type", "no content type")))[:60]
            problem = self._problem(f"the server's answer is not a JSON object ({kind})")
        elif 300 <= status < 400:
            problem = self._problem(f"the server redirects (status {status})")
        else:
            problem = self._problem(f"status {status}{self._quoted(value)}")
        problem.status = status
        raise problem

    def _quoted(self, value: Any) -> str:
        """The server's message about an error: at most 200 characters, without the key."""
        for name in ("error", "message", "detail"):
            if isinstance(value, dict) and value.get(name):
                value = value[name]
        if not isinstance(value, str):
            return ""
        key = os.environ.get(self.key_name, "")
        text = value.replace(key, "***") if key else value
        text = re.sub(r"\b(sk|key|token)-[\w*-]{6,}", "***", text)
        return f": {visible(' '.join(text.split()))[:_QUOTED]}"

    def _problem(self, problem: str) -> ServerProblem:
        return ServerProblem(f"{self.url}: {problem}")

    def absence(self, error: ServerProblem) -> EnvironmentProblem:
        """The error that the server cannot be used, from a failed request, with the remedy."""
        if error.status in _REFUSED:
            remedy = (
                f"Set ${self.key_name} to the server's key, or name the variable that holds it:"
                " --model-arg api_key_env=NAME"
            )
        elif error.status is None:
            remedy = "Start the server, e.g. `vllm serve MODEL --port 8000`, or check host and port"
        else:
            remedy = "Is it a server with the chat interface of OpenAI? Check address and path"
        return EnvironmentProblem(f"{error}. {remedy}")


def _http() -> Any:
    """The HTTP library: httpx2 or httpx; huggingface-hub installs one of them.

    Raises:
        EnvironmentProblem: neither is installed.
    """
    from importlib import import_module
    from importlib.util import find_spec

    for name in ("httpx2", "httpx"):
        if find_spec(name) is not None:
            return import_module(name)
    raise EnvironmentProblem(
        "models on servers need the package httpx2 or httpx: pip install httpx"
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:_QUOTED] or type(error).__name__


def _asked_wait(header: str | None) -> float:
    """The seconds of a Retry-After header, which is a number or a date; 0 for others."""
    if not header:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        try:
            until = parsedate_to_datetime(header)
            seconds = (until.astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return 0.0 if isnan(seconds) else min(max(seconds, 0.0), _LONGEST_WAIT)
