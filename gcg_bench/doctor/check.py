"""A check and its result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from gcg_bench.errors import GcgBenchError

Status = Literal["ok", "missing", "optional"]


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: the name of the check.
        status: `ok`; `missing` when the job cannot run without it; `optional` when it is absent
            and the job can run without it.
        detail: a description of what is present, or of the problem.
        remedy: what the user can do; empty when there is nothing to do.
    """

    name: str
    status: Status
    detail: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        return {
            "what": self.name,
            "status": self.status,
            "found": self.detail,
            "remedy": self.remedy,
        }


def run_check(
    name: str, action: Callable[[], str], *, needed: bool = True, remedy: str = ""
) -> Check:
    """Runs an action and reports its description, or the reason why it failed.

    Args:
        name: the name of the check.
        action: returns a description of what is present, or raises a GcgBenchError.
        needed: whether a failure is `missing` or `optional`.
        remedy: replaces the error's own remedy, which is the text after its first full stop.
    """
    try:
        return Check(name, "ok", action())
    except GcgBenchError as error:
        problem, _, own_remedy = str(error).partition(". ")
        return Check(name, "missing" if needed else "optional", problem, remedy or own_remedy)


def gigabytes(size: int) -> str:
    """A number of bytes as text in GB with one decimal."""
    return f"{size / 1e9:.1f} GB"
