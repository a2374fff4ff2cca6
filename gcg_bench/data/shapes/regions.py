"""Descriptions of one thing, for the task `region_caption`.

A description has every name of the thing, and optionally its position in the picture or its
relation to a thing that is not a twin.
"""

import numpy as np

from gcg_bench.data.shapes.grammar import (
    PLACES,
    WORDS,
    RandomChoices,
    name_of,
    thing_relation,
    with_article,
)
from gcg_bench.data.shapes.scene import Scene

FORMS = ("name", "place", "relation")


def box(scene: Scene, position: int) -> tuple[float, float, float, float]:
    """The box (x0, y0, x1, y1) of a thing's visible pixels, ends excluded."""
    visible = scene.visible(position)
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def describe_thing(scene: Scene, position: int, rng: RandomChoices, *, form: str) -> str:
    """A description of a thing.

    Args:
        scene: the scene.
        position: the thing's position in it.
        rng: the random choices.
        form: one of FORMS; a relation becomes a position when every other thing is a twin.
    """
    text = with_article(name_of(scene.things[position], rng))
    others = [
        members[0] for members in scene.mentions if len(members) == 1 and members[0] != position
    ]
    if form == "relation" and others:
        other = rng.pick(others)
        relation = rng.pick(WORDS[thing_relation(scene, position, other)])
        text += f" {relation} {with_article(name_of(scene.things[other], rng))}"
    elif form != "name":
        row, column = scene.centres[position]
        text += f" {PLACES[3 * row // scene.height][3 * column // scene.width]}"
    return f"{text[0].upper()}{text[1:]}."
