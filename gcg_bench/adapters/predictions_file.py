"""Prediction files in place of a model: `--model predictions:PATH`."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from gcg_bench.adapters import Needs
from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.files.fields import RAISE_FAULTS
from gcg_bench.files.paths import anchored
from gcg_bench.predictions import (
    PredictionDraft,
    Reading,
    counted,
    finish,
    known_queries,
    prediction_files,
    query_sizes,
    read_drafts,
)
from gcg_bench.predictions.identity import identified
from gcg_bench.types import Model, Prediction, Query

NEEDS = Needs("prediction files in any published layout, or a run folder: predictions:PATH")

_MAX_IDS = 10  # ids in a message


class PredictionFile:
    """Answers with the files' prediction for an image; an image without one is a failure.

    Attributes:
        path: a file or folder, as `gcg_bench.predictions` reads it.
        reading: the warnings and counts of reading.
        settings: a digest of the content, so that a run is not resumed with changed files.

    Raises:
        MissingData: the files do not exist; raised when the object is created.
        BadData: the files are not predictions; raised when the object is created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reading = Reading()
        self._drafts = {draft.id: draft for draft in read_drafts(path, reading=self.reading)}
        self._ready: dict[str, Prediction] = {}
        self.settings: dict[str, Any] = {"predictions": digest_of(path)}

    def missing(self, ids: Iterable[str]) -> list[str]:
        """The ids that the files have no prediction for, in the given order."""
        return [id_ for id_ in ids if id_ not in self._drafts]

    def unknown_ids(self, ids: Iterable[str]) -> list[str]:
        """The ids in the files that are not among the given ids, in the files' order."""
        known = set(ids)
        return [id_ for id_ in self._drafts if id_ not in known]

    def prepare(
        self,
        queries: Sequence[Query],
        *,
        missing: Literal["error", "empty"] = "error",
        limited: bool = False,
    ) -> None:
        """Compares the files with the images, and checks all masks in one pass.

        Args:
            queries: all queries of the run.
            missing: `error` if an image without a prediction is an error now; otherwise it is a
                failure later.
            limited: whether the queries are a part of their split; then predictions for other
                images are allowed.

        Raises:
            MissingData: images have no prediction, and `missing` is `error`.
            BadData: a mask is invalid or does not have its image's size; or predictions belong to
                no query.
        """
        ids = [query.id for query in queries]
        self._identify(queries)
        absent, unknown = self.missing(ids), self.unknown_ids(ids)
        if unknown and not limited:
            raise BadData(
                f"{len(unknown)} predictions are for images that are not in the split:"
                f" {_id_list(unknown)}",
                file=self.path,
                remedy=f"Check --dataset and --split; ids of the split are such as {ids[:1]}",
            )
        if absent and missing == "error":
            raise MissingData(
                f"{self.path}: no prediction for {len(absent)} of {len(ids)} images:"
                f" {_id_list(absent)}. Add predictions, or count them as empty with --missing empty"
            )
        drafts = [self._drafts[id_] for id_ in ids if id_ in self._drafts]
        self._ready = {
            prediction.id: prediction
            for prediction in finish(
                drafts, query_sizes(queries), RAISE_FAULTS, self.reading.outlines.add
            )
        }

    def notes(self) -> list[str]:
        """Facts about the reading that the user must know, one sentence each."""
        return self.reading.sentences()

    def _identify(self, queries: Sequence[Query]) -> None:
        """Compares the names in the files with the names of the images, see `identified`."""
        drafts = list(self._drafts.values())
        counts = Reading()
        known = identified(drafts, known_queries(queries), RAISE_FAULTS, counts)
        self._drafts = {draft.id: draft for draft in counted(known, RAISE_FAULTS, Reading())}
        self.reading.remarks += counts.remarks

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        """The files' predictions; masks that `prepare` has not checked are checked now."""
        for query in queries:
            if query.id in self._ready:
                yield self._ready[query.id]
            elif query.id in self._drafts:
                yield _single_prediction(self._drafts[query.id], query)
            else:
                yield Prediction(query.id, error=f"no prediction in {self.path}")


def load(checkpoint: str | None = None) -> Model:
    """The predictions at a path.

    Raises:
        BadOption: there is no path.
        MissingData: the files do not exist.
        BadData: the files are not predictions.
    """
    if not checkpoint:
        raise BadOption("give the prediction files: --model predictions:PATH")
    return PredictionFile(anchored(Path(checkpoint)))


def _single_prediction(draft: PredictionDraft, query: Query) -> Prediction:
    (prediction,) = finish([draft], query_sizes([query]), RAISE_FAULTS)
    return prediction


def _id_list(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:_MAX_IDS])) + (", ..." if len(ids) > _MAX_IDS else "")


def digest_of(path: Path) -> str:
    """16 hexadecimal digits of a hash of the names and contents of the files."""
    state = hashlib.sha256()
    for file in prediction_files(path):
        with file.open("rb") as stream:
            state.update(hashlib.file_digest(stream, "sha256").digest())
        state.update(os.fsencode(file.name))
    return state.hexdigest()[:16]
