"""Random access to a run's predictions: compact arrays with the position of each query's line.

An index of n predictions takes 20 bytes a prediction: the first eight bytes of the BLAKE2b hash of
the id, its row in the files, and the position where its line ends. The ids themselves stay on
disk; a line that is looked up is compared with the id that was asked for.
"""

import hashlib
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits
from gcg_bench.files.fields import RAISE_FAULTS
from gcg_bench.predictions import finish
from gcg_bench.predictions.drafts import PredictionDraft, Size
from gcg_bench.predictions.run_parts import run_parts
from gcg_bench.predictions.walking import is_incomplete, line_drafts
from gcg_bench.types import Prediction

_TOGETHER = 512  # predictions whose masks are checked in one call
_OPEN = 200  # files that are open at a time
# how a line of a run begins, unless the id has escapes
_ID = re.compile(rb'\{"id": "([^"\\]+)"[,}]')


class RunIndex:
    """The position of each query's line in the files of a run.

    It describes the run at the time when the index was made. Predictions that are added later are
    not in it. It becomes invalid when lines are replaced (failed queries asked again, edits
    accepted) or when `predictions.jsonl` is split into parts.

    Attributes:
        folder: the run folder.
        files: the files of the run's predictions, in their order.
        is_torn: whether the last line is incomplete; it is not in the index.
    """

    def __init__(self, folder: Path) -> None:
        """Reads the files of a run once; an incomplete last line is left out.

        Raises:
            BadData: a query has two predictions, a line is too long or holds no id, or the numbers
                of the files have a gap or a repetition.
            MissingData: a file cannot be read.
        """
        self.folder = folder
        self.files = tuple(run_parts(folder))
        hashes, ends, firsts = array("Q"), array("Q"), [0]
        self.is_torn = False
        try:
            for number, file in enumerate(self.files, 1):
                # each line of a file is a row: a run has no empty lines
                self.is_torn = _scan(file, number == len(self.files), hashes, ends)
                firsts.append(len(hashes))
        except OSError as error:
            raise MissingData(f"{folder}: cannot be read ({error})") from error
        self._firsts = firsts  # the row of each file's first line, and the number of rows
        self._ends = np.frombuffer(ends, np.uint64)  # of each line in its file, row by row
        unsorted = np.frombuffer(hashes, np.uint64)
        self._rows = np.argsort(unsorted, kind="stable").astype(np.uint32)
        self._hashes = unsorted[self._rows]  # sorted
        self._refuse_repeated()

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, str) and not self.absent([id_])

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self._hashes.nbytes + self._rows.nbytes + self._ends.nbytes

    def ids(self) -> Iterator[str]:
        """All ids in the order of the files, which are read again."""
        with _Lines(self) as lines:
            for row in range(len(self)):
                yield lines.id(row)

    def absent(self, ids: Iterable[str]) -> list[str]:
        """The ids, of those given, that have no prediction, in the same order."""
        with _Lines(self) as lines:
            return [id_ for id_ in ids if self._row(id_, lines) is None]

    def lines(self, ids: Iterable[str], files: "OpenFiles | None" = None) -> Iterator[bytes]:
        """The lines of some queries in the order of `ids`, each with its line break.

        Args:
            ids: queries that have a prediction.
            files: reads the files; several indexes that are read in turn can share it.

        Raises:
            MissingData: a query has no prediction.
        """
        with _Lines(self, files) as lines:
            for id_ in ids:
                yield lines.line(self._known_row(id_, lines)).rstrip(b"\r\n") + b"\n"

    def predictions(
        self, ids: Iterable[str], *, sizes: Mapping[str, Size] | None = None
    ) -> Iterator[Prediction]:
        """The predictions of some queries in the order of `ids`.

        Args:
            ids: queries that have a prediction; an order like that of the files is fastest.
            sizes: query id -> (height, width) that masks must have.

        Raises:
            MissingData: a query has no prediction.
            BadData: a line is damaged; names the line.
        """
        wanted = iter(ids)
        with _Lines(self) as lines:
            while some := list(islice(wanted, _TOGETHER)):
                drafts = [lines.draft(self._known_row(id_, lines)) for id_ in some]
                yield from finish(drafts, sizes, RAISE_FAULTS)

    def place(self, row: int) -> tuple[Path, int, int, int]:
        """The file of a row, the number of the line in it, the line's first byte and its end."""
        part = int(np.searchsorted(self._firsts, row, side="right")) - 1
        first = self._firsts[part]
        start = 0 if row == first else int(self._ends[row - 1])
        return self.files[part], row - first + 1, start, int(self._ends[row])

    def _known_row(self, id_: str, lines: "_Lines") -> int:
        row = self._row(id_, lines)
        if row is None:
            raise MissingData(f"{self.folder}: has no prediction of {id_!r}")
        return row

    def _row(self, id_: str, lines: "_Lines") -> int | None:
        """The row of a query: among the rows with the hash of its id, the row with that id."""
        wanted = np.uint64(_hash(id_.encode("utf-8", "surrogatepass")))
        return next((row for row in self._rows_of(wanted) if lines.id(row) == id_), None)

    def _rows_of(self, hash_: np.uint64) -> list[int]:
        """The rows of a hash, sorted."""
        begin = int(np.searchsorted(self._hashes, hash_, side="left"))
        end = int(np.searchsorted(self._hashes, hash_, side="right"))
        return [int(row) for row in self._rows[begin:end]]

    def _refuse_repeated(self) -> None:
        """Raises BadData when two lines have the same id; different ids may have the same hash."""
        equal = np.flatnonzero(self._hashes[1:] == self._hashes[:-1])
        with _Lines(self) as lines:
            for hash_ in np.unique(self._hashes[equal]):
                seen: dict[str, int] = {}
                for row in self._rows_of(hash_):
                    first = seen.setdefault(lines.id(row), row)
                    if first != row:
                        raise self._repeated(lines.id(row), first, row)

    def _repeated(self, id_: str, first: int, row: int) -> BadData:
        file, number, _, _ = self.place(first)
        return BadData(
            f"has an answer already, in {file}:{number}",
            file="{}:{}".format(*self.place(row)),
            image=id_,
            remedy="Keep one answer for each id",
        )


class OpenFiles:
    """Files that stay open between reads, in a `with` block."""

    def __init__(self) -> None:
        self._open: dict[Path, BinaryIO] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def read(self, file: Path, start: int, end: int) -> bytes:
        """The bytes of a file from one position to another."""
        if file not in self._open:
            if len(self._open) >= _OPEN:
                self._stack.close()
                self._open.clear()
            self._open[file] = self._stack.enter_context(file.open("rb"))
        stream = self._open[file]
        if stream.tell() != start:
            stream.seek(start)
        return stream.read(end - start)


class _Lines:
    """The lines of a run's files by row, in a `with` block."""

    def __init__(self, index: RunIndex, files: OpenFiles | None = None) -> None:
        self._index = index
        self._stack = ExitStack()
        self._files = self._stack.enter_context(OpenFiles()) if files is None else files

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def line(self, row: int) -> bytes:
        """The line of a row, unchanged."""
        file, _, start, end = self._index.place(row)
        return self._files.read(file, start, end)

    def id(self, row: int) -> str:
        """The id in the line of a row."""
        file, number, _, _ = self._index.place(row)
        return _id(self.line(row), file, number)

    def draft(self, row: int) -> PredictionDraft:
        """The draft of a row's prediction."""
        file, number, _, _ = self._index.place(row)
        return _draft(self.line(row), file, number)


def _scan(file: Path, last: bool, hashes: "array[int]", ends: "array[int]") -> bool:
    """Adds the id's hash and the end of each line of a file; returns whether the end is torn.

    Args:
        file: the file.
        last: whether the file is the last of the run, whose last line may be incomplete.
        hashes: the hashes of the ids.
        ends: the positions in the file where lines end.
    """
    end = 0
    with file.open("rb") as stream:
        number = 0
        while line := stream.readline(limits.LINE + 1):
            number += 1
            if len(line) > limits.LINE:
                problem = f"longer than {limits.LINE:,} bytes, which is more than one image needs"
                remedy = "Is it the file that the run wrote?"
                raise BadData(problem, file=file, field=f"line {number}", remedy=remedy)
            if last and not line.endswith(b"\n") and is_incomplete(line):
                return True
            start = _ID.match(line)
            id_ = start[1] if start else _id(line, file, number).encode("utf-8", "surrogatepass")
            end += len(line)
            hashes.append(_hash(id_))
            ends.append(end)
    return False


def _hash(id_: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(id_, digest_size=8).digest(), "little")


def _id(line: bytes, file: Path, number: int) -> str:
    start = _ID.match(line)
    return start[1].decode("utf-8") if start else _draft(line, file, number).id


def _draft(line: bytes, file: Path, number: int) -> PredictionDraft:
    """The draft of the one prediction in a line."""
    drafts = list(line_drafts(line, file, number, RAISE_FAULTS))
    if len(drafts) != 1:
        raise BadData(
            f"holds {len(drafts)} predictions; a line of a run holds one",
            file=file,
            field=f"line {number}",
        )
    return drafts[0]
