"""Prediction files, whoever wrote them: recognised from their content and read through one door.

Layout             where the image id stands
JSON lines         in each line: ours (`id`), or published records (`image_id`)
run folder         its predictions.jsonl
folder             the name of each file; records may be nested one level under an arbitrary key
one JSON list      `image_id` of each entry
one JSON object    its keys
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from gcg_bench.errors import BadData
from gcg_bench.files.fields import RAISE_FAULTS, Faults
from gcg_bench.predictions.drafts import Draft, Size, finish
from gcg_bench.predictions.jsonl import write_line
from gcg_bench.predictions.layouts import drafts_in, prediction_files
from gcg_bench.predictions.reading import Reading
from gcg_bench.types import Prediction

__all__ = [
    "Draft",
    "Reading",
    "finish",
    "prediction_files",
    "read_drafts",
    "read_predictions",
    "write_line",
]

_CHUNK = 1024  # images whose masks are proved in one call


class _Told(Faults):
    """Faults that hands errors to a function."""

    def __init__(self, on_problem: Callable[[BadData], None]) -> None:
        self._on_problem = on_problem

    def error(self, fault: BadData) -> None:
        self._on_problem(fault)


def read_predictions(
    path: Path,
    *,
    sizes: Mapping[str, Size] | None = None,
    on_problem: Callable[[BadData], None] | None = None,
    faults: Faults = RAISE_FAULTS,
    reading: Reading | None = None,
) -> Iterator[Prediction]:
    """The predictions in a file or folder, in its order; a folder's files by name.

    Args:
        path: a file, a folder, or a run folder.
        sizes: image id -> (height, width); masks must have exactly this size. Polygons can be
            read only for images that are listed.
        on_problem: takes each problem, after which reading goes on without the faulty part: a mask
            is left out, a score or a span becomes None, text becomes empty, and an answer whose id
            cannot be read, or was read before, is left out. By default the first problem raises.
        faults: in the place of `on_problem`, and told of oddities too.
        reading: is filled with counts of what was met.

    Raises:
        MissingData: there is nothing at `path`, or it cannot be opened.
        BadData: the first problem, unless somebody takes them.
    """
    told = faults if on_problem is None else _Told(on_problem)
    drafts = read_drafts(path, faults=told, reading=reading)
    while chunk := list(islice(drafts, _CHUNK)):
        yield from finish(chunk, sizes, told)


def read_drafts(
    path: Path, *, faults: Faults = RAISE_FAULTS, reading: Reading | None = None
) -> Iterator[Draft]:
    """The answers with their masks still as JSON values, of which `finish` makes predictions.

    For callers who learn the sizes of the images later. Arguments and errors are those of
    `read_predictions`.
    """
    met = Reading() if reading is None else reading
    seen: dict[str, str] = {}
    for draft in drafts_in(path, faults, met):
        if draft.id in seen:
            problem = f"the image has an answer already, in {seen[draft.id]}"
            remedy = "Keep one answer an image"
            faults.error(BadData(problem, file=draft.file, image=draft.id, remedy=remedy))
            continue
        seen[draft.id] = draft.file
        met.count(draft, faults)
        yield draft
