"""The material of a report: the pairs, the results of the protocols, and the diagnosis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gcg_bench import __version__, tasks
from gcg_bench.analysis.errors import (
    NEEDS,
    Diagnosis,
    diagnose,
    index_of,
    match_rule,
    matches_phrases,
)
from gcg_bench.analysis.errors.expressions import Verdict, verdict
from gcg_bench.data import Dataset
from gcg_bench.errors import MissingData, RunConflict
from gcg_bench.pipeline.encoders import EncoderChoice, Encoders
from gcg_bench.pipeline.predict import complete
from gcg_bench.pipeline.score import refuse_other_references, title_of
from gcg_bench.runs import Run
from gcg_bench.runs.labels import label_of, short_labels
from gcg_bench.runs.merging import SHARDS
from gcg_bench.scoring.features import FeatureStore, PhraseRule, pair_up
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.score import phrase_rule
from gcg_bench.scoring.storage import load_results
from gcg_bench.scoring.stored_rule import stored_rule
from gcg_bench.tasks import EvalProtocol, Task
from gcg_bench.types import EVERY_PART, Pair, Parts

PANELS = ("scores", "mistakes", "expressions", "agreement", "distributions", "images")
"""The parts of a page that a task chooses from. `mistakes` and `agreement` need a diagnosis.

`expressions` counts the kinds of answers to referring expressions."""


@dataclass(frozen=True)
class Mistakes:
    """The diagnosis of a page's pairs.

    Attributes:
        protocol: the protocol that defines the mistakes.
        diagnosis: the diagnosis of the pairs, in the same order.
    """

    protocol: EvalProtocol
    diagnosis: Diagnosis


@dataclass(frozen=True)
class Material:
    """The content of a page.

    Attributes:
        title: e.g. `glamm-tiny on shapes val`.
        pairs: at least one pair; with overlaps and agreement when there are `mistakes`.
        results: one for each protocol, in the order of columns.
        mistakes: None when the task has no kinds of mistakes, or no protocol of the run compares
            phrases.
        settings: the settings that decided the answers.
        environment: the machine and versions of the run.
        panels: the parts of the page, of `PANELS`.
        parts: the parts of answers that the task reads; the page shows no others.
        version: the version of the package that wrote the report.
    """

    title: str
    pairs: Sequence[Pair]
    results: Sequence[Result]
    mistakes: Mistakes | None
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    panels: tuple[str, ...] = PANELS
    parts: Parts = EVERY_PART
    version: str = __version__

    def shows(self, panel: str) -> bool:
        """Whether the page has a part; a part that needs a diagnosis is omitted without one."""
        missing = panel in ("mistakes", "agreement") and self.mistakes is None
        return panel in self.panels and not missing

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The kind of every answer to an expression; empty when the page does not count them."""
        return tuple(map(verdict, self.pairs)) if self.shows("expressions") else ()


def of_run(run: Run, data: Dataset, *, encoder: EncoderChoice = None) -> Material:
    """The material of a scored run.

    Mistakes are counted by the task's protocol for mistakes, with the encoder of its result in the
    run. If the run lacks this result but has others that compare phrases, mistakes are counted with
    that protocol's own encoder. If no result compares phrases, there is no diagnosis.

    Args:
        run: a scored run.
        data: the data set that it answers.
        encoder: the phrase encoder of the diagnosis, or encoders by the name of the protocol;
            needed when the encoder cannot be found by the name in the run.

    Raises:
        MissingData: the run has not been scored.
        BadData: scores, rows and predictions do not fit together.
        RunConflict: the run was scored on other images or references, or with another encoder.
        EnvironmentProblem: the phrase encoder is not installed.
    """
    task = tasks.load(data.task)
    results = _results(run, data, task)
    # a run may have been scored while images were missing: they count as failures there
    predictions = complete(data.samples, run.predictions(sizes=data.sizes), missing="empty")
    store = pair_up(data.samples, predictions)
    pairs, mistakes = _diagnosed(store, *_rule_of_mistakes(run, results, task, encoder))
    return Material(
        title=title_of(short_labels([label_of(run)])[0], data),
        pairs=pairs,
        results=results,
        mistakes=mistakes,
        settings=run.settings,
        environment=_environment(run),
        panels=task.panels,
        parts=task.parts,
    )


def _environment(run: Run) -> Mapping[str, Any]:
    """The machine and versions of the run; for a merged run, only the number of shards."""
    shards = run.environment.get(SHARDS)
    if not isinstance(shards, Mapping):
        return run.environment
    return {**run.environment, SHARDS: len(shards)}


def of_images(
    run: Run, data: Dataset, ids: Sequence[str], *, encoder: EncoderChoice = None
) -> tuple[Sequence[Pair], Diagnosis | None]:
    """Some images of a scored run, in the order of `ids`, and their diagnosis.

    Phrases are compared as in `of_run`. The diagnosis is None when the run's page has none. Other
    images are not compared, so a few images of a large run take seconds.

    Raises:
        MissingData: the run has not been scored, or an id is not among the images.
        BadData, RunConflict, EnvironmentProblem: as in `of_run`.
    """
    task = tasks.load(data.task)
    chosen = [data.samples[index_of(data.samples, image)] for image in ids]
    results = _results(run, data, task)
    wanted = frozenset(ids)
    predictions = (one for one in run.predictions(sizes=data.sizes) if one.id in wanted)
    store = pair_up(chosen, complete(chosen, predictions, missing="empty"))
    pairs, mistakes = _diagnosed(store, *_rule_of_mistakes(run, results, task, encoder))
    return pairs, None if mistakes is None else mistakes.diagnosis


def _results(run: Run, data: Dataset, task: Task) -> list[Result]:
    """The run's results; raises MissingData without results, RunConflict for other references."""
    results = _in_order(load_results(run), task)
    if not results:
        raise MissingData(f"{run.folder}: not scored yet; gcg-bench score {run.folder}")
    _refuse_other_images(run, results, tuple(sample.id for sample in data.samples))
    for result in results:
        refuse_other_references(result, data, run.folder)
    return results


def _in_order(results: Sequence[Result], task: Task) -> list[Result]:
    """The results of the task's own protocols in the task's order, then the others by name."""
    names = [protocol.name for protocol in task.protocols]

    def sort_key(result: Result) -> tuple[int, str]:
        name = result.protocol.name
        return (names.index(name) if name in names else len(names), result.key)

    return sorted(results, key=sort_key)


def _rule_of_mistakes(
    run: Run, results: Sequence[Result], task: Task, encoder: EncoderChoice
) -> tuple[EvalProtocol | None, PhraseRule | None]:
    """The protocol that defines the mistakes, and how it compares phrases; or None."""
    encoders = Encoders.of(encoder)
    own = (protocol.name for protocol in task.protocols)
    encoders.refuse_unknown((*own, *(result.protocol.name for result in results)))
    if task.mistakes is None:
        return None, None
    for result in results:
        if result.protocol.name == task.mistakes and matches_phrases(result.protocol):
            return result.protocol, stored_rule(result, run.folder, encoders.chosen(task.mistakes))
    if all(result.encoder is None for result in results):
        return None, None
    protocol = encoders.given_to(task.protocol(task.mistakes))
    return protocol, phrase_rule(protocol)


def _diagnosed(
    store: FeatureStore, protocol: EvalProtocol | None, rule: PhraseRule | None
) -> tuple[Sequence[Pair], Mistakes | None]:
    """The pairs; with features and a diagnosis if a protocol compares phrases."""
    if protocol is None or rule is None:
        return store.pairs, None
    pairs = store.with_features(NEEDS, rule)
    return pairs, Mistakes(protocol, diagnose(pairs, match_rule(protocol)))


def _refuse_other_images(run: Run, results: Sequence[Result], ids: tuple[str, ...]) -> None:
    """Raises RunConflict when a result is of other images."""
    for result in results:
        if result.ids != ids:
            raise RunConflict(
                f"{run.folder}: {result.key} was scored on other {result.noun} than the data set"
                f" has now."
                f" Score it again: gcg-bench score {run.folder}"
            )
