"""The one loop: queries go to a model, answers to a run, and both to the protocols.

`predict` fills a run, `score` turns predictions into evaluations, `evaluate` does both. Nothing
here knows a model, a data set or a metric by name.
"""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from gcg_bench.adapters import Oracle
from gcg_bench.datasets import Dataset
from gcg_bench.errors import BadData, MissingData
from gcg_bench.evidence import gather
from gcg_bench.protocols import OFFICIAL, STRICT, EvalProtocol
from gcg_bench.runs import Run
from gcg_bench.scoring import Evaluation, Resampling, judge
from gcg_bench.types import Metric, Model, Prediction, Query, Rows, Sample

Missing = Literal["error", "empty"]
Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def no_bar(label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """The progress bar of callers who want none."""
    del label, total
    return nullcontext(lambda _: None)


def predict(
    model: Model,
    dataset: Dataset,
    run: Run,
    *,
    missing: Missing = "error",
    limited: bool = False,
    bar: Bar = no_bar,
) -> int:
    """Answers every query that the run has no line for; returns how many were answered.

    Args:
        model: one that must see the references (a reference baseline) says so by having `study`;
            one that can tell beforehand that it has no answers, by having `prepare`.
        dataset: what to ask.
        run: where the answers go, open for adding.
        missing: whether a model made of files may lack an image.
        limited: the data set is only the first images of its split.
        bar: a progress bar.

    Raises:
        GcgBenchError: what the model's `prepare` found.
    """
    if isinstance(model, Oracle):
        model.study(dataset.samples)
    prepare = getattr(model, "prepare", None)
    if prepare is not None:
        queries = [sample.query for sample in dataset.samples]
        prepare(queries, missing=missing, limited=limited)
    done = run.done_ids()
    pending = [sample.query for sample in dataset.samples if sample.id not in done]
    with bar("predict", len(pending)) as advance:
        for prediction in answers(model, pending):
            run.append(prediction)
            advance(1)
    return len(pending)


def answers(model: Model, queries: Sequence[Query]) -> Iterator[Prediction]:
    """Exactly one prediction a query, whatever the model does.

    When a model raises, the queries it had taken and not answered are asked again one at a time, so
    that one bad image costs one answer; those that raise alone become predictions with `error`.
    Then the rest go on as a stream.
    """
    waiting = {query.id: query for query in queries}
    while waiting:
        taken: list[Query] = []
        raised = yield from _stream(model, waiting, taken)
        if raised is None:
            for id_ in waiting:
                yield Prediction(id_, error="the model gave no answer")
            return
        suspects = [query for query in taken if query.id in waiting]
        if not suspects:
            # raised before it took a query: it would do so for ever
            for id_ in waiting:
                yield Prediction(id_, error=raised)
            return
        for query in suspects:
            alone = {query.id: waiting.pop(query.id)}
            again = yield from _stream(model, alone, [])
            if alone:
                yield Prediction(query.id, error=again or "the model gave no answer")


def _stream(
    model: Model, waiting: dict[str, Query], taken: list[Query]
) -> Generator[Prediction, None, str | None]:
    """The model's answers, each taken off `waiting`; returns why it raised, or None."""

    def recording() -> Iterator[Query]:
        for query in list(waiting.values()):
            taken.append(query)
            yield query

    started = perf_counter()
    try:
        for prediction in model.answer(recording()):
            query = waiting.pop(prediction.id, None)
            # an answer to no question, or a second one, is dropped: the first stands
            if query is not None:
                seconds = perf_counter() - started
                yield _checked(prediction, query, seconds)
                started = perf_counter()
    except Exception as error:  # the one place: whatever a model raises is an answer
        return f"{type(error).__name__}: {error}"
    return None


def _checked(prediction: Prediction, query: Query, seconds: float) -> Prediction:
    """The prediction, or a failure when its masks are not the size of the image."""
    size = (query.image.height, query.image.width)
    for position, phrase in enumerate(prediction.grounding.phrases):
        for mask in phrase.masks:
            if (mask.height, mask.width) != size:
                wrong = f"phrase {position}: mask is {mask.height} x {mask.width}"
                return Prediction(query.id, error=f"{wrong}, the image {size[0]} x {size[1]}")
    if prediction.seconds is None:
        return replace(prediction, seconds=seconds)
    return prediction


def complete(
    samples: Sequence[Sample],
    predictions: Iterable[Prediction],
    *,
    missing: Missing = "error",
    limited: bool = False,
) -> dict[str, Prediction]:
    """One prediction a sample, by id.

    Args:
        samples: the images to score.
        predictions: what there is, in any order.
        missing: `error` refuses when a sample has no prediction; `empty` counts it as a failure.
        limited: the samples are only the first of their split, so predictions of others are
            left out instead of refused.

    Raises:
        MissingData: samples without a prediction; names the first ten and the count.
        BadData: predictions of images that are not in the split, or two of one image.
    """
    wanted = {sample.id for sample in samples}
    found: dict[str, Prediction] = {}
    strangers = []
    for prediction in predictions:
        if prediction.id not in wanted:
            strangers.append(prediction.id)
        elif prediction.id in found:
            raise BadData("two predictions of one image", image=prediction.id)
        else:
            found[prediction.id] = prediction
    if strangers and not limited:
        raise BadData(
            f"{len(strangers)} predictions are of images that are not in the split:"
            f" {_first_ten(strangers)}",
            remedy="Is it the right data set and split?",
        )
    absent = [sample.id for sample in samples if sample.id not in found]
    if absent and missing == "error":
        raise MissingData(
            f"{len(absent)} of {len(samples)} images have no prediction: {_first_ten(absent)}."
            " Predict them, or score them as empty with --missing empty"
        )
    for id_ in absent:
        found[id_] = Prediction(id_, error="no prediction")
    return found


def _first_ten(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:10])) + (", ..." if len(ids) > 10 else "")


def score(
    dataset: Dataset,
    predictions: Mapping[str, Prediction],
    protocols: Sequence[EvalProtocol] = (OFFICIAL, STRICT),
    *,
    answered: Mapping[str, Any] | None = None,
    missing: Missing = "error",
    resampling: Resampling | None = None,
) -> list[Evaluation]:
    """The protocols' verdicts, one each, in the order given.

    Args:
        dataset: the references.
        predictions: one for every sample, see `complete`.
        protocols: what to measure.
        answered: how the answers were made (prompt, token limit, decoding), for the signature.
        missing: the policy that `complete` was given, for the signature.
        resampling: how intervals are drawn; 1,000 draws from seed 0 by default.

    Raises:
        MissingData: the split has no images.
        EnvironmentProblem: Java or an encoder is missing.
    """
    if not dataset.samples:
        raise MissingData(f"{dataset.card.name} {dataset.split}: no images to score")
    evidence = gather(dataset.samples, predictions)
    facts = {**measured_on(dataset), "missing": missing, **(answered or {})}
    verdicts = []
    shared: dict[Metric, Rows] = {}
    for protocol in protocols:
        verdict = judge(evidence, protocol, facts, resampling or Resampling(), shared=shared)
        verdicts.append(replace(verdict, seconds={**evidence.seconds, **verdict.seconds}))
    return verdicts


def measured_on(dataset: Dataset) -> dict[str, Any]:
    """The fields of a signature that say which references were used."""
    truth = hashlib.sha256("".join(sorted(dataset.files.values())).encode()).hexdigest()[:8]
    return {
        "dataset": dataset.card.name,
        "card": dataset.card.version,
        "split": dataset.split,
        "truth": truth if dataset.files else "generated",
        "n": len(dataset.samples),
    }


def evaluate(
    model: Model,
    dataset: Dataset,
    out: Path,
    *,
    protocols: Sequence[EvalProtocol] = (OFFICIAL, STRICT),
    settings: Mapping[str, Any] | None = None,
    missing: Missing = "error",
    resampling: Resampling | None = None,
    bar: Bar = no_bar,
) -> list[Evaluation]:
    """Runs a model over a data set and scores it; rows and scores are kept in the run folder.

    Called again with the same folder it goes on where it stopped.

    Args:
        model: anything with `answer`.
        dataset: what to ask, and the references.
        out: the run folder.
        protocols: what to measure; `OFFICIAL.using(encoder="minilm")` needs no download.
        settings: what decides the model's answers (its name, prompt, decoding); a folder made with
            other settings is refused.
        missing: whether a model made of files may lack an image.
        resampling: how intervals are drawn.
        bar: a progress bar.

    Raises:
        RunConflict, RunLocked: the folder belongs to other settings, or another process.
        EnvironmentProblem: Java or an encoder is missing.
    """
    about = {
        "model": type(model).__name__,
        "decoding": dict(getattr(model, "settings", {})),
        **(settings or {}),
        "dataset": dataset.card.name,
        "card_version": dataset.card.version,
        "split": dataset.split,
        "n": len(dataset.samples),
        "oracle": isinstance(model, Oracle),
    }
    with Run.create_or_resume(out, about) as run:
        predict(model, dataset, run, missing=missing, bar=bar)
        found = complete(dataset.samples, run.predictions(), missing=missing)
        verdicts = score(dataset, found, protocols, missing=missing, resampling=resampling)
        for verdict in verdicts:
            keep(run, verdict)
    return verdicts


def keep(run: Run, verdict: Evaluation) -> None:
    """Writes a verdict's rows and then its scores into the run."""
    run.write_rows(verdict.key, verdict.rows)
    run.write_scores(verdict.key, verdict.to_json())
