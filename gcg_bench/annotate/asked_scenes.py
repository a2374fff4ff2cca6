"""Scenes as text for a model that writes captions, and captions from the model's reply."""

from collections.abc import Sequence
from dataclasses import replace

from gcg_bench.annotate.depth_layers import grouped, layered
from gcg_bench.annotate.numbered import read_numbered
from gcg_bench.annotate.scenes import Scene, SceneObject
from gcg_bench.annotate.speakers import plain_reply
from gcg_bench.data.shapes.grammar import WORDS
from gcg_bench.grounding.chat_server import Reply

REPAIRS = 20
"""How many repairs of a caption get a note each; further repairs are only counted."""

_FORM = (
    "Write <p> before and </p> after each phrase that names objects of the list, and directly after"
    " it their numbers in brackets: <p>two brown dogs</p>[3,5]. Use only numbers of the list, and"
    " numbers in brackets alone. Answer with the description alone."
)
WITH_IMAGE = (
    "Describe the image in two to four sentences. The objects below are numbered; each number"
    " stands in the image at the upper left corner of its object's box. Name only what is visible."
    f" {_FORM}"
)
WITHOUT_IMAGE = (
    "Describe the scene in two to four sentences, as someone who looks at it. Use nothing but the"
    f" list. {_FORM}"
)


def captionable(scene: Scene, most: int) -> tuple[SceneObject, ...]:
    """The `most` objects of highest confidence that are not floating, in the order of ids."""
    kept = sorted(
        (thing for thing in scene.objects if not thing.floating),
        key=lambda thing: (-thing.score, thing.id),
    )
    return tuple(sorted(kept[:most], key=lambda thing: thing.id))


def scene_text(scene: Scene, objects: Sequence[SceneObject]) -> str:
    """The text on a scene: objects, boxes in percent, layers of depth with groups, and relations.

    Args:
        scene: the scene of the objects.
        objects: the objects that the text names, with ids.
    """
    lines = ["Objects (number: name; left, top, right, bottom in percent of the image):"]
    lines += [_object_line(scene, thing) for thing in objects]
    layers = layered(objects)
    if len(layers) > 1:
        lines.append("From near to far, things that are close together in brackets:")
        lines += [f"{layer}: {_groups(members, scene)}" for layer, members in layers.items()]
    ids = {thing.id for thing in objects}
    relations = [one for one in scene.relations if one.subject in ids and one.object in ids]
    if relations:
        lines.append("Places:")
    for one in relations:
        word = WORDS.get(one.word, (one.word,))[0]
        lines.append(f"{one.subject} is {word} {one.object}")
    return "\n".join(lines)


def _object_line(scene: Scene, thing: SceneObject) -> str:
    sides = (scene.width, scene.height) * 2
    percent = [round(100 * value / side) for value, side in zip(thing.box, sides, strict=True)]
    described = f" ({thing.attributes[0]})" if thing.attributes else ""
    return f"{thing.id}: {thing.label}{described}; {', '.join(map(str, percent))}"


def _groups(members: Sequence[SceneObject], scene: Scene) -> str:
    groups = grouped(members, scene.height, scene.width)
    return " ".join(f"[{', '.join(str(thing.id) for thing in group)}]" for group in groups)


def captioned(scene: Scene, reply: Reply, objects: Sequence[SceneObject]) -> Scene:
    """The scene with the caption of a reply; each fault of the reply becomes a note.

    Args:
        scene: the scene without the caption.
        reply: the reply, with numbered phrases.
        objects: the objects that the model knows; ids of other objects are left out.
    """
    read = read_numbered(plain_reply(reply), {thing.id for thing in objects})
    faults = list(read.repairs[:REPAIRS])
    if len(read.repairs) > REPAIRS:
        faults.append(f"{len(read.repairs) - REPAIRS} more repairs")
    if reply.truncated:
        faults.append("the reply reached its limit of tokens")
    if not read.caption.strip():
        faults.append("the reply has no words")
    elif not read.phrases:
        faults.append("the reply ties no phrase to an object")
    notes = (*scene.notes, *(f"caption: {fault}" for fault in faults))
    if not read.caption.strip():
        return replace(scene, caption="", phrases=(), notes=notes)
    return replace(scene, caption=read.caption, phrases=read.phrases, notes=notes)


def without_objects(scene: Scene) -> Scene:
    """The scene without a caption, with a note that says why."""
    note = "caption: no object has enough support to be named"
    return replace(scene, caption="", phrases=(), notes=(*scene.notes, note))
