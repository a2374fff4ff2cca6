"""Fuzzing that is led by coverage: the same targets, with atheris in the place of chance.

    pip install atheris
    python tests/fuzz/guided.py --target "data: cards" --inputs 100000
    python tests/fuzz/guided.py --target "data: cards" found/1f0e...      one input again

`run.py` draws each choice of a target's `make` from a generator. Here the choices are read off
atheris' bytes, which it changes until other lines of the package are reached. The first finding
ends the process with its traceback, and the bytes are kept in `--found`.
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path
from random import Random

_TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_TESTS), str(_TESTS.parent)]


class Dictated(Random):
    """A generator that says what some bytes dictate, and when they are used up, what chance does.

    The chance follows from the bytes, so the whole follows from them.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(hashlib.sha256(data).digest())
        self._left = iter(data)

    def getrandbits(self, k: int, /) -> int:
        """A number of k bits, k > 0: of the next bytes, the first the lowest."""
        taken = bytes(byte for _, byte in zip(range((k + 7) // 8), self._left, strict=False))
        if len(taken) * 8 < k:
            return super().getrandbits(k)
        return int.from_bytes(taken, "little") % (1 << k)

    def random(self) -> float:
        """A number in [0, 1) of 16 bits."""
        return self.getrandbits(16) / 65536


def main() -> None:
    """The command; leaves with what atheris leaves with, not 0 after a finding."""
    import atheris

    # what is instrumented must be imported inside
    with atheris.instrument_imports(include=["gcg_bench"]):
        from fuzz.registry import TARGETS

    from gcg_bench.errors import GcgBenchError

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--target", required=True, choices=TARGETS, metavar="NAME")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--patience", type=int, default=10, help="seconds for an input [10]")
    parser.add_argument("--found", type=Path, default=Path("found"))
    parser.add_argument("again", nargs="*", help="files of inputs")
    given = parser.parse_args()
    target = TARGETS[given.target]
    given.found.mkdir(parents=True, exist_ok=True)

    with tempfile.TemporaryDirectory() as scratch:

        def one(data: bytes) -> None:
            made = target.make(Dictated(data))
            try:
                target.read(made, Path(scratch))
            except GcgBenchError:
                return

        options = [
            f"-atheris_runs={given.inputs}",
            f"-timeout={given.patience}",
            f"-artifact_prefix={given.found}/",
            "-rss_limit_mb=3072",
            "-max_len=512",
            "-len_control=0",  # a choice needs a byte or two, so short inputs say little
        ]
        atheris.Setup([sys.argv[0], *options, *given.again], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
