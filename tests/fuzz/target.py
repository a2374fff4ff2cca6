"""What is fuzzed: something that makes an input from a generator, and something that reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any


@dataclass(frozen=True)
class Target:
    """One reader, or a family of them.

    Attributes:
        name: as the command line has it.
        make: an input, from a generator alone.
        read: takes an input and a folder of its own, and reads it. Our errors mean that the input
            was refused; whatever else is raised, a failed assertion too, is a finding.
        share: how many inputs it gets in proportion to the others.
        needs: libraries that it imports and that take seconds: they are in memory before an input
            is timed.
    """

    name: str
    make: Callable[[Random], Any]
    read: Callable[[Any, Path], None]
    share: float = 1.0
    needs: tuple[str, ...] = ()
