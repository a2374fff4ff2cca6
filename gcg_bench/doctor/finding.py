"""One thing that was looked for, and what it was looked for for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gcg_bench.errors import GcgBenchError

Status = Literal["ok", "missing", "optional"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        what: its name.
        status: `ok`; `missing` when the job cannot run without it; `optional` when it is not there
            and the job can.
        found: what was found, or what is wrong.
        remedy: what to do; empty when nothing.
    """

    what: str
    status: Status
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Job:
    """What is to be run.

    Attributes:
        model: as --model takes it; None for the quick start's.
        dataset: a data card; None for no data.
        split: of the data set.
        root: the data root; None for the default.
        encoder: as --encoder takes it; None for those of the protocols.
        device: as --device takes it.
        batch_size: as --batch-size takes it.
        limit: images, None for all.
    """

    model: str | None = None
    dataset: str | None = None
    split: str | None = None
    root: Path | None = None
    encoder: str | None = None
    device: str = "auto"
    batch_size: int | str = "auto"
    limit: int | None = None


def tried(
    what: str, attempt: Callable[[], str], *, needed: bool = True, remedy: str = ""
) -> Finding:
    """What an attempt tells, or why it failed.

    Our errors carry their remedy behind the first full stop; `remedy` takes its place.
    """
    try:
        return Finding(what, "ok", attempt())
    except GcgBenchError as error:
        problem, _, cure = str(error).partition(". ")
        return Finding(what, "missing" if needed else "optional", problem, remedy or cure)


def gigabytes(size: int) -> str:
    """Bytes as people read them."""
    return f"{size / 1e9:.1f} GB"
