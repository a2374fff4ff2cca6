"""How often each kind of mistake was made, and what F1 would have been without it.

"Without" means: a predicted phrase of the kind that a reference phrase is charged to becomes its
right answer; the others of the kind are gone; missed reference phrases are found. With TP matched,
P predicted and R reference phrases, n of the kind predicted and e reference phrases charged to it,

    F1 without = 2 (TP + e) / (P - n + e + R)

which is never below F1 = 2 TP / (P + R), and is 1 when all kinds are mended at once. TIDE (arXiv
2008.08115) takes missed objects out of the reference instead, because it would have to invent a
confidence for finding them; F1 needs none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcg_bench.analysis.errors.slices import Slice, slices
from gcg_bench.matching.mistakes import KINDS, ImageDiagnosis, judge_image
from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.types import Pair


@dataclass(frozen=True, slots=True)
class Tally:
    """One kind, counted over all images.

    Attributes:
        kind: its name.
        predicted: predicted phrases of the kind.
        reference: reference phrases matched, charged to it, or missed.
        f1_without: F1 had the kind not occurred; of `matched`, F1 as it is.
    """

    kind: str
    predicted: int
    reference: int
    f1_without: float


@dataclass(frozen=True)
class Diagnosis:
    """The mistakes of a set of predictions.

    Attributes:
        images: in the data set's order.
        tallies: one a kind, in the order of `KINDS`.
        f1: F1 as it is.
        slices: the same counts by property of the phrases.
    """

    images: tuple[ImageDiagnosis, ...]
    tallies: tuple[Tally, ...]
    f1: float
    slices: tuple[Slice, ...]

    def __getitem__(self, kind: str) -> Tally:
        """The tally of a kind, e.g. `diagnosis["missed"]`."""
        return next(tally for tally in self.tallies if tally.kind == kind)

    @property
    def reference(self) -> int:
        """Reference phrases."""
        return sum(tally.reference for tally in self.tallies)

    @property
    def predicted(self) -> int:
        """Predicted phrases."""
        return sum(tally.predicted for tally in self.tallies)

    def to_json(self) -> dict[str, Any]:
        """Counts, costs and slices; fractions, without the findings of single images."""
        described = {kind.name: kind.description for kind in KINDS}
        return {
            "images": len(self.images),
            "F1": self.f1,
            "predicted": self.predicted,
            "reference": self.reference,
            "kinds": [
                {
                    "kind": tally.kind,
                    "description": described[tally.kind],
                    "predicted": tally.predicted,
                    "reference": tally.reference,
                    "F1_without": tally.f1_without,
                    "cost": tally.f1_without - self.f1,
                }
                for tally in self.tallies
            ],
            "slices": [one.to_json() for one in self.slices],
        }


def diagnose(pairs: Sequence[Pair], rule: PhraseF1 | None = None) -> Diagnosis:
    """What went wrong in a set of images; nothing goes wrong in none (F1 is then 0).

    Args:
        pairs: with the similarity of the protocol that is diagnosed.
        rule: what a match is; strict's by default.
    """
    judged = PhraseF1() if rule is None else rule
    images = tuple(judge_image(pair, judged) for pair in pairs)
    predicted = _counts([finding.kind for image in images for finding in image.predicted])
    reference = _counts([finding.kind for image in images for finding in image.reference])
    phrases = (sum(predicted.values()), sum(reference.values()))
    matched = predicted["matched"]
    tallies = tuple(
        Tally(
            name,
            predicted[name],
            reference[name],
            _f1_without(matched, *phrases, 0, 0)
            if name == "matched"
            else _f1_without(matched, *phrases, predicted[name], reference[name]),
        )
        for name in predicted
    )
    return Diagnosis(images, tallies, tallies[0].f1_without, slices(pairs, images))


def _counts(kinds: Sequence[str]) -> Mapping[str, int]:
    return {kind.name: kinds.count(kind.name) for kind in KINDS}


def _f1_without(matched: int, predicted: int, reference: int, wrong: int, charged: int) -> float:
    phrases = predicted - wrong + charged + reference
    return 2 * (matched + charged) / phrases if phrases else 0.0
