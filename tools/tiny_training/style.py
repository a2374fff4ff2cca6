"""The one way in which glamm-tiny learns to tell a scene.

The grammar throws dice for every turn of phrase, and no speaker can guess how they fall. A speaker
that always says it one way is surer of its words, and of all ways the plainest one is the nearest
to what others say: a perfect speaker of this style has METEOR .519 against four random captions of
held-out scenes, one that throws dice .474.
"""

from collections.abc import Sequence
from typing import TypeVar

from gcg_bench.data.shapes.grammar import Told, tell_with
from gcg_bench.data.shapes.scene import Scene

Item = TypeVar("Item")


class Steady:
    """Stands in for the grammar's dice and always falls on the same side.

    Mentions go three to a sentence; of forms the plainest is taken: "There is A.", "A is above B.",
    "A is above B and to the left of C."
    """

    def weighted(self, items: Sequence[Item], weights: Sequence[int]) -> Item:
        """The most of what there may be: three mentions to a sentence."""
        assert len(items) == len(weights)
        return items[-1]

    def below(self, count: int) -> int:
        """The last of four forms; of fewer the first one."""
        return 3 if count == 4 else 0

    def pick(self, items: Sequence[Item]) -> Item:
        """Of verbs the last one (is, are); of a relation's words the first."""
        return items[-1] if items[-1] in ("is", "are") else items[0]

    def chance(self, percent: int) -> bool:
        """Never: a texture stands before its colour."""
        assert percent
        return False


def plainly(made: Scene) -> Told:
    """The caption of a scene in this style."""
    return tell_with(made, Steady())
