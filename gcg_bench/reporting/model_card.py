"""The scores of a model for the front matter of its model card on the Hugging Face hub.

The form is `model-index` (https://huggingface.co/docs/hub/model-cards); huggingface_hub writes it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from gcg_bench import tasks
from gcg_bench.data.cards import load_card
from gcg_bench.errors import BadOption, MissingData, UnknownName
from gcg_bench.runs import Run
from gcg_bench.runs.labels import label_of
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.storage import load_results


def model_index(runs: Sequence[Run]) -> str:
    """YAML with a `model-index` of the headline scores of scored runs, without the lines `---`.

    Values are as in tables: fractions times 100. The ends of the interval and the signature are
    arguments of each value.

    Args:
        runs: at least one run, all of one model.

    Raises:
        BadOption: the runs belong to several models.
        MissingData: a run has not been scored, or no headline score has a value.
        BadData: scores, rows and predictions of a run do not fit together.
    """
    from huggingface_hub import ModelCardData

    names = dict.fromkeys(map(label_of, runs))
    if len(names) > 1:
        listed = ", ".join(names)
        raise BadOption(f"a model card is of one model, and the runs are of {listed}: name one")
    scores = [score for run in runs for score in _of_run(run)]
    if not scores:
        raise MissingData(f"{runs[0].folder}: no headline score has a value")
    yaml: str = ModelCardData(model_name=next(iter(names)), eval_results=scores).to_yaml()
    return f"{yaml}\n"


def _of_run(run: Run) -> Iterator[Any]:
    results = load_results(run)
    if not results:
        raise MissingData(f"{run.folder}: not scored yet; gcg-bench score {run.folder}")
    for result in results:
        yield from _of_result(result)


def _of_result(result: Result) -> Iterator[Any]:
    """The headline scores of a result as values of huggingface_hub."""
    from huggingface_hub import EvalResult

    task = result.protocol.task
    kind = "image-segmentation" if tasks.parts_of(task).masks else "image-to-text"
    for score in result.scores:
        if score.value is None or not score.spec.headline:
            continue
        factor = score.spec.factor
        ends = {
            name: round(factor * value, 1)
            for name, value in (("low", score.low), ("high", score.high))
            if value is not None
        }
        yield EvalResult(
            task_type=kind,
            task_name=tasks.title_of(task),
            dataset_type=_repository(result.data.dataset),
            dataset_name=result.data.dataset,
            dataset_split=result.data.split,
            metric_type=score.name.lower(),
            metric_name=f"{score.name} ({result.key})",
            metric_value=round(factor * score.value, 1),
            metric_config=result.key,
            metric_args={**ends, "signature": result.signature},
        )


def _repository(dataset: str) -> str:
    """The data set's repository on the hub, or its name without a repository."""
    try:
        hub = load_card(dataset, shipped=True).hub
    except UnknownName:  # the user's own
        return dataset
    return dataset if hub is None else hub.repo
