"""Queries, samples, predictions, and the model that turns one into the other."""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gcg_bench.types.grounding import SILENCE, Grounding, Mask

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image whose pixels are read only when they are needed.

    Attributes:
        height: rows in pixels.
        width: columns in pixels.
        read: returns the pixels, uint8 RGB of shape (height, width, 3); may raise MissingData or
            BadData.
        path: the file behind it, None for a rendered or embedded image.
        address: where other machines can read the file too, such as s3://...; empty for none.
    """

    height: int
    width: int
    read: Callable[[], Pixels] = field(compare=False)
    path: Path | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """All that a model gets. Several queries may share an image.

    Attributes:
        id: unique in its data set.
        image: the picture.
        prompt: the instruction; empty means the model's own default for its task.
        regions: boxes (x0, y0, x1, y1) in pixels of the image.
        image_id: the image's id; empty means that it is `id`.
        task: the name of the task, a file in gcg_bench/tasks; empty for that of the data set.
        expression: the words that single out an object, for tasks that ask for one.
        turns: earlier turns of a conversation, the user's and the model's in alternation.
        forced: a reply that the model is given instead of writing one; None for none.
    """

    id: str
    image: Picture
    prompt: str = ""
    regions: tuple[Box, ...] = ()
    image_id: str = ""
    task: str = ""
    expression: str | None = None
    turns: tuple[str, ...] = ()
    forced: str | None = None

    def __post_init__(self) -> None:
        """Fills `image_id` where the query is the only one of its image."""
        if not self.image_id:
            object.__setattr__(self, "image_id", self.id)

    @property
    def picture_key(self) -> Hashable:
        """Equal for queries about the same picture."""
        return self.image_id, self.image.path, self.image.height, self.image.width

    @property
    def question(self) -> Hashable:
        """What is asked: equal for queries that give a model the same."""
        words = self.prompt, self.task, self.expression, self.turns, self.forced
        return self.image_id, self.regions, words


_ONE = {"images": "image", "queries": "query"}


def noun_of(queries: Iterable[Query]) -> str:
    """What the queries are called: `images` where the id of each is that of its image."""
    return "images" if all(query.id == query.image_id for query in queries) else "queries"


def one_of(noun: str) -> str:
    """The singular of what `noun_of` gives."""
    return _ONE[noun]


@dataclass(frozen=True, slots=True)
class Sample:
    """A query with its reference.

    Attributes:
        query: what a model gets.
        truth: the reference grounding.
        captions: every reference caption; the first belongs to `truth`. Empty where the task asks
            for no caption.
        order: rank of the image among the sorted ids as the source file types them (integers by
            value, strings by code point). COCOeval walks images in this order.
        ignore: pixels that count neither for nor against a prediction.
        lost_by_ids: reference masks that pycocotools would lose by their annotation ids: 0, none,
            or one that several have.
    """

    query: Query
    truth: Grounding
    captions: tuple[str, ...]
    order: int = 0
    ignore: tuple[Mask, ...] = ()
    lost_by_ids: int = 0

    @property
    def id(self) -> str:
        """The query's id."""
        return self.query.id

    @property
    def size(self) -> tuple[int, int]:
        """The image's (height, width), which all masks of the sample have."""
        return self.query.image.height, self.query.image.width


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer to one query. A failure is a prediction with an error.

    Attributes:
        id: the query's id.
        grounding: caption and phrases. Silence when there is an error: an answer that stands beside
            it is dropped.
        raw: the model's text before it was parsed.
        seconds: time spent on the answer.
        error: why there is no answer, None when there is one.
        refused: whether the model says that nothing fits the query; None when it does not say.
    """

    id: str
    grounding: Grounding = SILENCE
    raw: str | None = None
    seconds: float | None = None
    error: str | None = None
    refused: bool | None = None

    def __post_init__(self) -> None:
        """Drops the answer of a prediction that states an error."""
        if self.error is not None:
            object.__setattr__(self, "grounding", SILENCE)

    @property
    def unpaired(self) -> int:
        """Tags `<p>` and `</p>` in `raw` whose partner the model left out; 0 without `raw`."""
        alone, is_open = 0, False
        for tag in re.findall(r"</?p>", self.raw or ""):
            opens = tag == "<p>"
            alone += opens == is_open
            is_open = opens
        return alone + is_open


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts of an answer are read: those that are not are neither looked for nor doubted.

    Attributes:
        captions: the caption.
        words: the words of phrases.
        masks: the masks of phrases.
    """

    captions: bool = True
    words: bool = True
    masks: bool = True


EVERY_PART = Parts()


@runtime_checkable
class Model(Protocol):
    """Anything that answers queries, in any order, one prediction a query."""

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]: ...
