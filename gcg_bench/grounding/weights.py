"""Finds the checkpoints of transformers models on this machine, identifies them and loads them.

Nothing is downloaded, and no code of a checkpoint is run.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, BadOption, EnvironmentProblem
from gcg_bench.files import checkpoints
from gcg_bench.files.json import read_json
from gcg_bench.files.paths import expanded
from gcg_bench.files.transformers_log import quiet_transformers

_SETTINGS = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "sentencepiece.bpe.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
)
_DIGITS = 16
_GATED = {
    "sam3": "Its weights are gated: ask for access on the page of the model, or use a SAM 2, whose"
    " weights are not",
}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of transformers on this machine.

    Attributes:
        name: its name in runs and signatures: an id, or the name of its folder.
        folder: the folder of config.json, weights and vocabulary.
        kind: `model_type` of its config.json, with dashes, e.g. `grounding-dino`.
    """

    name: str
    folder: Path
    kind: str

    @property
    def files(self) -> list[Path]:
        """The files that decide its answers: settings, vocabulary, weights."""
        settings = [self.folder / name for name in _SETTINGS]
        return [*filter(Path.is_file, settings), *checkpoints.weight_files(self.folder)]

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits of the digest of its files."""
        return checkpoints.files_digest(self.files)[:_DIGITS]

    @property
    def weight_bytes(self) -> int:
        """The size of its weights on disk, in bytes."""
        return sum(file.stat().st_size for file in checkpoints.weight_files(self.folder))

    def record(self, file_name: str) -> Mapping[str, Any]:
        """The object in a JSON file of its folder; empty when there is no such file.

        Raises:
            BadData: the file holds something else.
        """
        file = self.folder / file_name
        content = read_json(file) if file.is_file() else {}
        if not isinstance(content, dict):
            raise BadData("should hold one JSON object", file=file)
        return content


def locate(name: str, *, kinds: Collection[str], role: str) -> Checkpoint:
    """The checkpoint of an id in the Hugging Face cache, or of a folder; reads no weights.

    Args:
        name: an id or a folder.
        kinds: the kinds that can be used, as in `Checkpoint`.
        role: the purpose of the checkpoint, for the message, e.g. `masker`.

    Raises:
        EnvironmentProblem: the checkpoint is missing or incomplete; the message names the download.
        MissingData: the path is not a folder.
        BadData: its config.json is invalid.
        BadOption: it is of another kind.
    """
    folder = checkpoints.find(name, remedy=_remedy(name))
    shown = folder.resolve().name if expanded(name).is_dir() else name
    config = read_json(folder / "config.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(kind, str):
        raise BadData("no text model_type", file=folder / "config.json")
    kind = kind.replace("_", "-")
    if kind not in kinds:
        raise BadOption(
            f"{shown} is a {kind}, and a {role} is one of: {', '.join(sorted(kinds))}."
            " Give another checkpoint"
        )
    return Checkpoint(shown, folder, kind)


def _remedy(name: str) -> str:
    gated = next((text for part, text in _GATED.items() if part in name), "")
    if name.startswith((".", "~")) or Path(name).is_absolute():
        return "Give the folder of config.json and weights, or the id of a model"
    text = f"`hf download {name}` puts it into the Hugging Face cache; or give its folder"
    return f"{text}. {gated}" if gated else text


def load_network(checkpoint: Checkpoint, class_name: str, *, device: str, dtype: str) -> Any:
    """The network of a checkpoint in evaluation mode.

    Args:
        checkpoint: a located checkpoint.
        class_name: its class in transformers.
        device: an existing device, as torch names it.
        dtype: `float32`, `bfloat16` or `float16`.

    Raises:
        BadData: the files are damaged, or weights are missing.
        EnvironmentProblem: the installed transformers has no such class, or memory is too small.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    kind = getattr(transformers, class_name, None)
    if kind is None:
        raise EnvironmentProblem(
            f"transformers {transformers.__version__} has no {class_name}. Install a newer one:"
            " pip install -U transformers"
        )
    try:
        with quiet_transformers():
            network, report = kind.from_pretrained(
                checkpoint.folder,
                local_files_only=True,
                trust_remote_code=False,
                weights_only=True,
                dtype=getattr(torch, dtype),
                output_loading_info=True,
            )
    except ImportError as error:
        raise EnvironmentProblem(
            f"{checkpoint.name} needs a package that is not installed: {error}"
        ) from error
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        problem = f"cannot be loaded as {class_name} ({error})"
        raise BadData(problem, file=checkpoint.folder, remedy="Download it again") from error
    parameters = dict(network.named_parameters())
    missing = sorted(name for name in report["missing_keys"] if name in parameters)
    if missing:  # transformers sets them at random
        problem = f"{len(missing)} weights are missing, e.g. {missing[0]}"
        raise BadData(problem, file=checkpoint.folder, remedy="Download it again")
    return _moved(network, checkpoint.name, device)


def _moved(network: Any, name: str, device: str) -> Any:
    """The network on a device, in evaluation mode."""
    import torch

    try:
        return network.to(device).eval()
    except torch.OutOfMemoryError as error:
        raise EnvironmentProblem(
            f"{name} does not fit the free memory of {device}: {error}. End other programs there,"
            " or use another --device"
        ) from error


def load_tokenizer(checkpoint: Checkpoint, *, positions: bool = True) -> Any:
    """The tokenizer of a checkpoint.

    Args:
        checkpoint: a located checkpoint.
        positions: the tokenizer must report the characters of its tokens.

    Raises:
        EnvironmentProblem: a package that the tokenizer needs is missing.
        BadData: the tokenizer is missing, damaged, or cannot report the characters of its tokens.
    """
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(
                checkpoint.folder, local_files_only=True, trust_remote_code=False
            )
    except ImportError as error:
        raise EnvironmentProblem(
            f"the tokenizer of {checkpoint.name} needs a package that is not installed: {error}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"holds no tokenizer that can be read ({error})"
        raise BadData(problem, file=checkpoint.folder, remedy="Download it again") from error
    if positions and not tokenizer.is_fast:
        raise BadData("its tokenizer reports no positions of characters", file=checkpoint.folder)
    return tokenizer
