"""What a comparison of two runs found; the difference is always B less A."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gcg_bench.statistics import Difference

SURE = 0.05  # an adjusted p below it is called significant


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs.

    Attributes:
        model: its model.
        folder: where it lies.
        failed: images without an answer.
        signatures: protocol (`strict-1`) -> signature.
    """

    model: str
    folder: str
    failed: int
    signatures: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """One score of one protocol.

    Attributes:
        protocol: e.g. `strict-1`.
        score: its name, e.g. `F1`.
        a: the score of A.
        b: the score of B.
        difference: B less A, with its paired interval and p.
        holm: p adjusted for all scores of the table; NaN where there is none.
        lower_is_better: whether it counts mistakes.
    """

    protocol: str
    score: str
    a: float
    b: float
    difference: Difference
    holm: float
    lower_is_better: bool

    @property
    def sure(self) -> bool:
        """Whether the adjusted p is below .05."""
        return self.holm < SURE

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `equal` or `no difference shown`, of B; a length is neither.

        `equal` is said where the scores agree in every draw, as where no image differs.
        """
        if self.difference.value == self.difference.low == self.difference.high == 0:
            return "equal"
        if not self.sure:
            return "no difference shown"
        if self.score == "Words":
            return "longer" if self.difference.value > 0 else "shorter"
        return "better" if (self.difference.value > 0) != self.lower_is_better else "worse"

    def to_json(self) -> dict[str, Any]:
        """Values as fractions; what is not a number is null."""
        one = self.difference
        numbers = {
            "a": self.a,
            "b": self.b,
            "difference": one.value,
            "low": one.low,
            "high": one.high,
            "p": one.p,
            "p_holm": self.holm,
        }
        return {name: None if math.isnan(v) else v for name, v in numbers.items()} | {
            "significant": self.sure,
            "lower_is_better": self.lower_is_better,
        }


@dataclass(frozen=True, slots=True)
class ImageChange:
    """One image, and the number that was compared."""

    id: str
    a: float
    b: float

    @property
    def difference(self) -> float:
        return self.b - self.a

    def to_json(self) -> dict[str, Any]:
        """The image's two numbers and B less A."""
        return {"id": self.id, "a": self.a, "b": self.b, "difference": self.difference}


@dataclass(frozen=True, slots=True)
class ImageChanges:
    """How the images changed in one score, taken of each image alone.

    Attributes:
        score: the score's name.
        protocol: whose, e.g. `strict-1`.
        images: all of them, those that changed most first; equal changes in the data's order.
    """

    score: str
    protocol: str
    images: tuple[ImageChange, ...]

    @property
    def changed(self) -> tuple[ImageChange, ...]:
        """Those that changed at all."""
        return tuple(image for image in self.images if image.difference != 0)


@dataclass(frozen=True, slots=True)
class PhraseChanges:
    """Reference phrases that one run found and the other did not.

    Rows hold how many phrases of an image were matched, not which. So these are net numbers an
    image: one phrase gained and another lost in the same image cancel.

    Attributes:
        protocol: whose matches, e.g. `strict-1`.
        reference: phrases in the references.
        a: phrases that A matched.
        b: phrases that B matched.
        gained: what B matched more, summed over the images where it matched more.
        lost: what B matched less, summed over the images where it matched less.
        images: images where the numbers differ, the largest differences first; `a` and `b` are
            phrases matched.
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
        a: the run that differences start from.
        b: the other.
        dataset: the data card's name.
        split: the split's name.
        n: images.
        draws: of the intervals, and of the tests.
        seed: of both.
        scores: every score of every protocol that both were scored with.
        images: how the images changed.
        phrases: gained and lost; None without a protocol that matches phrases.
        answered: fields of the signatures that differ, all about how the answers were made: name,
            A's, B's.
        notes: what a reader must know beside the numbers.
    """

    a: Side
    b: Side
    dataset: str
    split: str
    n: int
    draws: int
    seed: int
    scores: tuple[ScoreChange, ...]
    images: ImageChanges
    phrases: PhraseChanges | None
    answered: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols compared."""
        return tuple(dict.fromkeys(one.protocol for one in self.scores))

    def to_json(self, top: int = 20) -> dict[str, Any]:
        """The whole as JSON values, with the `top` images that changed most."""
        protocols = [
            {
                "protocol": key.rpartition("-")[0],
                "version": int(key.rpartition("-")[2]),
                "signature_a": self.a.signatures[key],
                "signature_b": self.b.signatures[key],
                "scores": {s.score: s.to_json() for s in self.scores if s.protocol == key},
            }
            for key in self.protocols
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
