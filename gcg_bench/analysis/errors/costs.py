"""Counts each kind of mistake, and computes F1 without it.

"Without" means: a predicted phrase of the kind becomes the correct answer for the reference phrase
that is charged to it, if there is one; other predicted phrases of the kind are removed; missed
reference phrases are found. With TP matched, P predicted and R reference phrases, n predicted
phrases of the kind and e reference phrases charged to it,

    F1 without = 2 (TP + e) / (P - n + e + R)

which is never below F1 = 2 TP / (P + R), and is 1 when all kinds are corrected at once. TIDE (arXiv
2008.08115) removes missed objects from the reference instead, because it would need a confidence
for them; F1 needs none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gcg_bench.analysis.errors.slices import Slice, slices
from gcg_bench.errors import BadOption
from gcg_bench.matching.mistakes import KINDS, ImageDiagnosis, MatchRule, judge_image
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Pair

NEEDS = frozenset({"iou", "noun", "attributes", "agreement"})
"""The features that a diagnosis reads."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of one kind over all images.

    Attributes:
        kind: its name.
        predicted: the number of predicted phrases of the kind.
        reference: the number of reference phrases matched, charged to it, or missed.
        f1_without: F1 without the kind; for `matched`, the actual F1.
    """

    kind: str
    predicted: int
    reference: int
    f1_without: float


@dataclass(frozen=True, slots=True)
class Imprecise:
    """Matched pairs whose words agree only in part: a wrong attribute or a less exact noun.

    Attributes:
        pairs: matched pairs with an agreement below 1.
        cost: the increase of the panoptic quality if these words were correct: the sum of IoU x (1
            - agreement), divided by half the number of all phrases.
    """

    pairs: int
    cost: float


@dataclass(frozen=True)
class Diagnosis:
    """The mistakes of a set of predictions.

    Attributes:
        images: the diagnosis of each image, in the data set's order.
        tallies: one for each kind, in the order of `KINDS`.
        f1: the actual F1.
        slices: the same counts by property of the phrases.
        imprecise: matched pairs whose words agree only in part.
    """

    images: tuple[ImageDiagnosis, ...]
    tallies: tuple[Tally, ...]
    f1: float
    slices: tuple[Slice, ...]
    imprecise: Imprecise

    def __getitem__(self, kind: str) -> Tally:
        """The tally of a kind, e.g. `diagnosis["missed"]`."""
        return next(tally for tally in self.tallies if tally.kind == kind)

    @property
    def reference(self) -> int:
        """The number of reference phrases."""
        return sum(tally.reference for tally in self.tallies)

    @property
    def predicted(self) -> int:
        """The number of predicted phrases."""
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
            "wrong_attribute": {"matched": self.imprecise.pairs, "cost": self.imprecise.cost},
            "slices": [part.to_json() for part in self.slices],
        }


def diagnose(pairs: Sequence[Pair], rule: MatchRule) -> Diagnosis:
    """Diagnoses the mistakes in a set of images; without images, F1 and every count are 0.

    Args:
        pairs: the pairs, with the features of `NEEDS` as the diagnosed protocol computes them.
        rule: the rule for matching a predicted phrase and a reference phrase, see `match_rule`.
    """
    images = tuple(judge_image(pair, rule) for pair in pairs)
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
    imprecise = _imprecise(images, sum(phrases))
    return Diagnosis(images, tallies, tallies[0].f1_without, slices(pairs, images), imprecise)


def _imprecise(images: Sequence[ImageDiagnosis], phrases: int) -> Imprecise:
    """The matched pairs whose words agree only in part; `phrases` counts both sides."""
    short = [
        finding.iou * (1 - finding.agreement)
        for image in images
        for finding in image.predicted
        if finding.kind == "matched" and finding.agreement is not None and finding.agreement < 1
    ]
    return Imprecise(len(short), 2 * sum(short) / phrases if phrases else 0.0)


def match_rule(protocol: EvalProtocol) -> MatchRule:
    """The rule by which a protocol matches phrases, from its first metric that does so.

    Raises:
        BadOption: no metric of the protocol matches phrases.
    """
    rules = _match_rules(protocol)
    if not rules:
        raise BadOption(
            f"protocol {protocol.name}: no kinds of mistakes can be counted, because none of its"
            " metrics matches phrases (phrase_columns, threshold_iou, threshold_noun)"
        )
    return rules[0]


def matches_phrases(protocol: EvalProtocol) -> bool:
    """Whether a protocol matches phrases, so that mistakes can be counted; see `match_rule`."""
    return bool(_match_rules(protocol))


def _match_rules(protocol: EvalProtocol) -> list[MatchRule]:
    return [
        metric
        for metric in protocol.metrics
        if metric.phrase_columns is not None and isinstance(metric, MatchRule)
    ]


def _counts(kinds: Sequence[str]) -> Mapping[str, int]:
    return {kind.name: kinds.count(kind.name) for kind in KINDS}


def _f1_without(matched: int, predicted: int, reference: int, wrong: int, charged: int) -> float:
    phrases = predicted - wrong + charged + reference
    return 2 * (matched + charged) / phrases if phrases else 0.0
