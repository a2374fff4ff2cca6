"""The executor `local`: the model works in this process."""

import sys
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from gcg_bench.errors import BadOption
from gcg_bench.execution.exits import contained
from gcg_bench.execution.isolation import isolated_predictions
from gcg_bench.execution.models import name_of
from gcg_bench.registry import Loading
from gcg_bench.types import Model, Prediction, Query


class LocalExecutor:
    """A model in this process; attributes as in `executors.Executor`.

    Args:
        model: the model.
    """

    def __init__(self, model: Model) -> None:
        self.model: Model | None = model
        self._model = model
        self.name = name_of(model)
        self.settings: Mapping[str, Any] = getattr(model, "settings", {})
        self.oracle = getattr(model, "oracle", None) is not None and hasattr(model, "study")
        self.takes_replies = bool(getattr(model, "takes_replies", False))
        self.undeciding: Sequence[str] = getattr(model, "undeciding", ())
        self.own_instruction = bool(getattr(model, "own_instruction", False))
        code = getattr(sys.modules.get(type(model).__module__), "__file__", None)
        self.folders = frozenset([str(Path(code).parent)] if isinstance(code, str) else [])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        del raised

    def worded(self, query: Query) -> str | None:
        """The instruction that the model uses for a query; None when it writes none itself.

        Raises:
            GcgBenchError: `worded` raises something, or returns no text.
        """
        worded = getattr(self._model, "worded", None)
        if not callable(worded):
            return None
        with Loading("word the instruction"), contained():
            text = worded(query)
        if not isinstance(text, str):
            raise BadOption(f"worded of the model should return a text, not {text!r:.80}")
        return text

    def prepare(self, queries: Sequence[Query], *, missing: str, limited: bool) -> None:
        """Gives the model all queries of the data set, if it has `prepare`.

        Raises:
            GcgBenchError: `prepare` raises an exception.
        """
        prepare = getattr(self._model, "prepare", None)
        if prepare is not None:
            with Loading("prepare the model"), contained():
                prepare(list(queries), missing=missing, limited=limited)

    def predictions(
        self,
        queries: Sequence[Query],
        *,
        timeout: float | None = None,
        give_up_after: int | None = None,
    ) -> Generator[Prediction]:
        """Exactly one prediction for each query; see `isolated_predictions`.

        A model in this process cannot be interrupted, so there is no timeout.
        """
        del timeout, give_up_after
        return isolated_predictions(self._model, queries)

    def notes(self) -> list[str]:
        """The notes of the model, one sentence each."""
        return [str(note) for note in getattr(self._model, "notes", list)()]
