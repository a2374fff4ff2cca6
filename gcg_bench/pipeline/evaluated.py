"""The outcome of scoring: results, and the protocols that were not scored."""

from collections.abc import Mapping
from dataclasses import dataclass

from gcg_bench import tasks
from gcg_bench.data import Dataset
from gcg_bench.pipeline.encoders import MissingProtocol
from gcg_bench.runs import Run
from gcg_bench.scoring.results import Result
from gcg_bench.types import Prediction


@dataclass(frozen=True)
class Evaluated:
    """A scored set of predictions.

    Attributes:
        data: the references.
        run: the run with the predictions and scores; None for prediction files.
        predictions: id -> prediction, for every sample.
        results: one result for each protocol.
        missing: the protocols that were not scored: their phrase encoders are not on this machine,
            and the user did not name them.
    """

    data: Dataset
    run: Run | None
    predictions: Mapping[str, Prediction]
    results: tuple[Result, ...]
    missing: tuple[MissingProtocol, ...] = ()

    @property
    def stated(self) -> tuple[Result | MissingProtocol, ...]:
        """Results and missing protocols; when some are missing, in the order of the task."""
        if not self.missing:
            return self.results
        order = [protocol.name for protocol in tasks.load(self.data.task).protocols]
        everything: list[Result | MissingProtocol] = [*self.results, *self.missing]
        return tuple(sorted(everything, key=lambda part: order.index(part.protocol.name)))
