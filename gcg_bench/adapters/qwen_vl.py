"""Qwen2.5-VL and Qwen3-VL in this process: `qwen-vl`, or `qwen-vl:ID_OR_FOLDER`.

Boxes of Qwen2.5-VL are in pixels of the scaled image, boxes of Qwen3-VL go from 0 to 1000;
`model_type` of the checkpoint decides which. With a `masker`, a SAM makes masks from boxes;
otherwise masks are the boxes. Nothing is downloaded, and no code of a checkpoint is run.
"""

from collections.abc import Sequence
from typing import cast

from gcg_bench import machine
from gcg_bench.adapters import Needs
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.grounding.families import family_of_type
from gcg_bench.grounding.masking import BoxMasker, Masker, SamMasker, locate_masker
from gcg_bench.grounding.questions import Asking, Style
from gcg_bench.grounding.qwen import KINDS, Network, QwenAnswers
from gcg_bench.grounding.sending import MAX_PIXELS, sent_size
from gcg_bench.grounding.weights import Checkpoint, locate
from gcg_bench.types import Model

NEEDS = Needs(
    "Qwen2.5-VL and Qwen3-VL: boxes in JSON, masks by a SAM or the boxes; qwen-vl:ID_OR_FOLDER",
    weights="Qwen/Qwen3-VL-8B-Instruct, about 18 GB; smaller: Qwen/Qwen3-VL-2B-Instruct:"
    " hf download",
    memory="20 GB on a GPU (bf16) for 8B; twice as much on a CPU (float32), slow",
    licence="on the models' pages; Apache-2.0 for most of them",
)

DEFAULT = "Qwen/Qwen3-VL-8B-Instruct"
MAX_NEW_TOKENS = 1024

_DTYPES = ("auto", "bfloat16", "float16", "float32")
_FORMS = ("json", "dialect")


def load(
    checkpoint: str | None = None,
    *,
    device: str = "auto",
    max_new_tokens: int = MAX_NEW_TOKENS,
    dtype: str = "auto",
    form: str = "json",
    max_pixels: int = MAX_PIXELS,
    masker: str | None = None,
) -> Model:
    """The model of a checkpoint.

    Args:
        checkpoint: an id in the Hugging Face cache, or a folder; DEFAULT by default.
        device: `auto` is the first GPU, or the CPU when there is none.
        max_new_tokens: the maximum length of an answer in tokens.
        dtype: `bfloat16`, `float16` or `float32`; `auto` is bfloat16 on a GPU, else float32.
        form: `json`, or `dialect` for a caption followed by Qwen's own list of boxes.
        max_pixels: the maximum number of pixels of an image.
        masker: the checkpoint of a SAM that makes masks of boxes; without it masks are the boxes.

    Raises:
        BadOption, UnknownName: an option is invalid.
        EnvironmentProblem: weights or the device are missing, or memory is too small.
        MissingData: a folder does not exist.
        BadData: a file is invalid.
    """
    _refuse_unknown(dtype=(dtype, _DTYPES), form=(form, _FORMS))
    _refuse_low(max_new_tokens=max_new_tokens, max_pixels=max_pixels)
    located = find(checkpoint)
    drawn = None if masker is None else locate_masker(masker)
    torch_device = machine.device_named(device)
    automatic = "bfloat16" if torch_device.startswith("cuda") else "float32"
    precision = automatic if dtype == "auto" else dtype
    network = Network.load(located, device=torch_device, dtype=precision)
    sent_size(1, 1, most=max_pixels, multiple=network.multiple)
    family = family_of_type(located.kind.replace("-", "_"))
    assert family is not None
    masks: Masker = BoxMasker() if drawn is None else SamMasker(drawn, device=torch_device)
    return QwenAnswers(
        network,
        Asking(family.unit, family.dialect, cast("Style", form)),
        masks,
        tokens=max_new_tokens,
        max_pixels=max_pixels,
        settings=_identity(located, precision),
    )


def _identity(located: Checkpoint, dtype: str) -> dict[str, str]:
    """The settings that identify the network."""
    return {
        "checkpoint": located.name,
        "kind": located.kind,
        "weights": located.digest,
        "dtype": dtype,
    }


def find(checkpoint: str | None = None) -> Checkpoint:
    """The location of a checkpoint on this machine; reads no weights.

    Raises:
        EnvironmentProblem: the checkpoint is missing or incomplete; names the download.
        MissingData: the path is not a folder.
        BadData: one of its files is invalid.
        BadOption: the checkpoint is of another kind.
    """
    return locate(checkpoint or DEFAULT, kinds=KINDS, role="Qwen-VL")


def weight_bytes(checkpoint: str | None = None) -> int:
    """The bytes of the weights on disk; errors as in `find`."""
    return find(checkpoint).weight_bytes


def _refuse_unknown(**values: tuple[object, Sequence[str]]) -> None:
    """Raises UnknownName for an unknown value."""
    for name, (value, known) in values.items():
        if value not in known:
            raise UnknownName(name, str(value), known)


def _refuse_low(**numbers: object) -> None:
    """Raises BadOption for a value that is not a whole number above 0."""
    for name, number in numbers.items():
        if not isinstance(number, int) or number < 1:
            raise BadOption(f"{name} is {number!r:.40}; give a whole number above 0")
