"""Finds the layout of a record of predictions: tests the plug-ins of `layouts/` in order."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gcg_bench.files.fields import Faults
from gcg_bench.predictions.drafts import PredictionDraft
from gcg_bench.registry import module, names

_PACKAGE = "predictions.layouts"


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout plug-in; `layouts/__init__.py` explains the fields.

    Attributes:
        rank: layouts are tested in the order of their ranks.
        name: the file's name without `.py`; layouts with equal rank are tested in the order of
            names.
        description: one line, for messages.
        repairs: field -> how a prediction changes when the field cannot be read.
        recognises: whether a JSON object has this layout.
        read: the prediction in an object of this layout.
    """

    rank: int
    name: str
    description: str
    repairs: Mapping[str, str]
    recognises: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any], str, str | None, Faults], PredictionDraft]


@cache
def layouts() -> tuple[Layout, ...]:
    """All layouts, in the order in which they are tested."""
    plugins: list[tuple[str, Any]] = [
        (name, module(_PACKAGE, name, "prediction layout")) for name in names(_PACKAGE)
    ]
    return in_order(
        Layout(
            plugin.RANK,
            name,
            plugin.DESCRIPTION,
            plugin.REPAIRS,
            plugin.recognises,
            plugin.read,
        )
        for name, plugin in plugins
    )


def in_order(chosen: Iterable[Layout]) -> tuple[Layout, ...]:
    """Layouts by rank, then by name; the first layout that recognises a record reads it."""
    return tuple(sorted(chosen, key=lambda layout: (layout.rank, layout.name)))


def layout_of(record: Any) -> Layout | None:
    """The layout that reads a JSON value; None when no layout recognises it."""
    if not isinstance(record, dict):
        return None
    return next((layout for layout in layouts() if layout.recognises(record)), None)


def known_layouts() -> str:
    """The known layouts in a sentence, general ones first, as the remedy of an error."""
    return "Known are " + "; ".join(layout.description for layout in reversed(layouts()))


def repair_of(field: str) -> str | None:
    """How a prediction changes when a field cannot be read; None when it is left out.

    Layouts that share a field have the same text for it.
    """
    return next((layout.repairs[field] for layout in layouts() if field in layout.repairs), None)
