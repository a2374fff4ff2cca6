"""The texts about an image that the language models of levels 3 and 4 get."""

from collections.abc import Iterable, Sequence

from gcg_bench.annotate.boxes import center_distance
from gcg_bench.data.grand.values import GrandAnnotation, GrandObject, Landmark

# depth, from 0 for the nearest object of the image to 1, is below -> layer
LAYERS = ((0.1, "Immediate Foreground"), (0.6, "Foreground"), (0.85, "Midground"))
LAST_LAYER = "Background"
NEAR = 200  # pixels between middles, for images of any size
OBJECTS = 100
OBJECTS_OF_CONTEXT = 30


def sampled(objects: Sequence[GrandObject], most: int) -> tuple[GrandObject, ...]:
    """The objects with attributes, then other objects up to `most` in all.

    A fault of the published rule is kept: when more than `most` objects have attributes, all of
    these are taken, and the other objects lose only the excess number from their end instead of
    all.
    """
    with_attributes = [made for made in objects if made.attributes is not None]
    others = [made for made in objects if made.attributes is None]
    return (*with_attributes, *others[: most - len(with_attributes)])


def layered(objects: Sequence[GrandObject]) -> dict[str, list[GrandObject]]:
    """Layer -> its objects, nearest layer first; empty layers are included.

    Depth is scaled over the objects of the image: 0 is the nearest, 1 the farthest; all get .5 when
    all are equal.

    Raises:
        ValueError: no object has a depth.
    """
    depths = [made.depth for made in objects if made.depth is not None]
    least, most = min(depths), max(depths)
    layers: dict[str, list[GrandObject]] = {name: [] for _, name in LAYERS}
    layers[LAST_LAYER] = []
    for made in objects:
        if made.depth is not None:
            far = 1 - (made.depth - least) / (most - least) if most != least else 0.5
            name = next((layer for bound, layer in LAYERS if far < bound), LAST_LAYER)
            layers[name].append(made)
    return layers


def grouped(objects: Sequence[GrandObject], near: float = NEAR) -> list[list[GrandObject]]:
    """Groups of a layer: the first object with all objects near it; then the same for the rest."""
    groups = []
    left = list(objects)
    while left:
        first = left[0]
        close = [made for made in left[1:] if center_distance(first.bbox, made.bbox) < near]
        groups.append([first, *close])
        left = [made for made in left[1:] if not any(made is other for other in close)]
    return groups


def scene_text(annotation: GrandAnnotation) -> str:
    """The text of level 3: groups of objects by layer, captions, phrases, kind of the place.

    Without objects the floating objects are described. Underscores become blanks.

    Raises:
        ValueError: no object has a depth.
    """
    objects: Sequence[GrandObject] = annotation.objects or annotation.floating_objects
    if len(annotation.objects) > OBJECTS:
        objects = sampled(objects, OBJECTS)
    text, group_of = _layers_text(objects)
    text += "\nShort Captions:\n" + "".join(f"{one}\n" for one in annotation.captions or ())
    text += "\nRelationships:\n"
    for phrase in annotation.relationships.grounding if annotation.relationships else ():
        if phrase.object_ids:
            groups = [str(group_of[id_]) for id_ in phrase.object_ids if id_ in group_of]
            text += f"{phrase.phrase}, Group Ids: ({', '.join(groups)})\n"
    return (text + _place_text(annotation.landmark)).replace("_", " ")


def context_text(annotation: GrandAnnotation) -> str:
    """The text of level 4: one line for each object, and the kind of the place."""
    objects: Sequence[GrandObject] = annotation.objects or annotation.floating_objects
    if len(objects) > OBJECTS_OF_CONTEXT:
        objects = sampled(objects, OBJECTS_OF_CONTEXT)
    lines = (f"{_text(made)}\n" for made in objects if _word(made))
    return ("Objects:\n" + "".join(lines) + _place_text(annotation.landmark)).replace("_", " ")


def without_speaker(attribute: str) -> str:
    """An attribute without the text before its first colon; other colons become blanks."""
    return " ".join(attribute.split(":")[1:]).strip() if ":" in attribute else attribute


def _layers_text(objects: Sequence[GrandObject]) -> tuple[str, dict[int | None, int]]:
    """The lines of all layers, and the group of each object's id."""
    text = ""
    group_of: dict[int | None, int] = {}
    group = 0
    for layer, members in layered(objects).items():
        text += f"{layer}:\n" if members else ""
        for together in grouped(members):
            group_of.update((made.id, group) for made in together)
            text += f"Group {group}: {_group_text(together)}\n"
            group += 1
    return text, group_of


def _group_text(objects: Iterable[GrandObject]) -> str:
    """Labels with attributes, separated by commas; no comma before an object without a label."""
    text = ""
    for position, made in enumerate(objects):
        text += (", " if position and _word(made) else "") + _text(made)
    return text


def _text(made: GrandObject) -> str:
    attribute = f"/{without_speaker(made.attributes[0])}" if made.attributes else ""
    return f"{_word(made)}{attribute}"


def _word(made: GrandObject) -> str:
    return made.label or next(iter(made.labels), "")


def _place_text(landmark: Landmark | None) -> str:
    place = landmark or Landmark()
    return f"\nLandmarks:\n{place.category}, {place.fine_category}\n"
