"""Expressions that refer to one thing of a scene, to several things, or to nothing.

An expression has no article, like the expressions of RefCOCO. Its meaning is a value
(`descriptions.Description`), so the things that match it are computed. An expression for one thing
matches this thing in the strict reading and no other thing in the generous reading. An expression
for nothing matches no thing in the generous reading.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gcg_bench.data.shapes.descriptions import (
    ATTRIBUTES,
    EXTREMES,
    Description,
    count,
    fitting,
    replace_name,
    subsets,
    words,
)
from gcg_bench.data.shapes.grammar import OPPOSITE, thing_relation
from gcg_bench.data.shapes.rendering import OUTLINES, TEXTURES
from gcg_bench.data.shapes.rng import SplitMix64
from gcg_bench.data.shapes.scene import COLOURS, Scene

MIN_LEAD = 60
"""Lead of an extreme thing over the next, in thousandths of the image's height or width."""

KINDS = ("one", "several", "none")
"""The kinds of expressions."""

_NUMBERS = {2: "two", 3: "three"}
_MOST_THINGS = 3  # numbers of things of a plural
_ATTEMPTS = 40
# percentages: names beyond the needed ones; a plural with its number; two names instead of a
# plural; a plural that fits nothing; a false relation instead of a false name
_EXTRA_PERCENT, _NUMBER_PERCENT, _CONJUNCTION_PERCENT = 60, 30, 35
_PLURAL_NONE_PERCENT, _FALSE_RELATION_PERCENT = 25, 50
_FORM_WEIGHTS = {"names": 3, "relation": 4, "extreme": 4}


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression and its things.

    Attributes:
        text: the words.
        targets: positions of the matching things, from left to right; empty when no thing matches.
        parts: the descriptions in its words; two when it names two things.
    """

    text: str
    targets: tuple[int, ...]
    parts: tuple[Description, ...]


Writer = Callable[[Scene, SplitMix64], "Expression | None"]
"""Writes a random expression of a scene; None when an attempt fails."""


def expressions(
    scene: Scene, kinds: Sequence[str], rng: SplitMix64, *, none: Writer | None = None
) -> list[Expression]:
    """One expression for each of `kinds` (values of KINDS), all with different words.

    A kind for which the scene has no further expression is left out.

    Args:
        scene: the scene.
        kinds: the kind of each expression; `compared` is one thing that needs a comparison.
        rng: the random stream.
        none: the writer of expressions that match nothing; `nothing` by default.
    """
    writers: dict[str, Writer] = {
        "one": one,
        "several": several,
        "none": none or nothing,
        "compared": compared,
    }
    written: list[Expression] = []
    for kind in kinds:
        for _ in range(_ATTEMPTS):
            expression = writers[kind](scene, rng)
            if expression is not None and expression.text not in [e.text for e in written]:
                written.append(expression)
                break
    return written


def one(scene: Scene, rng: SplitMix64) -> Expression | None:
    """An expression for one random thing; None when the attempt fails."""
    target = rng.below(len(scene.things))
    description = _single(scene, target, rng)
    if description is None:
        return None
    return Expression(words(description, rng), (target,), (description,))


def compared(scene: Scene, rng: SplitMix64) -> Expression | None:
    """An expression for one thing that can be found only by comparison with others.

    Its names match several things; a position among them, or a relation to another thing, decides.
    The result is None when the attempt fails.
    """
    target = rng.below(len(scene.things))
    form = _extreme if rng.chance(50) else _related
    description = form(scene, target, rng)
    if description is None or len(fitting(scene, _names_alone(description))) == 1:
        return None
    if fitting(scene, description) != [target]:
        return None
    return Expression(words(description, rng), (target,), (description,))


def several(scene: Scene, rng: SplitMix64) -> Expression | None:
    """An expression for two or three things: a plural, or two names; None when it fails."""
    if rng.chance(_CONJUNCTION_PERCENT):
        first, second = rng.shuffled(range(len(scene.things)))[:2]
        parts = [unique_names(scene, position, rng) for position in (first, second)]
        if parts[0] is None or parts[1] is None:
            return None
        text = f"{words(parts[0], rng)} and the {words(parts[1], rng)}"
        return Expression(text, in_order(scene, (first, second)), (parts[0], parts[1]))
    description = _plural(scene, rng)
    if description is None:
        return None
    targets = in_order(scene, tuple(fitting(scene, description)))
    return Expression(_plural_words(description, len(targets), rng), targets, (description,))


def nothing(scene: Scene, rng: SplitMix64) -> Expression | None:
    """An expression of the scene with one word or its relation changed, so that nothing matches.

    It starts from an expression of the scene, so its form does not reveal that nothing matches. The
    result is None when the attempt fails.
    """
    plural = rng.chance(_PLURAL_NONE_PERCENT)
    target = rng.below(len(scene.things))
    true = _plural(scene, rng) if plural else _single(scene, target, rng)
    false = None if true is None else _exchanged(scene, true, target, rng)
    if true is None or false is None:
        return None
    number = len(fitting(scene, true))
    text = _plural_words(false, number, rng) if plural else words(false, rng)
    return Expression(text, (), (false,))


def _single(scene: Scene, target: int, rng: SplitMix64) -> Description | None:
    """A description of one thing in a random form."""
    form = rng.weighted(tuple(_FORM_WEIGHTS), tuple(_FORM_WEIGHTS.values()))
    if form == "names":
        return unique_names(scene, target, rng)
    return (_related if form == "relation" else _extreme)(scene, target, rng)


def _plural(scene: Scene, rng: SplitMix64) -> Description | None:
    """Names that two or three things share, the same things in both readings."""
    description = rng.pick(subsets(scene.things[rng.below(len(scene.things))]))
    targets = fitting(scene, description)
    sound = 2 <= len(targets) <= _MOST_THINGS
    return description if sound and targets == fitting(scene, description, strict=True) else None


def _plural_words(description: Description, number: int, rng: SplitMix64) -> str:
    stated = _NUMBERS[number] if rng.chance(_NUMBER_PERCENT) else ""
    return f"{stated} {words(description, rng, plural=True)}".strip()


def unique_names(scene: Scene, target: int, rng: SplitMix64) -> Description | None:
    """Names that match only this thing, possibly with one extra name; None for a twin."""
    unique = [
        description
        for description in subsets(scene.things[target])
        if fitting(scene, description) == [target]
    ]
    if not unique:
        return None
    if rng.chance(_EXTRA_PERCENT):
        return rng.pick(unique)
    fewest = min(map(count, unique))
    return rng.pick([description for description in unique if count(description) == fewest])


def other_word(description: Description, rng: SplitMix64) -> Description:
    """The description with one of its names changed."""
    said = [name for name in ATTRIBUTES if getattr(description, name)]
    name = rng.pick(said)
    values: dict[str, Sequence[str]] = {
        "size": ("small", "large"),
        "texture": tuple(TEXTURES),
        "colour": tuple(COLOURS),
        "shape": tuple(OUTLINES),
    }
    value = getattr(description, name)
    return replace_name(description, name, rng.pick([v for v in values[name] if v != value]))


def in_order(scene: Scene, positions: tuple[int, ...]) -> tuple[int, ...]:
    """The positions from left to right."""
    return tuple(sorted(positions, key=lambda position: scene.centres[position][1]))


def _related(scene: Scene, target: int, rng: SplitMix64) -> Description | None:
    """The thing by its relation to another; the relation is necessary if names allow it."""
    other = rng.below(len(scene.things))
    other_names = None if other == target else unique_names(scene, other, rng)
    if other_names is None:
        return None
    relation = thing_relation(scene, target, other)
    candidates = [
        replace(names, relation=relation, other=other, other_names=other_names)
        for names in subsets(scene.things[target])
    ]
    unique = [candidate for candidate in candidates if fitting(scene, candidate) == [target]]
    needed = [candidate for candidate in unique if len(fitting(scene, _names_alone(candidate))) > 1]
    return rng.pick(needed or unique) if unique else None


def _extreme(scene: Scene, target: int, rng: SplitMix64) -> Description | None:
    """The thing as the outermost of at least two that share its names."""
    names = rng.pick([Description(), *subsets(scene.things[target])])
    extreme = rng.pick(tuple(EXTREMES))
    rivals = [position for position in fitting(scene, names) if position != target]
    if not rivals:
        return None
    axis, sign = EXTREMES[extreme]
    side = (scene.height, scene.width)[axis]
    leads = [
        sign * (scene.centres[target][axis] - scene.centres[position][axis]) for position in rivals
    ]
    return replace(names, extreme=extreme) if 1000 * min(leads) >= MIN_LEAD * side else None


def _exchanged(
    scene: Scene, description: Description, target: int, rng: SplitMix64
) -> Description | None:
    """The description with one word or its relation changed; None when a thing still matches."""
    if description.other is None or description.other_names is None:
        if not count(description):
            return None
        false = other_word(description, rng)
        return None if fitting(scene, false) else false
    if rng.chance(_FALSE_RELATION_PERCENT):
        relation = OPPOSITE[thing_relation(scene, target, description.other)]
        false = replace(description, relation=relation)
    elif rng.chance(50):
        false = other_word(description, rng)
    else:
        names = other_word(description.other_names, rng)
        return None if fitting(scene, names) else replace(description, other_names=names)
    return None if fitting(scene, false) else false


def _names_alone(description: Description) -> Description:
    return replace(description, relation="", other=None, other_names=None, extreme="")
