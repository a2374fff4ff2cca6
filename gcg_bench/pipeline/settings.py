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
    """The settings that decide the answers: a run can be resumed only with equal settings.

    Args:
        spec: the specification.
        data: its loaded data set, with the samples of all shards. So all shards have equal settings
            except `shard`.
        model: its model and executor.
        code: the files of the model's code, each with its sha256, before the model was built; by
            default the current files.
    """
    files = dict(code_of(spec.model) if code is None else code)
    return {
        # the digest of the code distinguishes models with the same name
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
    """The machine, the timeouts and the label of a run; these are never compared.

    A prediction that timed out states it in its line, so a run may be resumed with other timeouts.
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
    """The prompt of all queries; when they differ, all prompts in alphabetical order."""
    prompts = sorted({sample.query.prompt for sample in data.samples})
    return prompts[0] if len(prompts) == 1 else prompts


def _version(package: str) -> str | None:
    """The installed version of a package; None when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
