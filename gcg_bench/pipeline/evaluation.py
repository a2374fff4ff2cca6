"""An evaluation: the results of one set of predictions, one for each protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

from gcg_bench.errors import UnknownName
from gcg_bench.files.html import paragraph
from gcg_bench.pipeline.encoders import MissingProtocol
from gcg_bench.scoring import frames, shown
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.scored_run import Run


@dataclass(frozen=True, repr=False)
class Evaluation(Sequence[Result]):
    """The results of one set of predictions, one for each protocol, in their order.

    It is a sequence: `official, strict = evaluation`. A text gives the result of a protocol by its
    name: `evaluation["strict"]`. `print(evaluation)` shows a short table; a notebook shows all
    scores.

    Attributes:
        results: one result for each protocol.
        run: the run that stores them; None for predictions without a run.
        missing: the protocols that were not scored: their phrase encoders are not on this machine,
            and the user did not name them.
    """

    results: tuple[Result, ...]
    run: Run | None = None
    missing: tuple[MissingProtocol, ...] = ()

    def __len__(self) -> int:
        return len(self.results)

    @overload
    def __getitem__(self, key: int | str) -> Result: ...
    @overload
    def __getitem__(self, key: slice) -> "Evaluation": ...
    def __getitem__(self, key: int | str | slice) -> "Result | Evaluation":
        """The result at a position or of a protocol (`strict`, `strict-2`), or a slice.

        Raises:
            UnknownName: no result is of that protocol.
            MissingEncoder: the protocol was not scored, see `missing`.
            IndexError: there are fewer results.
        """
        if isinstance(key, slice):
            return Evaluation(self.results[key], self.run, self.missing)
        if isinstance(key, int):
            return self.results[key]
        for result in self.results:
            if key in (result.key, result.protocol.name):
                return result
        for protocol in self.missing:
            if key in (protocol.protocol.key, protocol.protocol.name):
                raise protocol.problem
        raise UnknownName("protocol", key, [result.key for result in self.results])

    def values(self, prefix: str = "") -> dict[str, float]:
        """Every score that has a value, by `PREFIX<protocol>/<score>`, for loggers.

        Values are fractions, CIDEr and plain numbers in their own scale.

        Args:
            prefix: the start of every name, e.g. `val/`.
        """
        return {
            f"{prefix}{result.protocol.name}/{score.name}": score.value
            for result in self.results
            for score in result.scores
            if score.value is not None
        }

    def frame(self) -> Any:
        """The scores of each query as a pandas DataFrame, with columns such as `strict-2.F1`."""
        return frames.joined(result.frame().add_prefix(f"{result.key}.") for result in self.results)

    def __repr__(self) -> str:
        table = shown.text(self._label, [result.to_json() for result in self.results])
        return "\n".join([table, *(protocol.sentence for protocol in self.missing)])

    def _repr_html_(self) -> str:
        verdicts = [result.to_json() for result in self.results]
        if self.run is None:
            page = shown.scores(verdicts)
        else:
            page = shown.html(self.run.folder.name, self.run.settings, verdicts)
        return page + "".join(paragraph(protocol.sentence) for protocol in self.missing)

    @property
    def _label(self) -> str:
        return self.results[0].label if self.results else ""
