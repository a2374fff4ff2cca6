"""The job that the checks are made for."""

from dataclasses import dataclass
from pathlib import Path

from gcg_bench.pipeline.encoders import EncoderChoice


@dataclass(frozen=True)
class Job:
    """A planned run.

    Attributes:
        model: the value of --model; None for the model of the quick start.
        dataset: the name or path of a data card; None for no data.
        split: a split of the data set.
        task: a task of the data set; None for its first.
        root: the data root; None for the default.
        encoder: the phrase encoders, as texts for --encoder; None for those of the protocols.
        device: the value of --device.
        batch_size: the value of --batch-size.
        limit: the number of images; None for all.
    """

    model: str | None = None
    dataset: str | None = None
    split: str | None = None
    task: str | None = None
    root: Path | None = None
    encoder: EncoderChoice = None
    device: str = "auto"
    batch_size: int | str = "auto"
    limit: int | None = None
