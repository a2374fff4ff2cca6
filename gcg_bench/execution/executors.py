"""Executors: where and how a model works. All give the same predictions.

    local      in this process
    process    each copy of the model in a process of its own, on its own device

A `cmd:` model is a worker in another environment, and always has a process of its own.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Protocol

from gcg_bench.types import Model, Prediction, Query


class Executor(Protocol):
    """A model where it works; a context manager, whose end is the end of the model.

    Attributes:
        name: what the model is called.
        settings: what decides its answers besides seed and checkpoint.
        oracle: it sees the references.
        takes_replies: queries may have a forced reply.
        own_instruction: it words its instruction itself, and cannot follow that of a data card.
        undeciding: names of its arguments that do not decide answers.
        model: the model itself where it works in this process; None elsewhere.
        folders: folders of the model's code, which its errors may name.
    """

    name: str
    settings: Mapping[str, Any]
    oracle: bool
    takes_replies: bool
    own_instruction: bool
    undeciding: Sequence[str]
    model: Model | None
    folders: frozenset[str]

    def __enter__(self) -> "Executor": ...

    def __exit__(self, *raised: object) -> None: ...

    def worded(self, query: Query) -> str | None:
        """The instruction that the model asks a query with; None when it does not word any."""

    def prepare(self, queries: Sequence[Query], *, missing: str, limited: bool) -> None:
        """Tells the model all queries of the data set, before the first is asked."""

    def predictions(
        self, queries: Sequence[Query], *, timeout: float | None, give_up_after: int | None
    ) -> Generator[Prediction]:
        """Exactly one prediction a query, in completion order."""

    def notes(self) -> list[str]:
        """What users should know after the answers, one sentence each."""
