"""The messages between this process and a worker: JSON objects, one on each line.

    to the worker                                   from the worker
    {"gcg_bench": 1, "options": {...}}              {"gcg_bench_worker": 1, "batch": 1, ...}
    {"id": ..., "image": ..., "prompt": ...}        {"id": ..., "caption": ..., "phrases": [...]}
    {"end": true}                                   {"more": 4}

The first line of each side is the greeting. A worker with `pull` in its greeting asks for queries
with `more`; `end` tells it that there are no more queries for now. Any other worker gets `batch`
queries at first, and one more query for each answer. An answer is a line in the package's own
format of predictions. `worker_process.py` describes the additional messages of its process.
"""

import base64
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData
from gcg_bench.execution.truncation import truncated
from gcg_bench.files.fields import RAISE_FAULTS
from gcg_bench.predictions import finish, query_sizes
from gcg_bench.predictions.layouts.lines import read as read_line
from gcg_bench.types import Picture, Pixels, Prediction, Query

PROTOCOL = 1
MAX_LINE = 64 * 2**20
"""The longest line of a worker that is read, in bytes."""


@dataclass(frozen=True)
class Hello:
    """The greeting of a worker.

    Attributes:
        batch: queries that it answers together, at least 1.
        pull: whether the worker asks for queries with `more`.
        raw: whether it accepts pixels as bytes.
        images: `path` or `png`.
        name: the name of the model; empty when the worker gives none.
        settings: everything that decides its answers.
        traits: facts of a model of this package: `worded`, `prepare`, `takes_replies`.
        undeciding: names of arguments that do not change its answers.
    """

    batch: int = 1
    pull: bool = False
    raw: bool = False
    images: str = "path"
    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    traits: frozenset[str] = frozenset()
    undeciding: tuple[str, ...] = ()


def read_hello(message: Mapping[str, Any]) -> Hello:
    """The greeting in a message.

    Raises:
        BadData: the protocol is another, or a value has the wrong type.
    """
    if message.get("gcg_bench_worker") != PROTOCOL:
        raise BadData(
            f"the worker speaks protocol {message.get('gcg_bench_worker')!r:.40}, this version of"
            f" gcg-bench speaks {PROTOCOL}",
            remedy="`gcg-bench models --worker DIR` writes the file gcg_bench_worker.py that fits",
        )
    settings = {
        key: message[key] for key in ("versions", "sha256") if isinstance(message.get(key), dict)
    }
    own = message.get("settings")
    batch, images = message.get("batch", 1), message.get("images", "path")
    traits, undeciding = message.get("traits"), message.get("undeciding")
    if own is not None and not isinstance(own, dict):
        raise BadData("the worker's `settings` should be an object", field="settings")
    if type(batch) is not int or batch < 1:
        raise BadData("the worker's `batch` should be a whole number from 1", field="batch")
    if images not in ("path", "png"):
        raise BadData("the worker's `images` should be path or png", field="images")
    return Hello(
        batch=batch,
        pull=message.get("pull") is True,
        raw=message.get("raw") is True,
        images=images,
        name=str(message.get("name") or ""),
        settings={**(own or {}), **{k: v for k, v in settings.items() if v}},
        traits=frozenset(map(str, traits)) if isinstance(traits, list) else frozenset(),
        undeciding=tuple(map(str, undeciding)) if isinstance(undeciding, list) else (),
    )


def question(query: Query) -> dict[str, Any]:
    """A query without its image as JSON values."""
    return {
        "id": query.id,
        "image_id": query.image_id,
        "height": query.image.height,
        "width": query.image.width,
        "prompt": query.prompt,
        "task": query.task,
        "expression": query.expression,
        "regions": [list(map(float, box)) for box in query.regions],
        "turns": list(query.turns),
        "forced": query.forced,
    }


def where_image_is(picture: Picture) -> dict[str, str]:
    """The path or the address of an image, for a worker of this package; empty without both."""
    if picture.address:
        return {"address": picture.address}
    return {} if picture.path is None else {"image": str(picture.path)}


def read_question(message: Mapping[str, Any], image: Picture) -> Query:
    """The query of a message; see `question`."""
    return Query(
        id=message["id"],
        image=image,
        prompt=message["prompt"],
        regions=tuple(tuple(box) for box in message["regions"]),
        image_id=message["image_id"],
        task=message["task"],
        expression=message["expression"],
        turns=tuple(message["turns"]),
        forced=message["forced"],
    )


def image_fields(picture: Picture, hello: Hello, sees: Callable[[Path], bool]) -> dict[str, Any]:
    """The image of a query in the form that a worker takes.

    Args:
        picture: the image.
        hello: the greeting of the worker.
        sees: whether the worker can read a file; if not, the worker gets the pixels.

    Raises:
        MissingData, BadData: the image must be sent, and cannot be read.
    """
    if picture.path is not None and hello.images == "path" and sees(picture.path):
        return {"image": str(picture.path)}
    pixels = picture.read()
    if hello.raw and hello.images == "path":
        return {"raw": base64.b64encode(pixels.tobytes()).decode("ascii")}
    return {"png": base64.b64encode(png(pixels)).decode("ascii")}


def png(pixels: Pixels) -> bytes:
    """The PNG file of an image."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def encoded(message: Mapping[str, Any]) -> bytes:
    """A message as a line."""
    return json.dumps(message).encode("ascii") + b"\n"


def decoded(line: bytes) -> dict[str, Any] | None:
    """The message in a line; None when the line is no JSON object."""
    try:
        message = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def checked(line: Mapping[str, Any], query: Query, seconds: float) -> Prediction:
    """The prediction in an answer; an answer that a run cannot store becomes a failure.

    Args:
        line: the answer, in the package's own format.
        query: the query that it belongs to.
        seconds: its duration, for an answer that states none.
    """
    try:
        draft = read_line({**line, "id": query.id}, "", None, RAISE_FAULTS)
        (prediction,) = finish([draft], query_sizes([query]), RAISE_FAULTS)
    except BadData as fault:
        cause = BadData(fault.problem, phrase=fault.phrase, field=fault.field, remedy=fault.remedy)
        return Prediction(query.id, error=truncated(f"not an answer that can be kept: {cause}"))
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        return Prediction(query.id, error=truncated(f"not an answer that can be kept: {error}"))
    if prediction.seconds is None:
        prediction = replace(prediction, seconds=seconds)
    if prediction.error is not None:
        return replace(prediction, error=truncated(prediction.error))
    return prediction
