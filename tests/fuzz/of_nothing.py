"""Readers that do what none may: the proof that the harness would notice."""

import os
import signal
import time
from pathlib import Path
from random import Random

from fuzz.target import Target

from gcg_bench.errors import BadData


def make(rng: Random) -> int:
    """Any number."""
    return rng.randrange(10)


def sound(given: int, folder: Path) -> None:
    """Reads, or refuses in our words."""
    del folder
    if given > 4:
        raise BadData("too large")


def stranger(given: int, folder: Path) -> None:
    """Raises what is none of ours."""
    del folder
    raise KeyError(given)


def wordy(given: int, folder: Path) -> None:
    """Refuses in words that fill a screen."""
    del folder, given
    raise BadData("x", file="y" * 5000)


def endless(given: int, folder: Path) -> None:
    """Hangs in Python."""
    del folder
    while True:
        given += 1


def stuck(given: int, folder: Path) -> None:
    """Hangs where no signal is heard, as native code does."""
    del folder, given
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(60)


def greedy(given: int, folder: Path) -> None:
    """Takes more memory than there is."""
    del folder, given
    bytearray(1 << 42)


def dead(given: int, folder: Path) -> None:
    """Dies, as native code does."""
    del folder, given
    os.kill(os.getpid(), signal.SIGSEGV)


TARGETS = tuple(
    Target(f"nothing: {reader.__name__}", make, reader)
    for reader in (sound, stranger, wordy, endless, stuck, greedy, dead)
)
