"""The result of a comparison of two runs; every difference is B minus A."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gcg_bench.scoring.values import data_text, size_text
from gcg_bench.statistics import Difference
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import ScoreSpec

SURE = 0.05  # an adjusted p below this value is called significant


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs.

    Attributes:
        model: its label, else its model.
        folder: the run folder.
        failed: the number of images without an answer.
        signatures: protocol (`strict-2`) -> signature.
    """

    model: str
    folder: str
    failed: int
    signatures: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """One score of one protocol.

    Attributes:
        protocol: e.g. `strict-2`.
        spec: the definition of the score.
        a: the score of A; NaN when it has no value.
        b: the score of B; NaN when it has no value.
        difference: B minus A, with its paired interval and p.
        holm: p adjusted for all distinct scores of the table; NaN without p.
        key: equal for scores that are the same number, e.g. a score that two protocols share.
    """

    protocol: str
    spec: ScoreSpec
    a: float
    b: float
    difference: Difference
    holm: float
    key: str = ""

    @property
    def score(self) -> str:
        """The score's name, e.g. `F1`."""
        return self.spec.name

    @property
    def sure(self) -> bool:
        """Whether the adjusted p is below .05."""
        return self.holm < SURE

    @property
    def verdict(self) -> str:
        """The verdict on B: `better`, `worse`, `equal` or `no difference shown`.

        For a score without a better direction, it is `higher` or `lower`. `equal` means that the
        scores are equal in every draw, which is the case if no image differs.
        """
        if self.difference.value == self.difference.low == self.difference.high == 0:
            return "equal"
        if not self.sure:
            return "no difference shown"
        rises = self.difference.value > 0
        if self.spec.direction == "neither":
            return "higher" if rises else "lower"
        return "better" if rises != self.spec.lower_is_better else "worse"

    def to_json(self) -> dict[str, Any]:
        """The values as fractions; NaN becomes null."""
        numbers = {
            "a": self.a,
            "b": self.b,
            "difference": self.difference.value,
            "low": self.difference.low,
            "high": self.difference.high,
            "p": self.difference.p,
            "p_holm": self.holm,
            "visible": self.difference.visible,
        }
        return {
            **{name: None if math.isnan(value) else value for name, value in numbers.items()},
            "significant": self.sure,
            "undefined_draws": self.difference.undefined,
            "direction": self.spec.direction,
            "scale": self.spec.scale,
            "lower_is_better": self.spec.lower_is_better,
        }


@dataclass(frozen=True, slots=True)
class ImageChange:
    """One image, with the compared numbers of both runs."""

    id: str
    a: float
    b: float

    @property
    def difference(self) -> float:
        """B minus A."""
        return self.b - self.a

    def to_json(self) -> dict[str, Any]:
        """The image's two numbers and their difference."""
        return {"id": self.id, "a": self.a, "b": self.b, "difference": self.difference}


@dataclass(frozen=True, slots=True)
class ImageChanges:
    """The changes of single images in one score.

    Attributes:
        spec: the definition of the score.
        protocol: the protocol of the score, e.g. `strict-2`.
        images: all images, the largest changes first; equal changes in the data set's order.
    """

    spec: ScoreSpec
    protocol: str
    images: tuple[ImageChange, ...]

    @property
    def score(self) -> str:
        """The score's name."""
        return self.spec.name

    @property
    def changed(self) -> tuple[ImageChange, ...]:
        """The images that changed; without images for which a run has no score."""
        return tuple(
            image
            for image in self.images
            if image.difference != 0 and not math.isnan(image.difference)
        )


@dataclass(frozen=True, slots=True)
class PhraseChanges:
    """Reference phrases that one run matched and the other did not.

    Rows contain how many phrases of an image were matched, not which. So these are net numbers for
    each image: a gained phrase and a lost phrase in the same image cancel.

    Attributes:
        protocol: the protocol that matches, e.g. `strict-2`.
        reference: the number of phrases in the references.
        a: the number of phrases that A matched.
        b: the number of phrases that B matched.
        gained: the sum of B minus A over the images in which B matched more.
        lost: the sum of A minus B over the images in which B matched fewer.
        images: the images with different numbers, the largest differences first; `a` and `b` are
            numbers of matched phrases.
    """

    protocol: str
    reference: int
    a: int
    b: int
    gained: int
    lost: int
    images: tuple[ImageChange, ...]

    def to_json(self, top: int) -> dict[str, Any]:
        """The sums, and the first images."""
        return {
            "protocol": self.protocol,
            "reference": self.reference,
            "a": self.a,
            "b": self.b,
            "gained": self.gained,
            "lost": self.lost,
            "images_changed": len(self.images),
            "images": [image.to_json() for image in self.images[:top]],
        }


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two runs side by side.

    Attributes:
        a: the first run; differences are B minus A.
        b: the second run.
        dataset: the data card's name.
        split: the split's name.
        n: the number of queries.
        pictures: the number of images of these queries.
        draws: the number of draws for the intervals.
        tests: the number of draws for the tests.
        seed: the seed of intervals and tests.
        protocols: the protocols of both runs, in the order of their task.
        scores: every score of every protocol.
        images: the changes of single images.
        phrases: gained and lost phrases; None without a metric that matches phrases.
        answered: the differences of the signatures, all in the settings that made the answers:
            (field, value of A, value of B).
        notes: facts that a reader of the numbers must know.
    """

    a: Side
    b: Side
    dataset: str
    split: str
    n: int
    pictures: int
    draws: int
    tests: int
    seed: int
    protocols: tuple[EvalProtocol, ...]
    scores: tuple[ScoreChange, ...]
    images: ImageChanges
    phrases: PhraseChanges | None
    answered: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]

    @property
    def size(self) -> str:
        """The number of queries and images, e.g. `12 queries of 4 images`."""
        return size_text(self.n, self.pictures)

    @property
    def noun(self) -> str:
        """The word for queries: `images`, or `queries` when an image can have several."""
        return "images" if self.n == self.pictures else "queries"

    @property
    def data(self) -> str:
        """Data set, split and task, e.g. `shapes val: referring segmentation`."""
        return data_text(self.dataset, self.split, self.protocols[0].task)

    @property
    def distinct(self) -> int:
        """The number of different scores that were tested."""
        return len({change.key for change in self.scores})

    def scores_of(self, protocol: EvalProtocol) -> tuple[ScoreChange, ...]:
        """The scores of one protocol, in the order of tables."""
        return tuple(change for change in self.scores if change.protocol == protocol.key)

    def to_json(self, top: int = 20) -> dict[str, Any]:
        """Everything as JSON values, with the `top` images that changed most."""
        protocols = [
            {
                "task": protocol.task,
                "protocol": protocol.name,
                "version": protocol.version,
                "signature_a": self.a.signatures[protocol.key],
                "signature_b": self.b.signatures[protocol.key],
                "scores": {change.score: change.to_json() for change in self.scores_of(protocol)},
            }
            for protocol in self.protocols
        ]
        sides = {
            name: {"model": side.model, "run": side.folder, "failed": side.failed}
            for name, side in (("a", self.a), ("b", self.b))
        }
        return sides | {
            "dataset": self.dataset,
            "split": self.split,
            "n": self.n,
            "draws": self.draws,
            "tests": self.tests,
            "seed": self.seed,
            "protocols": protocols,
            "images": {
                "score": self.images.score,
                "protocol": self.images.protocol,
                "changed": len(self.images.changed),
                "most": [image.to_json() for image in self.images.changed[:top]],
            },
            "phrases": None if self.phrases is None else self.phrases.to_json(top),
            "answered": {name: {"a": a, "b": b} for name, a, b in self.answered},
            "notes": list(self.notes),
        }
