"""Grounders as stages: detectors that search the tags of a scene.

A box that is found for several tags belongs to the tag with the highest score. A scene without tags
gets no detections, and the detector counts as asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gcg_bench import machine, masks
from gcg_bench.annotate.boxes import Box
from gcg_bench.annotate.checkpoints import Chosen, OneCheckpoint, check_share
from gcg_bench.annotate.scenes import Detection, Scene
from gcg_bench.annotate.stages import Refused
from gcg_bench.grounding.grounders import OVERLAP, load_grounder
from gcg_bench.grounding.regions import Grounder, Region, Wanted
from gcg_bench.grounding.weights import Checkpoint
from gcg_bench.types import Picture, Pixels


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """The settings of a detector that decide its detections; each stage sets its defaults.

    Attributes:
        checkpoint: an id in the Hugging Face cache, or a folder.
        threshold: boxes with a score above it are kept.
        overlap: the IoU of two boxes of a tag above which the box with the lower score is left out.
        dtype: the precision of the network: `float32`, `bfloat16` or `float16`.
    """

    checkpoint: str = ""
    threshold: float = 0.3
    overlap: float = OVERLAP
    dtype: str = "float32"


class Searched(Chosen, Protocol):
    """Settings of a detector; settings without `overlap` use its default."""

    @property
    def threshold(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Detector:
    """The common parts of stages that ask a detector for tags.

    Attributes:
        name: the name of the detector in scenes.
        weights: its checkpoint.
    """

    name: str
    weights: OneCheckpoint

    def find(self, settings: Searched) -> tuple[Checkpoint, ...]:
        """The located checkpoint; errors as in `load`."""
        check_share("threshold", settings.threshold)
        check_share("overlap", _overlap(settings))
        return self.weights.find(settings)

    def load(self, settings: Searched, *, device: str = "auto") -> "TagDetector":
        """Loads the detector.

        Raises:
            BadOption, UnknownName: a setting is invalid, or the checkpoint of another kind.
            EnvironmentProblem: weights or the device are missing, or memory is too small.
            MissingData: the folder does not exist.
            BadData: a file is invalid.
        """
        (located,) = self.find(settings)
        grounder = load_grounder(
            located,
            device=machine.device_named(device),
            dtype=settings.dtype,
            threshold=settings.threshold,
            overlap=_overlap(settings),
        )
        return TagDetector(self.name, grounder)


def _overlap(settings: Searched) -> float:
    return settings.overlap if isinstance(settings, DetectorSettings) else OVERLAP


class TagDetector:
    """A grounder that is asked for tags.

    Args:
        name: the name of the detector in scenes.
        grounder: finds regions of phrases.
    """

    def __init__(self, name: str, grounder: Grounder) -> None:
        self._name, self._grounder = name, grounder

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        made = []
        for scene, picture in zip(scenes, pictures, strict=True):
            detections = self._detections(picture.read(), scene.tags) if scene.tags else ()
            made.append(replace(scene, detections=(*scene.detections, (self._name, detections))))
        return made

    def _detections(self, pixels: Pixels, tags: Sequence[str]) -> tuple[Detection, ...]:
        """The detections of an image, in the order of tags, best first."""
        words = list(dict.fromkeys(tags))
        regions = self._grounder.regions(pixels, tag_text(words), [Wanted(word) for word in words])
        grounded = dict(zip(words, regions, strict=True))
        return own_regions(grounded)


def tag_text(tags: Sequence[str]) -> str:
    """The text that a detector of captions reads: each tag is a sentence."""
    return " ".join(f"{tag.strip().rstrip('.')}." for tag in tags)


def own_regions(grounded: Mapping[str, Sequence[Region]]) -> tuple[Detection, ...]:
    """The regions of tags as detections; a region of several tags gets the tag with the best score.

    Regions without a pixel are left out. Among equal scores the first tag is taken.

    Args:
        grounded: tag -> its regions.
    """
    best: dict[object, Detection] = {}
    for tag, regions in grounded.items():
        for region in regions:
            box = box_of(region)
            if box is None:
                continue
            key = box if region.mask is None else region.mask
            detection = Detection(box, tag, min(max(region.score, 0.0), 1.0), region.mask)
            if key not in best or detection.score > best[key].score:
                best[key] = detection
    order = {tag: rank for rank, tag in enumerate(grounded)}
    return tuple(sorted(best.values(), key=lambda one: (order[one.label], -one.score)))


def box_of(region: Region) -> Box | None:
    """The corners of a region in pixels; None for a mask without a pixel."""
    if region.mask is None:
        return region.box
    if not masks.area([region.mask])[0]:
        return None
    left, top, width, height = masks.boxes([region.mask])[0].tolist()
    return left, top, left + width, top + height
