"""Checks laws: scores answers before and after each change, and compares every move with its law.

The scenes before the changes and after each change are the *variants*. Features of all variants are
computed together. A metric that fits each pair separately is fitted once on all variants, so that
programs with a slow start (Java) are started once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isnan
from typing import Any, Literal

import numpy as np

from gcg_bench.analysis.invariants.damage import damaged_scenes
from gcg_bench.analysis.invariants.expectations import Law, is_allowed
from gcg_bench.analysis.invariants.junk import junk_words
from gcg_bench.analysis.invariants.laws import LAWS
from gcg_bench.analysis.invariants.scenes import ChangeInputs, Scenes, usable
from gcg_bench.errors import MissingData
from gcg_bench.scoring.features import FeatureStore, PhraseRule
from gcg_bench.scoring.score import fit, measure_fitted, phrase_rule
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Claim, Direction, Metric, Pair, Sample, ScoreSpec

Verdict = Literal["holds", "BROKEN", "known", "no claim", "nothing to change"]
Scores = Mapping[tuple[str, str], float]
"""(metric, score) -> value; NaN when the score has no value."""

_BEFORE = ""
"""The name of the variant before the changes; the other variants have the names of their laws."""


@dataclass(frozen=True)
class LawResult:
    """The result of one law for one score.

    Attributes:
        law: the law's name.
        protocol: the protocol's name.
        metric: the metric's name.
        spec: the score.
        claim: the direction that the law states, and its reason.
        before: the score of the answers.
        after: the score of the changed answers; equal when nothing could be changed.
        verdict: `known` is a broken law that the metric names in its `laws_broken`. For a score
            without a value before or after the change, there is no claim.
        known: the metric's reason; None when it does not name this law.
    """

    law: str
    protocol: str
    metric: str
    spec: ScoreSpec
    claim: Claim
    before: float
    after: float
    verdict: Verdict
    known: str | None

    @property
    def score(self) -> str:
        """The score's name."""
        return self.spec.name

    def to_json(self) -> dict[str, Any]:
        """The entry of `findings`; a score without a value is null."""
        return {
            "law": self.law,
            "protocol": self.protocol,
            "metric": self.metric,
            "score": self.score,
            "must_move": str(self.claim.direction),
            "why": self.claim.reason,
            "before": None if isnan(self.before) else self.before,
            "after": None if isnan(self.after) else self.after,
            "verdict": self.verdict,
            "laws_broken": self.known,
        }


@dataclass(frozen=True)
class LawReport:
    """The results of all laws.

    Attributes:
        images: the number of images that the laws were checked on.
        left_out: the number of images without a suitable reference, see `scenes.usable`.
        seed: the seed of the damage and the changes.
        junk: the words of junk phrases; None when every candidate is similar to a reference phrase.
        protocols: the protocols, in order.
        laws: the laws, in order.
        changed: law -> the number of images that it changed.
        results: the results, in the order of laws, protocols and scores.
    """

    images: int
    left_out: int
    seed: int
    junk: str | None
    protocols: tuple[EvalProtocol, ...]
    laws: tuple[Law, ...]
    changed: Mapping[str, int]
    results: tuple[LawResult, ...]

    def with_verdict(self, verdict: Verdict) -> list[LawResult]:
        """The results of one verdict."""
        return [result for result in self.results if result.verdict == verdict]

    def to_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        return {
            "images": self.images,
            "left_out": self.left_out,
            "seed": self.seed,
            "junk": self.junk,
            "protocols": [
                {
                    "protocol": protocol.name,
                    "version": protocol.version,
                    "encoder": protocol.encoder,
                }
                for protocol in self.protocols
            ],
            "laws": [
                {"law": law.name, "does": law.description, "images_changed": self.changed[law.name]}
                for law in self.laws
            ],
            "findings": [result.to_json() for result in self.results],
            "broken": len(self.with_verdict("BROKEN")),
            "known": len(self.with_verdict("known")),
        }


def check_laws(
    samples: Sequence[Sample],
    protocols: Sequence[EvalProtocol],
    *,
    seed: int = 0,
    laws: Sequence[Law] = LAWS,
) -> LawReport:
    """Checks every score of the protocols against every law.

    Args:
        samples: images whose references are damaged into answers.
        protocols: the protocols whose metrics are checked.
        seed: the seed of the damage and the changes.
        laws: the laws to check.

    Raises:
        MissingData: no image is usable.
        UnknownName: an encoder does not exist.
        EnvironmentProblem: an encoder or Java is not installed.
    """
    usable_samples = _usable(samples, protocols)
    rules = {protocol.folder: phrase_rule(protocol) for protocol in protocols}
    inputs = ChangeInputs(seed, junk_words(usable_samples, protocols, rules))
    before = damaged_scenes(usable_samples, inputs)
    after = {law.name: law.change(before, inputs) for law in laws}
    variants = _Variants({_BEFORE: before, **after})
    scores = {
        protocol.folder: variants.scores(protocol, rules[protocol.folder]) for protocol in protocols
    }
    changed = {name: _changed_images(before, scenes) for name, scenes in after.items()}
    # a law with DOWN_BY_SHARE changes one phrase of an image
    phrases = sum(len(sample.truth.phrases) for sample in usable_samples) or len(usable_samples)
    results = (
        _law_results(law, protocol, scores[protocol.folder], changed[law.name] / phrases)
        for law in laws
        for protocol in protocols
    )
    return LawReport(
        images=len(usable_samples),
        left_out=len(samples) - len(usable_samples),
        seed=seed,
        junk=inputs.junk,
        protocols=tuple(protocols),
        laws=tuple(laws),
        changed=changed,
        results=tuple(chain.from_iterable(results)),
    )


def _usable(samples: Sequence[Sample], protocols: Sequence[EvalProtocol]) -> list[Sample]:
    """The samples whose references can be damaged; raises MissingData when there is none."""
    words = any(protocol.compares_phrases for protocol in protocols)
    if not any(protocol.parts.masks for protocol in protocols):
        return _captioned(samples)
    usable_samples = [sample for sample in samples if usable(sample, words=words)]
    if not usable_samples:
        phrase = "words and a mask" if words else "a mask"
        problem = f"no image is usable: a reference needs phrases, each with {phrase}"
        raise MissingData(f"{problem} of some pixels, and no crowd")
    return usable_samples


def _captioned(samples: Sequence[Sample]) -> list[Sample]:
    """The samples with a reference caption; raises MissingData when there is none."""
    captioned = [sample for sample in samples if any(sample.captions)]
    if not captioned:
        raise MissingData("no image is usable: a reference needs a caption")
    return captioned


def _law_results(
    law: Law, protocol: EvalProtocol, scores: Mapping[str, Scores], share: float
) -> Iterator[LawResult]:
    """The results of one law for the scores of one protocol; `share` as in `is_allowed`."""
    for metric in protocol.metrics:
        for spec in metric.scores:
            claim = law.claim(metric, spec)
            before, after = (
                scores[variant][metric.name, spec.name] for variant in (_BEFORE, law.name)
            )
            known = metric.laws_broken.get(law.name)
            if not share:
                verdict: Verdict = "nothing to change"
            elif claim.direction is Direction.NO_CLAIM or isnan(before) or isnan(after):
                verdict = "no claim"
            elif is_allowed(claim.direction, before, after, share):
                verdict = "holds"
            else:
                verdict = "BROKEN" if known is None else "known"
            yield LawResult(
                law.name, protocol.name, metric.name, spec, claim, before, after, verdict, known
            )


def _changed_images(before: Scenes, after: Scenes) -> int:
    """The number of images that a change altered."""
    if len(before) != len(after):
        return len(after)
    return sum(old_scene != new_scene for old_scene, new_scene in zip(before, after, strict=True))


class _Variants:
    """All variants of the scenes in one store, so that each feature is computed once for all.

    Args:
        scenes: variant -> its scenes.
    """

    def __init__(self, scenes: Mapping[str, Scenes]) -> None:
        everything = chain.from_iterable(scenes.values())
        self._store = FeatureStore(
            tuple(Pair(scene.sample, scene.prediction) for scene in everything)
        )
        self._blocks: dict[str, slice] = {}
        start = 0
        for name, own in scenes.items():
            self._blocks[name] = slice(start, start + len(own))
            start += len(own)

    def scores(self, protocol: EvalProtocol, rule: PhraseRule | None) -> dict[str, Scores]:
        """Variant -> the protocol's scores of it."""
        pairs = self._store.with_features(protocol.needs, rule)
        fitted = {
            metric.name: fit(metric, pairs) for metric in protocol.metrics if metric.fits_each_alone
        }
        return {
            name: dict(
                chain.from_iterable(
                    _metric_scores(metric, pairs[block], fitted.get(metric.name))
                    for metric in protocol.metrics
                )
            )
            for name, block in self._blocks.items()
        }


def _metric_scores(
    metric: Metric, pairs: Sequence[Pair], fitted: Any
) -> Iterator[tuple[tuple[str, str], float]]:
    """The scores of a metric on one variant; uses `fitted` if it fits each pair separately."""
    known = fitted if metric.fits_each_alone else fit(metric, pairs)
    rows = measure_fitted(metric, pairs, known)
    reduced = metric.reduce(rows, np.ones((1, len(rows))))
    for spec in metric.scores:
        yield (metric.name, spec.name), float(reduced[spec.name][0])
