"""Which layout a record of predictions has: the plug-ins of `layouts/`, asked in a fixed order."""

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
    """A layout plug-in; `layouts/__init__.py` says what each field means.

    Attributes:
        rank: its place in the order in which layouts are asked.
        name: the file's name without `.py`; of layouts with equal rank the first by name is asked
            first.
        description: one line, for messages.
        repairs: field -> what becomes of a prediction when the field cannot be read.
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
    """All layouts, in the order in which they are asked."""
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
    """Layouts by rank, then by name: of those that recognise a record, the first one reads it."""
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
    """What becomes of a prediction when a field cannot be read; None when it is left out whole.

    Where layouts share a field, they say the same of it.
    """
    return next((layout.repairs[field] for layout in layouts() if field in layout.repairs), None)
