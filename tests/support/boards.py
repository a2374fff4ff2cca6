"""Boards that tests share: of systems that do and do not differ, and of hostile texts."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from support.scored import SMALL_STRICT, rows, run_folder

from gcg_bench.reporting.leaderboard import Board

STRICT_FOLDER = "gcg.strict-2"


def counts(rate: float, seed: int, n: int = 60) -> NDArray[np.int64]:
    """How many of five phrases are matched in each of n images."""
    return np.random.default_rng(seed).binomial(5, rate, n)


def three_systems(folder: Path) -> list[Path]:
    """The runs of one system far ahead of two that nearly agree."""
    made = {"far": counts(0.9, 1), "near": counts(0.5, 2), "close": counts(0.5, 2)}
    made["close"][:3] = 5 - made["close"][:3]
    for name, matched in made.items():
        run_folder(folder / name, name, rows(matched), protocols=[SMALL_STRICT])
    return [folder / name for name in made]


HOSTILE = (
    '<script>alert(1)</script> & | "x" `y` \\input{z} $a_b^c$ 100% #1 {~} *b* [l](javascript:1)'
    " \u202ert\u202c \U0001f600 é -- \n next"
)


def hostile_board(folder: Path) -> Board:
    """A board of two systems whose texts mean something in every format."""
    for name in ("a", "b"):
        settings = {"decoding": {"note": HOSTILE}}
        prompt = HOSTILE.replace("|", "/") + name
        run_folder(
            folder / name, f"{HOSTILE} {name}", rows([2, 4, 1]), settings=settings, prompt=prompt
        )
    board = Board.of_runs([folder / "a", folder / "b"])
    official = [row for row in board.rows if row["protocol"] == "official-1"]
    return Board(tuple(official)).ranked("mIoU").with_published(anywhere=True)
