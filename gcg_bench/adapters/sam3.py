"""SAM 3 for tasks with expressions: `sam3`, or `sam3:ID_OR_FOLDER`. Nothing is downloaded."""

from gcg_bench import machine
from gcg_bench.adapters import Needs
from gcg_bench.adapters.grounded import refuse_options
from gcg_bench.grounding.pipeline import EXPRESSIONS, Pipeline
from gcg_bench.grounding.weights import Checkpoint, locate
from gcg_bench.types import Model

DEFAULT = "facebook/sam3"

NEEDS = Needs(
    "SAM 3: an expression in, a mask out; sam3:ID_OR_FOLDER for another checkpoint",
    weights=f"{DEFAULT}, 840 million parameters, gated (ask for access on its page): hf download",
    memory="6 GB in float32",
    licence="SAM License",
    tasks=EXPRESSIONS,
)

CITATION = (
    """@article{carion2025sam3,
  title = {{SAM} 3: Segment Anything with Concepts},
  author = {Carion, Nicolas and others},
  journal = {arXiv preprint arXiv:2511.16719},
  year = {2025}
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
        checkpoint: an id in the Hugging Face cache, or a folder; the default is facebook/sam3.
        device: `auto` is the first GPU, or the CPU when there is none.
        threshold: in the task `generalized_referring`, instances with a score above it are kept.
        dtype: `float32`, `bfloat16` or `float16`.

    Raises:
        BadOption: an option is invalid, or the checkpoint of another kind.
        EnvironmentProblem: weights or the device are missing, or memory is too small.
        MissingData: the folder does not exist.
        BadData: a file is invalid.
    """
    from gcg_bench.grounding.segmentation_sam3 import Sam3

    refuse_options(threshold, dtype=dtype)
    (located,) = find(checkpoint)
    torch_device = machine.device_named(device)
    segmenter = Sam3(located, device=torch_device, dtype=dtype, threshold=threshold)
    return Pipeline(None, segmenter, None, {})


def find(checkpoint: str | None = None) -> tuple[Checkpoint, ...]:
    """The location of a checkpoint on this machine; errors as in `load`."""
    return (locate(checkpoint or DEFAULT, kinds=("sam3", "sam3-video"), role="SAM 3"),)


def weight_bytes(checkpoint: str | None = None) -> int:
    """The bytes of the weights of a checkpoint; errors as in `find`."""
    return sum(location.weight_bytes for location in find(checkpoint))
