"""What Python users call: `evaluate`, with a model and a data set as names or objects."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from gcg_bench.data import Dataset
from gcg_bench.files import paths
from gcg_bench.pipeline import evaluate as loop
from gcg_bench.pipeline.spec import DataSpec, EvaluationSpec, ModelOptions, ScoringSpec
from gcg_bench.scoring.results import Result
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Bar, no_bar


def evaluate(
    model: object,
    dataset: Dataset | str | Path,
    out: Path | str | None = None,
    *,
    protocols: Sequence[EvalProtocol | str] | None = None,
    settings: Mapping[str, Any] | None = None,
    label: str = "",
    bar: Bar = no_bar,
    **options: Any,
) -> list[Result]:
    """Runs a model over a data set and scores it; rows and scores are kept in the run folder.

    Called again with the same arguments it goes on where it stopped. It makes the same run, with
    the same checks and signatures, as `gcg-bench evaluate` with the same options.

    Args:
        model: what --model takes, or anything with `answer`.
        dataset: a loaded data set, or the name or path of a data card.
        out: the run folder; `runs/<model>-<dataset>-<split>` by default.
        protocols: what to measure; those of the task by default, nothing when it is empty.
        settings: more that decides the answers; a folder of other settings is refused.
        label: what the run is called in tables.
        bar: a progress bar.
        options: fields of `DataSpec` (`split`, `root`, `limit`, `prompt`, `task`), of `ScoringSpec`
            (`encoder`, `also`, `missing`, `resampling`) and of `ModelOptions` (`device`,
            `batch_size`, `workers`, `max_new_tokens`, `seed`, `timeout`, `give_up_after`,
            `retry_failed`) by name; others go to the model.

    Raises:
        GcgBenchError: see `gcg_bench.pipeline.evaluate.evaluate`.
    """
    rest = dict(options)
    data = DataSpec(dataset, **_taken(rest, DataSpec, {"dataset", "shipped"}))
    chosen = None if protocols is None else tuple(protocols)
    scoring = ScoringSpec(chosen, **_taken(rest, ScoringSpec, {"protocols"}))
    running = ModelOptions(**_taken(rest, ModelOptions, {"extra"}), extra=rest)
    spec = EvaluationSpec(
        model=model,
        data=data,
        scoring=scoring,
        out=None if out is None else Path(out),
        options=running,
        settings=settings or {},
        label=label,
    )
    with paths.anchor():
        return list(loop.evaluate(spec, bar=bar, message=lambda _: None).results)


def _taken(options: dict[str, Any], kind: Any, left: set[str]) -> dict[str, Any]:
    """The options that are fields of a dataclass, but for those to leave; they are removed."""
    names = [field.name for field in fields(kind) if field.name not in left]
    return {name: options.pop(name) for name in names if name in options}
