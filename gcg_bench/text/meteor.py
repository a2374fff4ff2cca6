"""METEOR 1.5 in Java: the counts of matches of captions with their references, cached on disk.

A call starts one or two programs, each with a paraphrase table of the entries that its captions can
use (`gcg_bench.text.paraphrases`). The counts of a segment depend only on its captions.
"""

import gzip
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.files.cache import Cache, digest
from gcg_bench.text import paraphrases
from gcg_bench.text.child_process import Programs
from gcg_bench.text.java import TIMEOUT, jar, run_java, sha256, single_line
from gcg_bench.types import FloatArray

METEOR_NUMBERS = 23
"""Numbers that METEOR prints for a segment."""

_METEOR, _PARAPHRASES = "meteor-1.5.jar", "paraphrase-en.gz"
_QUICK_START = "-XX:TieredStopAtLevel=1"  # the slow compiler takes longer than it saves
_VERSION = "1"  # change this when the same captions could give other numbers
_SHARD_FROM = 600  # with fewer segments, starting a second METEOR takes longer than it saves


_one_program: list[bool] = []  # not empty after `leave_cores`


def leave_cores() -> None:
    """Makes this process start only one program at a time, because others need the other cores.

    The start of a second program takes about 2 seconds of CPU time.
    """
    _one_program[:] = [True]


def meteor_statistics(pairs: Sequence[tuple[Sequence[str], str]]) -> FloatArray:
    """The statistics of METEOR 1.5 for each segment, English, `-norm`: shape (n, 23).

    Columns: words of hypothesis and reference; function words of both; for each of the stages
    exact, stem, synonym and paraphrase, matched content words of both and matched function words of
    both; chunks; matched words of both. They belong to the reference with the best METEOR score.

    Args:
        pairs: (references, hypothesis) of each segment, tokenised.

    Raises:
        EnvironmentProblem: Java is missing or fails.
    """
    lines = [_segment(references, hypothesis) for references, hypothesis in pairs]
    entries = _entries(lines, Programs())
    joined = b"".join(entries[line] for line in lines)
    return np.frombuffer(joined, dtype="<f8").astype(np.float64).reshape(-1, METEOR_NUMBERS)


@contextmanager
def computed_beside(pairs: Sequence[tuple[Sequence[str], str]]) -> Iterator[None]:
    """Computes the statistics of segments while the block runs, and stores them in the cache.

    The end of the block waits for the statistics; an error in the block ends the programs. An error
    of the programs is not raised here, because `meteor_statistics` will raise it again.

    Args:
        pairs: as in `meteor_statistics`.
    """
    lines = [_segment(references, hypothesis) for references, hypothesis in pairs]
    with ThreadPoolExecutor(1) as pool, Programs() as programs:
        work = pool.submit(_entries, lines, programs)
        yield
        with suppress(EnvironmentProblem):
            work.result()


_latest: dict[bytes, bytes] = {}
"""The last computed values, by key; used when the cache on disk cannot be written."""


def _entries(lines: Sequence[str], programs: Programs) -> dict[str, bytes]:
    """The statistics of lines as bytes by line, from the cache or computed."""
    cache, hashes = Cache("meteor"), (sha256(_METEOR), sha256(_PARAPHRASES))
    keys = {line: digest(*hashes, _VERSION, line) for line in lines}
    stored = {**_latest, **cache.get_many(keys.values())}
    missing = [line for line, key in keys.items() if key not in stored]
    if missing:
        rows = _statistics(missing, programs)
        new = {keys[line]: row.tobytes() for line, row in zip(missing, rows, strict=True)}
        cache.put_many(new)
        _latest.clear()
        _latest.update(new)
        stored.update(new)
    return {line: stored[key] for line, key in keys.items()}


def _segment(references: Sequence[str], hypothesis: str) -> str:
    """A line of METEOR's input; separators are removed from the hypothesis as in pycocoevalcap."""
    cleaned = hypothesis.replace("|||", "").replace("  ", " ")
    return single_line(" ||| ".join(("SCORE", *references, cleaned)))


def _statistics(lines: Sequence[str], programs: Programs) -> FloatArray:
    """The statistics of each line, shape (n, 23); they do not depend on the number of programs."""
    if len(lines) < _SHARD_FROM or _one_program or (os.cpu_count() or 1) < 2:
        return _meteor(lines, programs)
    halves = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    with ThreadPoolExecutor(2) as pool, programs:
        return np.concatenate(list(pool.map(_meteor, halves, (programs, programs))))


def meteor_arguments(table: Path) -> tuple[str, ...]:
    """The arguments of Java that make METEOR answer a line `SCORE ||| ...` with numbers.

    Args:
        table: the paraphrase table.
    """
    start = ("-Xmx2G", "-jar", str(jar(_METEOR)), "-", "-", "-stdio", "-l", "en", "-norm")
    # without -a, METEOR does not find its paraphrases when their path contains a space
    return (*start, "-a", str(table))


def whole_table() -> Path:
    """METEOR's paraphrase table, all of it."""
    return jar(_PARAPHRASES)


@contextmanager
def _table(lines: Sequence[str], programs: Programs) -> Iterator[Path]:
    """A file with the entries of the paraphrase table that METEOR can use for lines."""
    entries = paraphrases.usable(lines, whole_table(), sha256(_PARAPHRASES), programs)
    if entries is None:
        yield whole_table()
        return
    with tempfile.TemporaryDirectory(prefix="gcg-bench-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / _PARAPHRASES
        file.write_bytes(gzip.compress(entries, 1))
        yield file


def _meteor(lines: Sequence[str], programs: Programs) -> FloatArray:
    """The statistics of each line from one METEOR program, shape (n, 23)."""
    with _table(lines, programs) as table:
        output = run_java(
            (_QUICK_START, *meteor_arguments(table)),
            "".join(f"{line}\n" for line in lines),
            what="METEOR (which takes up to 2 GB of memory)",
            timeout=TIMEOUT + 0.2 * len(lines),
            programs=programs,
        )
    numbers = [line.split() for line in output.splitlines()]
    if len(numbers) != len(lines) or any(len(row) != METEOR_NUMBERS for row in numbers):
        raise EnvironmentProblem(
            f"METEOR wrote {len(numbers)} lines for {len(lines)} segments, or lines without"
            f" {METEOR_NUMBERS} numbers. Please report the captions"
        )
    return np.array(numbers, dtype="<f8").reshape(-1, METEOR_NUMBERS)
