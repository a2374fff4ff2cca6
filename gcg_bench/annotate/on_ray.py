"""An annotation on the nodes of a Ray cluster that share its folder: each shard is a task.

A task appends to the files of its shard. When the task or its node is lost, the shard is started
again on a node with free resources, and continues where it stopped.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from gcg_bench import __version__
from gcg_bench.annotate.folder import AnnotationFolder, create_or_resume, recorded_hash
from gcg_bench.annotate.listing import refuse_other_images
from gcg_bench.annotate.lost_owners import ask_owner
from gcg_bench.annotate.preparing import Message, refuse_empty_shards
from gcg_bench.annotate.recipes import Recipe
from gcg_bench.annotate.running import annotate_shard, shard_name
from gcg_bench.annotate.sources import Source
from gcg_bench.annotate.stage_lines import OUTPUT, STAGES, lock_file
from gcg_bench.errors import EnvironmentProblem, GcgBenchError, RunLocked
from gcg_bench.execution.cluster import Cluster
from gcg_bench.execution.process import rebuilt
from gcg_bench.execution.ray_cluster import CPUS, hidden_devices, join, room_for
from gcg_bench.execution.ray_host import compute_as, refuse_other_code, threads_here
from gcg_bench.files.paths import anchored
from gcg_bench.runs.lock import STALE_AFTER, Lock
from gcg_bench.runs.shards import Shard
from gcg_bench.types import Bar, no_bar

_LOSSES = 5  # losses of a shard without a new line before the command ends
_LOOK = 1.0  # seconds between two counts of the lines
_ASK = 10.0  # seconds between two checks on the node of a lock's owner
_PATIENCE = STALE_AFTER + 60.0  # seconds that the lock of an unknown machine may take to expire
_SHOWN = 200  # characters of Ray's message about a loss


@dataclass(frozen=True)
class _Job:
    """The data that a node needs to annotate a shard.

    Attributes:
        source: a function that makes the images.
        recipe: the stages.
        folder: the annotation.
        device: where models run.
        start: the folder in which the command was started.
        version: the version of this package.
        environment: the environment variables to set.
        threads: the threads of this machine, see `compute_as`.
    """

    source: Callable[[], Source]
    recipe: Recipe
    folder: Path
    device: str
    start: str
    version: str
    environment: dict[str, str]
    threads: str | None


def annotate_on_ray(
    source: Source,
    again: Callable[[], Source],
    recipe: Recipe,
    folder: Path,
    cluster: Cluster,
    *,
    device: str = "auto",
    bar: Bar = no_bar,
    message: Message = print,
) -> AnnotationFolder:
    """Runs all stages over the images in shards; the lines are those of `annotate` for each shard.

    Args:
        source: the images.
        again: makes the same images on a node. It is sent to the node, so it must be an importable
            function or a `functools.partial` of such a function.
        recipe: the stages.
        folder: the annotation, which all nodes see under this path.
        cluster: where the shards are annotated; its `models` are the shards.
        device: where models run, on a node.
        bar: a progress bar; a step is a stage of an image.
        message: gets the texts that the user should see meanwhile.

    Raises:
        EnvironmentProblem: Ray is not installed, no cluster answers, a node does not see the
            folder, or a shard is lost repeatedly.
        GcgBenchError: as in `running.annotate`.
    """
    folder = anchored(folder)
    with ExitStack() as cleanup:
        cleanup.callback(join(cluster.address))
        room, gpus = room_for(cluster, device)
        count = cluster.models or min(room, len(source.images))
        refuse_empty_shards(source, count)
        annotation = create_or_resume(folder, source, recipe)
        lock = Lock(folder / ".lock-ray")
        cleanup.callback(lock.release)
        start, hidden = str(anchored(Path())), hidden_devices(gpus, device)
        job = _Job(again, recipe, folder, device, start, __version__, hidden, threads_here())
        lines = _Lines(annotation)
        with bar(f"stages, {count} shards", lines.total) as advance:
            _Tasks(job, count, gpus, message).run(lambda: advance(lines.new()))
        if lines.seen != lines.total:
            raise EnvironmentProblem(
                f"{folder}: {lines.total - lines.seen} of {lines.total} lines of stages are missing"
                " although all shards are done: give an -o on a file system that all nodes share"
            )
    return annotation


class _Tasks:
    """The tasks of all shards."""

    def __init__(self, job: _Job, count: int, gpus: float, message: Message) -> None:
        import ray

        resources = {"num_cpus": CPUS, "num_gpus": gpus, "scheduling_strategy": "SPREAD"}
        # a process annotates one shard, so that no model or memory of another shard remains in it
        self._task = ray.remote(max_retries=0, max_calls=1, **resources)(annotate_here)
        self._job, self._count, self._message = job, count, message
        self._losses: Counter[Shard] = Counter()
        self._sizes: Counter[Shard] = Counter()

    def run(self, look: Callable[[], None]) -> None:
        """Starts all shards and waits for them; `look` is called about once a second."""
        import ray

        running: dict[Any, Shard] = {}
        try:
            for number in range(1, self._count + 1):
                shard = Shard(self._count, number)
                running[self._task.remote(self._job, shard)] = shard
            while running:
                ended, _ = ray.wait(list(running), timeout=_LOOK)
                for task in ended:
                    shard = running.pop(task)
                    if self._is_done(task, shard):
                        self._message(f"shard {shard} is done; {len(running)} are not")
                    else:
                        running[self._task.remote(self._job, shard)] = shard
                look()
        finally:
            for task in running:
                ray.cancel(task, force=True)

    def _is_done(self, task: Any, shard: Shard) -> bool:
        """Whether a task that ended annotated its shard; False when the task was lost.

        Raises:
            GcgBenchError: the shard cannot be annotated.
        """
        import ray

        try:
            fault = ray.get(task)
        except ray.exceptions.RayTaskError as error:
            raise EnvironmentProblem(f"shard {shard} on Ray: {_last_line(error)}") from error
        except ray.exceptions.RayError as error:
            self._count_loss(shard, f"{type(error).__name__}: {_last_line(error)}")
            return False
        if fault:
            raise rebuilt(*fault)
        return True

    def _count_loss(self, shard: Shard, reason: str) -> None:
        files = (self._job.folder / STAGES).glob(f"*/{shard_name(shard)}.jsonl")
        size = sum(file.stat().st_size for file in files)
        if size > self._sizes[shard]:
            self._losses[shard] = 0
        self._sizes[shard] = size
        self._losses[shard] += 1
        if self._losses[shard] == _LOSSES:
            raise EnvironmentProblem(
                f"shard {shard} was lost {_LOSSES} times without a new image ({reason}). All other"
                " lines are kept. See what ends it with annotate --shard"
                f" {shard}; the same command continues"
            )
        self._message(f"shard {shard} was lost and is started again ({reason})")


class _Lines:
    """Counts the lines of all shards as they are appended, each once.

    Attributes:
        total: the number of pairs of a stage and a readable image.
        seen: how many of these are done or not needed any more: a failed or refused image has no
            later stages.
    """

    def __init__(self, annotation: AnnotationFolder) -> None:
        self._stages = annotation.stage_folders
        self._read: Counter[Path] = Counter()
        self.total = len(self._stages) * sum(one.error is None for one in annotation.images)
        self.seen = 0

    def new(self) -> int:
        """The number of steps since the last call."""
        before = self.seen
        for position, stage in enumerate(self._stages):
            for file in stage.glob("shard-*.jsonl"):
                for line in self._complete(file):
                    # quotes inside of ids and messages are escaped
                    is_output = f'", "{OUTPUT}": '.encode("ascii") in line
                    self.seen += 1 if is_output else len(self._stages) - position
        return self.seen - before

    def _complete(self, file: Path) -> Iterator[bytes]:
        with file.open("rb") as stream:
            stream.seek(self._read[file])
            for line in stream:
                if line.endswith(b"\n"):
                    self._read[file] += len(line)
                    yield line


def annotate_here(job: _Job, shard: Shard) -> tuple[str, str] | None:
    """Annotates a shard on this node; returns the class and text of an error that prevents it."""
    try:
        refuse_other_code(job.start, {"version": job.version, "code": {}})
        os.chdir(job.start)
        os.environ.update(job.environment)
        compute_as(job.threads)
        if recorded_hash(job.folder) != job.recipe.hash:
            raise EnvironmentProblem(
                f"node {os.uname().nodename} does not see {job.folder} as this machine does: give"
                " an -o on a file system that all nodes share"
            )
        source = job.source()
        refuse_other_images(job.folder, source)
        _annotate_when_free(job, source, shard)
    except GcgBenchError as error:
        return type(error).__name__, str(error)
    return None


def _annotate_when_free(job: _Job, source: Source, shard: Shard) -> None:
    """Annotates a shard as soon as no process of a lost task holds it or its lock has expired.

    A dead process on a living node is found at once. The lock of a node that Ray reports dead
    expires after `lost_owners.LOST_AFTER` seconds, that of an unknown machine after STALE_AFTER.
    """
    until, asked = monotonic() + _PATIENCE, -inf
    while True:
        try:
            annotate_shard(
                source, job.recipe, job.folder, shard, device=job.device, message=lambda _: None
            )
        except RunLocked:
            now = monotonic()
            if now > until:
                raise
            if now - asked >= _ASK:
                asked = now
                if ask_owner(lock_file(job.folder, shard_name(shard))):
                    continue
            sleep(_LOOK)
        else:
            return


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:_SHOWN] if lines else ""
