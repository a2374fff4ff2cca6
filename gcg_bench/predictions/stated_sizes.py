"""The sizes of images that prediction files state: the sizes of their run-length masks.

They are used when there is no other source of a size. So a data set whose annotations state no
sizes can be scored without its pictures.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData
from gcg_bench.files.fields import CollectedFaults
from gcg_bench.masks.numbers import checked_size
from gcg_bench.predictions import read_drafts
from gcg_bench.predictions.drafts import PredictionDraft, Size


@dataclass(slots=True)
class StatedSizes:
    """The sizes that prediction files state, read on request.

    Attributes:
        path: a file, a folder, or a run folder.
        used: whether the sizes were requested.
    """

    path: Path
    used: bool = False
    _sizes: dict[str, Size] = field(default_factory=dict)

    def __call__(self) -> dict[str, Size]:
        """Query id -> (height, width) of its first mask of run lengths, for queries with one.

        Raises:
            MissingData: `path` does not exist, or cannot be opened.
        """
        if not self.used:
            drafts = read_drafts(self.path, faults=CollectedFaults())
            sizes = ((draft.id, _size(draft)) for draft in drafts)
            self._sizes = {id_: size for id_, size in sizes if size is not None}
            self.used = True
        return self._sizes


def _size(draft: PredictionDraft) -> Size | None:
    masks: list[Any] = [mask for phrase in draft.phrases for _, mask in phrase.masks]
    for mask in masks:
        if isinstance(mask, dict) and "size" in mask:
            try:
                return checked_size(mask["size"], "size")
            except BadData:
                continue
    return None
