"""Queries to models on servers: what tests ask, and what servers of tests reply."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.chat import Answer, reply

from gcg_bench.execution.models import load_model
from gcg_bench.grounding import chat_server
from gcg_bench.masks import decode
from gcg_bench.types import Picture, Prediction, Query

HEIGHT, WIDTH = 60, 100
HEIGHT, WIDTH = 60, 100
PIXELS = np.full((HEIGHT, WIDTH, 3), 7, np.uint8)
DOGS = {
    "caption": "Two dogs on the grass.",
    "phrases": [
        {"text": "Two dogs", "boxes": [[0, 0, 500, 500], [500, 500, 1000, 1000]]},
        {"text": "the grass", "boxes": []},
    ],
}
FAST = {"retries": 3, "request_timeout": 20}


def without_key(patch: pytest.MonkeyPatch) -> None:
    """Takes the key and the proxies of this machine out of the environment."""
    patch.delenv("OPENAI_API_KEY", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        patch.delenv(name, raising=False)


def recorded_waits(patch: pytest.MonkeyPatch) -> list[float]:
    """The waits of a model on a server, which are recorded, not waited for."""
    waits: list[float] = []
    patch.setattr(chat_server, "sleep", waits.append)
    return waits


def query(number: int = 0, **more: Any) -> Query:
    """A query about a grey image."""
    picture = Picture(HEIGHT, WIDTH, lambda: PIXELS)
    return Query(f"image {number}", picture, **{"task": "gcg", **more})


def answered(server: Any, *queries: Query, **options: Any) -> dict[str, Prediction]:
    """The predictions for queries, by id."""
    model = load_model(server.url, **{**FAST, **options})
    queries = queries or (query(),)
    predictions = list(model.answer(queries))
    assert Counter(p.id for p in predictions) == Counter(q.id for q in queries)
    return {prediction.id: prediction for prediction in predictions}


def only(server: Any, *queries: Query, **options: Any) -> Prediction:
    """The one prediction."""
    (prediction,) = answered(server, *queries, **options).values()
    return prediction


def always(body: Any, **more: Any) -> Callable[[Any], Answer]:
    """A server's answers: the same to every question."""
    return lambda _: Answer(body, **more)


def saying(text: Any, reason: str = "stop") -> Callable[[Any], Answer]:
    """A server's answers: a text, or an object as JSON."""
    text = text if isinstance(text, str) else json.dumps(text)
    return always(reply(text, reason))


def pixels_of(mask: Any) -> Any:
    """The pixels of a mask."""
    return decode(mask).astype(bool)
