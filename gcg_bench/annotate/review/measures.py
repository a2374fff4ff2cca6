"""Measures from people's decisions: precision of the random sample, agreement of reviewers.

The sample is that of the present annotation. When an image changes, its decisions are outdated, and
the phrases that remain decided may be a selection: people change a recipe because of phrases that
they rejected, and images that failed before are other images. So there is no precision when some
phrases of the sample were decided before the annotation changed and others are undecided, but an
interval that contains the precision whatever people decide about the undecided phrases. When all
phrases of the sample are decided, the precision is that of a random sample.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from gcg_bench.annotate.review.decisions import ACCEPT, VERDICTS, Decision, Key
from gcg_bench.annotate.review.log import Standing
from gcg_bench.annotate.review.survey import Survey

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of two reviewers.

    Attributes:
        reviewers: their names.
        both: the number of phrases that both decided.
        equal: the number of these with equal verdicts.
        kappa: Cohen's kappa of their verdicts; None when agreement by chance alone is 1.
    """

    reviewers: tuple[str, str]
    both: int
    equal: int
    kappa: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """The measures of the decisions that count.

    Attributes:
        phrases: the number of phrases in the annotation.
        decided: how many phrases are decided.
        images: the number of images with a caption.
        seen: how many of these images have a decision.
        verdicts: verdict -> the number of phrases that have it.
        missing: the number of images where something is missing.
        sampled: the number of phrases in the random sample.
        sampled_decided: how many phrases of the sample are decided.
        accepted: how many of the sample's decided phrases are accepted.
        sampled_outdated: how many phrases of the sample are undecided because their image changed
            after a decision.
        is_random: whether the decided phrases of the sample can be called random; false when
            phrases of the sample are undecided, and others were decided before the annotation
            changed.
        low: lower end of the 95% interval of the precision; None when no phrase of the sample is
            decided. When `is_random` is false, all undecided phrases of the sample count as
            rejected here.
        high: upper end of the interval. When `is_random` is false, all undecided phrases of the
            sample count as accepted here.
        agreement: the agreement of every two reviewers with a phrase in common.
    """

    phrases: int
    decided: int
    images: int
    seen: int
    verdicts: Mapping[str, int]
    missing: int
    sampled: int
    sampled_decided: int
    accepted: int
    sampled_outdated: int
    is_random: bool
    low: float | None
    high: float | None
    agreement: tuple[Agreement, ...]

    @property
    def precision(self) -> float | None:
        """The share of accepted phrases among the sample's decided phrases.

        None when no phrase is decided, or when the decided ones cannot be called random.
        """
        if not self.sampled_decided or not self.is_random:
            return None
        return self.accepted / self.sampled_decided

    @property
    def complete(self) -> bool:
        """Whether the whole random sample is decided."""
        return 0 < self.sampled == self.sampled_decided

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        sample = {
            "phrases": self.sampled,
            "decided": self.sampled_decided,
            "undecided": self.sampled - self.sampled_decided,
            "outdated": self.sampled_outdated,
            "random": self.is_random,
            "accepted": self.accepted,
            "precision": self.precision,
            "low": self.low,
            "high": self.high,
        }
        return {
            "phrases": self.phrases,
            "decided": self.decided,
            "images": self.images,
            "images_reviewed": self.seen,
            "verdicts": dict(self.verdicts),
            "images_missing": self.missing,
            "sample": sample,
            "agreement": [
                {
                    "reviewers": list(one.reviewers),
                    "phrases": one.both,
                    "equal": one.equal,
                    "kappa": one.kappa,
                }
                for one in self.agreement
            ],
        }

    def lines(self) -> Iterator[str]:
        """Sentences for messages and the card, without the agreement."""
        share = 100 * self.decided / self.phrases if self.phrases else 0
        rest = "." if self.decided == self.phrases else "; nobody has looked at the others."
        yield (
            f"People decided {self.decided} of {self.phrases} phrases ({share:.1f}%), in"
            f" {self.seen} of {self.images} images{rest}"
        )
        yield self._sample_line()
        if self.missing:
            yield f"In {self.missing} of the {self.seen} images something has no phrase."

    def _sample_line(self) -> str:
        left = self.sampled - self.sampled_decided
        if not self.sampled_decided or self.low is None or self.high is None:
            return f"Of the random sample of {self.sampled} phrases none is decided: no precision."
        ends = f"{100 * self.low:.1f} to {100 * self.high:.1f}"
        if not self.is_random:
            return (
                f"No precision of phrases before review: {left} of the {self.sampled} phrases of"
                f" the random sample are undecided ({self.sampled_outdated} changed after a"
                " decision), and others were decided before the annotation changed, so the"
                f" {self.sampled_decided} decided ones ({self.accepted} accepted) are no random"
                " sample. Whatever people decide about the rest, the 95% interval of the precision"
                f" is within {ends}."
            )
        precision = 100 * self.accepted / self.sampled_decided
        text = (
            f"Precision of phrases before review: {precision:.1f}%, {self.accepted} of"
            f" {self.sampled_decided} accepted (95% interval {ends}),"
        )
        if left:
            return (
                f"{text} of a random sample of {self.sampled} of which {left} are undecided and not"
                " counted: the number is biased if those are other phrases than the decided ones."
            )
        return f"{text} of a random sample of {self.sampled}, all decided."

    def agreement_lines(self) -> Iterator[str]:
        """A sentence for each pair of reviewers."""
        for one in self.agreement:
            first, second = (name or "(no name)" for name in one.reviewers)
            kappa = "not defined" if one.kappa is None else f"{one.kappa:.2f}"
            yield (
                f"{first} and {second} agree on {one.equal} of the {one.both} phrases that both"
                f" decided ({100 * one.equal / one.both:.1f}%), Cohen's kappa {kappa}; where they"
                " differ, the file that was applied last counts."
            )


def measured(standing: Standing, survey: Survey) -> Measures:
    """Computes the measures of decisions.

    Args:
        standing: the decisions that count.
        survey: the phrases of the annotation.
    """
    phrases = {key: decision for key, decision in standing.decisions.items() if key[1] is not None}
    sample = {place for size, seed in standing.samples for place in survey.sample(size, seed)}
    decided = [phrases[place] for place in sample if place in phrases]
    accepted = sum(decision.verdict == ACCEPT for decision in decided)
    outdated = len(sample & {one.key for one in standing.outdated})
    is_random = len(decided) == len(sample) or not sample & standing.earlier
    ends = _ends(accepted, len(decided), len(decided) if is_random else len(sample))
    verdicts = Counter(decision.verdict for decision in phrases.values())
    return Measures(
        phrases=len(survey.scores),
        decided=len(phrases),
        images=len(survey.counts),
        seen=len({image for image, _ in standing.decisions}),
        verdicts={name: verdicts[name] for name in VERDICTS},
        missing=len(standing.missing),
        sampled=len(sample),
        sampled_decided=len(decided),
        accepted=accepted,
        sampled_outdated=outdated,
        is_random=is_random,
        low=ends[0],
        high=ends[1],
        agreement=_agreements(standing.by_reviewer),
    )


def _ends(accepted: int, decided: int, of: int) -> tuple[float | None, float | None]:
    """The ends of the interval of the precision of a random sample; None without a decision.

    Some phrases of the sample may be undecided. The lower end counts them as rejected, the upper
    end as accepted: the ends rise with the number of accepted phrases, so the interval contains
    that of every possible number.

    Args:
        accepted: the number of accepted phrases.
        decided: the number of decided phrases.
        of: the number of phrases of the sample that are counted.
    """
    if not decided:
        return None, None
    return interval(accepted, of)[0], interval(accepted + of - decided, of)[1]


def interval(successes: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """The Clopper-Pearson interval (1934) of a share; at least `level` of intervals contain it.

    Its ends are quantiles of beta distributions. For a sample without replacement from few phrases
    the interval is wider than needed.

    Args:
        successes: between 0 and `trials`.
        trials: at least 1.
        level: the confidence level.
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    failures = trials - successes
    low = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return low, high


def kappa(pairs: list[tuple[str, str]]) -> float | None:
    """Cohen's kappa (1960): (p - e) / (1 - e), with the share of equal pairs p, and e by chance.

    Args:
        pairs: the verdicts of two reviewers, at least one.

    Returns: None when e is 1: both reviewers gave one and the same verdict to all phrases.
    """
    count = len(pairs)
    first, second = (Counter(side) for side in zip(*pairs, strict=True))
    equal = sum(one == other for one, other in pairs) * count
    chance = sum(first[name] * second[name] for name in first)
    return None if chance == count * count else (equal - chance) / (count * count - chance)


def _agreements(by_reviewer: Mapping[str, Mapping[Key, Decision]]) -> tuple[Agreement, ...]:
    made = []
    for one, other in combinations(sorted(by_reviewer), 2):
        first, second = by_reviewer[one], by_reviewer[other]
        pairs = [
            (first[key].verdict, second[key].verdict)
            for key in first
            if key in second and key[1] is not None
        ]
        if pairs:
            equal = sum(a == b for a, b in pairs)
            made.append(Agreement((one, other), len(pairs), equal, kappa(pairs)))
    return tuple(made)
