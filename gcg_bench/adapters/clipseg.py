"""CLIPSeg for tasks with expressions: `clipseg`, `clipseg:ID_OR_FOLDER`. Nothing is downloaded."""

from gcg_bench import machine
from gcg_bench.adapters import Needs
from gcg_bench.adapters.grounded import refuse_options
from gcg_bench.grounding.pipeline import EXPRESSIONS, Pipeline
from gcg_bench.grounding.weights import Checkpoint, locate
from gcg_bench.types import Model

DEFAULT = "CIDAS/clipseg-rd64-refined"

NEEDS = Needs(
    "CLIPSeg: an expression in, a heat map out, cut at a threshold; a cheap floor for other models",
    weights=f"{DEFAULT}, 0.6 GB: hf download",
    memory="2 GB, on a CPU",
    licence="Apache-2.0",
    tasks=EXPRESSIONS,
)

CITATION = (
    r"""@inproceedings{luddecke2022image,
  title = {Image Segmentation Using Text and Image Prompts},
  author = {L{\"u}ddecke, Timo and Ecker, Alexander},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition
               (CVPR)},
  year = {2022}
}""",
)


def load(
    checkpoint: str | None = None,
    *,
    device: str = "auto",
    threshold: float | None = None,
    dtype: str = "float32",
) -> Model:
    """The model of a checkpoint.

    Args:
        checkpoint: an id in the Hugging Face cache, or a folder; the default is DEFAULT.
        device: `auto` is the first GPU, or the CPU when there is none.
        threshold: pixels with a probability above it are kept; None for 0.5.
        dtype: `float32`, `bfloat16` or `float16`.

    Raises:
        BadOption: an option is invalid, or the checkpoint of another kind.
        EnvironmentProblem: weights or the device are missing, or memory is too small.
        MissingData: the folder does not exist.
        BadData: a file is invalid.
    """
    from gcg_bench.grounding.segmentation_clipseg import ClipSeg

    refuse_options(threshold, dtype=dtype)
    (located,) = find(checkpoint)
    torch_device = machine.device_named(device)
    segmenter = ClipSeg(located, device=torch_device, dtype=dtype, threshold=threshold)
    return Pipeline(None, segmenter, None, {})


def find(checkpoint: str | None = None) -> tuple[Checkpoint, ...]:
    """The location of a checkpoint on this machine; errors as in `load`."""
    return (locate(checkpoint or DEFAULT, kinds=("clipseg",), role="CLIPSeg"),)


def weight_bytes(checkpoint: str | None = None) -> int:
    """The bytes of the weights of a checkpoint; errors as in `find`."""
    return sum(location.weight_bytes for location in find(checkpoint))
