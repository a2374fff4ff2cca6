"""Relations of objects, in the words of `shapes`' grammar, and `inside`.

In a pair of objects one is left of, right of, above or below the other, by the centres of their
masks. When both have a depth and their boxes overlap, the nearer object is also in front of the
other. An object inside several others is related only to the smallest by `inside`, and has no
direction to any of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise, permutations

from gcg_bench.adapters import Needs
from gcg_bench.annotate.boxes import area, shared
from gcg_bench.annotate.checkpoints import check_share
from gcg_bench.annotate.places import (
    BEHIND,
    ENOUGH_INSIDE,
    IN_FRONT,
    INSIDE,
    direction,
    middle,
    share_inside,
)
from gcg_bench.annotate.scenes import Relation, Scene, SceneObject
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.errors import UnknownName
from gcg_bench.types import Picture

NEEDS = Needs(
    "left, right, above, below, from the centres of masks; inside; in front of, from depths",
    licence="Apache-2.0 (as gcg-bench)",
)
VERSION = 2

PAIRS = ("neighbours", "all")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the relations.

    Attributes:
        pairs: `neighbours` relates each object to the next from left to right; `all` relates all
            pairs. The relation `inside` is computed for all pairs in both cases.
        most: how many objects, those of highest confidence, have relations.
        inside: the smallest share of an object's mask, else of its box, inside another object for
            the relation `inside`; 0 for no such relations.
        depth: the smallest difference of depths for the relation `in front of`, as a share of the
            range of the scene's depths; 0 for no such relations.
    """

    pairs: str = "neighbours"
    most: int = 30
    inside: float = ENOUGH_INSIDE
    depth: float = 0.1


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the stage.

    Raises:
        UnknownName: there is no such choice of pairs.
        BadOption: a share is not from 0 to 1.
    """
    del device
    if settings.pairs not in PAIRS:
        raise UnknownName("choice of pairs", settings.pairs, PAIRS)
    check_share("inside", settings.inside)
    check_share("depth", settings.depth)
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
        by_id = {made.id: made for made in objects}
        holders = self._holders(objects)
        points = sorted((middle(made), made.id) for made in objects)
        choose = (
            pairwise(points) if self._settings.pairs == "neighbours" else combinations(points, 2)
        )
        relations = []
        for (first, first_id), (second, second_id) in choose:
            if second_id in holders[first_id] or first_id in holders[second_id]:
                continue
            relations.append(Relation(first_id, direction(first, second), second_id))
            if word := self._depth_word(by_id[first_id], by_id[second_id], objects):
                relations.append(Relation(first_id, word, second_id))
        relations += [Relation(id_, INSIDE, held[0]) for id_, held in holders.items() if held]
        return replace(scene, relations=tuple(relations))

    def _holders(self, objects: Sequence[SceneObject]) -> dict[int, list[int]]:
        """Id -> the ids of the objects around it, the smallest box first; sorted by id."""
        ids = sorted(made.id for made in objects)
        holders: dict[int, list[tuple[float, int]]] = {id_: [] for id_ in ids}
        enough = self._settings.inside
        for inner, outer in permutations(objects, 2):
            if (
                enough
                and area(inner.box) < area(outer.box)
                and shared(inner.box, outer.box) > 0
                and share_inside(inner, outer) >= enough
            ):
                holders[inner.id].append((area(outer.box), outer.id))
        return {id_: [outer for _, outer in sorted(found)] for id_, found in holders.items()}

    def _depth_word(
        self, first: SceneObject, second: SceneObject, objects: Sequence[SceneObject]
    ) -> str:
        """The relation of the first object to the second by depth; empty when it is unknown."""
        depths = [made.depth for made in objects if made.depth is not None]
        if first.depth is None or second.depth is None or not shared(first.box, second.box) > 0:
            return ""
        nearer, span = first.depth - second.depth, max(depths) - min(depths)
        least = self._settings.depth
        if not least or not span or abs(nearer) < least * span:
            return ""
        return IN_FRONT if nearer > 0 else BEHIND
