"""Stores the rows of the parts of a split: in memory for one part, else one file a part.

Rows of a whole split are joined in one parquet file, group by group, and read metric by metric.
"""

import shutil
import tempfile
import weakref
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Self
from uuid import uuid4

import numpy as np

from gcg_bench.runs import tables
from gcg_bench.runs.files import make_folder
from gcg_bench.runs.tables import RowsOnDisk
from gcg_bench.types import Rows

PREFIX = ".scoring-"
"""The first characters of the names of temporary folders."""


def remove_temporary(folder: Path) -> None:
    """Removes temporary folders of killed processes; only the holder of the lock may call this."""
    for left in folder.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)


class RowStore:
    """Takes the rows of parts and gives them back in the order of the parts.

    Args:
        folder: where files are written; None for rows that stay in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._kept: dict[tuple[str, int], Mapping[str, Rows]] = {}

    @classmethod
    def temporary(cls, where: Path | None) -> Self:
        """A store in a new folder, which is removed with the store.

        Args:
            where: the parent of the new folder; by default the system's folder of temporary files.

        Raises:
            EnvironmentProblem: the folder cannot be written.
        """
        if where is not None:
            make_folder(where)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=where))
        store = cls(folder)
        weakref.finalize(store, shutil.rmtree, folder, ignore_errors=True)
        return store

    def put(self, kind: str, part: int, rows: Mapping[str, Rows]) -> None:
        """Takes the rows of some metrics over one part."""
        if not rows:
            return
        if self.folder is None:
            self._kept[kind, part] = rows
            return
        # two nodes may measure a part at the same time, when one is wrongly considered lost
        unfinished = self.folder / f".{kind}.{part:06}.{uuid4().hex}"
        tables.write(unfinished, rows)
        unfinished.replace(self.folder / f"{kind}.{part:06}.parquet")

    def parts(self, kind: str) -> Iterator[Mapping[str, Rows]]:
        """The rows of each part that has some."""
        if self.folder is None:
            yield from (rows for (name, _), rows in self._kept.items() if name == kind)
            return
        for file in sorted(self.folder.glob(f"{kind}.*.parquet")):
            yield tables.read(file)

    def joined(self, kind: str) -> dict[str, Rows]:
        """The rows over all parts, in memory."""
        parts = list(self.parts(kind))
        if len(parts) == 1:
            return dict(parts[0])
        return {name: _joined([rows[name] for rows in parts]) for name in parts[0]}

    def whole(self, kinds: Sequence[str], metrics: Sequence[str], *, images: bool) -> RowsOnDisk:
        """The rows of several kinds side by side, over all parts, in one file.

        Args:
            kinds: the kinds of rows, e.g. `FOLDER.first` and `FOLDER.second`.
            metrics: the metrics, in the order of the file.
            images: whether the file contains the image of each query.
        """
        assert self.folder is not None
        file = self.folder / f"{kinds[0]}.parquet"
        sides = [self.parts(kind) for kind in kinds if self._has(kind)]
        together = (ChainMap(*map(dict, rows)) for rows in zip(*sides, strict=True))
        ordered = ({name: rows[name] for name in metrics} for rows in together)
        tables.write_parts(file, ordered, images=images)
        return RowsOnDisk(file, metrics, self)

    def _has(self, kind: str) -> bool:
        assert self.folder is not None
        return any(self.folder.glob(f"{kind}.*.parquet"))


def _joined(parts: Sequence[Rows]) -> Rows:
    counted = None
    if any(rows.counted is not None for rows in parts):
        flags = (np.ones(len(r), dtype=bool) if r.counted is None else r.counted for r in parts)
        counted = np.concatenate(list(flags))
    columns = {
        name: np.concatenate([rows.columns[name] for rows in parts]) for name in parts[0].columns
    }
    ids = tuple(chain.from_iterable(rows.ids for rows in parts))
    return Rows(ids, columns, tuple(chain.from_iterable(rows.images for rows in parts)), counted)
