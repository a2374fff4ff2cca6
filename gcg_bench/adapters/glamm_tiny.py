"""The small GLaMM inside the package: uses the code of `glamm`, and runs on any laptop."""

from pathlib import Path
from typing import Any

from gcg_bench.adapters import Needs
from gcg_bench.adapters.glamm import MAX_NEW_TOKENS, CheckpointLocation, build_model
from gcg_bench.errors import EnvironmentProblem
from gcg_bench.types import Model
from gcg_bench.types.citations import GLAMM

NEEDS = Needs(
    "a small GLaMM trained on all tasks of `shapes`, for the quick start; not for photographs",
    weights="inside the package, under 16 MB",
    memory="under 1 GB, on a CPU",
    licence="Apache-2.0",
)

CITATION = (GLAMM,)

FOLDER = Path(__file__).parent.parent / "glamm" / "tiny"


def find() -> CheckpointLocation:
    """The location of its files.

    Raises:
        EnvironmentProblem: this build of the package does not contain them.
    """
    files = ("config.json", "model.safetensors", "tokenizer.model", "added_tokens.json")
    missing = [name for name in files if not (FOLDER / name).is_file()]
    if missing:
        raise EnvironmentProblem(
            "this build of gcg-bench does not contain glamm-tiny:"
            f" {FOLDER / missing[0]} is missing."
            " Install a release (`pip install --force-reinstall gcg-bench`), or train it with"
            " tools/train_glamm_tiny.py"
        )
    return CheckpointLocation("glamm-tiny", FOLDER)


def sizes() -> Any:
    """Its configuration (a GlammConfig).

    Raises:
        EnvironmentProblem: this build of the package does not contain it.
    """
    from gcg_bench.glamm.convert import read_config

    return read_config(find().folder)


def load(
    *,
    device: str = "auto",
    batch_size: int | str = "auto",
    workers: int | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
) -> Model:
    """The model, ready to answer.

    Raises:
        EnvironmentProblem: this build of the package does not contain its weights.
        BadOption: the batch size, token limit or device is invalid.
    """
    return build_model(
        find(),
        device=device,
        batch_size=batch_size,
        workers=workers,
        max_new_tokens=max_new_tokens,
    )
