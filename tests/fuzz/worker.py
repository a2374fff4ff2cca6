"""The process that reads: it may hang, run out of memory or die; another one watches it.

What it is reading stands in a small file that both see. What it found is a line of JSON each.
"""

import json
import linecache
import mmap
import os
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from random import Random
from types import FrameType

from fuzz import registry
from fuzz.target import Target

from gcg_bench.errors import GcgBenchError

SLOT = struct.Struct("<qq")  # the number of the job, the index of the input
LONGEST_MESSAGE = 4000  # characters


class HangError(BaseException):
    """A reader took longer than it may; no handler of the package's takes it for its own."""


def made(name: str, seed: int, index: int) -> object:
    """The input of that index: it follows from the three alone."""
    return known(name).make(Random(f"{seed}/{name}/{index}"))


def known(name: str) -> Target:
    """The target of that name."""
    return registry.TARGETS.get(name) or registry.PROOFS[name]


def work(order: Path) -> None:
    """Does the jobs of an order, from its first input on, and writes what it found beside it."""
    told = json.loads(order.read_text())
    for library in {library for name, _, _ in told["jobs"] for library in known(name).needs}:
        import_module(library)
    warnings.simplefilter("error")
    _limit_memory(told["memory"])
    signal.signal(signal.SIGALRM, _hang)
    folder = Path(tempfile.mkdtemp(dir=told["scratch"]))
    with (
        order.with_suffix(".slot").open("r+b") as shared,
        mmap.mmap(shared.fileno(), SLOT.size) as slot,
        order.with_suffix(".found").open("a", encoding="utf-8") as out,
    ):
        for number, job in enumerate(told["jobs"]):
            _job(number, job, told, folder, slot, out)
    shutil.rmtree(folder, ignore_errors=True)


def _job(number, job, told, folder: Path, slot: mmap.mmap, out) -> None:
    name, start, stop = job
    target = known(name)
    inside = folder / f"job{number}"
    inside.mkdir()
    accepted = refused = 0
    began = time.perf_counter()
    for index in range(start, stop):
        SLOT.pack_into(slot, 0, number, index)
        given = made(name, told["seed"], index)
        try:
            signal.setitimer(signal.ITIMER_REAL, told["patience"])
            try:
                target.read(given, inside)
                accepted += 1
            except GcgBenchError as error:
                refused += 1
                said = str(error)
                assert len(said) <= LONGEST_MESSAGE, f"a message of {len(said)} characters"
                said.encode("utf-8", "surrogatepass")
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except (Exception, HangError) as error:
            linecache.clearcache()
            _tell(out, name, index, error)
    seconds = time.perf_counter() - began
    tally = {"done": name, "accepted": accepted, "refused": refused, "n": stop - start}
    out.write(json.dumps({**tally, "seconds": seconds, "job": number}) + "\n")
    out.flush()
    shutil.rmtree(inside, ignore_errors=True)


def _tell(out, name: str, index: int, error: BaseException) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "gcg_bench" in frame.filename] or frames
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno} {own[-1].name}" if own else "nowhere"
    what = f"{type(error).__name__}: {error}"[:300]
    out.write(json.dumps({"found": name, "index": index, "what": what, "place": place}) + "\n")
    out.flush()


def _hang(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise HangError("took too long")


def _limit_memory(extra: int) -> None:
    """No more address space than is used now, and so many bytes."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(arguments: Sequence[str]) -> None:
    """The worker's own command line: the file of its order."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    work(Path(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
