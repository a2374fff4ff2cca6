"""The trial: answers are changed, scored before and after, and every move is held against its law.

All captions go to the tokeniser in one call, and those of all changes to each metric that learns
from captions, so that programs which are slow to start are started once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np

from gcg_bench.analysis.invariants.damage import damaged
from gcg_bench.analysis.invariants.expectations import Claim, Direction, Law, kept
from gcg_bench.analysis.invariants.laws import LAWS
from gcg_bench.analysis.invariants.scenes import Kit, Scene, Scenes, usable
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

# of nothing that pictures show; the first that every encoder finds unlike all references is taken
_JUNK = ("qwxz", "the second theorem", "inflation of prices", "an apology", "yesterday", "zzz")
_GATE = 0.5


@dataclass(frozen=True)
class Finding:
    """What one law found of one score.

    Attributes:
        law: the law's name.
        protocol: the protocol's name.
        metric: the metric's name.
        score: the score's name.
        claim: what the law says.
        before: the score of the answers.
        after: the score of the changed answers; equal where nothing could be changed.
        verdict: `known` is a law broken that the metric says it cannot keep.
        known: the metric's reason, None when it names no such law.
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
class Trial:
    """Everything that was found.

    Attributes:
        images: how many the laws were tried on.
        left_out: how many the reference made unfit, see `scenes.usable`.
        seed: of the damage and the changes.
        junk: the words of junk phrases; None when every candidate is like something.
        protocols: in order.
        laws: in order.
        changed: law -> how many images it changed.
        findings: by law, protocol and score, in order.
    """

    images: int
    left_out: int
    seed: int
    junk: str | None
    protocols: tuple[EvalProtocol, ...]
    laws: tuple[Law, ...]
    changed: Mapping[str, int]
    findings: tuple[Finding, ...]

    def of(self, verdict: Verdict) -> list[Finding]:
        """The findings of that verdict."""
        return [finding for finding in self.findings if finding.verdict == verdict]

    def to_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        return {
            "images": self.images,
            "left_out": self.left_out,
            "seed": self.seed,
            "junk": self.junk,
            "protocols": [
                {"protocol": one.name, "version": one.version, "encoder": one.encoder}
                for one in self.protocols
            ],
            "laws": [
                {"law": law.name, "does": law.does, "images_changed": self.changed[law.name]}
                for law in self.laws
            ],
            "findings": [
                {
                    "law": one.law,
                    "protocol": one.protocol,
                    "metric": one.metric,
                    "score": one.score,
                    "must_move": str(one.claim.direction),
                    "why": one.claim.why,
                    "before": one.before,
                    "after": one.after,
                    "verdict": one.verdict,
                    "laws_broken": one.known,
                }
                for one in self.findings
            ],
            "broken": len(self.of("BROKEN")),
            "known": len(self.of("known")),
        }


def tried(
    samples: Sequence[Sample],
    protocols: Sequence[EvalProtocol],
    *,
    seed: int = 0,
    laws: Sequence[Law] = LAWS,
) -> Trial:
    """Holds every score of the protocols against every law.

    Args:
        samples: images whose references are damaged into answers.
        protocols: whose metrics are tried.
        seed: of the damage and the changes.
        laws: what to try.

    Raises:
        MissingData: no image is fit.
        UnknownName, EnvironmentProblem: an encoder or Java cannot be had.
    """
    fit = [sample for sample in samples if usable(sample)]
    if not fit:
        raise MissingData(
            "no image is fit for the laws: its reference needs phrases, each with words and a mask"
            " of some pixels, and no crowd"
        )
    encoders = {one.encoder: load_encoder(one.encoder) for one in protocols}
    kit = Kit(seed, _junk(fit, list(encoders.values())))
    before = damaged(fit, kit)
    after = {law.name: law.change(before, kit) for law in laws}
    evidence = _gathered({"": before, **after})
    scores = {one.name: _scored(one, encoders[one.encoder], evidence) for one in protocols}
    changed = {name: _changed(before, scenes) for name, scenes in after.items()}
    # where a law asks for its share, it changes one phrase an image
    phrases = sum(len(sample.truth.phrases) for sample in fit)
    findings = (
        _findings(law, one, scores[one.name], changed[law.name] / phrases)
        for law in laws
        for one in protocols
    )
    return Trial(
        images=len(fit),
        left_out=len(samples) - len(fit),
        seed=seed,
        junk=kit.junk,
        protocols=tuple(protocols),
        laws=tuple(laws),
        changed=changed,
        findings=tuple(chain.from_iterable(findings)),
    )


def _findings(
    law: Law, protocol: EvalProtocol, scores: Mapping[str, Scores], share: float
) -> Iterator[Finding]:
    for metric in protocol.metrics:
        for score in metric.scores:
            claim = law.of(metric, score)
            old, new = (scores[variant][metric.name, score] for variant in ("", law.name))
            known = metric.laws_broken.get(law.name)
            if not share:
                verdict: Verdict = "nothing to change"
            elif claim.direction is Direction.FREE:
                verdict = "no claim"
            elif kept(claim.direction, old, new, share):
                verdict = "holds"
            else:
                verdict = "BROKEN" if known is None else "known"
            yield Finding(
                law.name, protocol.name, metric.name, score, claim, old, new, verdict, known
            )


def _changed(before: Scenes, after: Scenes) -> int:
    """How many images a change touched."""
    if len(before) != len(after):
        return len(after)
    return sum(old != new for old, new in zip(before, after, strict=True))


def _junk(samples: Sequence[Sample], encoders: Sequence[Encoder]) -> str | None:
    """Words that every encoder finds unlike every reference phrase, None when there are none."""
    phrases = sorted({p.text for s in samples for p in s.truth.phrases if p.text is not None})
    texts = [*phrases, *_JUNK]
    worst = np.full(len(_JUNK), -1.0)
    for encoder in encoders:
        vectors = dict(zip(texts, encoder.vectors(texts), strict=True))
        alike = similarity.similarity(phrases, _JUNK, vectors, equal_is_one=False)
        worst = np.maximum(worst, alike.max(axis=0))
    passed = [word for word, best in zip(_JUNK, worst, strict=True) if best < _GATE]
    return passed[0] if passed else None


def _gathered(variants: Mapping[str, Scenes]) -> dict[str, Evidence]:
    """The evidence of all variants; their captions are tokenised together beforehand."""
    every = chain.from_iterable(variants.values())
    java.ptb_tokenise([text for scene in every for text in _captions(scene)])
    return {
        name: gather(
            [scene.sample for scene in scenes],
            {scene.sample.id: scene.prediction for scene in scenes},
        )
        for name, scenes in variants.items()
    }


def _captions(scene: Scene) -> tuple[str, ...]:
    return (*scene.sample.captions, scene.answer.caption)


def _scored(
    protocol: EvalProtocol, encoder: Encoder, evidence: Mapping[str, Evidence]
) -> dict[str, Scores]:
    """The protocol's scores of every variant."""
    compared = {
        name: one.alike(encoder, equal_is_one=protocol.equal_is_one)
        for name, one in evidence.items()
    }
    for metric in protocol.metrics:
        if getattr(metric, "captions_only", False):
            metric.fit(list(chain.from_iterable(compared.values())))  # fills its cache on disk
    return {
        name: {
            (metric.name, score): value
            for metric in protocol.metrics
            for score, value in _values(metric, pairs).items()
        }
        for name, pairs in compared.items()
    }


def _values(metric: Metric, pairs: Sequence[Pair]) -> dict[str, float]:
    rows = measure(metric, pairs)
    reduced = metric.reduce(rows, np.ones((1, len(rows))))
    return {score: float(reduced[score][0]) for score in metric.scores}
