"""Published checkpoints into our model, and ours back into the published names, with an account.

Every entry of a checkpoint is loaded or listed with the reason for leaving it; an entry left over,
missing or of another shape is an error. Published checkpoints usually lack CLIP (their merge script
drops it) and mix precisions; both are expected.
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
class Account:
    """What became of a checkpoint's entries.

    Attributes:
        used: published name -> our name, for every weight loaded.
        ignored: published name -> why it is deliberately not loaded.
    """

    used: Mapping[str, str]
    ignored: Mapping[str, str]


def account(wanted: Mapping[str, Shape], offered: Mapping[str, Shape]) -> Account:
    """Matches our weights with a checkpoint's entries, by name and shape.

    Args:
        wanted: our name -> shape.
        offered: published name -> shape.

    Raises:
        BadData: an entry is left over, missing or of another shape; the message counts them and
            names the first few.
    """
    names = {published_name(ours): ours for ours in wanted}
    ignored = {name: reason for name in offered if (reason := reason_to_ignore(name))}
    left = sorted(set(offered) - set(names) - set(ignored))
    missing = sorted(set(names) - set(offered))
    other = sorted(
        name
        for name in set(names) & set(offered)
        if tuple(offered[name]) != tuple(wanted[names[name]])
    )
    problems = [
        _few("left over", left),
        _few("missing", missing),
        _few(
            "of another shape",
            [f"{name} {offered[name]} for {wanted[names[name]]}" for name in other],
        ),
    ]
    if left or missing or other:
        raise BadData(
            "; ".join(filter(None, problems)),
            field="weights",
            remedy="This is not a checkpoint of these sizes, or of this model",
        )
    return Account(names, ignored)


def _few(kind: str, names: list[str]) -> str:
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} {kind}: {shown}" if names else ""


def read_config(folder: Path, *, tower: Path | None = None) -> GlammConfig:
    """The sizes of a checkpoint folder: config.json, completed by CLIP's own and by the weights.

    Args:
        folder: holds config.json and the weights.
        tower: a CLIP folder; None looks at the name in config.json (see `find_tower`).

    Raises:
        MissingData: config.json, the weights or the needed CLIP folder are not there.
        BadData: something there cannot be what it should be.
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
    """The CLIP folder that config.json names, sought beside and inside the checkpoint, or None."""
    for field in ("mm_vision_tower", "vision_tower"):
        name = settings.get(field)
        if not isinstance(name, str) or not name or has_control(name) or too_long(name):
            continue
        last = name.rstrip("/").rsplit("/", 1)[-1]
        for place in (Path(name), folder.parent / last, folder / last):
            if (place / "config.json").is_file():
                return place
    return None


def load(
    folder: Path,
    *,
    tower: Path | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Glamm:
    """A checkpoint folder as a model in evaluation mode, every weight in `dtype` on `device`.

    Give the precision here: casting the model later would round the rotary frequencies too.

    Args:
        folder: config.json and weights, in any of `weights.LAYOUTS`.
        tower: a CLIP folder, for checkpoints without a tower that is not found by its name.

    Raises:
        MissingData: a file that is needed is not there, with what to put where.
        BadData: entries that do not match the sizes, or files that cannot be read.
    """
    settings = read_json(folder / "config.json")
    checkpoint = Checkpoint(folder)
    tower = tower or find_tower(folder, settings)
    own_tower = any(name.startswith(TOWER) for name in checkpoint.shapes)
    if not own_tower and tower is None:
        raise MissingData(
            f"{folder} holds no CLIP weights, and its CLIP "
            f"{settings.get('mm_vision_tower', settings.get('vision_tower'))!r} is not beside it; "
            f"download that model into a folder of its last name in {folder.parent}"
        )
    config = _config(settings, checkpoint.shapes, tower)
    with torch.device("meta"):
        model = build(config)
    model = model.to(dtype).to_empty(device=device).eval()
    buffers_from_sizes(model, torch.device(device))
    _fill(model, checkpoint, None if own_tower else tower)
    return model.requires_grad_(requires_grad=False)


def _fill(model: Glamm, checkpoint: Checkpoint, tower: Path | None) -> None:
    """Copies every weight into its place after the account has found them all."""
    weights = model.state_dict()
    offered = dict(checkpoint.shapes)
    aside: Checkpoint | None = None
    kept: dict[str, str] = {}
    if tower is not None:
        aside = Checkpoint(tower)
        kept, _ = tower_names(aside.shapes)
        offered |= {published: aside.shapes[name] for name, published in kept.items()}
    names = account({name: tuple(w.shape) for name, w in weights.items()}, offered).used
    for name, tensor in checkpoint:
        if name in names:
            weights[names[name]].copy_(tensor)
    for name, tensor in aside or ():
        if name in kept:
            weights[names[kept[name]]].copy_(tensor)


def save(model: Glamm, folder: Path, *, dtype: torch.dtype | None = None) -> None:
    """Writes config.json and model.safetensors (published names, CLIP included) that `load` reads.

    The tokenizer's files are not the model's to write; see `tokens.Tokenizer.save`.

    Args:
        dtype: the precision to store; None keeps the model's. `torch.bfloat16` halves the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {
        published_name(name): weight.detach().to("cpu", dtype or weight.dtype).contiguous()
        for name, weight in model.state_dict().items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    text = json.dumps(model.config.to_json(), indent=2, sort_keys=True)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
