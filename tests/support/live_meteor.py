"""One METEOR for many small questions: the program takes seconds to start, an answer takes none.

The package starts METEOR once for all captions of a run; tests ask for a few captions, many times.
Here the same program with the same arguments stays alive between them.
"""

import subprocess
from collections.abc import Sequence
from functools import cached_property
from threading import Lock

import numpy as np

from gcg_bench.text import java, meteor


class LiveMeteor:
    """Takes the place of `meteor._meteor`; the program is started when it is first needed."""

    @cached_property
    def _program(self) -> subprocess.Popen[str]:
        arguments = meteor.meteor_arguments(meteor.whole_table())
        return subprocess.Popen(
            [str(java.find_java()), *java._FLAGS, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",  # half a surrogate pair, as the package writes it
        )

    def __init__(self) -> None:
        self._one = Lock()

    def __call__(self, lines: Sequence[str], programs: object = None) -> np.ndarray:
        """METEOR's numbers of each line: shape (n, 23); two threads may ask at once."""
        rows = []
        with self._one:
            for line in lines:
                self._program.stdin.write(f"{line}\n")
                self._program.stdin.flush()
                rows.append(self._program.stdout.readline().split())
        return np.array(rows, dtype="<f8").reshape(-1, meteor.METEOR_NUMBERS)

    def close(self) -> None:
        """Ends the program, if it was started."""
        if "_program" in vars(self):
            self._program.communicate()
