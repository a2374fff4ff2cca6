"""Tasks: each has a file with its name, which defines `TASK`, a value of the class `Task`.

A task defines the content of a query and a reference, the default instruction for a model, and the
protocols that score its predictions. A protocol is a value: metrics with their parameters, and the
rule for comparing phrases. Protocols differ only in values; no code tests which protocol it runs.

`load(name)` gives the task of a file. `find_protocol` gives a protocol of a task, or one that is
defined elsewhere (`package.module:ATTRIBUTE`, `./file.py:ATTRIBUTE`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from gcg_bench import metrics, registry
from gcg_bench.errors import BadData, BadOption, GcgBenchError, UnknownName
from gcg_bench.files.paths import anchored_source
from gcg_bench.types import AGREEMENT, EVERY_PART, WORDS, Metric, Parts, Sample, ScoreSpec

Repeats = Literal["count", "left_out"]

DEFAULT = "gcg"
"""The task of data that do not name one."""


@dataclass(frozen=True)
class EvalProtocol:
    """Metrics with their parameters, and the rule for comparing phrases.

    Attributes:
        name: e.g. `official` or `strict`.
        version: a whole number; it increases whenever any score could change.
        metrics: the metrics, in the order of tables.
        task: the name of the task whose predictions it scores.
        encoder: the phrase encoder's name; None when no metric needs the similarity of phrases. The
            agreement of phrases uses it for words that WordNet does not know.
        equal_is_one: whether phrases that are equal after normalising have similarity 1.
        repeats: how a query with the same question as an earlier query counts, e.g. the same region
            of the same image: `count`, or `left_out`, so that each question counts once.
        ranked_by: the score that systems are ranked by; the first headline score by default.
        images_by: the score that single images are sorted by; the ranking score by default.
    """

    name: str
    version: int
    metrics: tuple[Metric, ...]
    task: str = DEFAULT
    encoder: str | None = None
    equal_is_one: bool = False
    repeats: Repeats = "count"
    ranked_by: str = field(default="", compare=False)
    images_by: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Fills missing fields, and checks the metrics.

        Raises:
            BadOption: there are no metrics, two metrics or two scores have the same name, or a
                metric needs the similarity of phrases and there is no encoder.
            UnknownName: no metric has the ranking score.
        """
        names = [metric.name for metric in self.metrics]
        if not names or len(set(names)) < len(names):
            raise BadOption(f"protocol {self.name}: needs metrics, each of another name")
        scores = [spec.name for spec in self.scores]
        if len(set(scores)) < len(scores):
            twice = next(name for name in scores if scores.count(name) > 1)
            raise BadOption(f"protocol {self.name}: two of its metrics give a score {twice!r}")
        if self.encoder is None and "similarity" in self.needs:
            raise BadOption(f"protocol {self.name}: its metrics need a phrase encoder")
        headline = [spec.name for spec in self.scores if spec.headline] or [self.scores[0].name]
        object.__setattr__(self, "ranked_by", self.ranked_by or headline[0])
        object.__setattr__(self, "images_by", self.images_by or self.ranked_by)
        self.spec(self.ranked_by)
        self.spec(self.images_by)

    @property
    def agrees(self) -> bool:
        """Whether a metric reads the agreement of phrases."""
        return bool(self.needs & AGREEMENT)

    @property
    def compares_phrases(self) -> bool:
        """Whether a metric compares phrases by their words."""
        return bool(self.needs & WORDS)

    @property
    def parts(self) -> Parts:
        """The parts of answers that a metric reads."""
        masks = bool(self.needs & {"iou", "crowd_iou", "pixels"})
        return Parts("tokens" in self.needs, self.compares_phrases, masks)

    @property
    def key(self) -> str:
        """Name and version, e.g. `strict-2`."""
        return f"{self.name}-{self.version}"

    @property
    def folder(self) -> str:
        """The name of its folder in a run, e.g. `gcg.strict-2`."""
        return f"{self.task}.{self.key}"

    @property
    def scores(self) -> tuple[ScoreSpec, ...]:
        """The scores of all metrics, in the order of tables."""
        return tuple(spec for metric in self.metrics for spec in metric.scores)

    @property
    def needs(self) -> frozenset[str]:
        """The features that its metrics read."""
        return frozenset().union(*(metric.needs for metric in self.metrics))

    def spec(self, score: str) -> ScoreSpec:
        """The definition of the score with this name; raises UnknownName."""
        for spec in self.scores:
            if spec.name == score:
                return spec
        raise UnknownName(f"score of {self.key}", score, [spec.name for spec in self.scores])

    def metric_of(self, score: str) -> Metric:
        """The metric that computes the score with this name; raises UnknownName."""
        spec = self.spec(score)
        return next(metric for metric in self.metrics if spec in metric.scores)

    def using(self, *, encoder: str | None = None, also: Iterable[str] = ()) -> "EvalProtocol":
        """This protocol with another phrase encoder, or with optional metrics added.

        A protocol that needs no encoder gets none.

        Raises:
            UnknownName: `also` names a metric that does not exist, or that is in a task's protocol.
        """
        have = {metric.name for metric in self.metrics}
        added = []
        for name in dict.fromkeys(text.lower().replace("-", "_") for text in also):
            if name not in optional_metrics():
                raise UnknownName("optional metric", name, optional_metrics())
            if name not in have:
                added.append(metrics.load(name))
        chosen = (encoder or self.encoder) if self.encoder is not None else None
        return replace(self, encoder=chosen, metrics=(*self.metrics, *added))


@dataclass(frozen=True)
class Task:
    """A task: its queries, its references, and the protocols that score answers.

    Attributes:
        name: the file's name.
        title: a short description.
        instruction: the instruction of a model when neither the data set nor the user gives one.
        query: the fields of Query that no query may leave empty, in addition to id and image.
        reference: the fields that no reference may leave empty, of `captions` and `phrases`.
        protocols: the first is the published computation; the others are defined by this project.
        mistakes: the name of the protocol that defines the kinds of mistakes; None when the task
            has no such kinds.
        panels: the parts of a report's page that make sense for the task.
        forced: the reply that the published evaluation gives to a model, instead of letting it
            write a reply; empty when it gives none.
    """

    name: str
    title: str
    instruction: str
    query: frozenset[str]
    reference: frozenset[str]
    protocols: tuple[EvalProtocol, ...]
    mistakes: str | None = None
    panels: tuple[str, ...] = ()
    forced: str = ""

    @property
    def noun(self) -> str:
        """The word for queries: `images` when a query is only an image."""
        return "queries" if self.query else "images"

    @property
    def parts(self) -> Parts:
        """The parts of answers that any of its protocols reads."""
        read = [protocol.parts for protocol in self.protocols]
        return Parts(
            captions=any(parts.captions for parts in read),
            words=any(parts.words for parts in read),
            masks=any(parts.masks for parts in read),
        )

    def refuse_incomplete(self, samples: Iterable[Sample]) -> None:
        """Raises BadData, with sample and field, when a sample lacks what the task needs."""
        for sample in samples:
            empty = [name for name in sorted(self.query) if not getattr(sample.query, name)]
            if "captions" in self.reference and not sample.captions:
                empty.append("captions")
            if "phrases" in self.reference and not sample.truth.phrases:
                empty.append("phrases")
            if empty:
                raise BadData(
                    "is empty",
                    image=sample.id,
                    field=empty[0],
                    remedy=f"The task {self.name} needs it: choose another --task, or fill it",
                )

    def protocol(self, name: str) -> EvalProtocol:
        """The protocol with this name; raises UnknownName."""
        for protocol in self.protocols:
            if protocol.name == name:
                return protocol
        names = [protocol.name for protocol in self.protocols]
        raise UnknownName(f"protocol of the task {self.name}", name, names)


def names() -> tuple[str, ...]:
    """The names of all tasks, sorted."""
    return registry.names("tasks")


def load(name: str) -> Task:
    """The task of a file in this folder.

    Raises:
        UnknownName: there is no such file.
        GcgBenchError: the file does not define `TASK`, or the task has another name than the file.
    """
    module = registry.module("tasks", name, "task")
    task: object = getattr(module, "TASK", None)
    if not isinstance(task, Task) or task.name != name.replace("-", "_"):
        raise GcgBenchError(f"{module.__name__} should define TASK, a task named {name}")
    return task


def title_of(name: str) -> str:
    """The title of a task; its name when the task is unknown."""
    return load(name).title if name in names() else name


def parts_of(name: str) -> Parts:
    """The parts of answers that a task reads; all parts when the task is unknown."""
    return load(name).parts if name in names() else EVERY_PART


def find_protocol(name: str, task: Task) -> EvalProtocol:
    """The protocol of a task with a name, or the protocol that an import path names.

    Args:
        name: a name, `package.module:ATTRIBUTE`, or `./file.py:ATTRIBUTE`.
        task: the task whose protocols are searched.

    Raises:
        UnknownName: the protocol does not exist.
        BadOption: the path names no protocol, or a protocol of another task.
    """
    if ":" not in name:
        return task.protocol(name)
    protocol: object = registry.attribute(anchored_source(name))
    if not isinstance(protocol, EvalProtocol):
        raise BadOption(f"{name} is no EvalProtocol")
    if protocol.task != task.name:
        raise BadOption(f"{name} scores the task {protocol.task}, not {task.name}")
    return protocol


def optional_metrics() -> tuple[str, ...]:
    """The metrics that are in no task's protocol; `--also` adds them by name."""
    protocols = [protocol for name in names() for protocol in load(name).protocols]
    used = {metric.name for protocol in protocols for metric in protocol.metrics}
    return tuple(name for name in registry.names("metrics") if name not in used)


def known_scores(also: Sequence[EvalProtocol] = ()) -> Mapping[str, ScoreSpec]:
    """Every score of every metric by name; for tables that contain only scores, such as boards.

    Args:
        also: protocols with metrics of their own.
    """
    every = [metrics.load(name) for name in registry.names("metrics")]
    every += [metric for protocol in also for metric in protocol.metrics]
    return {spec.name: spec for metric in every for spec in metric.scores}
