"""What was computed once is kept on disk: one small database a kind, shared by processes.

Keys are digests of everything that decides the value (content and version), so an entry is never
wrong, only unused. SQLite serialises writers, so two processes may share a cache.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from gcg_bench.errors import EnvironmentProblem

_BATCH = 500  # SQLite's default limit on the variables of one statement is 999


def cache_folder() -> Path:
    """The folder of all caches: `$GCG_BENCH_CACHE`, else a per-user cache folder."""
    named = os.environ.get("GCG_BENCH_CACHE")
    if named:
        return Path(named)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "gcg-bench"


def digest(*parts: str | bytes) -> bytes:
    """A 32-byte key of several parts; unlike joining, ("ab", "c") and ("a", "bc") differ."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.digest()


class Cache:
    """A dictionary of bytes on disk.

    Args:
        kind: the name of its file, e.g. `meteor`.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """

    def __init__(self, kind: str) -> None:
        self.path = cache_folder() / f"{kind}.sqlite"

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The entries that exist among `keys`.

        Raises:
            EnvironmentProblem: the file cannot be read.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[bytes, bytes] = {}
        if not self.path.exists():
            return found
        with self._connected() as connection:
            for start in range(0, len(wanted), _BATCH):
                batch = wanted[start : start + _BATCH]
                marks = ",".join("?" * len(batch))
                rows = connection.execute(
                    f"SELECT key, value FROM entries WHERE key IN ({marks})",  # noqa: S608
                    batch,
                )
                found.update(rows)
        return found

    def put_many(self, entries: Mapping[bytes, bytes]) -> None:
        """Adds entries; one that is already there is left as it is.

        Raises:
            EnvironmentProblem: the file cannot be written, or the disk is full.
        """
        if not entries:
            return
        with self._connected() as connection, connection:
            connection.executemany(
                "INSERT OR IGNORE INTO entries (key, value) VALUES (?, ?)", entries.items()
            )

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=60)) as connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
                )
                yield connection
        except (OSError, sqlite3.Error) as error:
            raise EnvironmentProblem(
                f"{self.path}: the cache cannot be used ({error}). Set GCG_BENCH_CACHE to a folder"
                " that can be written and has room, or delete the file if it is damaged"
            ) from error
