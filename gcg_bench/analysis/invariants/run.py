"""Checks laws: scores answers before and after each change, and compares every move with its law.

Programs with a slow start are started once: the tokeniser gets all captions in one call, and each
metric that learns from captions gets the captions of all changes in one call.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np

from gcg_bench.analysis.invariants.damage import damaged_scenes
from gcg_bench.analysis.invariants.expectations import Claim, Direction, Law, is_allowed
from gcg_bench.analysis.invariants.laws import LAWS
from gcg_bench.analysis.invariants.scenes import ChangeInputs, Scene, Scenes, usable
from gcg_bench.errors import MissingData
from gcg_bench.scoring.features import Evidence, gather
from gcg_bench.scoring.score import measure
from gcg_bench.tasks.protocols import EvalProtocol
from gcg_bench.text import java, similarity
from gcg_bench.text.encoders import Encoder, load_encoder
from gcg_bench.types import Metric, Pair, Sample

Verdict = Literal["holds", "BROKEN", "known", "no claim", "nothing to change"]
Scores = Mapping[tuple[str, str], float]
"""(metric, score) -> value."""

# phrases of things that images do not show; the first one that every encoder finds dissimilar to
# all references is used
_JUNK_CANDIDATES = (
    "qwxz",
    "the second theorem",
    "inflation of prices",
    "an apology",
    "yesterday",
    "zzz",
)
_SIMILARITY_LIMIT = 0.5


@dataclass(frozen=True)
class LawResult:
    """The result of one law for one score.

    Attributes:
        law: the law's name.
        protocol: the protocol's name.
        metric: the metric's name.
        score: the score's name.
        claim: the direction that the law states, and its reason.
        before: the score of the answers.
        after: the score of the changed answers; equal when nothing could be changed.
        verdict: `known` is a broken law that the metric names in its `laws_broken`.
        known: the metric's reason; None when it does not name this law.
    """

    law: str
    protocol: str
    metric: str
    score: str
    claim: Claim
    before: float
    after: float
    verdict: Verdict
    known: str | None


@dataclass(frozen=True)
class LawReport:
    """The results of all laws.

    Attributes:
        images: the number of images that the laws were checked on.
        left_out: the number of images without a suitable reference, see `scenes.usable`.
        seed: the seed of the damage and the changes.
        junk: the words of junk phrases; None when every candidate is similar to a reference phrase.
        protocols: in order.
        laws: in order.
        changed: law -> the number of images that it changed.
        results: by law, protocol and score, in order.
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
            "findings": [
                {
                    "law": result.law,
                    "protocol": result.protocol,
                    "metric": result.metric,
                    "score": result.score,
                    "must_move": str(result.claim.direction),
                    "why": result.claim.reason,
                    "before": result.before,
                    "after": result.after,
                    "verdict": result.verdict,
                    "laws_broken": result.known,
                }
                for result in self.results
            ],
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
    usable_samples = [sample for sample in samples if usable(sample)]
    if not usable_samples:
        raise MissingData(
            "no image is usable: a reference needs phrases, each with words and a mask of some"
            " pixels, and no crowd"
        )
    encoders = {protocol.encoder: load_encoder(protocol.encoder) for protocol in protocols}
    inputs = ChangeInputs(seed, _junk(usable_samples, list(encoders.values())))
    before = damaged_scenes(usable_samples, inputs)
    after = {law.name: law.change(before, inputs) for law in laws}
    evidence = _evidence_by_variant({"": before, **after})
    scores = {
        protocol.name: _scores_by_variant(protocol, encoders[protocol.encoder], evidence)
        for protocol in protocols
    }
    changed = {name: _changed_images(before, scenes) for name, scenes in after.items()}
    # a law with DOWN_BY_SHARE changes one phrase of an image
    phrases = sum(len(sample.truth.phrases) for sample in usable_samples)
    results = (
        _law_results(law, protocol, scores[protocol.name], changed[law.name] / phrases)
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


def _law_results(
    law: Law, protocol: EvalProtocol, scores: Mapping[str, Scores], share: float
) -> Iterator[LawResult]:
    """The results of one law for the scores of one protocol; `share` is that of `is_allowed`."""
    for metric in protocol.metrics:
        for score in metric.scores:
            claim = law.claim(metric, score)
            before, after = (scores[variant][metric.name, score] for variant in ("", law.name))
            known = metric.laws_broken.get(law.name)
            if not share:
                verdict: Verdict = "nothing to change"
            elif claim.direction is Direction.NO_CLAIM:
                verdict = "no claim"
            elif is_allowed(claim.direction, before, after, share):
                verdict = "holds"
            else:
                verdict = "BROKEN" if known is None else "known"
            yield LawResult(
                law.name, protocol.name, metric.name, score, claim, before, after, verdict, known
            )


def _changed_images(before: Scenes, after: Scenes) -> int:
    """The number of images that a change altered."""
    if len(before) != len(after):
        return len(after)
    return sum(old_scene != new_scene for old_scene, new_scene in zip(before, after, strict=True))


def _junk(samples: Sequence[Sample], encoders: Sequence[Encoder]) -> str | None:
    """The first candidate that every encoder finds dissimilar to all reference phrases, or None."""
    phrases = sorted({p.text for s in samples for p in s.truth.phrases if p.text is not None})
    texts = [*phrases, *_JUNK_CANDIDATES]
    highest = np.full(len(_JUNK_CANDIDATES), -1.0)
    for encoder in encoders:
        vectors = dict(zip(texts, encoder.vectors(texts), strict=True))
        similarities = similarity.similarity(phrases, _JUNK_CANDIDATES, vectors, equal_is_one=False)
        highest = np.maximum(highest, similarities.max(axis=0))
    dissimilar = [
        phrase
        for phrase, value in zip(_JUNK_CANDIDATES, highest, strict=True)
        if value < _SIMILARITY_LIMIT
    ]
    return dissimilar[0] if dissimilar else None


def _evidence_by_variant(variants: Mapping[str, Scenes]) -> dict[str, Evidence]:
    """The evidence of all variants; their captions are tokenised together first."""
    all_scenes = chain.from_iterable(variants.values())
    java.ptb_tokenise([text for scene in all_scenes for text in _captions(scene)])
    return {
        name: gather(
            [scene.sample for scene in scenes],
            {scene.sample.id: scene.prediction for scene in scenes},
        )
        for name, scenes in variants.items()
    }


def _captions(scene: Scene) -> tuple[str, ...]:
    return (*scene.sample.captions, scene.answer.caption)


def _scores_by_variant(
    protocol: EvalProtocol, encoder: Encoder, evidence: Mapping[str, Evidence]
) -> dict[str, Scores]:
    """The protocol's scores of every variant."""
    pairs_by_variant = {
        name: features.alike(encoder, equal_is_one=protocol.equal_is_one)
        for name, features in evidence.items()
    }
    for metric in protocol.metrics:
        if getattr(metric, "captions_only", False):
            # this fills the metric's cache on disk
            metric.fit(list(chain.from_iterable(pairs_by_variant.values())))
    return {
        name: {
            (metric.name, score): value
            for metric in protocol.metrics
            for score, value in _metric_scores(metric, pairs).items()
        }
        for name, pairs in pairs_by_variant.items()
    }


def _metric_scores(metric: Metric, pairs: Sequence[Pair]) -> dict[str, float]:
    rows = measure(metric, pairs)
    reduced = metric.reduce(rows, np.ones((1, len(rows))))
    return {score: float(reduced[score][0]) for score in metric.scores}
