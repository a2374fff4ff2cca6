"""Fuzzing from the command line: every reader gets inputs that somebody spoilt.

    python tests/fuzz/run.py                                    a few minutes
    python tests/fuzz/run.py --inputs 1000000                   the long version
    python tests/fuzz/run.py --target "data: cards" --only 17   one input again, with its traceback

An input follows from the seed, the target's name and its index alone, so a finding is three words.
Readers run in a process of their own with limits on time and memory: a hang, a crash and a signal
are findings as much as an exception that is none of ours. The exit code is 1 when there is one.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

_TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_TESTS), str(_TESTS.parent)]

_CHUNK = 2000  # inputs of one job


@dataclass
class Tally:
    """What became of a target's inputs."""

    n: int = 0
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], int] = field(default_factory=dict)

    def find(self, what: str, place: str, index: int) -> None:
        """One finding; alike are those of one kind at one place."""
        key = (what.partition(":")[0], place)
        self.found[key] += 1
        self.first.setdefault(key, index)


def jobs_for(shares: dict[str, float], inputs: int, start: int = 0) -> list[tuple[str, int, int]]:
    """Jobs (target, first index, one past the last) that share the inputs out."""
    whole = sum(shares.values())
    jobs = []
    for name, share in shares.items():
        count = round(inputs * share / whole)
        ends = [*range(0, count, _CHUNK), count]
        jobs += [(name, start + a, start + b) for a, b in pairwise(ends) if b > a]
    return jobs


def fuzz(
    jobs: Sequence[tuple[str, int, int]],
    *,
    seed: int = 0,
    patience: float = 10.0,
    memory: int = 3 << 30,
    grace: float = 5.0,
    told: bool = True,
) -> dict[str, Tally]:
    """Does the jobs in child processes, one after the other; a new one after every crash.

    Args:
        jobs: of `jobs_for`.
        seed: of all inputs.
        patience: seconds that an input may take.
        memory: bytes that reading it may take.
        grace: seconds that a process which hears no signal gets beyond its patience.
        told: whether findings are printed as they come.
    """
    tallies = {name: Tally() for name, _, _ in jobs}
    waiting = list(jobs)
    scratch = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        turn = 0
        while waiting:
            order = Path(folder) / f"{turn}.order"
            terms = {"seed": seed, "patience": patience, "memory": memory, "scratch": folder}
            order.write_text(json.dumps({**terms, "jobs": waiting}))
            waiting = _turn(order, waiting, patience + grace, tallies, told=told)
            turn += 1
    return tallies


def _turn(
    order: Path,
    jobs: list[tuple[str, int, int]],
    patience: float,
    tallies: dict[str, Tally],
    *,
    told: bool,
) -> list[tuple[str, int, int]]:
    """One child's life; gives the jobs that it left, without the input that it died of."""
    from fuzz.worker import SLOT

    slot, found = order.with_suffix(".slot"), order.with_suffix(".found")
    slot.write_bytes(SLOT.pack(-1, -1))
    found.touch()
    paths = [str(_TESTS), str(_TESTS.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    last, since, end = b"", time.monotonic(), 0
    with order.with_suffix(".err").open("wb") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "fuzz.worker", str(order)], stderr=errors, env=environment
        )
    try:
        while child.poll() is None:
            time.sleep(0.05)
            now = slot.read_bytes()
            if now != last:
                last, since = now, time.monotonic()
            elif now != SLOT.pack(-1, -1) and time.monotonic() - since > patience:
                child.kill()
                child.wait()
            end = _take(found, end, tallies, told=told)
    finally:
        child.kill()  # nothing, where it has ended
        child.wait()
    _take(found, end, tallies, told=told)
    number, index = SLOT.unpack(slot.read_bytes())
    code = child.returncode
    if code == 0:
        return []
    told_last = order.with_suffix(".err").read_text(encoding="utf-8", errors="replace")
    said = told_last.strip().splitlines()
    if number < 0:
        raise SystemExit("the reading process did not start:\n" + "\n".join(said))
    name, start, stop = jobs[number]
    why = f"killed by {signal.Signals(-code).name}" if code < 0 else f"left with {code}"
    _note(tallies[name], name, f"{why}: {said[-1] if said else ''}", "process", index, told=told)
    tallies[name].n += index + 1 - start  # those before it are done, and their findings told
    rest = [(name, index + 1, stop)] if index + 1 < stop else []
    return [*rest, *jobs[number + 1 :]]


def _take(found: Path, end: int, tallies: dict[str, Tally], *, told: bool) -> int:
    """Reads what a child told since; gives the place up to which it was read."""
    with found.open("rb") as stream:
        stream.seek(end)
        for line in stream:
            if not line.endswith(b"\n"):
                break
            end += len(line)
            one: dict[str, Any] = json.loads(line)
            if "found" in one:
                name = one["found"]
                _note(tallies[name], name, one["what"], one["place"], one["index"], told=told)
                continue
            tally = tallies[one["done"]]
            tally.n += one["n"]
            tally.accepted += one["accepted"]
            tally.refused += one["refused"]
            tally.seconds += one["seconds"]
    return end


def _note(tally: Tally, name: str, what: str, place: str, index: int, *, told: bool) -> None:
    key = (what.partition(":")[0], place)
    if told and key not in tally.found:
        print(f"{name} --only {index}: {place}: {what}", flush=True)
    tally.find(what, place, index)


def table(tallies: dict[str, Tally]) -> str:
    """What became of all inputs."""
    rows = [("target", "inputs", "read", "refused", "found", "seconds", "a second")]
    for name, one in tallies.items():
        speed = f"{one.n / one.seconds:,.0f}" if one.seconds else ""
        counts = (one.n, one.accepted, one.refused, sum(one.found.values()))
        rows.append((name, *(f"{count:,}" for count in counts), f"{one.seconds:.0f}", speed))
    whole = tallies.values()
    sums = (
        sum(t.n for t in whole),
        sum(t.accepted for t in whole),
        sum(t.refused for t in whole),
        sum(sum(t.found.values()) for t in whole),
    )
    seconds = sum(t.seconds for t in whole)
    rows.append(("all", *(f"{count:,}" for count in sums), f"{seconds:.0f}", ""))
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            c.ljust(w) if k == 0 else c.rjust(w)
            for k, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def main() -> int:
    """The command."""
    from fuzz.registry import TARGETS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100_000, help="over all targets [100000]")
    parser.add_argument("--target", action="append", help="only this; repeat for more")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="first index [0]")
    parser.add_argument("--patience", type=float, default=10.0, help="seconds for an input [10]")
    parser.add_argument("--only", type=int, help="this input alone, in this process")
    parser.add_argument("--list", action="store_true", help="the targets")
    given = parser.parse_args()
    chosen = given.target or list(TARGETS)
    if unknown := [name for name in chosen if name not in TARGETS]:
        parser.error(f"no target {unknown[0]!r}; known: {', '.join(TARGETS)}")
    if given.list:
        print("\n".join(TARGETS))
        return 0
    if given.only is not None:
        return _again(chosen[0], given.seed, given.only)
    shares = {name: TARGETS[name].share for name in chosen}
    jobs = jobs_for(shares, given.inputs, given.start)
    tallies = fuzz(jobs, seed=given.seed, patience=given.patience)
    print(table(tallies))
    findings = [
        (name, key, n, t.first[key]) for name, t in tallies.items() for key, n in t.found.items()
    ]
    for name, (kind, place), n, index in findings:
        print(f"FOUND {name} --only {index}: {kind} at {place} ({n} times)")
    return 1 if findings else 0


def _again(name: str, seed: int, index: int) -> int:
    """One input, shown and read without a net."""
    from fuzz.registry import TARGETS
    from fuzz.worker import made

    from gcg_bench.errors import GcgBenchError

    given = made(name, seed, index)
    print(f"{given!r:.5000}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            TARGETS[name].read(given, Path(folder))
        except GcgBenchError as error:
            print(f"refused: {error}")
            return 0
    print("read")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
