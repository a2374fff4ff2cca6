"""The settings of a run, which decide its answers, and its environment, which does not."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from gcg_bench import tasks
from gcg_bench.data import Dataset
from gcg_bench.execution.executors import Executor
from gcg_bench.execution.models import code_of
from gcg_bench.files import paths
from gcg_bench.pipeline.arguments import as_settings
from gcg_bench.pipeline.spec import EvaluationSpec
from gcg_bench.pipeline.wording import reply, wording
from gcg_bench.runs.shards import SHARD

_PACKAGES = ("gcg-bench", "torch", "transformers", "numpy", "pycocotools", "pillow")


def settings_of(
    spec: EvaluationSpec, data: Dataset, model: Executor, code: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What decides the answers: a run can only be resumed with the same.

    Args:
        spec: the specification.
        data: its data set, loaded; with the samples of all shards, which so have equal settings but
            the shard.
        model: its model, where it works.
        code: the files that the model is made by, each with its sha256, as they were before it was
            made; as they are now by default.
    """
    files = dict(code_of(spec.model) if code is None else code)
    return {
        # the digest of the code tells apart models of one name
        "model": paths.private_name(spec.model if isinstance(spec.model, str) else model.name),
        **({"code": files} if files else {}),
        **as_settings(spec.options.extra, model.undeciding),
        "task": data.task,
        "dataset": data.card.name,
        "card_version": data.card.version,
        "split": data.split,
        "limit": data.limit,
        **({SHARD: str(spec.data.shard)} if spec.data.shard else {}),
        "n": len(data.samples),
        "annotations": dict(data.files),
        "prompt": prompt_of(data),
        "seed": spec.options.seed,
        "oracle": model.oracle,
        "decoding": {
            **model.settings,
            **wording(model, (sample.query for sample in data.samples)),
            **reply(tasks.load(data.task).forced if spec.data.forced else ""),
        },
        **spec.settings,
    }


def environment_of(spec: EvaluationSpec) -> dict[str, Any]:
    """Where and how patiently the answers are made, and what the run is called: never compared.

    What ran out of time says so in its line, so a run may be resumed with another patience.
    """
    options = spec.options
    return {
        "label": spec.label,
        "device": options.device,
        "batch_size": options.batch_size,
        "timeout": options.timeout,
        "give_up_after": options.give_up_after,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def prompt_of(data: Dataset) -> str | list[str]:
    """The prompt of all queries; where they differ, all prompts in alphabetical order."""
    prompts = sorted({sample.query.prompt for sample in data.samples})
    return prompts[0] if len(prompts) == 1 else prompts


def _version(package: str) -> str | None:
    """The installed version of a package; None when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
