"""GLaMM, the model that the task was published with: `glamm`, or `glamm:ID_OR_FOLDER`.

The checkpoint is MBZUAI/GLaMM-GCG, any of its family by its id, or a local folder. Nothing is
downloaded. Images are read ahead of the model in threads and masks are packed behind it; images go
through it in blocks of the data set's order, so a run that was stopped goes on to the same answers.
"""

from dataclasses import dataclass
from hashlib import sha256
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
    "GLaMM, the published reference model; glamm:ID_OR_FOLDER for another of its family",
    weights="MBZUAI/GLaMM-GCG and openai/clip-vit-large-patch14-336, about 18 GB: hf download",
    memory="18 GB of a GPU (bf16), more for larger batches; 35 GB on a CPU (float32), slowly",
    licence="on the models' pages; made from LLaMA (Meta's terms), SAM (Apache-2.0), CLIP (MIT)",
)

CITATION = (GLAMM,)

FAMILY = "MBZUAI"
DEFAULT = f"{FAMILY}/GLaMM-GCG"
CLIP = "openai/clip-vit-large-patch14-336"
MAX_NEW_TOKENS = 512

_WORKERS = 2


@dataclass(frozen=True)
class Place:
    """Where a checkpoint lies.

    Attributes:
        name: what runs and signatures call it.
        folder: its config.json, weights and vocabulary.
        tower: the folder of CLIP, where the checkpoint holds none of its own.
    """

    name: str
    folder: Path
    tower: Path | None = None

    @property
    def files(self) -> list[Path]:
        """What decides its answers."""
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
        checkpoint: an id in the Hugging Face cache (that of the family may lack its `MBZUAI/`), or
            a folder; MBZUAI/GLaMM-GCG by default.
        device: `auto` is the first GPU, or else the CPU.
        batch_size: images at a time; `auto` plans with the device's memory. Either is halved when
            memory runs out.
        workers: threads that read images ahead.
        max_new_tokens: where an answer is cut off.
        dtype: `bfloat16` or `float32`; `auto` is the first on a GPU, the second elsewhere.

    Raises:
        EnvironmentProblem: the weights or the device are not there, or memory is too small.
        MissingData: the folder is not there, or lacks a file.
        BadData: a file is not what it should be.
        BadOption: a batch size, token limit, precision or device that is none.
    """
    return answering(
        find(checkpoint),
        device=device,
        batch_size=batch_size,
        workers=workers,
        max_new_tokens=max_new_tokens,
        dtype=dtype,
    )


def answering(
    place: Place,
    *,
    device: str = "auto",
    batch_size: int | str = "auto",
    workers: int | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    dtype: str = "auto",
) -> Model:
    """The model of a checkpoint that was found; otherwise as `load`."""
    if max_new_tokens < 1:
        raise BadOption(f"--max-new-tokens {max_new_tokens}: at least 1 is needed")

    from gcg_bench.glamm import resources
    from gcg_bench.glamm.convert import read_config
    from gcg_bench.glamm.inference import GlammAnswers
    from gcg_bench.glamm.processing import Processor
    from gcg_bench.glamm.prompts import CAPTION_WITH_MASKS
    from gcg_bench.glamm.tokens import Tokenizer

    size = resources.whole(batch_size)
    where = machine.device_named(device)
    precision = resources.precision(dtype, where)
    config = read_config(place.folder, tower=place.tower)
    processor = Processor(config, Tokenizer.load(place.folder))
    planned = resources.batch(config, where, precision, max_new_tokens)
    return GlammAnswers(
        _model(place, where, precision),
        processor,
        settings={
            "checkpoint": place.name,
            "weights": checkpoints.files_digest(place.files)[:16],
            "default_prompt": sha256(CAPTION_WITH_MASKS.encode()).hexdigest()[:8],
            "max_new_tokens": max_new_tokens,
            "decoding": "greedy",
            "dtype": precision,
        },
        batch_size=planned if size is None else size,
        workers=_WORKERS if workers is None else workers,
        max_new_tokens=max_new_tokens,
    )


def find(checkpoint: str | None = None) -> Place:
    """Where a checkpoint lies on this machine; reads no weights.

    Raises:
        EnvironmentProblem: it is not there or not whole, with what to download and where it goes.
        MissingData: a path that is no folder.
        BadData: a file of it is not what it should be.
    """
    wanted = checkpoint or DEFAULT
    short = "/" not in wanted and not wanted.startswith((".", "~")) and not Path(wanted).is_dir()
    name = f"{FAMILY}/{wanted}" if short else wanted
    folder = checkpoints.find(name, remedy=_remedy(name))
    if expanded(name).is_dir():
        name = folder.resolve().name
    return Place(name, folder, _tower(folder))


def sizes(checkpoint: str | None = None) -> Any:
    """The sizes of a checkpoint; the published ones where it is not on this machine."""
    from gcg_bench.glamm.configuration import GlammConfig
    from gcg_bench.glamm.convert import read_config

    try:
        place = find(checkpoint)
    except (EnvironmentProblem, MissingData):
        return GlammConfig()
    return read_config(place.folder, tower=place.tower)


def _remedy(name: str) -> str:
    local = name.startswith((".", "~")) or Path(name).is_absolute()
    wanted = DEFAULT if local else name
    return (
        f"`hf download {wanted}` and `hf download {CLIP}` put it into the Hugging Face cache"
        " ($HF_HOME, else ~/.cache/huggingface), about 18 GB; or name a folder that holds it:"
        " --model glamm:FOLDER. --model glamm-tiny needs no download"
    )


def _tower(folder: Path) -> Path | None:
    """The folder of CLIP; None when the checkpoint has its own, or only loading can tell."""
    from gcg_bench.glamm.convert import find_tower
    from gcg_bench.glamm.names import TOWER
    from gcg_bench.glamm.weights import read_json

    names = checkpoints.weight_names(folder)
    if names is not None and any(name.startswith(TOWER) for name in names):
        return None
    settings = read_json(folder / "config.json")
    beside = find_tower(folder, settings)
    if beside is not None:
        return beside
    wanted = settings.get("mm_vision_tower") or settings.get("vision_tower") or CLIP
    if names is None and checkpoints.snapshot(str(wanted)) is None:
        return None
    last = str(wanted).rstrip("/").rsplit("/", 1)[-1]
    return checkpoints.find(
        str(wanted),
        remedy=f"{folder} has no CLIP weights of its own: `hf download {wanted}` puts them into"
        f" the Hugging Face cache; or put that model into {folder / last}",
    )


def _model(place: Place, device: str, precision: str) -> Any:
    """The model in evaluation mode."""
    import torch

    from gcg_bench.glamm.convert import load as loaded

    try:
        return loaded(
            place.folder, tower=place.tower, device=device, dtype=getattr(torch, precision)
        )
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise EnvironmentProblem(
            f"{place.name} does not fit the free memory of {device}: {error}. End what else runs"
            " there, or name another --device"
        ) from error
