"""Specifications: all that decides an evaluation, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from gcg_bench import tasks
from gcg_bench.data import Dataset, Sizes, load_dataset
from gcg_bench.data.cards import load_card
from gcg_bench.data.elsewhere import with_images
from gcg_bench.data.stored_samples import StoredSamples, changed_samples
from gcg_bench.errors import BadOption
from gcg_bench.execution.process import START_TIMEOUT
from gcg_bench.pipeline.changing import changed
from gcg_bench.pipeline.encoders import EncoderChoice, Encoders, Usable
from gcg_bench.pipeline.predict import Missing
from gcg_bench.runs.shards import Shard
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks import EvalProtocol, Task
from gcg_bench.types import Sample


@dataclass(frozen=True)
class DataSpec:
    """Which samples.

    Attributes:
        dataset: the name of a data card, its path, or a data set that is loaded already.
        split: e.g. `val`; that of a loaded data set when empty.
        root: the data root; `$GCG_BENCH_DATA`, else a folder beside the caches, by default.
        limit: only so many samples, the first of the split.
        prompt: an instruction in the place of the data card's.
        task: one of the data set's tasks; the card's first by default.
        shipped: the name comes from a run or a board, not from the user: no path is followed.
        forced: models are given the reply of the task's published evaluation instead of writing
            one.
        images: a folder or an address (s3://, gs://, hf://) with the images, in the place of the
            card's folders.
        sizes: gives the sizes of images that the data set itself does not state, see
            `load_dataset`.
        shard: only the samples of this shard of what the other fields choose.
        stored_from: bytes of annotation files from which on samples stay in them, see
            `load_dataset`.
    """

    dataset: str | Path | Dataset = "grandf"
    split: str = ""
    root: Path | None = None
    limit: int | None = None
    prompt: str | None = None
    task: str | None = None
    shipped: bool = False
    forced: bool = False
    images: str | None = None
    sizes: Sizes | None = None
    shard: Shard | None = None
    stored_from: int | None = None

    def load(self) -> Dataset:
        """The data set, or the samples of one shard of it.

        Raises:
            UnknownName, MissingData, BadData: see `load_dataset`; or a sample lacks what the task
                needs.
            BadOption: no split, a loaded data set has another split or task, replies are to be
                forced in a task whose published evaluation lets models write, or there are fewer
                images than shards.
        """
        return self.part(self.whole())

    def part(self, data: Dataset) -> Dataset:
        """The samples of the shard of a whole data set; all where there is no shard."""
        return data if self.shard is None else replace(data, samples=self.shard.of(data.samples))

    def whole(self) -> Dataset:
        """The data set with the samples of all shards; see `load`."""
        data = self._loaded()
        task = tasks.load(data.task)
        if self.forced and not task.forced:
            raise BadOption(
                f"the task {task.name} has no reply that models are given: drop --forced"
            )
        samples: Sequence[Sample] = data.samples
        if self.images is not None:
            own = tuple(samples)
            samples = with_images(own, data.card, data.split, self.root, self.images)
        prompted = partial(_with_prompt, prompt=self.prompt, instruction=task.instruction)
        samples = changed_samples(samples, prompted)
        if self.forced:
            samples = changed_samples(samples, partial(_with_reply, reply=task.forced))
        if not isinstance(samples, StoredSamples):  # others are checked when they are read
            task.refuse_incomplete(samples)
        return replace(data, samples=samples)

    def variant(self) -> str:
        """What the name of a run folder says of the data beside name and split; often empty.

        The task, where it is not the card's first, whether replies are forced, and the shard.
        """
        task = self.task or ""
        if task and not isinstance(self.dataset, Dataset):
            card = load_card(self.dataset, split=self.split, shipped=self.shipped)
            task = "" if task == card.tasks[0] else task
        forced = "forced" if self.forced else ""
        shard = self.shard.folder if self.shard else ""
        return "-".join(filter(None, (task, forced, shard)))

    def _loaded(self) -> Dataset:
        if isinstance(self.dataset, Dataset):
            if self.split and self.split != self.dataset.split:
                raise BadOption(f"the data set is the split {self.dataset.split!r} already")
            if self.task and self.task != self.dataset.task:
                raise BadOption(f"the data set is of the task {self.dataset.task!r} already")
            return self.dataset
        if not self.split:
            raise BadOption("say which split of the data set is meant, e.g. val")
        return load_dataset(
            self.dataset,
            self.split,
            self.root,
            limit=self.limit,
            shipped=self.shipped,
            task=self.task,
            sizes=self.sizes,
            stored_from=self.stored_from,
        )


@dataclass(frozen=True)
class ModelOptions:
    """How a model is made and run.

    Attributes:
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        batch_size: images at a time, for models that can.
        workers: threads that read images ahead, for models that can.
        max_new_tokens: the longest reply in tokens; None for the model's own limit.
        seed: for models that draw.
        timeout: seconds after which an image counts as failed; None to wait for ever.
        give_up_after: processes that may die while they work on one image alone.
        on: the executor: `local`, `process`, `ray`, `ray:ADDRESS`, or `auto`, which is `process`
            where a timeout, a limit of deaths, devices or a worker ask for it.
        devices: one process for each: `cpu`, `cuda:1`, or the number of a GPU.
        models: copies of the model in a Ray cluster; None for as many as there is room for.
        gpus_per_model: GPUs of each of them; None for one where the cluster has some.
        start_timeout: seconds until a process must have built its model.
        retry_failed: queries that failed in the run folder are asked again.
        extra: options of the model's own, by name.
    """

    device: str = "auto"
    batch_size: int | str = "auto"
    workers: int = 2
    max_new_tokens: int | None = None
    seed: int = 0
    timeout: float | None = None
    give_up_after: int | None = None
    on: str = "auto"
    devices: tuple[str, ...] = ()
    models: int | None = None
    gpus_per_model: float | None = None
    start_timeout: float = START_TIMEOUT
    retry_failed: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses limits that no model can keep.

        Raises:
            BadOption: a timeout that is not above 0, or giving up before a process died.
        """
        if self.timeout is not None and not 0 < self.timeout < float("inf"):
            raise BadOption(f"timeout is {self.timeout}; give a number of seconds above 0, or None")
        if self.give_up_after is not None and self.give_up_after < 1:
            raise BadOption(f"give_up_after is {self.give_up_after}; give 1 or more, or None")
        if not 0 < self.start_timeout < float("inf"):
            raise BadOption(f"start_timeout is {self.start_timeout}; give seconds above 0")


@dataclass(frozen=True)
class ScoringSpec:
    """How predictions are scored.

    Attributes:
        protocols: names, import paths or values; None for those of the task.
        encoder: a phrase encoder for every protocol that needs one, or encoders by the name of the
            protocol; None for their own.
        also: optional metrics that are added.
        metrics: the metrics that are measured, by name; those of the protocol by default.
        parameters: `METRIC.PARAMETER=VALUE`, parameters of metrics in the place of the protocol's.
        missing: what a query without a prediction is: an error, or an empty answer.
        resampling: how intervals are drawn.
    """

    protocols: tuple[str | EvalProtocol, ...] | None = None
    encoder: EncoderChoice = None
    also: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    missing: Missing = "error"
    resampling: Resampling = field(default_factory=Resampling)

    def of(self, task: Task) -> tuple[EvalProtocol, ...]:
        """The protocols, with the encoder and the metrics that were chosen.

        Raises:
            UnknownName: no such protocol, metric or parameter.
            BadOption: a protocol of another task, several that are to be changed, or a parameter
                that cannot have the value.
        """
        return tuple(measured for _, measured in self._chosen(task))

    def usable(self, task: Task) -> Usable:
        """The protocols whose phrase encoders are on this machine, and the others.

        Raises:
            MissingEncoder: a protocol that was asked for by name, or every protocol, needs an
                encoder that is missing.
            GcgBenchError: see `of` and `load_encoder`.
        """
        encoders = Encoders.of(self.encoder)
        return Usable.of(self._chosen(task), encoders, asked=self.protocols is not None)

    def _chosen(self, task: Task) -> list[tuple[EvalProtocol, EvalProtocol]]:
        """Each protocol with its encoder, as it is in the task and as it is measured."""
        encoders = Encoders.of(self.encoder)
        named: dict[str, EvalProtocol] = {}
        for protocol in task.protocols if self.protocols is None else self.protocols:
            value = tasks.find_protocol(protocol, task) if isinstance(protocol, str) else protocol
            if value.task != task.name:
                raise BadOption(f"{value.key} scores the task {value.task}, not {task.name}")
            named.setdefault(value.folder, encoders.given_to(value).using(also=self.also))
        encoders.refuse_unknown(protocol.name for protocol in named.values())
        if not self.metrics and not self.parameters:
            return [(value, value) for value in named.values()]
        if len(named) > 1:
            raise BadOption(
                f"--metrics and --set change one protocol: name it with --protocol, one of"
                f" {', '.join(protocol.name for protocol in named.values())}"
            )
        return [(value, changed(value, self.metrics, self.parameters)) for value in named.values()]


@dataclass(frozen=True)
class EvaluationSpec:
    """All that decides an evaluation: a model on data, scored.

    Attributes:
        model: what --model takes, or something that answers queries or gives such when called.
        data: which samples.
        scoring: how predictions are scored.
        out: the run folder; `runs/<model>-<dataset>-<split>` by default.
        options: how the model is made and run.
        settings: more that decides the answers, beside or in the place of what is known.
        label: what the run is called in tables; no part of the signature.
    """

    model: object
    data: DataSpec
    scoring: ScoringSpec = field(default_factory=ScoringSpec)
    out: Path | None = None
    options: ModelOptions = field(default_factory=ModelOptions)
    settings: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""


def _with_prompt(sample: Sample, prompt: str | None, instruction: str) -> Sample:
    """The sample with the user's prompt, else its own, else the task's instruction."""
    chosen = (sample.query.prompt or instruction) if prompt is None else prompt
    if chosen == sample.query.prompt:
        return sample
    return replace(sample, query=replace(sample.query, prompt=chosen))


def _with_reply(sample: Sample, reply: str) -> Sample:
    """The sample with the reply that a model is given."""
    return replace(sample, query=replace(sample.query, forced=reply))
