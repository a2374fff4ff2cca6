"""Caches on disk for expensive results: one SQLite database for each kind of value.

A key is a digest of everything that determines the value (content and version). Every entry ends in
a seal, a checksum of its key, its value and their lengths. An entry whose seal does not fit is a
miss: its value is computed again and replaces it. SQLite serialises writers, so processes can share
a cache.

A cache saves time and never changes a result. So a cache that cannot be used (read-only, full,
damaged, unreachable, held by another process) causes one warning, and the work continues without
it.
"""

import hashlib
import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from gcg_bench.files import paths

_BATCH = 500  # the default limit of SQLite is 999 variables in a statement
_SEAL = 16  # bytes at the end of an entry
_PATIENCE = 60.0  # seconds that another process may hold a database
_warned: set[Path] = set()  # the databases that a warning has named
_held: set[Path] = set()  # those that another process held for so long; they are left alone
_own: list[Path] = []  # the folders of `own_caches`, the last one is in use


def cache_folder() -> Path:
    """The folder of all caches: `$GCG_BENCH_CACHE`, or else a folder in the user's cache folder."""
    configured = os.environ.get("GCG_BENCH_CACHE")
    if configured:
        return paths.anchored(Path(configured))
    user_cache = os.environ.get("XDG_CACHE_HOME")
    folder = paths.anchored(Path(user_cache)) if user_cache else paths.home() / ".cache"
    return folder / "gcg-bench"


def digest(*parts: str | bytes) -> bytes:
    """A 32-byte key for a sequence of parts; ("ab", "c") and ("a", "bc") have different keys."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.digest()


@contextmanager
def own_caches() -> Iterator[Path]:
    """Gives this process empty, temporary caches until the block ends; yields their folder.

    So results in the block do not depend on values that were stored before.
    """
    with tempfile.TemporaryDirectory(prefix="gcg-bench-", ignore_cleanup_errors=True) as folder:
        _own.append(Path(folder))
        try:
            yield _own[-1]
        finally:
            _own.pop()


class Cache:
    """A dictionary on disk, from bytes to bytes.

    Nothing is read or written before the first call of a method.

    Attributes:
        path: the database file.

    Args:
        kind: the name of the database, e.g. `meteor`.
    """

    def __init__(self, kind: str) -> None:
        self.path = (_own[-1] if _own else cache_folder()) / f"{kind}.sqlite"
        self._damaged: set[bytes] = set()

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The entries with these keys; a key without an intact entry is left out."""
        distinct = list(dict.fromkeys(keys))
        entries: dict[bytes, bytes] = {}
        with self._usable():
            if self.path in _held or not self.path.exists():
                return entries
            with self._connection() as connection:
                for start in range(0, len(distinct), _BATCH):
                    batch = distinct[start : start + _BATCH]
                    placeholders = ",".join("?" * len(batch))
                    rows = connection.execute(
                        f"SELECT key, value FROM entries WHERE key IN ({placeholders})",  # noqa: S608
                        batch,
                    ).fetchall()
                    for key, stored in rows:
                        value = _opened(key, stored)
                        if value is None:
                            self._damaged.add(key)
                        else:
                            entries[key] = value
        return entries

    def put_many(self, entries: Mapping[bytes, bytes]) -> None:
        """Adds entries; replaces entries that `get_many` refused, and no intact entries."""
        if not entries or self.path in _held:
            return
        sealed = [(key, value + _seal(key, value)) for key, value in entries.items()]
        replaced = [(key,) for key in self._damaged.intersection(entries)]
        with self._usable(), self._connection() as connection, connection:
            connection.executemany("DELETE FROM entries WHERE key = ?", replaced)
            connection.executemany(
                "INSERT OR IGNORE INTO entries (key, value) VALUES (?, ?)", sealed
            )
            self._damaged.difference_update(entries)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Ends the block when the cache cannot be used; warns the first time."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                _held.add(self.path)
            if self.path not in _warned:
                _warned.add(self.path)
                logging.getLogger("gcg_bench").warning(
                    "%s: the cache cannot be used (%s). The work goes on without it. Set"
                    " GCG_BENCH_CACHE to a writable folder with free space, or delete the file if"
                    " it is damaged",
                    self.path,
                    error,
                )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """An open database, which is created if it does not exist."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as connection:
            # a value that became text through damage is a damaged entry, not a decoding error
            connection.text_factory = bytes
            # with damaged pages, SQLite must report an error
            connection.execute("PRAGMA cell_size_check = 1")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
            )
            yield connection


def _seal(key: bytes, value: bytes) -> bytes:
    """The seal of an entry: a checksum of key and value, and of their lengths."""
    return digest("entry", key, value)[:_SEAL]


def _opened(key: object, stored: object) -> bytes | None:
    """The value of an entry; None when it is damaged, or was stored for another key."""
    if not isinstance(key, bytes) or not isinstance(stored, bytes):
        return None
    value, seal = stored[:-_SEAL], stored[-_SEAL:]
    return value if seal == _seal(key, value) else None
