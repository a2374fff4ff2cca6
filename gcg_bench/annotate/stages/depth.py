"""Depth of objects by Depth Anything: the median inside each mask."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gcg_bench import machine
from gcg_bench.adapters import Needs
from gcg_bench.annotate.checkpoints import OneCheckpoint
from gcg_bench.annotate.depth_layers import median_inside
from gcg_bench.annotate.scenes import Scene, SceneObject
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.errors import BadOption
from gcg_bench.grounding.processors import load_processor
from gcg_bench.grounding.weights import Checkpoint, load_network
from gcg_bench.types import FloatArray, Picture, Pixels

DEFAULT = "depth-anything/Depth-Anything-V2-Small-hf"
KINDS = ("depth-anything",)

NEEDS = Needs(
    "Depth Anything: relative depth of objects",
    weights=f"{DEFAULT}: hf download",
    licence="Apache-2.0 (Small; the larger ones of version 2 are CC-BY-NC-4.0)",
)
VERSION = 1

_DIGITS = 6  # decimal digits of a depth


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide the depths.

    Attributes:
        checkpoint: an id in the Hugging Face cache, or a folder.
        dtype: the precision of the network: `float32`, `bfloat16` or `float16`.
    """

    checkpoint: str = DEFAULT
    dtype: str = "float32"


_WEIGHTS = OneCheckpoint("model of depth", DEFAULT, NEEDS, KINDS)
needs, find = _WEIGHTS.needs, _WEIGHTS.find


def load(settings: Settings, *, device: str = "auto") -> Stage:
    """Loads the stage.

    Raises:
        BadOption, UnknownName: a setting is invalid, or the checkpoint is of another kind or gives
            metres.
        EnvironmentProblem: weights or the device are missing, or memory is too small.
        MissingData: the folder does not exist.
        BadData: a file is invalid.
    """
    (located,) = find(settings)
    if located.record("config.json").get("depth_estimation_type", "relative") != "relative":
        raise BadOption(
            f"{located.name} gives metres, which are larger for farther things. Give a relative"
            f" model, e.g. {DEFAULT}"
        )
    return _Depth(located, machine.device_named(device), settings.dtype)


class _Depth:
    """A network that estimates depth."""

    def __init__(self, checkpoint: Checkpoint, device: str, dtype: str) -> None:
        import transformers

        self._device, self._dtype = device, dtype
        # the name, since version 5 of transformers, of the class that needs no torchvision
        name = "DPTImageProcessorPil"
        name = name if hasattr(transformers, name) else "DPTImageProcessor"
        self._processor: Any = load_processor(checkpoint, name)
        class_name = "DepthAnythingForDepthEstimation"
        self._network = load_network(checkpoint, class_name, device=device, dtype=dtype)

    def run(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture]
    ) -> Sequence[Scene | Refused]:
        pairs = zip(scenes, pictures, strict=True)
        return [self._measured(scene, picture) for scene, picture in pairs]

    def _measured(self, scene: Scene, picture: Picture) -> Scene:
        if all(thing.mask is None for thing in scene.objects):
            return scene
        depth = self._map(picture.read())
        return replace(scene, objects=tuple(_with_depth(thing, depth) for thing in scene.objects))

    def _map(self, pixels: Pixels) -> FloatArray:
        """The depth of each pixel of an image, shape (height, width); larger is nearer.

        The map of the network is scaled to the image as the post-processing of transformers does.
        """
        import torch
        from torch.nn.functional import interpolate

        image = self._processor(
            pixels, input_data_format="channels_last", return_tensors="pt"
        ).pixel_values
        with torch.inference_mode():
            image = image.to(self._device, getattr(torch, self._dtype))
            depth = self._network(pixel_values=image).predicted_depth[None].float()
            size = pixels.shape[:2]
            depth = interpolate(depth, size, mode="bicubic", align_corners=False)[0, 0]
        values: FloatArray = depth.double().cpu().numpy()
        return values


def _with_depth(thing: SceneObject, depth: FloatArray) -> SceneObject:
    """The object with its depth, which is None without a mask or with an empty mask."""
    median = None if thing.mask is None else median_inside(depth, thing.mask)
    return replace(thing, depth=None if median is None else round(median, _DIGITS))
