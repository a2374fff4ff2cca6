"""Fusion `consensus`: detections that agree in place and words become one object.

Models that were asked and did not vote lower the confidence. The result does not depend on the
order of models or detections. The weights are uncalibrated until they are fitted on reviewed or
generated data.
"""

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gcg_bench import masks
from gcg_bench.annotate.boxes import iou
from gcg_bench.annotate.scenes import Detection, SceneObject, Vote
from gcg_bench.text.agreement import NOUN_THRESHOLD, noun_agreements

OVERLAP = 0.65
ENOUGH_VOTES = 2
ENOUGH_SCORE = 0.5

Agree = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Voter:
    """A model that detects, and how much its votes count.

    Attributes:
        name: the model.
        family: the models of a family have one vote together; empty means a family of its own.
        weight: what a vote of score 1 adds to the confidence, 0 to 1.
        silence: the share of confidence that is lost when it was asked and did not vote, 0 to 1.
        words: the words that it was asked for; None when it was asked for everything.
        tightness: how well its masks fit, 0 to 1: the mean IoU of its right detections with the
            references. Comparable between models that were fitted on the same images.
    """

    name: str
    family: str = ""
    weight: float = 0.5
    silence: float = 0.1
    words: frozenset[str] | None = None
    tightness: float = 1.0

    @property
    def group(self) -> str:
        """The family, or the name of a model without one."""
        return self.family or self.name


def same_head(first: str, second: str) -> bool:
    """Whether two labels end in the same word; case is ignored."""
    heads = [label.casefold().split()[-1:] for label in (first, second)]
    return heads[0] == heads[1]


def same_nouns(first: str, second: str) -> bool:
    """Whether two labels name one kind of thing: equal nouns, synonyms, or one a kind of the other.

    The main nouns of the labels (`a dog on a couch`: dog) are compared as phrases are in scores: by
    WordNet, without a model. A noun that is not in WordNet agrees only with itself. Attributes are
    ignored.
    """
    return _nouns(*sorted((first.casefold(), second.casefold())))


@lru_cache(maxsize=1 << 16)
def _nouns(first: str, second: str) -> bool:
    if first == second:
        return True
    (agreement,) = noun_agreements([(first, second)])
    return agreement >= NOUN_THRESHOLD


def fuse(
    detections: Mapping[str, Sequence[Detection]],
    voters: Collection[Voter],
    *,
    agree: Agree = same_nouns,
) -> tuple[SceneObject, ...]:
    """The objects of an image, best first, numbered from 1; floating objects come last.

    The best detection that is left is a seed. It takes all detections left that overlap it with an
    IoU of at least .65 (of masks, or of boxes when one has no mask) and whose word agrees with its
    word. Only the best vote of a family counts. An object with two votes or a score of .5 is
    captioned. An object has the word of its seed, and the box and mask of the detection whose model
    has the highest tightness; among equals the best score decides.

    Args:
        detections: model -> its detections; every model has a voter.
        voters: all models that were asked, also models without detections.
        agree: whether two words mean the same; symmetric.
    """
    by_name = {voter.name: voter for voter in voters}
    left = sorted(
        ((voter, one) for name, voter in by_name.items() for one in detections.get(name, ())),
        key=_rank,
    )
    objects = []
    while left:
        seed = left[0][1]
        overlaps = [_overlap(seed, one) for _, one in left]
        joins = [
            rank == 0 or (overlaps[rank] >= OVERLAP and agree(seed.label, one.label))
            for rank, (_, one) in enumerate(left)
        ]
        members = [
            (*pair, overlap if rank else 1.0)
            for rank, (pair, overlap, join) in enumerate(zip(left, overlaps, joins, strict=True))
            if join
        ]
        objects.append(_object(seed, members, by_name.values(), agree))
        left = [pair for pair, join in zip(left, joins, strict=True) if not join]
    objects.sort(key=lambda made: (made.floating, -made.score))
    return tuple(_numbered(made, rank) for rank, made in enumerate(objects, 1))


def confidence(scores: Sequence[tuple[float, float]], silences: Sequence[float]) -> float:
    """[1 - prod(1 - weight x score)] x prod(1 - silence); 0 without a vote.

    Args:
        scores: (weight, score) of each vote.
        silences: the silences of the families that were asked and did not vote.
    """
    doubt = math.prod(1 - weight * score for weight, score in scores)
    return (1 - doubt) * math.prod(1 - silence for silence in silences)


Member = tuple[Voter, Detection, float]


def _rank(pair: tuple[Voter, Detection]) -> tuple[object, ...]:
    """The order of seeds: best first; ties by content, so that the input order has no effect."""
    voter, one = pair
    mask = (one.mask.height, one.mask.width, one.mask.counts) if one.mask else (0, 0, b"")
    return -one.score, voter.name, one.label, one.box, mask


def _overlap(first: Detection, second: Detection) -> float:
    if first.mask is None or second.mask is None:
        return iou(first.box, second.box)
    return float(masks.iou([first.mask], [second.mask])[0, 0])


def _object(
    seed: Detection, members: Sequence[Member], voters: Collection[Voter], agree: Agree
) -> SceneObject:
    """An object, not numbered yet, from a seed and its members in the order of seeds."""
    tightest = max(members, key=lambda member: member[0].tightness)[1]  # of equals the first
    best: dict[str, Member] = {}
    for member in members:
        current = best.setdefault(member[0].group, member)
        if member[0].weight * member[1].score > current[0].weight * current[1].score:
            best[member[0].group] = member
    silent: dict[str, list[Voter]] = {}
    for voter in voters:
        if voter.group not in best and _asked(voter, seed.label, agree):
            silent.setdefault(voter.group, []).append(voter)
    silences = sorted(max(voter.silence for voter in group) for group in silent.values())
    weights = sorted((voter.weight, one.score) for voter, one, _ in best.values())
    score = confidence(weights, silences)
    votes = (Vote(voter.name, one.score, shared, one.label) for voter, one, shared in best.values())
    return SceneObject(
        id=0,
        box=tightest.box,
        label=seed.label,
        votes=tuple(sorted(votes, key=lambda vote: (-vote.score, vote.model))),
        silent=tuple(sorted(voter.name for group in silent.values() for voter in group)),
        score=score,
        floating=len(best) < ENOUGH_VOTES and score < ENOUGH_SCORE,
        mask=tightest.mask,
    )


def _asked(voter: Voter, label: str, agree: Agree) -> bool:
    return voter.words is None or any(agree(word, label) for word in voter.words)


def _numbered(made: SceneObject, number: int) -> SceneObject:
    return dataclasses.replace(made, id=number)
