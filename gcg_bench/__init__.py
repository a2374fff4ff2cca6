"""Benchmark and evaluation toolkit for grounded conversation generation.

The public names below are imported when they are first used, so `import gcg_bench` is instant.
"""

import importlib
from typing import Any

__version__ = "0.2.0"

_HOME = {
    "Board": "reporting.leaderboard",
    "Claim": "types",
    "DataCard": "data.cards",
    "Dataset": "data",
    "Direction": "types",
    "EvalProtocol": "tasks",
    "Evaluation": "pipeline.evaluation",
    "GcgBenchError": "errors",
    "Grounding": "types",
    "Mask": "types",
    "Metric": "types",
    "Model": "types",
    "OFFICIAL": "tasks.gcg",
    "Pair": "types",
    "Parts": "types",
    "Phrase": "types",
    "PhraseAgreement": "text.agreement",
    "Picture": "types",
    "PixelCounts": "types",
    "Prediction": "types",
    "Query": "types",
    "Reason": "types",
    "Resampling": "scoring.values",
    "Result": "scoring.results",
    "Rows": "types",
    "Run": "scoring.scored_run",
    "STRICT": "tasks.gcg",
    "Sample": "types",
    "Score": "scoring.values",
    "ScoreSpec": "types",
    "Task": "tasks",
    "Tokens": "types",
    "Validation": "pipeline.validation",
    "complete": "pipeline.predict",
    "evaluate": "pipeline.interface",
    "load_card": "data.cards",
    "load_dataset": "data",
    "load_model": "execution.models",
    "load_result": "scoring.storage",
    "load_results": "scoring.storage",
    "phrase_agreement": "text.phrases",
    "predict": "pipeline.predict",
    "read_mask": "masks",
    "read_predictions": "predictions",
    "score": "pipeline.interface",
    "show": "reporting.draw",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  # one list, so that none can be forgotten


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
