"""Everything that is wrong or odd in prediction files, found in one go, and what can be saved.

An *error* is what reading refuses. A *warning* is read as it stands, but a reader should know.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gcg_bench.errors import BadData, BadMask, BadOption, EnvironmentProblem
from gcg_bench.files.fields import CollectedFaults
from gcg_bench.predictions import Reading, read_predictions, write_line
from gcg_bench.types import Prediction

Sizes = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Repair:
    """What `fix` did.

    Attributes:
        written: answers in the new file.
        changes: each error that was found, and what was done about it in a few words.
    """

    written: int
    changes: tuple[tuple[BadData, str], ...]


def check(
    path: Path,
    *,
    sizes: Sizes | None = None,
    ids: Collection[str] | None = None,
    reading: Reading | None = None,
) -> list[tuple[str, BadData]]:
    """Every problem in prediction files, in the order it is met: pairs of level and problem.

    Args:
        path: a file, a folder, or a run folder.
        sizes: image id -> (height, width) that masks must have; polygons need it.
        ids: the images of the split; answers to others and images without an answer are errors.
        reading: is filled with counts of what was met.

    Raises:
        MissingData: there is nothing at `path`, or it cannot be opened.
    """
    faults = CollectedFaults()
    answered = {found.id for found in _kept(path, sizes, ids, faults, reading)}
    for absent in [] if ids is None else [id_ for id_ in ids if id_ not in answered]:
        faults.error(BadData("no prediction", file=path, image=absent, remedy="Predict it"))
    return faults.collected


def fix(
    path: Path, out: Path, *, sizes: Sizes | None = None, ids: Collection[str] | None = None
) -> Repair:
    """Writes what can be read of prediction files as our JSON lines.

    Faulty parts are left out, as `read_predictions` says; nothing is made up, and images without
    an answer stay without. Harmless variants (run lengths as lists or printed bytes, whole floats)
    come out in the one canonical form.

    Args:
        path: a file, a folder, or a run folder; it is not changed.
        out: the file to write; must not be there.
        sizes: as in `check`.
        ids: as in `check`; answers to other images are left out.

    Raises:
        BadOption: `out` is there already.
        BadData: nothing can be read.
        MissingData: there is nothing at `path`.
        EnvironmentProblem: `out` cannot be written.
    """
    faults = CollectedFaults()
    lines = [write_line(found) + "\n" for found in _kept(path, sizes, ids, faults, None)]
    if not lines:
        raise BadData("nothing in it can be read, so nothing was written", file=path)
    try:
        with out.open("xb") as stream:
            stream.writelines(line.encode("utf-8") for line in lines)
    except FileExistsError as error:
        raise BadOption(f"{out}: is there already, and is not written over") from error
    except OSError as error:
        raise EnvironmentProblem(f"{out}: cannot be written ({error})") from error
    changes = tuple((fault, _done(fault)) for level, fault in faults.collected if level == "error")
    return Repair(len(lines), changes)


def _kept(
    path: Path,
    sizes: Sizes | None,
    ids: Collection[str] | None,
    faults: CollectedFaults,
    reading: Reading | None,
) -> Iterator[Prediction]:
    """The answers, as far as they can be read, to images of the split."""
    known = None if ids is None else set(ids)
    for found in read_predictions(path, sizes=sizes, faults=faults, reading=reading):
        if known is None or found.id in known:
            yield found
        else:
            remedy = "Is it the right data set and split?"
            fault = BadData("not an image of the split", file=path, image=found.id, remedy=remedy)
            faults.error(fault)


_DONE = {
    "no mask": {"mask", "masks", "pred_masks", "segmentation"},
    "set to null": {"error", "raw", "score", "seconds", "segments_info", "span", "text"},
    "made empty": {"caption", "gcg_caption", "phrases", "gcg_phrases"},
    "paired by position": {"phrase_seg_counts"},
    "set to false": {"crowd"},
}


def _done(fault: BadData) -> str:
    """What leaving out the faulty part comes to."""
    if isinstance(fault, BadMask):
        return "mask left out"
    name = re.split(r"[.\[]", fault.field or "")[0]
    if not name and fault.phrase is not None:
        return "phrase left out"
    return next((what for what, fields in _DONE.items() if name in fields), "answer left out")
