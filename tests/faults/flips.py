"""One bit of a file or of an entry is changed: no number may change without an error.

The report is left out: nothing reads it back. A flip in it changes what is shown, as a flip in any
printed page would.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from gcg_bench.errors import GcgBenchError
from gcg_bench.files.cache import Cache
from gcg_bench.pipeline.evaluate import score_run
from gcg_bench.pipeline.spec import DataSpec, ScoringSpec
from gcg_bench.reporting.leaderboard import Board
from gcg_bench.runs import Run
from gcg_bench.runs.settings import limit_of
from gcg_bench.scoring.values import Resampling
from gcg_bench.text.encoders import load_encoder

DRAWS = 20
Numbers = Mapping[tuple[str, str], float | None]


@dataclass
class Outcomes:
    """What flips led to, by target."""

    errors: dict[str, int] = field(default_factory=dict)
    harmless: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, target: str, act: Callable[[], object], right: object, flip: str) -> None:
        """Acts, and notes an error, an equal outcome, or a wrong one."""
        try:
            found = act()
        except GcgBenchError:
            self.errors[target] = self.errors.get(target, 0) + 1
            return
        if found == right:
            self.harmless[target] = self.harmless.get(target, 0) + 1
        else:
            self.wrong.append(f"{target}: {flip}: {found} instead of {right}"[:2000])

    @property
    def count(self) -> int:
        """How many flips there were."""
        return sum(self.errors.values()) + sum(self.harmless.values()) + len(self.wrong)

    def __str__(self) -> str:
        targets = sorted({*self.errors, *self.harmless})
        told = (
            f"{t}: {self.errors.get(t, 0)} errors, {self.harmless.get(t, 0)} equal" for t in targets
        )
        return f"{self.count} flips, {len(self.wrong)} wrong; " + "; ".join(told)


def scored(folder: Path) -> Numbers:
    """Every number of a run that is scored as `gcg-bench score RUN` scores it."""
    run = Run.open(folder)
    data = DataSpec(
        dataset=run.settings["dataset"],
        split=run.settings["split"],
        limit=limit_of(run.settings),
        task=run.settings.get("task"),
        shipped=True,
    ).load()
    chosen = ScoringSpec(encoder="minilm", resampling=Resampling(draws=DRAWS))
    results = score_run(run, data, chosen, message=lambda _: None).results
    numbers: dict[tuple[str, str], float | None] = {}
    for result in results:
        numbers[result.key, "n"], numbers[result.key, "failed"] = result.n, result.failed
        for score in result.scores:
            numbers[result.key, score.name] = score.value
            numbers[result.key, f"{score.name}_low"] = score.low
            numbers[result.key, f"{score.name}_high"] = score.high
    return numbers


def boarded(folder: Path) -> Numbers:
    """Every number of a run's rows on a board."""
    return {
        (row["protocol"], name): value
        for row in Board.of_runs([folder]).ranked(draws=DRAWS).rows
        for name, value in row.items()
        if isinstance(value, int | float)
    }


def flipped(file: Path, place: int, bit: int) -> None:
    """Changes one bit of a file; its size and time stay."""
    status, data = file.stat(), bytearray(file.read_bytes())
    data[place] ^= 1 << bit
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def files_of(run: Path) -> list[str]:
    """The files of a run that something reads back."""
    names = {"run.json", "predictions.jsonl", "rows.parquet", "scores.json"}
    return sorted(file.relative_to(run).as_posix() for file in run.rglob("*") if file.name in names)


def flip_run(run: Path, count: int, random: Random, outcomes: Outcomes, scratch: Path) -> None:
    """Flips in every file of a run, each read back by a board, and scored where that reads it."""
    right = scored(run)
    shown = boarded(run)
    names = files_of(run)
    copy = scratch / "run"
    for k in range(count):
        name = names[k % len(names)]
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(run, copy)
        place, bit = random.randrange((copy / name).stat().st_size), random.randrange(8)
        flipped(copy / name, place, bit)
        flip = f"byte {place}, bit {bit}"
        outcomes.add(name, lambda: boarded(copy), shown, flip)
        if "/" not in name:
            outcomes.add(f"score of {name}", lambda: scored(copy), right, flip)


def flip_cache(kinds: list[str], count: int, random: Random, outcomes: Outcomes) -> None:
    """Flips in entries of caches and in their files: what is read is right or not there."""
    for k in range(count):
        kind = kinds[k % len(kinds)]
        file = Cache(kind).path
        pristine = file.read_bytes()
        with closing(sqlite3.connect(file)) as connection, connection:
            entries = connection.execute("SELECT key, value FROM entries").fetchall()
        keys = [key for key, _ in entries]
        right = Cache(kind).get_many(keys)
        assert set(right) == set(keys)
        of_entry = k // len(kinds) % 3 > 0
        if of_entry:
            key, value = random.choice(entries)
            changed = bytearray(value)
            place, bit = random.randrange(len(changed)), random.randrange(8)
            changed[place] ^= 1 << bit
            with closing(sqlite3.connect(file)) as connection, connection:
                connection.execute(
                    "UPDATE entries SET value = ? WHERE key = ?", (bytes(changed), key)
                )
        else:
            place, bit = random.randrange(len(pristine)), random.randrange(8)
            flipped(file, place, bit)

        def wrong(kind: str = kind, keys: list[bytes] = keys, right: dict = right) -> list[bytes]:
            found = Cache(kind).get_many(keys)
            return [key for key, value in found.items() if value != right[key]]

        target = f"entries of {kind}" if of_entry else f"file of {kind}"
        outcomes.add(target, wrong, [], f"byte {place}, bit {bit}")
        file.write_bytes(pristine)


def flip_weights(folder: Path, count: int, random: Random, outcomes: Outcomes) -> None:
    """Flips in the weights of an encoder whose digest is known by size and time: never loaded."""
    weights = folder / "model.safetensors"
    pristine, status = weights.read_bytes(), weights.stat()
    load_encoder(str(folder))  # its digest is in the cache from here on
    for k in range(count):
        place, bit = random.randrange(len(pristine)), random.randrange(8)
        flipped(weights, place, bit)

        def vector(k: int = k) -> object:
            return load_encoder(str(folder)).vectors([f"a thing that is new {k}"]).tolist()

        outcomes.add("weights", vector, None, f"byte {place}, bit {bit}")
        weights.write_bytes(pristine)
        os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
