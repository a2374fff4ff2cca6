"""Fuses the detections of all models to objects with votes; see `annotate.consensus`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gcg_bench.adapters import Needs
from gcg_bench.annotate.consensus import Agree, Voter, fuse, same_head, same_nouns
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.shape_names import same_thing
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.errors import UnknownName
from gcg_bench.types import Picture

NEEDS = Needs(
    "detections that agree in place and words are one object; silence counts",
    licence="Apache-2.0 (as gcg-bench)",
)
VERSION = 1

WORDS: dict[str, Agree] = {"nouns": same_nouns, "same_head": same_head, "shapes": same_thing}
"""Rules when two words mean the same. `nouns`: equal, or one is a kind of the other, by WordNet;
`same_head`: their last words are equal; `shapes`: their colours and shapes do not differ.
"""


@dataclass(frozen=True, slots=True)
class VoterSettings:
    """How much the votes of a model count; see `consensus.Voter`.

    Attributes:
        name: the model.
        family: the models of a family have one vote together; empty for a family of its own.
        weight: what a vote of score 1 adds to the confidence.
        silence: the share of confidence that is lost when it did not vote.
        tightness: how well its masks fit; an object has the mask of its tightest vote.
    """

    name: str
    family: str = ""
    weight: float = 0.5
    silence: float = 0.1
    tightness: float = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the objects.

    Attributes:
        voters: the voters whose values differ from the defaults.
        words: a key of WORDS.
    """

    voters: tuple[VoterSettings, ...] = ()
    words: str = "nouns"


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the stage.

    Raises:
        UnknownName: there is no such rule for words.
    """
    del device
    if settings.words not in WORDS:
        raise UnknownName("rule of words", settings.words, WORDS)
    return _Consensus(settings)


class _Consensus:
    def __init__(self, settings: Settings) -> None:
        self._voters = {voter.name: voter for voter in settings.voters}
        self._agree = WORDS[settings.words]

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        del pictures
        return [self._fused(scene) for scene in scenes]

    def _fused(self, scene: Scene) -> Scene:
        voters = [self._voter(model) for model, _ in scene.detections]
        return replace(scene, objects=fuse(dict(scene.detections), voters, agree=self._agree))

    def _voter(self, model: str) -> Voter:
        stated = self._voters.get(model, VoterSettings(model))
        return Voter(
            stated.name, stated.family, stated.weight, stated.silence, tightness=stated.tightness
        )
