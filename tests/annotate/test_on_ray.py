"""Shards as tasks of Ray, with a small Ray in this process: losses, faults, folders not shared."""

import json
import sys
from contextlib import nullcontext
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import pytest
from support.tiny import paint

from gcg_bench.annotate import on_ray, running, sources
from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.annotate.status import status_of
from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.execution.cluster import Cluster

RECIPE = Recipe("small", "for tests", (Step("drawings"), Step("blobs")))


class Lost(Exception):
    """A RayError that says that a task was lost."""


class Raised(Lost):
    """A RayTaskError: the function raised."""


class SmallRay(ModuleType):
    """One node with two cores; `lose` takes the number of a start, from 1, and may raise."""

    def __init__(self):
        super().__init__("ray")
        self.__spec__ = ModuleSpec("ray", None)
        self.exceptions = SimpleNamespace(RayError=Lost, RayTaskError=Raised)
        self.started, self.cancelled, self.resources = [], [], {}
        self.lose = lambda _: None

    def is_initialized(self):
        return True

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": 2.0}}]

    def remote(self, **resources):
        self.resources = resources
        return lambda function: SimpleNamespace(remote=partial(self.start, function))

    def start(self, function, *values):
        self.started.append(partial(function, *values))
        return len(self.started)

    def wait(self, tasks, timeout):
        del timeout
        return tasks[:1], tasks[1:]

    def get(self, task):
        self.lose(task)
        return self.started[task - 1]()

    def cancel(self, task, *, force):
        assert force
        self.cancelled.append(task)


@pytest.fixture
def small_ray(monkeypatch, tmp_path):
    """The small Ray; what tasks change in this process is restored."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setitem(sys.modules, "ray", made := SmallRay())
    return made


@pytest.fixture
def source(tmp_path):
    for k in range(5):
        paint(tmp_path / f"images/{k}.png", 20, 30 + k)
    (tmp_path / "images/9.png").write_bytes(b"no image")
    return partial(sources.of_folder, tmp_path / "images")


def annotated(source, out, *, shards=None, **options):
    cluster = Cluster(models=shards)
    return on_ray.annotate_on_ray(source(), source, RECIPE, out, cluster, device="cpu", **options)


def test_a_lost_task_is_started_again_and_steps_add_up(small_ray, source, tmp_path):
    def lose(number):
        if number == 1:
            raise Lost("page of a log\nthe node is gone")

    small_ray.lose, said, steps = lose, [], []
    folder = annotated(
        source, tmp_path / "out", message=said.append,
        bar=lambda label, total: nullcontext(lambda count: steps.append((label, count, total))),
    )  # fmt: skip
    assert said == [
        "shard 1/2 was lost and is started again (Lost: the node is gone)",
        "shard 2/2 is done; 1 are not",
        "shard 1/2 is done; 0 are not",
    ]
    assert small_ray.resources["num_cpus"] == 1.0
    assert small_ray.resources["num_gpus"] == 0.0
    # five images that can be read, of two stages; the noise is refused, which ends both
    assert {(label, total) for label, _, total in steps} == {("stages, 2 shards", 10)}
    assert sum(count for _, count, _ in steps) == 10
    status = status_of(folder)
    assert (status.images, len(status.lost), status.remaining) == (6, 6, 0)
    names = sorted(file.name for file in folder.stage_folders[0].glob("shard-*"))
    assert names == ["shard-00001-of-00002.jsonl", "shard-00002-of-00002.jsonl"]
    alone = running.annotate(source(), RECIPE, tmp_path / "alone", message=lambda _: None)
    assert status_of(alone).lost == status.lost


def test_five_losses_without_a_line_end_it(small_ray, source, tmp_path):
    def lose(number):
        if number != 2:
            raise Lost("gone")

    small_ray.lose, said = lose, []
    with pytest.raises(EnvironmentProblem, match=r"shard 1/2 was lost 5 times without a new image"):
        annotated(source, tmp_path / "out", message=said.append)
    assert len(small_ray.started) == 6
    small_ray.lose = lambda _: None
    assert status_of(annotated(source, tmp_path / "out", message=said.append)).remaining == 0


def test_what_a_task_raises_is_one_message_and_ends_the_others(small_ray, source, tmp_path):
    def lose(number):
        del number
        raise Raised("traceback\nModuleNotFoundError: No module named 'gcg_bench'")

    small_ray.lose = lose
    with pytest.raises(EnvironmentProblem, match=r"shard 1/3 on Ray: ModuleNotFoundError"):
        annotated(source, tmp_path / "out", shards=3)
    assert len(small_ray.cancelled) == 2
    with pytest.raises(BadOption, match="7 shards of 6 images"):
        annotated(source, tmp_path / "out", shards=7)


def test_the_lock_of_a_lost_task_is_freed_by_its_node(small_ray, source, tmp_path, monkeypatch):
    folder = annotated(source, tmp_path / "out", shards=2, message=lambda _: None).folder
    lines = folder / "stages/01-drawings/shard-00001-of-00002.jsonl"
    whole = lines.read_bytes()
    lines.unlink()
    lock = folder / ".lock-shard-00001-of-00002"
    other = {"pid": 7, "started": "1", "host": "another", "boot": "b", "token": "t"}
    lock.write_text(json.dumps(other))
    asked = []

    def answer(file):
        asked.append(file)
        if len(asked) == 2:
            file.unlink()
        return not file.exists()

    monkeypatch.setattr(on_ray, "ask_owner", answer)
    monkeypatch.setattr(on_ray, "_ASK", 0.0)
    monkeypatch.setattr(on_ray, "_LOOK", 0.0)
    annotated(source, tmp_path / "out", shards=2, message=lambda _: None)
    assert asked == [lock, lock]  # the first answer was that the owner works
    assert without_seconds(lines.read_bytes()) == without_seconds(whole)


def without_seconds(lines):
    return [{**json.loads(line), "seconds": 0} for line in lines.splitlines()]


def test_nodes_that_see_other_files_are_refused(small_ray, source, tmp_path):
    def other_folder(_):
        (tmp_path / "out/recipe.json").unlink()

    def other_images(_):
        (tmp_path / "images/3.png").unlink()

    small_ray.lose = other_folder
    with pytest.raises(EnvironmentProblem, match="give an -o on a file system that all nodes"):
        annotated(source, tmp_path / "out", shards=1)
    small_ray.lose = other_images
    with pytest.raises(BadOption, match="1 differ, the first is '3'"):
        annotated(source, tmp_path / "out", shards=1)


def test_lines_that_never_arrive_are_said(small_ray, source, tmp_path):
    small_ray.get = lambda task: None
    with pytest.raises(EnvironmentProblem, match="10 of 10 lines of stages are missing"):
        annotated(source, tmp_path / "out", message=lambda _: None)
