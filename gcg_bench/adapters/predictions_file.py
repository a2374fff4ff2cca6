"""Somebody's prediction files in the place of a model: `--model predictions:PATH`."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from gcg_bench.adapters import Needs
from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.files.fields import RAISE_FAULTS
from gcg_bench.predictions import Draft, Reading, finish, prediction_files, read_drafts
from gcg_bench.types import Model, Prediction, Query

NEEDS = Needs("prediction files in any published layout, or a run folder: predictions:PATH")

_SHOWN = 10  # ids in a message


class PredictionFile:
    """Answers with what files hold for the image; an image that is not in them is a failure.

    Attributes:
        path: a file or folder, as `gcg_bench.predictions` reads it.
        reading: what was met in it.
        settings: a digest of the content, so that a run is not resumed from files that changed.

    Raises:
        MissingData, BadData: when built, if the files are not there or not predictions.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reading = Reading()
        self._drafts = {draft.id: draft for draft in read_drafts(path, reading=self.reading)}
        self._ready: dict[str, Prediction] = {}
        self.settings: dict[str, Any] = {"predictions": _digest(path)}

    def missing(self, ids: Iterable[str]) -> list[str]:
        """The ids that the files have no answer for, in their order."""
        return [id_ for id_ in ids if id_ not in self._drafts]

    def strangers(self, ids: Iterable[str]) -> list[str]:
        """The files' ids that are not among these, in the files' order."""
        known = set(ids)
        return [id_ for id_ in self._drafts if id_ not in known]

    def prepare(
        self,
        queries: Sequence[Query],
        *,
        missing: Literal["error", "empty"] = "error",
        limited: bool = False,
    ) -> None:
        """Holds the files against the images, and proves all masks in one go.

        Args:
            queries: all that will be asked.
            missing: whether images without an answer are an error here, or failures later.
            limited: the queries are only some of their split, so answers to others are expected.

        Raises:
            MissingData: images without an answer, when that is an error.
            BadData: a mask is none, or not of its image's size; answers to no query.
        """
        ids = [query.id for query in queries]
        absent, strange = self.missing(ids), self.strangers(ids)
        if strange and not limited:
            raise BadData(
                f"{len(strange)} answers are to images that are not in the split: {_some(strange)}",
                file=self.path,
                remedy="Is it the right data set and split?",
            )
        if absent and missing == "error":
            raise MissingData(
                f"{self.path}: no prediction for {len(absent)} of {len(ids)} images:"
                f" {_some(absent)}. Predict them, or count them as empty with --missing empty"
            )
        drafts = [self._drafts[id_] for id_ in ids if id_ in self._drafts]
        self._ready = {found.id: found for found in finish(drafts, _sizes(queries), RAISE_FAULTS)}

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        """The files' answers; masks that `prepare` has not seen are checked now."""
        for query in queries:
            if query.id in self._ready:
                yield self._ready[query.id]
            elif query.id in self._drafts:
                yield _finished(self._drafts[query.id], query)
            else:
                yield Prediction(query.id, error=f"no prediction in {self.path}")


def load(checkpoint: str | None = None) -> Model:
    """The predictions at a path.

    Raises:
        BadOption: no path.
        MissingData, BadData: the files are not there or not predictions.
    """
    if not checkpoint:
        raise BadOption("say which prediction files: --model predictions:PATH")
    return PredictionFile(Path(checkpoint))


def _finished(draft: Draft, query: Query) -> Prediction:
    (found,) = finish([draft], _sizes([query]), RAISE_FAULTS)
    return found


def _sizes(queries: Sequence[Query]) -> dict[str, tuple[int, int]]:
    return {query.id: (query.image.height, query.image.width) for query in queries}


def _some(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:_SHOWN])) + (", ..." if len(ids) > _SHOWN else "")


def _digest(path: Path) -> str:
    """16 hexadecimal digits of the names and contents of the files that are read."""
    state = hashlib.sha256()
    for file in prediction_files(path):
        with file.open("rb") as stream:
            state.update(hashlib.file_digest(stream, "sha256").digest())
        state.update(os.fsencode(file.name))
    return state.hexdigest()[:16]
