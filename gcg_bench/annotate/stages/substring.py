"""Ties phrases to a written caption by comparing strings, by the first pass of the published rule.

See `annotate.published.tying.tie_dense`. It is for captions of a writer that names no numbers; a
caption with numbered phrases needs no tying. The passes that need a parser are left out. Faults of
the rule are kept: `car` is tied in `carpet`, and when several objects have one label, the first is
tied. Spans are searched again in the caption without punctuation, and do not overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gcg_bench.adapters import Needs
from gcg_bench.annotate.published.tying import tie_dense
from gcg_bench.annotate.scenes import Scene, SceneObject, TiedPhrase
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.data.grand.values import GrandAnnotation, GrandObject, GroundedCaption
from gcg_bench.types import Picture

NEEDS = Needs(
    "the published rule of GranD: descriptions of objects that stand in a caption",
    licence="Apache-2.0 (as gcg-bench)",
)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the phrases.

    Attributes:
        labels: whether the label of an object without attributes is searched instead.
    """

    labels: bool = True


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """The stage."""
    del device
    return _Substring(settings.labels)


class _Substring:
    def __init__(self, labels: bool) -> None:
        self._labels = labels

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        del pictures
        return [self._tied(scene) for scene in scenes]

    def _tied(self, scene: Scene) -> Scene:
        objects = tuple(self._published(made) for made in scene.objects if not made.floating)
        annotation = GrandAnnotation(file_name=scene.image_id, objects=objects)
        tied = tie_dense(scene.caption, annotation)
        phrases, lost = spans(tied)
        notes = [f"caption: no place for the phrase {phrase[:40]!r}" for phrase in lost]
        if scene.caption and not phrases:
            notes.append("caption: no phrase stands in it")
        return replace(scene, caption=tied.caption, phrases=phrases, notes=(*scene.notes, *notes))

    def _published(self, made: SceneObject) -> GrandObject:
        words = made.attributes or ((made.label,) if self._labels and made.label else None)
        return GrandObject(bbox=made.box, id=made.id, labels=(made.label,), attributes=words)


def spans(tied: GroundedCaption) -> tuple[tuple[TiedPhrase, ...], tuple[str, ...]]:
    """The phrases of a tied caption at places that do not overlap, and the phrases without a place.

    Longer phrases are placed first, each at its first free place; case is ignored.
    """
    text = tied.caption.lower()
    if len(text) != len(tied.caption):  # a letter whose lower case is two characters
        text = tied.caption
    placed: list[TiedPhrase] = []
    lost = []
    for detail in tied.details:
        words, ids = detail.phrase.lower(), tuple(id_ for id_ in detail.ids if id_ is not None)
        start = text.find(words) if words and ids else -1
        while start >= 0 and any(
            start < one.span[1] and one.span[0] < start + len(words) for one in placed
        ):
            start = text.find(words, start + 1)
        if start < 0:
            lost.append(detail.phrase)
            continue
        span = (start, start + len(words))
        placed.append(TiedPhrase(tied.caption[slice(*span)], span, ids))
    return tuple(sorted(placed, key=lambda one: one.span)), tuple(lost)
