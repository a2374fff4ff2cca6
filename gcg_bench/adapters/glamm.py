"""GLaMM, the model that was published with the task: `glamm`, or `glamm:ID_OR_FOLDER`.

The checkpoint is MBZUAI/GLaMM-GCG, another model of its family by id, or a local folder. Nothing is
downloaded. Threads read images ahead of the model and encode masks after it. Images are processed
in blocks in the data set's order, so an interrupted run continues with the same answers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcg_bench import machine
from gcg_bench.adapters import Needs
from gcg_bench.errors import BadOption, EnvironmentProblem, MissingData
from gcg_bench.files import checkpoints
from gcg_bench.files.paths import expanded
from gcg_bench.glamm.batching import out_of_memory
from gcg_bench.types import Model
from gcg_bench.types.citations import GLAMM

NEEDS = Needs(
    "GLaMM, the published reference model; glamm:ID_OR_FOLDER for another model of its family",
    weights="MBZUAI/GLaMM-GCG and openai/clip-vit-large-patch14-336, about 18 GB: hf download",
    memory="18 GB on a GPU (bf16), more for larger batches; 35 GB on a CPU (float32), slow",
    licence="on the models' pages; based on LLaMA (Meta's terms), SAM (Apache-2.0), CLIP (MIT)",
)

CITATION = (GLAMM,)

FAMILY = "MBZUAI"
DEFAULT = f"{FAMILY}/GLaMM-GCG"
CLIP = "openai/clip-vit-large-patch14-336"
MAX_NEW_TOKENS = 512

_WORKERS = 2


@dataclass(frozen=True)
class CheckpointLocation:
    """The location of a checkpoint.

    Attributes:
        name: its name in runs and signatures.
        folder: the folder of config.json, weights and vocabulary.
        tower: the folder of CLIP; None when the checkpoint contains CLIP.
    """

    name: str
    folder: Path
    tower: Path | None = None

    @property
    def files(self) -> list[Path]:
        """The files that decide the model's answers."""
        own = [self.folder / name for name in ("config.json", "tokenizer.model")]
        added = [self.folder / name for name in ("added_tokens.json", "tokenizer_config.json")]
        towers = [] if self.tower is None else [self.tower / "config.json"]
        weights = [
            file
            for folder in (self.folder, self.tower)
            if folder is not None
            for file in checkpoints.weight_files(folder)
        ]
        return [*filter(Path.is_file, [*own, *added, *towers]), *weights]


def load(
    checkpoint: str | None = None,
    *,
    device: str = "auto",
    batch_size: int | str = "auto",
    workers: int | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    dtype: str = "auto",
) -> Model:
    """The model of a checkpoint.

    Args:
        checkpoint: an id in the Hugging Face cache (`MBZUAI/` may be left out), or a folder; the
            default is MBZUAI/GLaMM-GCG.
        device: `auto` is the first GPU, or the CPU when there is none.
        batch_size: number of images at a time; `auto` derives it from the device's memory. It is
            halved when memory runs out.
        workers: threads that read images ahead.
        max_new_tokens: the maximum length of an answer in tokens.
        dtype: `bfloat16` or `float32`; `auto` is bfloat16 on a GPU and float32 elsewhere.

    Raises:
        EnvironmentProblem: the weights or the device are missing, or memory is too small.
        MissingData: the folder does not exist, or lacks a file.
        BadData: a file is invalid.
        BadOption: the batch size, token limit, precision or device is invalid.
    """
    return build_model(
        find(checkpoint),
        device=device,
        batch_size=batch_size,
        workers=workers,
        max_new_tokens=max_new_tokens,
        dtype=dtype,
    )


def build_model(
    location: CheckpointLocation,
    *,
    device: str = "auto",
    batch_size: int | str = "auto",
    workers: int | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    dtype: str = "auto",
) -> Model:
    """The model of a located checkpoint; arguments and errors as in `load`."""
    if max_new_tokens < 1:
        raise BadOption(f"--max-new-tokens {max_new_tokens}: must be at least 1")

    from gcg_bench.glamm import resources
    from gcg_bench.glamm.convert import read_config
    from gcg_bench.glamm.inference import GlammAnswers
    from gcg_bench.glamm.processing import Processor
    from gcg_bench.glamm.tokens import Tokenizer

    size = resources.parse_batch_size(batch_size)
    torch_device = machine.device_named(device)
    precision = resources.precision(dtype, torch_device)
    config = read_config(location.folder, tower=location.tower)
    processor = Processor(config, Tokenizer.load(location.folder))
    planned_size = resources.largest_batch(config, torch_device, precision, max_new_tokens)
    return GlammAnswers(
        _model(location, torch_device, precision),
        processor,
        settings={
            "checkpoint": location.name,
            "weights": checkpoints.files_digest(location.files)[:16],
            "max_new_tokens": max_new_tokens,
            "decoding": "greedy",
            "dtype": precision,
        },
        batch_size=planned_size if size is None else size,
        workers=_WORKERS if workers is None else workers,
        max_new_tokens=max_new_tokens,
    )


def find(checkpoint: str | None = None) -> CheckpointLocation:
    """The location of a checkpoint on this machine; reads no weights.

    Raises:
        EnvironmentProblem: the checkpoint is missing or incomplete; names the download and its
            target.
        MissingData: the path is not a folder.
        BadData: one of its files is invalid.
    """
    requested = checkpoint or DEFAULT
    is_short = (
        "/" not in requested
        and not requested.startswith((".", "~"))
        and not Path(requested).is_dir()
    )
    name = f"{FAMILY}/{requested}" if is_short else requested
    folder = checkpoints.find(name, remedy=_remedy(name))
    if expanded(name).is_dir():
        name = folder.resolve().name
    return CheckpointLocation(name, folder, _tower(folder))


def sizes(checkpoint: str | None = None) -> Any:
    """The sizes of a checkpoint; the published sizes when it is not on this machine."""
    from gcg_bench.glamm.configuration import GlammConfig
    from gcg_bench.glamm.convert import read_config

    try:
        location = find(checkpoint)
    except (EnvironmentProblem, MissingData):
        return GlammConfig()
    return read_config(location.folder, tower=location.tower)


def _remedy(name: str) -> str:
    is_path = name.startswith((".", "~")) or Path(name).is_absolute()
    model = DEFAULT if is_path else name
    return (
        f"`hf download {model}` and `hf download {CLIP}` put the model into the Hugging Face cache"
        " ($HF_HOME, else ~/.cache/huggingface), about 18 GB; or use a folder that contains it:"
        " --model glamm:FOLDER. --model glamm-tiny needs no download"
    )


def _tower(folder: Path) -> Path | None:
    """The folder of CLIP; None when the checkpoint contains CLIP, or this is not known yet."""
    from gcg_bench.glamm.convert import find_tower
    from gcg_bench.glamm.names import TOWER
    from gcg_bench.glamm.weights import read_json

    names = checkpoints.weight_names(folder)
    if names is not None and any(name.startswith(TOWER) for name in names):
        return None
    settings = read_json(folder / "config.json")
    local_tower = find_tower(folder, settings)
    if local_tower is not None:
        return local_tower
    tower = settings.get("mm_vision_tower") or settings.get("vision_tower") or CLIP
    if names is None and checkpoints.snapshot(str(tower)) is None:
        return None
    folder_name = str(tower).rstrip("/").rsplit("/", 1)[-1]
    return checkpoints.find(
        str(tower),
        remedy=f"{folder} contains no CLIP weights: `hf download {tower}` puts them into"
        f" the Hugging Face cache; or put that model into {folder / folder_name}",
    )


def _model(location: CheckpointLocation, device: str, precision: str) -> Any:
    """The model in evaluation mode."""
    import torch

    from gcg_bench.glamm.convert import load as load_checkpoint

    try:
        return load_checkpoint(
            location.folder, tower=location.tower, device=device, dtype=getattr(torch, precision)
        )
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise EnvironmentProblem(
            f"{location.name} does not fit the free memory of {device}: {error}. End other programs"
            " there, or use another --device"
        ) from error
