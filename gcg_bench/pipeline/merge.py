"""Merges the shards that several machines answered into the run of the whole split."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gcg_bench.data import Dataset
from gcg_bench.errors import BadOption, RunConflict
from gcg_bench.files import paths
from gcg_bench.pipeline.run_folders import default_folder
from gcg_bench.pipeline.spec import DataSpec
from gcg_bench.predictions.stated_sizes import StatedSizes
from gcg_bench.runs import Run
from gcg_bench.runs.merging import in_order, write_merged
from gcg_bench.runs.settings import limit_of
from gcg_bench.types import Bar, no_bar


def merge(
    shards: Sequence[Path],
    out: Path | None = None,
    *,
    dataset: str | Path | Dataset | None = None,
    root: Path | None = None,
    bar: Bar = no_bar,
) -> Run:
    """Merges the shards of a split into one run, after checking that they belong together.

    The merged run is equal to a run from one machine. It has the settings of the shards without
    their numbers, so the same command without --shard continues it. It has the lines of all shards
    in the order of the data set. The folders of the shards are not changed.

    Args:
        shards: the run folders of all shards, in any order.
        out: the folder of the run; `runs/<model>-<dataset>-<split>` by default.
        dataset: the data set, when the name in the shards is not enough to find it.
        root: the data root; by default `$GCG_BENCH_DATA`, else a folder next to the caches.
        bar: a progress bar.

    Raises:
        MissingData: a shard, a query or the data set is missing.
        RunConflict: settings differ, a run is no shard or is given twice, or the shards answer
            another data set.
        RunLocked, BadOption, BadData, EnvironmentProblem: see `runs.merging.write_merged`.
    """
    runs = in_order([Run.open(Path(folder)) for folder in shards])
    settings = runs[0].settings
    spec = DataSpec(
        dataset=dataset or settings["dataset"],
        split=settings["split"],
        root=root,
        limit=limit_of(settings),
        task=settings.get("task"),
        forced="forced" in settings.get("decoding", {}),
        shipped=dataset is None,
        sizes=lambda: _stated_sizes(runs),
    )
    data = spec.load()
    _refuse_other_data(runs[0], data)
    default = default_folder(settings["model"], data.card.name, data.split, spec.variant())
    folder = paths.anchored(out or default)
    if any(folder.resolve() == run.folder.resolve() for run in runs):
        raise BadOption(f"{folder}: is one of the shards. Give a new folder with --out")
    return write_merged(folder, runs, data.samples, bar=bar)


def _stated_sizes(runs: Sequence[Run]) -> dict[str, tuple[int, int]]:
    """The sizes of images that the predictions of all shards state."""
    sizes: dict[str, tuple[int, int]] = {}
    for run in runs:
        sizes.update(StatedSizes(run.folder)())
    return sizes


def _refuse_other_data(run: Run, data: Dataset) -> None:
    """Raises RunConflict when the shards answer another data set than the one on this machine."""
    stated = run.settings
    here: Mapping[str, object] = {
        "dataset": data.card.name,
        "card_version": data.card.version,
        "annotations": dict(data.files),
        "n": len(data.samples),
    }
    for name, value in here.items():
        if name in stated and stated[name] != value:
            raise RunConflict(
                f"{run.folder}: answers other data than {data.card.name} {data.split} is here:"
                f" {name} differs. Give the data root of the shards with --data-root"
            )
