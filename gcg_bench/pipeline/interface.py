"""What Python users call: `evaluate`, with a model and a data set as names or objects."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gcg_bench.data import Dataset
from gcg_bench.pipeline import evaluate as loop
from gcg_bench.pipeline.predict import Missing
from gcg_bench.pipeline.spec import DataSpec, EvaluationSpec, ModelOptions, ScoringSpec
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Bar, no_bar


def evaluate(
    model: object,
    dataset: Dataset | str | Path,
    out: Path | str | None = None,
    *,
    split: str = "",
    limit: int | None = None,
    protocols: Sequence[EvalProtocol | str] = (),
    encoder: str | None = None,
    also: Sequence[str] = (),
    missing: Missing = "error",
    resampling: Resampling | None = None,
    settings: Mapping[str, Any] | None = None,
    label: str = "",
    bar: Bar = no_bar,
    **options: Any,
) -> list[Result]:
    """Runs a model over a data set and scores it; rows and scores are kept in the run folder.

    Called again with the same arguments it goes on where it stopped. It makes the same run, with the
    same checks and signatures, as `gcg-bench evaluate` with the same options.

    Args:
        model: what --model takes, or anything with `answer`.
        dataset: a loaded data set, or the name or path of a data card.
        out: the run folder; `runs/<model>-<dataset>-<split>` by default.
        split: of a data set that is given by name.
        limit: only so many samples of a data set that is given by name.
        protocols: what to measure; those of the task by default.
        encoder: a phrase encoder for every protocol; `minilm` needs no download.
        also: optional metrics that are added.
        missing: whether a model made of files may lack an answer.
        resampling: how intervals are drawn.
        settings: more that decides the answers; a folder of other settings is refused.
        label: what the run is called in tables.
        bar: a progress bar.
        options: `device`, `batch_size`, `workers`, `max_new_tokens`, `seed`, `timeout`,
            `give_up_after`, see `ModelOptions`; others go to the model.

    Raises:
        GcgBenchError: see `gcg_bench.pipeline.evaluate.evaluate`.
    """
    known = ModelOptions.__dataclass_fields__.keys() - {"extra"}
    extra = {name: value for name, value in options.items() if name not in known}
    spec = EvaluationSpec(
        model=model,
        data=DataSpec(dataset, split, limit=limit),
        scoring=ScoringSpec(
            tuple(protocols), encoder, tuple(also), missing, resampling or Resampling()
        ),
        out=None if out is None else Path(out),
        options=ModelOptions(
            **{name: value for name, value in options.items() if name in known}, extra=extra
        ),
        settings=settings or {},
        label=label,
    )
    return list(loop.evaluate(spec, bar=bar, message=lambda _: None).results)
