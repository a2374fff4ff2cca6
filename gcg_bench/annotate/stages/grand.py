"""Fusion by GranD's published rule: boxes that overlap are one object, even with other words.

See `annotate.published.fusion`. The rule knows seven models by name, each with a threshold, and
ignores all other models. A seat lets a detector take the place of one of the seven.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gcg_bench.adapters import Needs
from gcg_bench.annotate.published.fusion import THRESHOLDS, fuse, without_duplicates
from gcg_bench.annotate.scenes import Detection, Scene, SceneObject
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.data.grand.values import GrandObject
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.types import Mask, Picture

NEEDS = Needs(
    "the published rule of GranD: detections that overlap are one object",
    licence="Apache-2.0 (as gcg-bench)",
)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of a detector in the published rule.

    Attributes:
        detector: its name in scenes.
        model: a model of the rule, a key of `fusion.THRESHOLDS`.
    """

    detector: str
    model: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the objects.

    Attributes:
        seats: the seats of detectors whose name is not a model of the rule; one for each model.
    """

    seats: tuple[Seat, ...] = ()


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the stage.

    Raises:
        UnknownName: a seat names a model that the rule does not have.
        BadOption: two seats name the same detector or the same model.
    """
    del device
    for seat in settings.seats:
        if seat.model not in THRESHOLDS:
            raise UnknownName("model of the published rule", seat.model, THRESHOLDS)
    for names in zip(*((seat.detector, seat.model) for seat in settings.seats), strict=True):
        if len(set(names)) < len(names):
            raise BadOption("two seats are of one detector or one model; give each its own")
    return _Grand({seat.detector: seat.model for seat in settings.seats})


class _Grand:
    def __init__(self, seats: dict[str, str]) -> None:
        self._seats = seats

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        del pictures
        return [self._fused(scene) for scene in scenes]

    def _fused(self, scene: Scene) -> Scene:
        """The scene with objects; notes name detectors without a seat and unused descriptions."""
        seated = {self._seats.get(name, name): made for name, made in scene.detections}
        known = {name: without_duplicates(made) for name, made in seated.items()}
        annotation = fuse(known, file_name=scene.image_id)
        notes = [
            f"detections of {name} are not used: it has no seat in the published rule"
            for name in seated
            if name not in THRESHOLDS
        ]
        if annotation.floating_attributes:
            count = len(annotation.floating_attributes)
            notes.append(f"descriptions without a detection, left out: {count}")
        drawn = _masks([one for made in seated.values() for one in made])
        objects = (
            *(_object(made, drawn, floating=False) for made in annotation.objects),
            *(_object(made, drawn, floating=True) for made in annotation.floating_objects),
        )
        return replace(scene, objects=objects, notes=(*scene.notes, *notes))


def _masks(detections: Sequence[Detection]) -> dict[tuple[float, ...], Mask]:
    """Box -> the mask of the first detection with that box and a mask."""
    drawn: dict[tuple[float, ...], Mask] = {}
    for one in detections:
        if one.mask is not None:
            drawn.setdefault(one.box, one.mask)
    return drawn


def _object(
    made: GrandObject, drawn: dict[tuple[float, ...], Mask], *, floating: bool
) -> SceneObject:
    assert made.id is not None
    return SceneObject(
        id=made.id,
        box=made.bbox,
        label=next(iter(made.labels), ""),
        score=made.score or 0.0,
        floating=floating,
        mask=drawn.get(made.bbox),
        attributes=made.attributes or (),
    )
