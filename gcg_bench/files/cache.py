"""Caches on disk for expensive results: one SQLite database for each kind of value.

A key is a digest of everything that determines the value (content and version). So an entry never
becomes wrong; it only becomes unused. SQLite serialises writers, so processes can share a cache.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from gcg_bench.errors import EnvironmentProblem

_BATCH = 500  # the default limit of SQLite is 999 variables in a statement


def cache_folder() -> Path:
    """The folder of all caches: `$GCG_BENCH_CACHE`, or else a folder in the user's cache folder."""
    configured = os.environ.get("GCG_BENCH_CACHE")
    if configured:
        return Path(configured)
    user_cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(user_cache) if user_cache else Path.home() / ".cache") / "gcg-bench"


def digest(*parts: str | bytes) -> bytes:
    """A 32-byte key for a sequence of parts; ("ab", "c") and ("a", "bc") have different keys."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.digest()


class Cache:
    """A dictionary on disk, from bytes to bytes.

    Nothing is read or written before the first call of a method.

    Attributes:
        path: the database file.

    Args:
        kind: the name of the database, e.g. `meteor`.
    """

    def __init__(self, kind: str) -> None:
        self.path = cache_folder() / f"{kind}.sqlite"

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The entries with these keys; a key without an entry is left out.

        Raises:
            EnvironmentProblem: the file cannot be read.
        """
        distinct = list(dict.fromkeys(keys))
        entries: dict[bytes, bytes] = {}
        if not self.path.exists():
            return entries
        with self._connection() as connection:
            for start in range(0, len(distinct), _BATCH):
                batch = distinct[start : start + _BATCH]
                placeholders = ",".join("?" * len(batch))
                rows = connection.execute(
                    f"SELECT key, value FROM entries WHERE key IN ({placeholders})",  # noqa: S608
                    batch,
                )
                entries.update(rows)
        return entries

    def put_many(self, entries: Mapping[bytes, bytes]) -> None:
        """Adds entries; an existing entry is not changed.

        Raises:
            EnvironmentProblem: the file cannot be written, or the disk is full.
        """
        if not entries:
            return
        with self._connection() as connection, connection:
            connection.executemany(
                "INSERT OR IGNORE INTO entries (key, value) VALUES (?, ?)", entries.items()
            )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """An open database, which is created if it does not exist."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=60)) as connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
                )
                yield connection
        except (OSError, sqlite3.Error) as error:
            raise EnvironmentProblem(
                f"{self.path}: the cache cannot be used ({error}). Set GCG_BENCH_CACHE to a"
                " writable folder with free space, or delete the file if it is damaged"
            ) from error
