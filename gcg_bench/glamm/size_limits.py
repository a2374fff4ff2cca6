"""Limits of each single size of a model, checked before a model is built or its cost computed."""

from dataclasses import fields
from math import isfinite
from typing import Any

from gcg_bench.errors import BadData

_MAX_SIZE = 2**24  # ten times the largest size of any model
_MAX_DEPTH = 1024
_DEPTHS = frozenset({"num_hidden_layers", "decoder_layers", "levels", "rounds"})
_ACTIVATIONS = frozenset(
    {"quick_gelu", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu"}
)


def check_sizes(part: str, sizes: Any) -> None:
    """Checks that each size of a part of the model is one that a model can have.

    Args:
        part: the name of the part, for messages.
        sizes: one of the dataclasses of `configuration`.

    Raises:
        BadData: names the first impossible size.
    """
    for field in fields(sizes):
        value = getattr(sizes, field.name)
        if not _is_possible(field.name, value, sizes):
            raise BadData(f"cannot be {value!r:.40}", field=f"{part}.{field.name}")


def _is_possible(name: str, value: Any, sizes: Any) -> bool:
    if name == "select_layer":  # an index from either end of the hidden states
        return abs(int(value)) <= int(sizes.num_hidden_layers) + 1
    if name == "global_layers":
        return all(0 <= layer < sizes.num_hidden_layers for layer in value)
    if name == "hidden_act":
        return str(value) in _ACTIVATIONS
    if isinstance(value, bool):
        return True
    if isinstance(value, float):
        return isfinite(value) and value > 0
    return 1 <= int(value) <= (_MAX_DEPTH if name in _DEPTHS else _MAX_SIZE)
