"""Executors: where and how a model works. All give the same predictions.

    local      in this process
    process    each copy of the model in a process of its own, on its own device

A `cmd:` model is a worker in another environment, and always has a process of its own.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Protocol

from gcg_bench.types import Model, Prediction, Query


class Executor(Protocol):
    """A model together with the place where it runs; leaving this context manager ends the model.

    Attributes:
        name: what the model is called.
        settings: everything that decides its answers, except seed and checkpoint.
        oracle: whether the model sees the references.
        takes_replies: whether queries may have a forced reply.
        own_instruction: whether the model writes its instruction itself, and ignores the
            instruction of a data card.
        undeciding: names of its arguments that do not change its answers.
        model: the model itself when it runs in this process, else None.
        folders: folders of the model's code; its error messages may contain them.
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
        """The instruction that the model uses for a query; None when it writes none itself."""

    def prepare(self, queries: Sequence[Query], *, missing: str, limited: bool) -> None:
        """Gives the model all queries of the data set, before the first query is asked."""

    def predictions(
        self, queries: Sequence[Query], *, timeout: float | None, give_up_after: int | None
    ) -> Generator[Prediction]:
        """Exactly one prediction for each query, in completion order."""

    def notes(self) -> list[str]:
        """Facts that users should know after the answers, one sentence each."""
