"""How scores are shown: tables, kinds of mistakes, draws, or one JSON document."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gcg_bench import tasks
from gcg_bench.analysis.errors import NEEDS, Diagnosis, diagnose, match_rule
from gcg_bench.cli.console import print_json, say, stdout
from gcg_bench.cli.diagnosis_tables import print_diagnosis
from gcg_bench.cli.options import OutputOptions, ScoringOptions
from gcg_bench.cli.score_tables import print_scores, print_spread
from gcg_bench.data.stored_samples import StoredSamples
from gcg_bench.errors import shortened
from gcg_bench.pipeline.evaluated import Evaluated
from gcg_bench.pipeline.score import title_of
from gcg_bench.predictions.stated_sizes import StatedSizes
from gcg_bench.runs.stored_predictions import StoredPredictions
from gcg_bench.scoring.features import pair_up
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.score import phrase_rule
from gcg_bench.scoring.spread import Spread, spread
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Prediction, one_of


def seed_of(settings: Mapping[str, Any]) -> int:
    """The seed of a run, which is also the first seed of `--draw`."""
    seed = settings.get("seed", 0)
    return seed if isinstance(seed, int) else 0


def show(
    label: str,
    evaluated: Evaluated,
    scoring: ScoringOptions,
    output: OutputOptions,
    *,
    seed: int = 0,
) -> int:
    """Shows results as a table or as JSON; returns 1 when answers failed, else 0.

    Args:
        label: the name of the answers.
        evaluated: the results to show.
        scoring: whether kinds of mistakes and draws are shown.
        output: the options of the output.
        seed: the first seed of `--draw`.
    """
    diagnosis = _diagnosis(evaluated, scoring, output)
    task = tasks.load(evaluated.data.task)
    spreads = [
        None if scoring.draw is None else spread(result, most=scoring.draw, seed=seed)
        for result in evaluated.results
    ]
    if output.as_json:
        print_json(_documents(evaluated, task, diagnosis, spreads))
    else:
        title = title_of(label, evaluated.data)
        print_scores(stdout(), title, evaluated.results, signatures=scoring.signature)
        for result, drawn in zip(evaluated.results, spreads, strict=True):
            if drawn is not None:
                print_spread(stdout(), result, drawn)
        if diagnosis is not None:
            print_diagnosis(stdout(), diagnosis, slices=scoring.diagnosis)
    for protocol in evaluated.missing:
        say(protocol.sentence, quiet=output.quiet)
    failed = max((result.failed for result in evaluated.results), default=0)
    if not isinstance(evaluated.predictions, StoredPredictions):
        say_failed(evaluated.predictions.values(), evaluated.data.noun, quiet=output.quiet)
    elif failed:
        say(f"{failed} {evaluated.data.noun} failed: their lines hold an error", quiet=output.quiet)
    return 1 if failed else 0


def _documents(
    evaluated: Evaluated,
    task: tasks.Task,
    diagnosis: Diagnosis | None,
    spreads: Sequence[Spread | None],
) -> list[dict[str, Any]]:
    """Every protocol as JSON: its scores, or the reason why it has none."""
    drawn = {result.key: one for result, one in zip(evaluated.results, spreads, strict=True)}
    documents = []
    for part in evaluated.stated:
        value = part.to_json()
        if isinstance(part, Result):
            if diagnosis is not None and part.protocol.name == task.mistakes:
                value["diagnosis"] = diagnosis.to_json()
            if (own := drawn[part.key]) is not None:
                value["draw"] = own.to_json()
        documents.append(value)
    return documents


def _diagnosis(
    evaluated: Evaluated, scoring: ScoringOptions, output: OutputOptions
) -> Diagnosis | None:
    """The kinds of mistakes; None when they are not shown or no protocol counts them."""
    protocol = _counting_mistakes(evaluated)
    wanted = scoring.diagnosis or not (output.as_json or output.quiet)
    if isinstance(evaluated.data.samples, StoredSamples):
        wanted = False  # mistakes are counted with all pairs in memory
        if scoring.diagnosis:
            say("--diagnosis: not shown for images that are scored in shards", quiet=output.quiet)
    if protocol is None or not wanted:
        return None
    store = pair_up(evaluated.data.samples, evaluated.predictions)
    pairs = store.with_features(NEEDS, phrase_rule(protocol))
    return diagnose(pairs, match_rule(protocol))


def _counting_mistakes(evaluated: Evaluated) -> EvalProtocol | None:
    task = tasks.load(evaluated.data.task)
    chosen = [result.protocol for result in evaluated.results]
    return next((protocol for protocol in chosen if protocol.name == task.mistakes), None)


def say_stated(sizes: StatedSizes, *, quiet: bool) -> None:
    """Reports on stderr that sizes of images were taken from the answers, if they were."""
    if sizes.used:
        say("pictures are missing: their size is taken to be that of the masks", quiet=quiet)


def say_failed(predictions: Iterable[Prediction], noun: str, *, quiet: bool) -> None:
    """Reports on stderr how many images or queries failed, and the error of the first."""
    failed = [prediction for prediction in predictions if prediction.error is not None]
    if failed:
        count, first = len(failed), failed[0]
        many = f"{count} {noun} failed, the first" if count > 1 else f"1 {one_of(noun)} failed,"
        say(f"{many} {first.id}: {shortened(first.error or 'no reason is given')}", quiet=quiet)
