"""Loads published checkpoints into the model, and saves the model under the published names.

Every entry of a checkpoint is loaded, or ignored for a stated reason; an entry that is unknown,
missing or of another shape is an error. Published checkpoints usually lack CLIP (their merge script
removes it) and mix precisions; both are supported.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files.paths import has_control, too_long
from gcg_bench.glamm.assembly import buffers_from_sizes, build
from gcg_bench.glamm.configuration import GlammConfig, VisionConfig, clip_config
from gcg_bench.glamm.modeling import Glamm
from gcg_bench.glamm.names import TOWER, published_name, reason_to_ignore, tower_names
from gcg_bench.glamm.shapes import grounding_sizes, region_sizes, vision_sizes
from gcg_bench.glamm.weights import Checkpoint, Shape, read_json


@dataclass(frozen=True)
class WeightMap:
    """The entries of a checkpoint.

    Attributes:
        used: published name -> our name, for every loaded weight.
        ignored: published name -> the reason why it is not loaded.
    """

    used: Mapping[str, str]
    ignored: Mapping[str, str]


def map_weights(required: Mapping[str, Shape], offered: Mapping[str, Shape]) -> WeightMap:
    """Matches the model's weights with a checkpoint's entries, by name and shape.

    Args:
        required: our name -> shape.
        offered: published name -> shape.

    Raises:
        BadData: an entry is unknown, missing or of another shape; the message counts them and names
            the first few.
    """
    names = {published_name(name): name for name in required}
    ignored = {name: reason for name in offered if (reason := reason_to_ignore(name))}
    unknown = sorted(set(offered) - set(names) - set(ignored))
    missing = sorted(set(names) - set(offered))
    mismatched = sorted(
        name
        for name in set(names) & set(offered)
        if tuple(offered[name]) != tuple(required[names[name]])
    )
    problems = [
        _count_and_names("unknown", unknown),
        _count_and_names("missing", missing),
        _count_and_names(
            "of another shape",
            [f"{name} {offered[name]} for {required[names[name]]}" for name in mismatched],
        ),
    ]
    if unknown or missing or mismatched:
        raise BadData(
            "; ".join(filter(None, problems)),
            field="weights",
            remedy="The checkpoint has other sizes, or is of another model",
        )
    return WeightMap(names, ignored)


def _count_and_names(kind: str, names: list[str]) -> str:
    listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} {kind}: {listed}" if names else ""


def read_config(folder: Path, *, tower: Path | None = None) -> GlammConfig:
    """The sizes of a checkpoint folder: config.json, completed by CLIP's config and by the weights.

    Args:
        folder: contains config.json and the weights.
        tower: a CLIP folder; None uses the name in config.json (see `find_tower`).

    Raises:
        MissingData: config.json, the weights or the required CLIP folder are not there.
        BadData: a file is invalid.
    """
    settings = read_json(folder / "config.json")
    return _config(settings, Checkpoint(folder).shapes, tower or find_tower(folder, settings))


def _config(
    settings: dict[str, Any], shapes: Mapping[str, Shape], tower: Path | None
) -> GlammConfig:
    region = region_sizes(shapes)
    if region is None:
        settings = settings | {"region": None}
    vision: VisionConfig | None = vision_sizes(shapes)
    if tower is not None:
        vision = clip_config(read_json(tower / "config.json"))
    return GlammConfig.parse(
        settings, vision=vision, grounding=grounding_sizes(shapes), region=region
    )


def find_tower(folder: Path, settings: Mapping[str, Any]) -> Path | None:
    """The CLIP folder that config.json names, next to or in the checkpoint; None when absent."""
    for field in ("mm_vision_tower", "vision_tower"):
        name = settings.get(field)
        if not isinstance(name, str) or not name or has_control(name) or too_long(name):
            continue
        folder_name = name.rstrip("/").rsplit("/", 1)[-1]
        for candidate in (Path(name), folder.parent / folder_name, folder / folder_name):
            if (candidate / "config.json").is_file():
                return candidate
    return None


def load(
    folder: Path,
    *,
    tower: Path | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Glamm:
    """A checkpoint folder as a model in evaluation mode, with every weight in `dtype` on `device`.

    The precision is given here, because a later cast of the model would round the rotary
    frequencies too.

    Args:
        folder: config.json and weights, in any of `weights.LAYOUTS`.
        tower: a CLIP folder, for checkpoints without a tower that is not found by its name.
        device: the device of the weights.
        dtype: the precision of the weights.

    Raises:
        MissingData: a required file is not there; names the file and its target folder.
        BadData: entries do not match the sizes, or a file cannot be read.
    """
    settings = read_json(folder / "config.json")
    checkpoint = Checkpoint(folder)
    tower = tower or find_tower(folder, settings)
    has_tower = any(name.startswith(TOWER) for name in checkpoint.shapes)
    if not has_tower and tower is None:
        raise MissingData(
            f"{folder} contains no CLIP weights, and its CLIP model "
            f"{settings.get('mm_vision_tower', settings.get('vision_tower'))!r} is not next to it; "
            f"download that model into a folder of the same name in {folder.parent}"
        )
    config = _config(settings, checkpoint.shapes, tower)
    with torch.device("meta"):
        model = build(config)
    model = model.to(dtype).to_empty(device=device).eval()
    buffers_from_sizes(model, torch.device(device))
    _copy_weights(model, checkpoint, None if has_tower else tower)
    return model.requires_grad_(requires_grad=False)


def _copy_weights(model: Glamm, checkpoint: Checkpoint, tower: Path | None) -> None:
    """Copies every weight after `map_weights` has matched them all."""
    weights = model.state_dict()
    shapes = dict(checkpoint.shapes)
    tower_checkpoint: Checkpoint | None = None
    published_names: dict[str, str] = {}
    if tower is not None:
        tower_checkpoint = Checkpoint(tower)
        published_names, _ = tower_names(tower_checkpoint.shapes)
        shapes |= {
            published: tower_checkpoint.shapes[name] for name, published in published_names.items()
        }
    names = map_weights(
        {name: tuple(weight.shape) for name, weight in weights.items()}, shapes
    ).used
    for name, tensor in checkpoint:
        if name in names:
            weights[names[name]].copy_(tensor)
    for name, tensor in tower_checkpoint or ():
        if name in published_names:
            weights[names[published_names[name]]].copy_(tensor)


def save(model: Glamm, folder: Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes config.json and model.safetensors (published names, including CLIP), which `load`
    reads.

    The files of the tokenizer are written by `tokens.Tokenizer.save`.

    Args:
        model: the model.
        folder: the target, which is created if needed.
        dtype: the stored precision; None keeps the model's. `torch.bfloat16` halves the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {
        published_name(name): weight.detach().to("cpu", dtype or weight.dtype).contiguous()
        for name, weight in model.state_dict().items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    text = json.dumps(model.config.to_json(), indent=2, sort_keys=True)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
