"""Relations of neighbours from left to right, in the words of `shapes`' grammar."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from gcg_bench.adapters import Needs
from gcg_bench.annotate.places import direction, middle
from gcg_bench.annotate.scenes import Relation, Scene
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.errors import UnknownName
from gcg_bench.types import Picture

NEEDS = Needs(
    "left, right, above, below, from the centres of masks", licence="Apache-2.0 (as gcg-bench)"
)
VERSION = 1

PAIRS = ("neighbours", "all")


@dataclass(frozen=True, slots=True)
class Settings:
    """Which pairs of objects are related.

    Attributes:
        pairs: `neighbours`, each object with the next from left to right; or `all`.
        most: objects with a lower rank of confidence than this have no relations.
    """

    pairs: str = "neighbours"
    most: int = 30


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """The stage.

    Raises:
        UnknownName: there is no such choice of pairs.
    """
    del device
    if settings.pairs not in PAIRS:
        raise UnknownName("choice of pairs", settings.pairs, PAIRS)
    return _Relate(settings)


class _Relate:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        del pictures
        return [self._related(scene) for scene in scenes]

    def _related(self, scene: Scene) -> Scene:
        objects = [made for made in scene.objects if not made.floating]
        objects = sorted(objects, key=lambda made: -made.score)[: self._settings.most]
        points = sorted((middle(made), made.id) for made in objects)
        choose = (
            pairwise(points) if self._settings.pairs == "neighbours" else combinations(points, 2)
        )
        relations = tuple(
            Relation(first_id, direction(first, second), second_id)
            for (first, first_id), (second, second_id) in choose
        )
        return replace(scene, relations=relations)
