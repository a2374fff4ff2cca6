"""The nouns: frozen values that every room of the package speaks.

A Sample holds a Query (image, prompt) and its reference Grounding. A model sees the Query alone and
answers with a Prediction, which carries another Grounding. Laid side by side they are a Pair.
A Metric measures Pairs into Rows and reduces Rows to scores. Values are checked where they
enter the package (masks.py, the readers) and trusted from there on.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Mask:
    """A binary mask as compressed COCO run lengths (column-major, starting with zeros).

    Build one from outside data only through `gcg_bench.masks`, which proves that the runs sum to
    height x width; native code is handed masks without another look.
    """

    height: int
    width: int
    counts: bytes


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words and the masks they name; the two cannot come apart.

    Attributes:
        text: the noun phrase; None when a file gave a mask without words.
        masks: one mask an object; empty when the phrase is not grounded.
        score: the model's confidence, None when it gave none.
        span: character offsets [start, end) of the phrase in the caption, None when unknown.
        crowd: COCO's `iscrowd`, for references only.
    """

    text: str | None
    masks: tuple[Mask, ...] = ()
    score: float | None = None
    span: tuple[int, int] | None = None
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class Grounding:
    """A caption and its phrases; the same shape for a reference and for an answer."""

    caption: str
    phrases: tuple[Phrase, ...] = ()

    @property
    def masked(self) -> list[int]:
        """Positions of the phrases that carry a mask: the mask list of a published file."""
        return [k for k, phrase in enumerate(self.phrases) if phrase.masks]

    @property
    def worded(self) -> list[int]:
        """Positions of the phrases that have words: the phrase list of a published file."""
        return [k for k, phrase in enumerate(self.phrases) if phrase.text is not None]


SILENCE = Grounding("")


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that is read only when looked at.

    Attributes:
        height: rows in pixels.
        width: columns in pixels.
        read: returns the pixels, uint8 RGB of shape (height, width, 3); may raise MissingData or
            BadData.
        path: the file behind it, None for a rendered or embedded image.
    """

    height: int
    width: int
    read: Callable[[], Pixels] = field(compare=False)
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """All that a model gets: an image and a prompt, and boxes when the prompt speaks of regions.

    Attributes:
        id: the image id, unique in its data set.
        image: the picture.
        prompt: the instruction; empty means the model's own default for its task.
        regions: boxes (x0, y0, x1, y1) in pixels of the image.
    """

    id: str
    image: Picture
    prompt: str = ""
    regions: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """A query with its reference answer.

    Attributes:
        query: what a model gets.
        truth: the reference grounding.
        captions: every reference caption, at least one; the first belongs to `truth`.
        order: rank of the image among the sorted ids as the source file types them (integers by
            value, strings by code point). COCOeval walks images in this order.
    """

    query: Query
    truth: Grounding
    captions: tuple[str, ...]
    order: int = 0

    @property
    def id(self) -> str:
        return self.query.id


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer to one query; a failure is an answer with a reason.

    Attributes:
        id: the query's id.
        grounding: caption and phrases; silence when the model failed.
        raw: the model's text before it was parsed.
        seconds: time spent on the answer.
        error: why there is no answer, None when there is one.
    """

    id: str
    grounding: Grounding = SILENCE
    raw: str | None = None
    seconds: float | None = None
    error: str | None = None

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
class Pair:
    """One reference beside one prediction: evidence without a verdict.

    Attributes:
        sample: the reference side.
        prediction: the predicted side.
        iou: (R, P) mask IoU of truth.phrases x prediction phrases on united masks; 0 where either
            side has no mask, NaN where both have one and both are empty (0 / 0).
        crowd_iou: (R, P) the same with COCO's crowd rule (rows of crowd references are divided by
            the predicted area alone); equals `iou` where there is no crowd. 0 / 0 is 0 here.
        similarity: (R, P) phrase similarity in [-1, 1]; NaN where either phrase has no words.
        references: the PTB-tokenised reference captions, in the order of `sample.captions`.
        hypothesis: the PTB-tokenised predicted caption.
    """

    sample: Sample
    prediction: Prediction
    iou: FloatArray
    crowd_iou: FloatArray
    similarity: FloatArray
    references: tuple[str, ...] = ()
    hypothesis: str = ""


Row = Mapping[str, float | Sequence[float]]
"""What a metric counted in one image: plain numbers, or lists of plain numbers, by column name."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one metric as columns, one entry an image, in the data set's order.

    Attributes:
        ids: image ids, length n.
        columns: name -> float64 array (n,), or object array (n,) of float64 arrays for lists.
    """

    ids: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.ids)

    def stack(self, names: Sequence[str]) -> FloatArray:
        """The named plain columns side by side, shape (n, len(names))."""
        return np.stack([np.asarray(self.columns[name], dtype=np.float64) for name in names], 1)


class Metric(Protocol):
    """A measurable property of answers: one file in gcg_bench/metrics, one frozen dataclass.

    Its dataclass fields are its parameters and make up its signature. `fit` sees all pairs
    once (document frequencies, one call to Java for all captions) and returns what `measure` needs;
    `measure` counts in one image; `reduce` concludes from the counts of many.

    `weights` in `reduce` says how often every image counts: (draws, n) whole numbers from 0. All
    ones is the score itself, multinomial counts are bootstrap draws, zeros and ones are subsets; so
    intervals and paired tests need no other code. Weights must equal repeating rows in place.

    Attributes:
        name: the file's name.
        scores: the names of the numbers that `reduce` returns, as tables print them.
        columns: the names of a row's columns.
        laws_broken: the laws of `gcg-bench selftest` and tests/contracts that this metric cannot
            keep, each with the reason; a property where that depends on its parameters.
        lower_is_better: for rates of mistakes.

    A metric whose rows hold lists names their columns in `lists`; the lists of an image are of one
    length. A metric of captions alone may have `captions_only = True`: its rows do not depend on
    how phrases are compared, so protocols that share it share them.
    """

    name: ClassVar[str]
    scores: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[str, ...]]
    lower_is_better: ClassVar[bool]

    @property
    def laws_broken(self) -> Mapping[str, str]: ...

    def fit(self, pairs: Sequence[Pair]) -> Any: ...

    def measure(self, pair: Pair, fitted: Any) -> Row: ...

    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]: ...


@dataclass(frozen=True, slots=True)
class Score:
    """One number, quotable alone: value and interval as fractions, and how it was obtained.

    Attributes:
        metric: the score's name, e.g. `AP50`.
        value: the score as the published code prints it (a fraction; CIDEr in its own scale).
        low: lower end of the 95% bootstrap interval, None when no interval was drawn.
        high: upper end.
        n: images scored.
        signature: everything that could move the number.
    """

    metric: str
    value: float
    low: float | None
    high: float | None
    n: int
    signature: str


@runtime_checkable
class Model(Protocol):
    """Anything that answers queries, in any order, one prediction a query."""

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]: ...
