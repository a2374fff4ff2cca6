"""Lists all problems of prediction files, and writes a corrected copy.

An *error* is a problem that reading refuses. A *warning* is about content that is read unchanged.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gcg_bench.errors import BadData, BadMask, BadOption, EnvironmentProblem
from gcg_bench.files.fields import CollectedFaults
from gcg_bench.predictions import Known, Reading, read_predictions, write_line
from gcg_bench.predictions.identity import TwoImages
from gcg_bench.predictions.markup import clean
from gcg_bench.predictions.mask_oddities import MaskOddities
from gcg_bench.predictions.oddities import TextOddities, text_oddities
from gcg_bench.predictions.recognition import repair_of
from gcg_bench.types import EVERY_PART, Parts, Prediction

Sizes = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Repair:
    """The result of `fix`.

    Attributes:
        written: the number of predictions in the new file.
        changes: each error, with a short description of the correction.
    """

    written: int
    changes: tuple[tuple[BadData, str], ...]


def check(
    path: Path,
    *,
    sizes: Sizes | None = None,
    ids: Collection[str] | None = None,
    known: Sequence[Known] | None = None,
    reading: Reading | None = None,
    parts: Parts = EVERY_PART,
) -> list[tuple[str, BadData]]:
    """All problems of prediction files, in the order of reading: pairs of level and problem.

    Args:
        path: a file, a folder, or a run folder.
        sizes: query id -> (height, width) that masks must have; polygons need it.
        ids: the queries of the split; predictions for other queries, and queries without a
            prediction, are errors.
        known: the same queries with the other names of their images; their ids by default.
        reading: counts of what was read are added to it.
        parts: the parts of answers that are checked for unusual content.

    Raises:
        MissingData: there is nothing at `path`, or it cannot be opened.
    """
    faults = CollectedFaults()
    split = _split(ids, known)
    oddities, masks = TextOddities(parts.captions, parts.words), MaskOddities()
    predicted = set()
    counts = Reading() if reading is None else reading
    for prediction in _kept(path, sizes, split, faults, counts):
        predicted.add(prediction.id)
        oddities.add(prediction)
        masks.add(prediction)
    for absent in [query.id for query in split or () if query.id not in predicted]:
        faults.error(BadData("no prediction", file=path, image=absent, remedy="Predict it"))
    if doubt := counts.outlines.doubt():
        remedy = "Write coordinates in pixels of the image"
        faults.warning(BadData(doubt, file=path, remedy=remedy))
    for oddity in (*oddities.found(), *(masks.found() if parts.masks else ())):
        image = oddity.image or None
        faults.warning(BadData(oddity.problem, file=path, image=image, remedy=oddity.remedy))
    return faults.collected


def fix(
    path: Path,
    out: Path,
    *,
    sizes: Sizes | None = None,
    ids: Collection[str] | None = None,
    known: Sequence[Known] | None = None,
) -> Repair:
    """Writes the readable content of prediction files as JSON lines in the package's own format.

    Faulty parts are left out, as in `read_predictions`. Nothing is added: queries without a
    prediction still have none. Markup in captions and phrases is removed. Harmless variants (run
    lengths as lists or printed bytes, whole floats) are written in the canonical form.

    Args:
        path: a file, a folder, or a run folder; it is not changed.
        out: the file to write; it must not exist.
        sizes: as in `check`.
        ids: as in `check`; predictions for other queries are left out.
        known: as in `check`.

    Raises:
        BadOption: `out` exists already.
        BadData: no prediction can be read.
        MissingData: there is nothing at `path`.
        EnvironmentProblem: `out` cannot be written.
    """
    faults = CollectedFaults()
    lines, cleaned = [], []
    for prediction in _kept(path, sizes, _split(ids, known), faults, None):
        tidy = clean(prediction)
        lines.append(write_line(tidy) + "\n")
        if tidy != prediction:
            cleaned.append(prediction)
    if not lines:
        raise BadData("nothing in it can be read, so nothing was written", file=path)
    try:
        with out.open("xb") as stream:
            stream.writelines(line.encode("utf-8") for line in lines)
    except FileExistsError as error:
        raise BadOption(f"{out}: is there already, and is not written over") from error
    except OSError as error:
        raise EnvironmentProblem(f"{out}: cannot be written ({error})") from error
    changes = tuple(
        (fault, _repair(fault)) for level, fault in faults.collected if level == "error"
    )
    return Repair(len(lines), (*changes, *_cleaned(path, cleaned)))


def _cleaned(path: Path, predictions: Sequence[Prediction]) -> Iterator[tuple[BadData, str]]:
    """The correction of markup: one entry for all predictions with markup."""
    for oddity in text_oddities(predictions)[:1]:
        yield BadData(oddity.problem, file=path, image=oddity.image), "markup removed"


def _split(ids: Collection[str] | None, known: Sequence[Known] | None) -> Sequence[Known] | None:
    if known is not None or ids is None:
        return known
    return [Known(id_) for id_ in ids]


def _kept(
    path: Path,
    sizes: Sizes | None,
    known: Sequence[Known] | None,
    faults: CollectedFaults,
    reading: Reading | None,
) -> Iterator[Prediction]:
    """The predictions for queries of the split, as far as they can be read."""
    ids = None if known is None else {query.id for query in known}
    predictions = read_predictions(path, sizes=sizes, known=known, faults=faults, reading=reading)
    for prediction in predictions:
        if ids is None or prediction.id in ids:
            yield prediction
        else:
            remedy = "Is it the right data set and split?"
            if known:
                remedy += f" Its ids are such as {known[0].id!r:.80}"
            problem = "not in the split"
            faults.error(BadData(problem, file=path, image=prediction.id, remedy=remedy))


def _repair(fault: BadData) -> str:
    """How a prediction changes when its faulty part is left out, in a few words."""
    if isinstance(fault, TwoImages):
        decided = re.search(r"OUT uses (\w+)$", fault.remedy or "")
        return f"{decided[1]} used" if decided else "answer left out"
    if isinstance(fault, BadMask):
        return "mask left out"
    name = re.split(r"[.\[]", fault.field or "")[0]
    if not name and fault.phrase is not None:
        return "phrase left out"
    return repair_of(name) or "answer left out"
