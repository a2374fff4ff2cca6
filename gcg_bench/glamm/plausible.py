"""Sizes that some model can have: each alone, before anything is built or reckoned with them."""

from dataclasses import fields
from math import isfinite
from typing import Any

from gcg_bench.errors import BadData

_MOST = 2**24  # ten times the largest size of any model
_DEEPEST = 1024
_STACKED = frozenset({"num_hidden_layers", "decoder_layers", "levels", "rounds"})
_ACTIVATIONS = frozenset(
    {"quick_gelu", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu"}
)


def check_each(part: str, sizes: Any) -> None:
    """Nothing, if every size of a part of the model is one that some model can have.

    Args:
        part: what to call it.
        sizes: one of the dataclasses of `configuration`.

    Raises:
        BadData: names the first that is not.
    """
    for field in fields(sizes):
        value = getattr(sizes, field.name)
        if not _fits(field.name, value, sizes):
            raise BadData(f"cannot be {value!r:.40}", field=f"{part}.{field.name}")


def _fits(name: str, value: Any, sizes: Any) -> bool:
    if name == "select_layer":  # counts from either end of the hidden states
        return abs(int(value)) <= int(sizes.num_hidden_layers) + 1
    if name == "global_layers":
        return all(0 <= layer < sizes.num_hidden_layers for layer in value)
    if name == "hidden_act":
        return str(value) in _ACTIVATIONS
    if isinstance(value, bool):
        return True
    if isinstance(value, float):
        return isfinite(value) and value > 0
    return 1 <= int(value) <= (_DEEPEST if name in _STACKED else _MOST)
