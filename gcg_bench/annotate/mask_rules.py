"""Rules that refuse masks: uncertain, far from the box, too small, or a duplicate.

An object whose mask is refused stays in the scene as a floating object without a mask, so no
caption names it. A note states the reason and the object's number. The published pipeline checks no
mask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gcg_bench import masks
from gcg_bench.annotate.boxes import Box, iou
from gcg_bench.annotate.scenes import Evidence, Scene, SceneObject
from gcg_bench.types import Mask

PREDICTED = "mask_predicted_iou"
IN_BOX = "mask_box_iou"
"""The checks of masks: the IoU that the network predicts, and that of the mask's box with the box.
"""


@dataclass(frozen=True, slots=True)
class MaskRules:
    """The limits within which a mask is kept.

    Attributes:
        predicted: the least IoU that the network predicts for its mask; masks without a prediction
            pass.
        in_box: the least IoU of the mask's box with the object's box.
        pixels: the least area.
        duplicate: the largest IoU with the mask of a kept object of higher confidence.
    """

    predicted: float = 0.7
    in_box: float = 0.5
    pixels: int = 32
    duplicate: float = 0.8


@dataclass(frozen=True, slots=True)
class MadeMask:
    """The mask of an object.

    Attributes:
        mask: the mask, of the image's size.
        predicted: the IoU that the network predicts; None without a prediction.
    """

    mask: Mask
    predicted: float | None = None


def with_masks(scene: Scene, made: Mapping[int, MadeMask], rules: MaskRules) -> Scene:
    """The scene with masks of its objects; masks that break a rule are refused.

    Objects that are not floating are judged before floating objects, each group with the highest
    confidence first. So when two masks show the same thing, the mask of the better object is kept.

    Args:
        scene: a scene with objects.
        made: id -> mask; an object without a mask is refused.
        rules: the limits.
    """
    judged: dict[int, SceneObject] = {}
    kept: list[SceneObject] = []
    notes: list[str] = []
    evidence: list[Evidence] = []
    for thing in sorted(scene.objects, key=lambda one: (one.floating, -one.score, one.id)):
        mask = made.get(thing.id)
        evidence += [] if mask is None else _evidence(thing, mask)
        problem = "no mask" if mask is None else _problem(thing, mask, kept, rules)
        if mask is None or problem:
            notes.append(f"object {thing.id} ({thing.label}) is refused: {problem}")
            judged[thing.id] = replace(thing, mask=None, floating=True)
        else:
            judged[thing.id] = replace(thing, mask=mask.mask)
            kept.append(judged[thing.id])
    evidence.sort(key=lambda one: (one.object or 0, one.check))
    return replace(
        scene,
        objects=tuple(judged[thing.id] for thing in scene.objects),
        evidence=(*scene.evidence, *evidence),
        notes=(*scene.notes, *notes),
    )


def _evidence(thing: SceneObject, made: MadeMask) -> list[Evidence]:
    """The results of the checks of a mask, kept or refused."""
    checks = [Evidence(IN_BOX, round(_in_box(thing, made.mask), 4), thing.id)]
    if made.predicted is not None:
        checks.append(Evidence(PREDICTED, round(made.predicted, 4), thing.id))
    return checks


def _problem(
    thing: SceneObject, made: MadeMask, kept: Sequence[SceneObject], rules: MaskRules
) -> str:
    """The rule that a mask breaks, as text; empty for a mask that is kept."""
    area = int(masks.area([made.mask])[0])
    if area < rules.pixels:
        return f"its mask has {area} pixels, fewer than {rules.pixels}"
    if made.predicted is not None and made.predicted < rules.predicted:
        return f"the predicted IoU of its mask is {made.predicted:.3f}, below {rules.predicted:g}"
    in_box = _in_box(thing, made.mask)
    if in_box < rules.in_box:
        return f"the IoU of its mask's box with its box is {in_box:.3f}, below {rules.in_box:g}"
    shared = [masks.iou([made.mask], [one.mask])[0, 0] if one.mask else 0.0 for one in kept]
    most = max(range(len(kept)), key=shared.__getitem__, default=None)
    if most is not None and shared[most] > rules.duplicate:
        twin = kept[most]
        return (
            f"the IoU of its mask with that of object {twin.id} ({twin.label}) is"
            f" {shared[most]:.3f}, above {rules.duplicate:g}"
        )
    return ""


def _in_box(thing: SceneObject, mask: Mask) -> float:
    return iou(mask_box(mask), thing.box)


def mask_box(mask: Mask) -> Box:
    """The corners of the box around a mask, in pixels; zeros for an empty mask."""
    if not masks.area([mask])[0]:
        return 0.0, 0.0, 0.0, 0.0
    left, top, width, height = masks.boxes([mask])[0].tolist()
    return left, top, left + width, top + height
