"""Merges shards into one run: checks that they are parts of one run, then writes the run.

The run is written into a hidden folder next to its own, which is renamed at the end, so that a
crash leaves either no run or the whole run. Its predictions are in the order of the data set.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from gcg_bench.errors import (
    BadData,
    BadOption,
    EnvironmentProblem,
    MissingData,
    RunConflict,
    RunLocked,
)
from gcg_bench.files.atomic import sync_folder
from gcg_bench.runs.appending import Appender
from gcg_bench.runs.files import append_line, make_folder, open_for_append
from gcg_bench.runs.index import OpenFiles, RunIndex
from gcg_bench.runs.lock import Lock
from gcg_bench.runs.retrying import FAILED_FILE
from gcg_bench.runs.run import LOCK, Run
from gcg_bench.runs.seals import is_changed, is_sealed
from gcg_bench.runs.settings import difference, difference_text
from gcg_bench.runs.settings_file import write_settings
from gcg_bench.runs.shards import SHARD, Shard, shard_numbers, shard_of
from gcg_bench.types import Bar, Sample, no_bar

SHARDS = "shards"
"""The field of a merged run's environment with the environment of each shard, by `I/N`."""

_SHOWN = 5  # ids that a message names


def in_order(runs: Sequence[Run]) -> list[Run]:
    """The runs in the order of their shard numbers; checks that they are all shards of one run.

    Raises:
        MissingData: there is no run, or a shard is missing.
        RunConflict: a run is no shard, settings differ, or two runs are the same shard.
    """
    if not runs:
        raise MissingData("no shards are given: give the run folders of all shards")
    by_shard: dict[Shard, Run] = {}
    for run in runs:
        shard = _shard(run)
        _refuse_other_settings(runs[0], run)
        if shard in by_shard:
            raise RunConflict(
                f"{run.folder}: is shard {shard}, and so is {by_shard[shard].folder}. Give each"
                " shard once"
            )
        by_shard[shard] = run
    count = _shard(runs[0]).count
    missing = [shard for k in range(count) if (shard := Shard(count, k + 1)) not in by_shard]
    if missing:
        raise MissingData(
            f"{len(missing)} of {count} shards are not given: {_listed(missing)}. Give their run"
            " folders too; a shard that was not run yet is run with --shard"
        )
    return [by_shard[shard] for shard in sorted(by_shard)]


def write_merged(
    out: Path, runs: Sequence[Run], samples: Sequence[Sample], *, bar: Bar = no_bar
) -> Run:
    """Writes the run that the shards form; its folder appears complete or not at all.

    Args:
        out: the folder of the run; it must not exist, or be empty.
        runs: all shards, see `in_order`. They are locked during the call.
        samples: the queries that all shards together answer.
        bar: a progress bar.

    Raises:
        RunLocked: a process is working on a shard, or another one merges into this folder.
        BadOption: the folder of the run exists already.
        BadData: a line is incomplete, damaged or not written by a run; a query has two predictions,
            or is in a shard to which it does not belong.
        MissingData: a query has no prediction.
        EnvironmentProblem: the folder cannot be written.
    """
    _refuse_existing(out)
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(run.locked())
        numbers = shard_numbers(samples, len(runs))
        ids: list[list[str]] = [[] for _ in runs]
        for sample, number in zip(samples, numbers, strict=True):
            ids[number - 1].append(sample.id)
        files = stack.enter_context(OpenFiles())
        lines = []
        for run, own in zip(runs, ids, strict=True):
            index = _index(run)
            _refuse_other_queries(run, index, own)
            lines.append(_sealed_lines(index, own, files))
        draft = stack.enter_context(_draft(out))
        with bar("merge", len(samples)) as advance:
            _write_lines(draft, (next(lines[number - 1]) for number in numbers), advance)
        _write_failed(draft, runs)
        write_settings(draft, _whole(runs[0]), _environment(runs))
        _publish(draft, out)
    return Run.open(out)


def _shard(run: Run) -> Shard:
    shard = shard_of(run.settings)
    if shard is None:
        raise RunConflict(
            f"{run.folder}: is no shard but the run of a whole split. Give runs that were made with"
            " --shard I/N"
        )
    return shard


def _refuse_other_settings(first: Run, run: Run) -> None:
    """Raises RunConflict when two shards differ in more than their numbers."""
    one, other = _shard(first), _shard(run)
    if one.count != other.count:
        raise RunConflict(
            f"{run.folder}: is shard {other}, and {first.folder} is shard {one}: the numbers of"
            " shards differ. Give the shards of one run"
        )
    if differs := difference(_whole(first), _whole(run)):
        name, before, now = differs
        raise RunConflict(
            f"{run.folder}: is of another run than {first.folder}: {name} is"
            f" {difference_text(now)} here and {difference_text(before)} there. Give the shards of"
            " one run, or run this shard again with the settings of the others"
        )


def _whole(run: Run) -> dict[str, Any]:
    """The settings of the run that a shard is a part of."""
    return {name: value for name, value in run.settings.items() if name != SHARD}


def _index(run: Run) -> RunIndex:
    index = RunIndex(run.folder)
    if index.is_torn:
        raise BadData(
            f"ends in an incomplete line, in shard {_shard(run)}",
            file=index.files[-1],
            remedy="Run the command of this shard again, which finishes it",
        )
    return index


def _refuse_other_queries(run: Run, index: RunIndex, ids: Sequence[str]) -> None:
    """Raises MissingData or BadData when a shard does not answer exactly its own queries."""
    if absent := index.absent(ids):
        raise MissingData(
            f"{run.folder}: shard {_shard(run)} has no prediction of {len(absent)} of its"
            f" {len(ids)} queries: {_listed(absent)}. Run the command of this shard again, which"
            " finishes it"
        )
    if len(index) > len(ids):
        own = set(ids)
        others = [id_ for id_ in index.ids() if id_ not in own]
        raise BadData(
            f"shard {_shard(run)} holds {len(others)} predictions of queries that are not its own:"
            f" {_listed(others)}",
            file=run.folder,
            remedy="Give the shards as they were written, over the data that they answer",
        )


def _sealed_lines(index: RunIndex, ids: Sequence[str], files: OpenFiles) -> Iterator[bytes]:
    """The lines of some queries; raises BadData for a line that was changed after the run."""
    for id_, line in zip(ids, index.lines(ids, files), strict=True):
        if not is_sealed(line):
            problem = "has no field crc32, so that no run of gcg-bench wrote it"
            remedy = "Give the shards as they were written"
            raise BadData(problem, file=index.folder, image=id_, remedy=remedy)
        if is_changed(line):
            raise BadData(
                "is not as the run wrote it, by its field crc32",
                file=index.folder,
                image=id_,
                remedy="Restore the file; or, if the change is meant, accept it first: gcg-bench"
                f" score {index.folder} --accept-edits",
            )
        yield line


def _refuse_existing(out: Path) -> None:
    if out.is_symlink() or out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise BadOption(f"{out}: exists already. Give a new folder with --out")


@contextmanager
def _draft(out: Path) -> Iterator[Path]:
    """A hidden folder next to the run, locked and empty; files that a crash left are removed."""
    draft = out.with_name(f".{out.name}.merge")
    make_folder(draft)
    lock = Lock(draft / LOCK)
    try:
        for file in draft.iterdir():
            if file.name != LOCK:
                file.unlink()
        yield draft
    except OSError as error:
        raise EnvironmentProblem(f"{draft}: cannot be written ({error})") from error
    finally:
        with suppress(RunLocked):  # the draft has become the run, and its lock went with it
            lock.check()
            shutil.rmtree(draft, ignore_errors=True)
        lock.release()


def _write_lines(draft: Path, lines: Iterator[bytes], advance: Any) -> None:
    appender = Appender(draft)
    try:
        for line in lines:
            appender.append(line)
            advance(1)
        appender.sync()
    finally:
        appender.close()


def _write_failed(draft: Path, runs: Sequence[Run]) -> None:
    """Writes the lines of the shards' failed.jsonl, shard by shard."""
    files = [file for run in runs if (file := run.folder / FAILED_FILE).is_file()]
    if not files:
        return
    handle = open_for_append(draft / FAILED_FILE)
    try:
        for file in files:
            append_line(handle, file.read_bytes(), draft / FAILED_FILE)
        os.fsync(handle)
    finally:
        os.close(handle)


def _environment(runs: Sequence[Run]) -> dict[str, Any]:
    """The environment of the merged run: that of the first shard, with those of all shards."""
    environments = {str(_shard(run)): dict(run.environment) for run in runs}
    first: Mapping[str, Any] = runs[0].environment
    return {**first, SHARDS: environments}


def _publish(draft: Path, out: Path) -> None:
    """Renames the finished draft to the run; its lock moves with it and is removed afterwards."""
    _refuse_existing(out)
    if out.is_dir():
        out.rmdir()
    sync_folder(draft)
    draft.rename(out)
    sync_folder(out.parent)
    (out / LOCK).unlink(missing_ok=True)


def _listed(things: Sequence[object]) -> str:
    """The first things of a list, for a message."""
    more = ", ..." if len(things) > _SHOWN else ""
    return ", ".join(str(thing) for thing in things[:_SHOWN]) + more
