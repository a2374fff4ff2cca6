"""Grounders by the kind of their checkpoint: a detector or a segmenter of phrases."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from gcg_bench.grounding.regions import Grounder
from gcg_bench.grounding.weights import Checkpoint, locate

_CLASSES: Mapping[str, tuple[str, str]] = {
    "grounding-dino": ("detection_dino", "GroundingDino"),
    "mm-grounding-dino": ("detection_dino", "GroundingDino"),
    "owlv2": ("detection_owlv2", "Owlv2"),
    "sam3": ("segmentation_sam3", "Sam3"),
    "sam3-video": ("segmentation_sam3", "Sam3"),
    "clipseg": ("segmentation_clipseg", "ClipSeg"),
}
KINDS = tuple(_CLASSES)
"""The kinds of checkpoints that can be grounders."""

OVERLAP = 0.7
"""The intersection over union above which a detector leaves out one of two boxes of a phrase."""

_WITH_MASKS = frozenset({"sam3", "sam3-video", "clipseg"})


def locate_grounder(name: str) -> Checkpoint:
    """The checkpoint of a grounder; errors as in `locate`."""
    return locate(name, kinds=KINDS, role="grounder")


def gives_masks(checkpoint: Checkpoint) -> bool:
    """Whether a grounder gives masks, so that it needs no masker."""
    return checkpoint.kind in _WITH_MASKS


def load_grounder(
    checkpoint: Checkpoint,
    *,
    device: str,
    dtype: str,
    threshold: float | None = None,
    overlap: float = OVERLAP,
) -> Grounder:
    """Loads the grounder of a located checkpoint.

    Args:
        checkpoint: a located checkpoint of one of KINDS.
        device: an existing device, as torch names it.
        dtype: the precision of the network.
        threshold: regions with a score above it are kept; None for the default of the kind.
        overlap: the maximum overlap of boxes, see the detectors; segmenters do not use it.

    Raises:
        BadData, EnvironmentProblem: see the classes.
    """
    module, name = _CLASSES[checkpoint.kind]
    build: Callable[..., Grounder] = getattr(import_module(f"gcg_bench.grounding.{module}"), name)
    options: dict[str, Any] = {"device": device, "dtype": dtype, "threshold": threshold}
    if not gives_masks(checkpoint):
        options["overlap"] = overlap
    return build(checkpoint, **options)
