"""Metrics: they convert pairs with features to rows of counts, and rows to scores."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gcg_bench.types.laws import Claim
from gcg_bench.types.pair import FloatArray, Pair

Row = Mapping[str, float | Sequence[float]]
"""The counts of a metric for one pair: column name -> plain number, or list of plain numbers."""

Better = Literal["higher", "lower", "neither"]
Scale = Literal["share", "CIDEr", "plain"]


@dataclass(frozen=True, slots=True)
class ScoreSpec:
    """The definition of a score: its name, which direction is better, how it is printed.

    Every table, page, board and comparison uses it. There is no other list of score names.

    Attributes:
        name: the name in tables.
        direction: which values are better; `neither` for a number that is not a quality (a length).
        scale: `share` (a fraction, printed times 100), `CIDEr` (no fraction, printed times 100 as
            papers do) or `plain` (printed as it is).
        headline: whether systems may be ranked by it; else it is a secondary score.
        undefined: when the score has no value, as words; empty when it always has a value.
        gameable: how a model can improve the score without being better; empty if not known.
        floors: whether two floors of the score are measured: its values for the same masks with
            shuffled words, and with the same phrase for everything.
    """

    name: str
    direction: Better = "higher"
    scale: Scale = "share"
    headline: bool = True
    undefined: str = ""
    gameable: str = ""
    floors: bool = False

    @property
    def factor(self) -> int:
        """The factor by which a value is multiplied when it is printed."""
        return 1 if self.scale == "plain" else 100

    @property
    def lower_is_better(self) -> bool:
        """Whether smaller values are better."""
        return self.direction == "lower"

    @property
    def title(self) -> str:
        """The name for a row of a table: with a remark when lower is better."""
        return f"{self.name} (lower is better)" if self.lower_is_better else self.name

    def text(self, value: float | None) -> str:
        """A value as tables print it, with one decimal; a dash for none."""
        return "–" if value is None or np.isnan(value) else f"{self.factor * value:.1f}"

    def interval(self, low: float | None, high: float | None) -> str:
        """An interval as tables print it, e.g. `[15.8, 16.6]`; empty without one."""
        if low is None or high is None:
            return ""
        return f"[{self.factor * low:.1f}, {self.factor * high:.1f}]"


def scale_note(
    specs: Iterable[ScoreSpec], *, intervals: bool = False, times: str = "×", end: str = "."
) -> str:
    """An explanation of the numbers in a table: their factor, and the kind of intervals.

    Args:
        specs: the scores of the table; plain scores are named, because they are not multiplied.
        intervals: whether the table shows intervals.
        times: the multiplication sign.
        end: the end of the sentence.
    """
    plain = list(dict.fromkeys(spec.name for spec in specs if spec.factor == 1))
    drawn = " with 95% bootstrap intervals over images" if intervals else ""
    names = " and ".join(filter(None, [", ".join(plain[:-1]), *plain[-1:]]))
    return f"Scores {times} 100{drawn}{f'; {names} as they are' if plain else ''}{end}"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one metric as columns, one entry for each pair, in the data set's order.

    Attributes:
        ids: query ids, length n.
        columns: name -> float64 array (n,), or object array (n,) of float64 arrays for lists.
        images: the image id of each query, its cluster in bootstrap draws; by default `ids`.
        counted: whether each query counts, bool (n,); None when all count. For a query that does
            not count, the columns hold NaN or an empty list, and no metric sees them.
    """

    ids: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]]
    images: tuple[str, ...] = ()
    counted: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Sets `images` when every query has its own image."""
        if not self.images:
            object.__setattr__(self, "images", self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def stack(self, names: Sequence[str]) -> FloatArray:
        """The named plain columns as an array of shape (n, len(names))."""
        return np.stack([np.asarray(self.columns[name], dtype=np.float64) for name in names], 1)

    def only(self, position: int) -> "Rows":
        """The row at one position, as rows of a single pair."""
        return self.those(np.arange(len(self)) == position)

    def that_count(self, weights: FloatArray) -> tuple["Rows", FloatArray]:
        """The rows that count, with their weights (draws, n)."""
        if self.counted is None:
            return self, weights
        return self.those(self.counted), weights[:, self.counted]

    def those(self, chosen: NDArray[np.bool_]) -> "Rows":
        """The chosen rows (`chosen` is bool, shape (n,)), as rows of fewer pairs."""
        at = np.flatnonzero(chosen).tolist()
        return Rows(
            tuple(self.ids[k] for k in at),
            {name: column[chosen] for name, column in self.columns.items()},
            tuple(self.images[k] for k in at),
            None if self.counted is None else self.counted[chosen],
        )


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a phrase counted or did not count in a score: one line of an explanation.

    Attributes:
        score: the score's name.
        reference: position of the reference phrase; None without one.
        predicted: position of the predicted phrase; None without one.
        counted: whether the score counts the phrase as found.
        why: the reason, in words and numbers.
    """

    score: str
    reference: int | None
    predicted: int | None
    counted: bool
    why: str


class Metric(ABC):
    """A measurable property of predictions: one file in gcg_bench/metrics, one frozen dataclass.

    Its dataclass fields are its parameters and form its signature. `measure` computes the counts of
    one pair. `reduce` computes scores from the counts of many pairs.

    A row may need values over other pairs (document frequencies). They are computed by a map and a
    merge, so that a split need not be in memory: `part` computes the contribution of some pairs,
    `merge` joins the contributions of all pairs, and `prepare` makes from the merged value the
    input of `measure` for some pairs. A row must not depend on the division of the pairs into
    parts, in any bit. A metric may override `fit` instead, which gets all pairs at once. This is
    simpler, but such a metric scores only splits that fit in memory, unless `fits_each_alone`.

    `weights` in `reduce` states how often every pair counts: (draws, n) whole numbers from 0.
    Weights of 1 give the score itself, multinomial counts give bootstrap draws, and zeros and ones
    give subsets, so intervals and paired tests need no other code. A weight must act like repeated
    rows.

    Attributes:
        name: the file's name.
        scores: the scores that `reduce` returns, in the order of tables.
        columns: the names of a row's columns.
        lists: the columns that hold lists; the lists of a pair have equal lengths.
        needs: the features that it reads, of `FEATURES`; it gets no other features.
        reads_confidences: whether its scores depend on the model's own confidences. Two runs are
            then compared only if both have them for the same share of masks (all, some, none).
        fits_each_alone: whether the result of `fit` for a pair does not depend on other pairs. Then
            a fit of many pairs can be used to measure any part of them (one call to Java for all
            captions).
        phrase_columns: the columns with the numbers of matched phrases and reference phrases; None
            for a metric that does not match phrases.
        law_claims: law of `gcg-bench selftest` -> score -> how the score must move, if the law's
            default is not specific enough.
        citation: BibTeX entries of what it implements; empty when it has no source.
    """

    name: ClassVar[str]
    scores: ClassVar[tuple[ScoreSpec, ...]]
    columns: ClassVar[tuple[str, ...]]
    lists: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[frozenset[str]] = frozenset()
    reads_confidences: ClassVar[bool] = False
    fits_each_alone: ClassVar[bool] = False
    phrase_columns: ClassVar[tuple[str, str] | None] = None
    law_claims: ClassVar[Mapping[str, Mapping[str, Claim]]] = {}
    citation: ClassVar[tuple[str, ...]] = ()

    @property
    def similarity_thresholds(self) -> tuple[float, ...] | None:
        """The thresholds of `similarity`, if rows depend only on them; None by default.

        Similarities that are not close to a threshold may then be computed in single precision.
        """
        return None

    @property
    def laws_broken(self) -> Mapping[str, str]:
        """The laws of `gcg-bench selftest` that this metric cannot obey, each with the reason."""
        return {}

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name, in the order of the fields."""
        names: list[str] = [k.name for k in fields(self)] if is_dataclass(self) else []
        return {name: getattr(self, name) for name in names}

    @property
    def signature(self) -> str:
        """The name with all parameters, e.g. `miou(match=greedy,divide_by=taken)`."""
        given = ",".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.name}({given})" if given else self.name

    @property
    def waits(self) -> bool:
        """Whether `measure` needs what `merge` returns for all pairs of the split."""
        merges = type(self).part is not Metric.part and type(self).fit is Metric.fit
        return merges and not self.fits_each_alone

    @property
    def sees_all_at_once(self) -> bool:
        """Whether it needs all pairs in memory, because it overrides `fit` or `notes`."""
        own_fit = type(self).fit is not Metric.fit and not self.fits_each_alone
        return own_fit or type(self).notes is not Metric.notes

    def part(self, pairs: Sequence[Pair]) -> Any:
        """The contribution of some pairs to `merge`; by default None. It must be small."""
        del pairs

    def merge(self, parts: Iterable[Any]) -> Any:
        """Merges parts, in the order of the split, to the input of `prepare` and `remarks`.

        The merged value has the type of a part, because merged values are merged again.
        """
        del parts

    def prepare(self, pairs: Sequence[Pair], merged: Any) -> Any:
        """The input of `measure` for some pairs; by default the result of `merge` for all pairs."""
        del pairs
        return merged

    def fit(self, pairs: Sequence[Pair]) -> Any:
        """The input of `measure` when these are all pairs; see the class."""
        return self.prepare(pairs, self.merge([self.part(pairs)]))

    def beside(self, pairs: Sequence[Pair]) -> AbstractContextManager[None]:
        """Prepares the input of `fit` while its block runs; does nothing by default."""
        del pairs
        return nullcontext()

    @abstractmethod
    def measure(self, pair: Pair, fitted: Any) -> Row:
        """The counts of one pair."""

    @abstractmethod
    def reduce(self, rows: Rows, weights: FloatArray) -> Mapping[str, FloatArray]:
        """Every score by name, shape (draws,), from rows and weights (draws, n)."""

    def explain(self, pair: Pair) -> Sequence[Reason]:
        """Why each phrase of a pair counts or not; empty by default."""
        del pair
        return ()

    def remarks(self, merged: Any) -> Sequence[str]:
        """Facts that a reader of the scores must know, from the merged value of all pairs."""
        del merged
        return ()

    def notes(self, pairs: Sequence[Pair]) -> Sequence[str]:
        """The `remarks` when these are all pairs."""
        return self.remarks(self.merge([self.part(pairs)]))

    def paired_notes(self, key: str, a: str, b: str) -> Sequence[str]:
        """Facts that a reader of a paired test of two runs must know; empty by default.

        Args:
            key: the protocol's name and version, for the sentences.
            a, b: how many predicted masks of run A and B have a confidence: all, some or none.
        """
        del key, a, b
        return ()
