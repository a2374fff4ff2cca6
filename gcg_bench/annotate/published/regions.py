"""The middle of level 2: objects to describe, and large floating objects that become objects."""

from collections.abc import Sequence
from dataclasses import replace

from gcg_bench.annotate.boxes import area
from gcg_bench.data.grand.values import GrandObject

DESCRIBED = 0.02  # the least share of the image


def to_describe(
    objects: Sequence[GrandObject], image_size: tuple[int, int]
) -> tuple[int | None, ...]:
    """The ids of objects whose boxes are at least 2 % of the image.

    Args:
        objects: n objects.
        image_size: (width, height).
    """
    pixels = image_size[0] * image_size[1]
    return tuple(made.id for made in objects if area(made.bbox) / pixels >= DESCRIBED)


def described(made: GrandObject, description: str) -> GrandObject:
    """The object with a description before its other attributes."""
    return replace(made, attributes=(description, *(made.attributes or ())))


def promote_large(
    objects: Sequence[GrandObject],
    floating: Sequence[GrandObject],
    image_size: tuple[int, int],
) -> tuple[tuple[GrandObject, ...], tuple[GrandObject, ...]]:
    """The objects and floating objects after large floating objects have become objects.

    A floating object qualifies when it is larger than half the image and than every object; for
    each label the one with the best score is taken. Faults of the published rule are kept: an
    object that is best for a label but does not beat the objects of that label is then in neither
    list; an object that is best for two labels may be added twice; a missing score stops the rule,
    and changes so far stay.

    Args:
        objects: in their order.
        floating: in their order.
        image_size: (width, height).
    """
    kept = list(objects)
    largest = max((area(made.bbox) for made in objects), default=0)
    half = 0.5 * image_size[1] * image_size[0]
    try:
        best: dict[str, GrandObject] = {}
        for made in floating:
            if area(made.bbox) > half and area(made.bbox) > largest:
                for label in made.labels:
                    if label not in best or _score(made) > _score(best[label]):
                        best[label] = made
        present = {label for made in objects for label in made.labels}
        for label, made in best.items():
            if label not in present or _score(made) > max(
                _score(other) for other in kept if label in other.labels
            ):
                kept.append(made)
                present.add(label)
    except _NoScore:
        return tuple(kept), tuple(floating)
    return tuple(kept), tuple(made for made in floating if made not in best.values())


class _NoScore(Exception):
    """An object without a score was compared."""


def _score(made: GrandObject) -> float:
    if made.score is None:
        raise _NoScore
    return made.score
