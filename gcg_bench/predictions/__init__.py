"""Reads prediction files of any origin; their content decides the layout.

Form of the files     where the id of a prediction stands
JSON lines            in each line: ours (`id`), or published records (`image_id`)
run folder            in the lines of its predictions.jsonl
folder                in the name of each file; a record may lie one level under an arbitrary key
one JSON list         in each entry (`image_id`)
one JSON object       in the key of each entry

The plug-ins in `layouts/` define the content of a record.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from gcg_bench.errors import BadData
from gcg_bench.files.fields import RAISE_FAULTS, Faults
from gcg_bench.predictions.drafts import PredictionDraft, Size, finish, query_sizes
from gcg_bench.predictions.identity import Known, identified, known_queries
from gcg_bench.predictions.joining import joined
from gcg_bench.predictions.layouts.lines import write_line
from gcg_bench.predictions.locating import prediction_files
from gcg_bench.predictions.reading import Reading
from gcg_bench.predictions.walking import drafts_in
from gcg_bench.types import Prediction

__all__ = [
    "Known",
    "PredictionDraft",
    "Reading",
    "counted",
    "finish",
    "known_queries",
    "prediction_files",
    "query_sizes",
    "read_drafts",
    "read_predictions",
    "write_line",
]

_CHUNK = 1024  # predictions whose masks are checked in one call


class _PassedOn(Faults):
    """Faults that passes errors on to a function."""

    def __init__(self, on_problem: Callable[[BadData], None]) -> None:
        self._on_problem = on_problem

    def error(self, fault: BadData) -> None:
        self._on_problem(fault)


def read_predictions(
    path: Path | str,
    *,
    sizes: Mapping[str, Size] | None = None,
    known: Sequence[Known] | None = None,
    on_problem: Callable[[BadData], None] | None = None,
    faults: Faults = RAISE_FAULTS,
    reading: Reading | None = None,
) -> Iterator[Prediction]:
    """The predictions in a file or folder, in order; the files of a folder are sorted by name.

    Args:
        path: a file, a folder, or a run folder.
        sizes: query id -> (height, width) that the masks must have; polygons can be read only for
            queries that are listed.
        known: the queries of the split. If given, the names of images in the records are compared
            with the split, and the field and the form of name that match are used, see `identity`.
        on_problem: is called with each problem. Then reading continues without the faulty part: a
            mask is left out, a score or a span becomes None, text becomes empty, and a prediction
            is left out when its id cannot be read or was read before. By default the first problem
            is raised.
        faults: replaces `on_problem`; also takes warnings.
        reading: counts of what was read are added to it.

    Raises:
        MissingData: `path` does not exist, or cannot be opened.
        BadData: the first problem, unless `on_problem` or `faults` is given.
    """
    taker = faults if on_problem is None else _PassedOn(on_problem)
    counts = Reading() if reading is None else reading
    drafts = read_drafts(Path(path), known=known, faults=taker, reading=counts)
    while chunk := list(islice(drafts, _CHUNK)):
        yield from finish(chunk, sizes, taker, counts.outlines.add)


def read_drafts(
    path: Path,
    *,
    known: Sequence[Known] | None = None,
    faults: Faults = RAISE_FAULTS,
    reading: Reading | None = None,
) -> Iterator[PredictionDraft]:
    """The predictions, with masks that are still JSON values; `finish` converts them.

    For callers that learn the sizes of the images later. Arguments and errors are as in
    `read_predictions`.
    """
    counts = Reading() if reading is None else reading
    written = counts.outlines.compacted(drafts_in(path, faults, counts))
    drafts: Iterable[PredictionDraft] = joined(written, faults, counts)
    if known is not None:
        drafts = identified(list(drafts), known, faults, counts)
    yield from counted(drafts, faults, counts)


def counted(
    drafts: Iterable[PredictionDraft], faults: Faults, reading: Reading
) -> Iterator[PredictionDraft]:
    """The first draft of each image, counted; a further draft is an error for `faults`."""
    seen: dict[str, object] = {}
    for draft in drafts:
        if draft.id in seen:
            problem = f"has an answer already, in {seen[draft.id]}"
            remedy = "Keep one answer for each id"
            faults.error(BadData(problem, file=draft.file, image=draft.id, remedy=remedy))
            continue
        seen[draft.id] = draft.file
        reading.count(draft, faults)
        yield draft
