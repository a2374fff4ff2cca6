"""One METEOR for many small questions: the program takes seconds to start, an answer takes none.

The package starts METEOR once for all captions of a run; the laws ask again for each of many tiny
worlds. Here the same program with the same arguments stays alive between them.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest

from gcg_bench.text import java


@contextmanager
def live_meteor() -> Iterator[None]:
    """While it lasts, `jvm.meteor_statistics` asks one METEOR that is started when first needed."""
    started: list[subprocess.Popen[str]] = []

    @cache
    def program() -> subprocess.Popen[str]:
        command = [str(java.find_java()), *java._FLAGS, *java.meteor_arguments()]
        started.append(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
            )
        )
        return started[0]

    def answered(lines: Sequence[str]) -> np.ndarray:
        rows = []
        for line in lines:
            program().stdin.write(f"{line}\n")
            program().stdin.flush()
            rows.append(program().stdout.readline().split())
        return np.array(rows, dtype="<f8").reshape(-1, java.METEOR_NUMBERS)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(java, "_meteor", answered)
        yield
    for process in started:
        process.communicate()
