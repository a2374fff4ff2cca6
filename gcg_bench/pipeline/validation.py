"""A validation step of a training loop: predictions are added batch by batch, then scored."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gcg_bench.data import Dataset
from gcg_bench.errors import BadData
from gcg_bench.pipeline import gathering
from gcg_bench.pipeline.encoders import EncoderChoice
from gcg_bench.pipeline.evaluation import Evaluation
from gcg_bench.pipeline.interface import as_dataset, score
from gcg_bench.predictions.in_memory import check_type
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Prediction, Sample

Gather = Callable[[Mapping[str, Prediction]], Sequence[Mapping[str, Prediction]]]
"""Takes the predictions of this process; returns the predictions of all processes."""


class Validation:
    """Scores predictions that arrive in batches; it has the methods of a metric in torchmetrics.

        validation = Validation(samples, ["strict"])
        validation.update(predictions)          # after every batch
        evaluation = validation.compute()       # after the epoch
        validation.reset()

    In a distributed training each process adds the predictions of its own share, and `compute` is
    called in every process. It gathers the predictions with `torch.distributed`, the process of
    rank 0 scores them, and every process gets the evaluation. The backend `nccl` needs
    `torch.cuda.set_device` beforehand, and a `timeout` of the process group that is longer than the
    scoring.
    """

    def __init__(
        self,
        dataset: Dataset | Iterable[Sample],
        protocols: Sequence[EvalProtocol | str] | str | None = None,
        *,
        encoder: EncoderChoice = None,
        also: Sequence[str] = (),
        resampling: Resampling | None = None,
        gather: Gather | None = None,
    ) -> None:
        """Stores the arguments; nothing is loaded yet.

        Args:
            dataset: the references: a data set, or samples of one task.
            protocols: names or values, or one name; by default those of the task.
            encoder: a phrase encoder for every protocol that needs one, or encoders by the name of
                the protocol; by default each protocol's own.
            also: optional metrics that are added.
            resampling: how intervals are drawn; by default none are drawn.
            gather: gathers the predictions of all processes, instead of `torch.distributed`; then
                every process scores.

        Raises:
            MissingData, BadData, BadOption: see `score`.
        """
        self._dataset = as_dataset(dataset)
        self._ids = {sample.id for sample in self._dataset.samples}
        self._scoring: dict[str, Any] = {
            "protocols": protocols,
            "encoder": encoder,
            "also": also,
            "resampling": resampling or Resampling(draws=0),
        }
        self._gather = gather
        self._predictions: dict[str, Prediction] = {}

    def update(self, predictions: Prediction | Iterable[Prediction]) -> None:
        """Adds the predictions of a batch.

        Raises:
            BadData: a value is no Prediction, a prediction belongs to no sample, or its sample
                already has a prediction in this process; no prediction of the batch is added.
        """
        batch = [predictions] if isinstance(predictions, Prediction) else list(predictions)
        added: dict[str, Prediction] = {}
        for prediction in map(check_type, batch):
            if prediction.id not in self._ids:
                raise BadData("a prediction of no sample that is scored", image=prediction.id)
            if prediction.id in self._predictions or prediction.id in added:
                raise BadData(
                    "has a prediction already",
                    image=prediction.id,
                    remedy="Call reset() before the next validation",
                )
            added[prediction.id] = prediction
        self._predictions |= added

    def compute(self, *, partial: bool = False) -> Evaluation:
        """The scores of all predictions since the last reset; the predictions are kept.

        When two processes have a prediction of the same sample, the prediction of the lower rank
        counts. A sampler that repeats samples, so that all processes get equally many, has this
        effect.

        Args:
            partial: whether to score only the samples that have a prediction, e.g. for a check
                before the training. Otherwise a missing prediction is an error.

        Raises:
            MissingData: samples have no prediction; names the first ten and the count.
            GcgBenchError: see `score`; or the process of rank 0 could not compute the scores.
        """
        if self._gather is not None:
            return self._score(self._gather(self._predictions), partial=partial)
        shares = gathering.of_all(self._predictions)
        return gathering.computed_once(lambda: self._score(shares, partial=partial))

    def reset(self) -> None:
        """Forgets all predictions."""
        self._predictions = {}

    def _score(self, shares: Sequence[Mapping[str, Prediction]], *, partial: bool) -> Evaluation:
        predictions: dict[str, Prediction] = {}
        for share in reversed(shares):
            predictions |= share
        return score(_answered(self._dataset, predictions, partial), predictions, **self._scoring)


def _answered(data: Dataset, predictions: Mapping[str, Prediction], partial: bool) -> Dataset:
    """The data set; if `partial`, only the samples that have a prediction."""
    if not partial:
        return data
    return replace(
        data, samples=tuple(sample for sample in data.samples if sample.id in predictions)
    )
