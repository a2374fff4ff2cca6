"""Queries, samples and predictions, and the protocol of a model."""

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
        path: the file of the image; None for a rendered or embedded image.
        address: an address at which other machines can also read the file, such as s3://...; empty
            without one.
    """

    height: int
    width: int
    read: Callable[[], Pixels] = field(compare=False)
    path: Path | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """The input of a model. Several queries may share an image.

    Attributes:
        id: unique in its data set.
        image: the picture.
        prompt: the instruction; empty for the model's own default for its task.
        regions: boxes (x0, y0, x1, y1) in pixels of the image.
        image_id: the image's id; empty if it is equal to `id`.
        task: the name of the task, a file in gcg_bench/tasks; empty for the task of the data set.
        expression: the words that identify an object, for tasks with expressions.
        turns: earlier turns of a conversation, alternately from the user and the model.
        forced: a fixed reply, which the model gets instead of writing its own; None without one.
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
        """Sets `image_id` to `id` if it is empty."""
        if not self.image_id:
            object.__setattr__(self, "image_id", self.id)

    @property
    def picture_key(self) -> Hashable:
        """A key that is equal for queries about the same picture."""
        return self.image_id, self.image.path, self.image.height, self.image.width

    @property
    def question(self) -> Hashable:
        """A key that is equal for queries that give a model the same input."""
        words = self.prompt, self.task, self.expression, self.turns, self.forced
        return self.image_id, self.regions, words


_ONE = {"images": "image", "queries": "query"}


def noun_of(queries: Iterable[Query]) -> str:
    """The word for the queries: `images` if every query has the id of its image, else `queries`."""
    return "images" if all(query.id == query.image_id for query in queries) else "queries"


def one_of(noun: str) -> str:
    """The singular of a word from `noun_of`."""
    return _ONE[noun]


@dataclass(frozen=True, slots=True)
class Sample:
    """A query with its reference.

    Attributes:
        query: the input of a model.
        truth: the reference grounding.
        captions: all reference captions; the first belongs to `truth`. Empty if the task has no
            captions.
        order: rank of the image among the sorted ids, with the types of the source file (integers
            by value, strings by code point). COCOeval processes images in this order.
        ignore: pixels that count neither for nor against a prediction.
        lost_by_ids: the number of reference masks that pycocotools loses because their annotation
            id is 0, missing or not unique.
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
        grounding: caption and phrases. With an error it is always empty: an answer in addition to
            an error is dropped.
        raw: the model's text before parsing.
        seconds: the duration of the answer.
        error: why there is no answer; None when there is an answer.
        refused: whether the model states that nothing matches the query; None when it does not
            state this.
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
        """The number of tags `<p>` and `</p>` in `raw` without the other tag; 0 without `raw`."""
        alone, is_open = 0, False
        for tag in re.findall(r"</?p>", self.raw or ""):
            opens = tag == "<p>"
            alone += opens == is_open
            is_open = opens
        return alone + is_open


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an answer that are read; other parts are not required and not checked.

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
    """Anything that answers queries, in any order, with one prediction for each query."""

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]: ...
