"""Specifications: everything that decides an evaluation, as values."""

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
from gcg_bench.files import limits
from gcg_bench.pipeline.changing import changed
from gcg_bench.pipeline.encoders import EncoderChoice, Encoders, Usable
from gcg_bench.pipeline.predict import Missing
from gcg_bench.runs.shards import Shard
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks import EvalProtocol, Task
from gcg_bench.types import Sample


@dataclass(frozen=True)
class DataSpec:
    """The choice of samples.

    Attributes:
        dataset: the name of a data card, its path, or a data set that is loaded already.
        split: e.g. `val`; when empty, the split of the loaded data set.
        root: the data root; by default `$GCG_BENCH_DATA`, else a folder next to the caches.
        limit: the number of samples, taken from the start of the split; None for all.
        prompt: an instruction that replaces the data card's.
        task: one of the data set's tasks; the card's first by default.
        shipped: whether the name comes from a run or a board, not from the user; then it is never
            used as a path.
        forced: whether models are given the reply of the task's published evaluation, instead of
            writing a reply.
        images: a folder or an address (s3://, gs://, hf://) with the images, which replaces the
            card's folders.
        sizes: returns the sizes of images that the data set itself does not state, see
            `load_dataset`.
        shard: chooses only this shard of the samples that the other fields choose.
        stored_from: samples of annotation files of at least this many bytes stay in the files, see
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
            UnknownName, MissingData, BadData: see `load_dataset`; or a sample lacks a field that
                the task needs.
            BadOption: no split is given, a loaded data set has another split or task, `forced` is
                used with a task whose published evaluation gives no reply, or there are fewer
                images than shards.
        """
        return self.part(self.whole())

    def part(self, data: Dataset) -> Dataset:
        """The samples of the shard of a whole data set; all samples without a shard."""
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
        if not isinstance(samples, StoredSamples):  # other data sets are checked when they are read
            task.refuse_incomplete(samples)
        return replace(data, samples=samples)

    def variant(self) -> str:
        """The part of a run folder's name after data set and split; often empty.

        It contains the task, if that is not the card's first, whether replies are forced, and the
        shard.
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
        self._refuse_endless()
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

    def _refuse_endless(self) -> None:
        """Raises BadOption when a file, not the user, asks for too many images of endless data."""
        if not self.shipped or self.limit is None or self.limit <= limits.IMAGES:
            return
        if not load_card(str(self.dataset), split=self.split, shipped=True).split(self.split).sizes:
            raise BadOption(
                f"{self.limit:,} images of {self.dataset} {self.split}, whose card states no size:"
                f" a file may ask for {limits.IMAGES:,}. Give --dataset {self.dataset} yourself"
            )


@dataclass(frozen=True)
class ModelOptions:
    """How a model is built and run.

    Attributes:
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        batch_size: images at a time, for models that support batches.
        workers: threads that read images ahead, for models that support them.
        max_new_tokens: the maximum length of a reply in tokens; None for the model's own limit.
        seed: the seed, for models that draw random numbers.
        timeout: seconds after which a query counts as failed; None for no limit.
        give_up_after: a query that is asked alone fails when this many processes have ended on it.
        on: the executor: `local`, `process`, `ray`, `ray:ADDRESS`, or `auto`. `auto` is `process`
            when a timeout, `give_up_after`, devices or a worker need a process, else `local`.
        devices: the devices, each with a process: `cpu`, `cuda:1`, or the number of a GPU.
        models: copies of the model in a Ray cluster; None for as many as the cluster can hold.
        gpus_per_model: GPUs of each copy; None for 1 when the cluster has GPUs.
        start_timeout: seconds until a process must have built its model.
        retry_failed: whether queries that failed in the run folder are asked again.
        extra: the model's own options, by name.
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
        """Checks the limits.

        Raises:
            BadOption: a timeout is not above 0, or `give_up_after` is below 1.
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
        protocols: names, import paths or values; None for the protocols of the task.
        encoder: a phrase encoder for every protocol that needs one, or encoders by the name of the
            protocol; None for each protocol's own.
        also: optional metrics that are added.
        metrics: the names of the metrics to measure; by default those of the protocol.
        parameters: texts `METRIC.PARAMETER=VALUE`, which replace the protocol's parameters.
        missing: how a query without a prediction counts: as an error, or as an empty answer.
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
            UnknownName: a protocol, metric or parameter does not exist.
            BadOption: a protocol belongs to another task, several protocols would be changed, or a
                parameter cannot have the value.
        """
        return tuple(measured for _, measured in self._chosen(task))

    def usable(self, task: Task) -> Usable:
        """The protocols whose phrase encoders are on this machine, and the others.

        Raises:
            MissingEncoder: a protocol that was given by name, or every protocol, needs an encoder
                that is missing.
            GcgBenchError: see `of` and `load_encoder`.
        """
        encoders = Encoders.of(self.encoder)
        return Usable.of(self._chosen(task), encoders, asked=self.protocols is not None)

    def _chosen(self, task: Task) -> list[tuple[EvalProtocol, EvalProtocol]]:
        """Pairs of a protocol with its encoder: as defined in the task, and as it is measured."""
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
    """Everything that decides an evaluation: model, data, scoring and run folder.

    Attributes:
        model: a value of --model, a model object, or a callable that returns a model.
        data: the choice of samples.
        scoring: how predictions are scored.
        out: the run folder; `runs/<model>-<dataset>-<split>` by default.
        options: how the model is built and run.
        settings: further settings that decide the answers; they are added to, or replace, the known
            ones.
        label: the label of the run in tables; not part of the signature.
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
    """The sample with the forced reply of the model."""
    return replace(sample, query=replace(sample.query, forced=reply))
