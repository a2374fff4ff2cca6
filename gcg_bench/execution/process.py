"""The executor `process`: each copy of the model, or each worker, has a process of its own."""

import base64
import shlex
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any, Self

from gcg_bench import errors
from gcg_bench.errors import BadOption, EnvironmentProblem, GcgBenchError
from gcg_bench.execution.dispatch import Dispatcher
from gcg_bench.execution.model_spec import ModelSpec
from gcg_bench.execution.slots import Launch, Slot
from gcg_bench.execution.wire import PROTOCOL, Hello, encoded, question, where_image_is
from gcg_bench.files.paths import anchored
from gcg_bench.types import Model, Prediction, Query

START_TIMEOUT = 600.0
"""Seconds until a process must have built its model."""

COMMAND = "cmd:"
"""The first characters of --model for a worker in another environment."""

ANSWER_TIMEOUT = 600.0
"""Seconds for an answer of a worker in another environment, when no timeout is given."""

DEVICES = "CUDA_VISIBLE_DEVICES"
"""The variable that lists the GPUs which a process may use."""


class ProcessExecutor:
    """A model in one or several processes; attributes as in `executors.Executor`.

    The first process is started at once, because its greeting contains the settings of the model.
    The other processes are started when there are queries for them.

    Args:
        launches: how each process is started.
        folders: folders of the model's code.
        timeout: seconds for an answer, when `predictions` is called without a timeout.
        ending: a function that is called after the processes have ended.

    Raises:
        EnvironmentProblem: the first process cannot be started, or sends no greeting.
        GcgBenchError: the model cannot be built.
    """

    def __init__(
        self,
        launches: Sequence[Launch],
        *,
        folders: frozenset[str] = frozenset(),
        timeout: float | None = None,
        ending: Callable[[], None] = lambda: None,
    ) -> None:
        self.model: Model | None = None
        self.oracle = False
        self.folders = folders
        self._timeout = timeout
        self._ending = ending
        self._preparation: Mapping[str, Any] | None = None
        self._queries: dict[str, Query] = {}
        self._positions: dict[str, int] = {}
        self._texts: list[str] = []
        self._notes: list[str] | None = None
        self._dispatcher = Dispatcher(launches, prepared=self._prepared, reply=self._reply)
        with ExitStack() as cleanup:
            cleanup.callback(self.__exit__)
            self._hello = self._dispatcher.open()
            cleanup.pop_all()  # from here on, `__exit__` closes it
        self.name = self._hello.name or "worker"
        self.settings: Mapping[str, Any] = self._hello.settings
        self.takes_replies = "takes_replies" in self._hello.traits
        self.undeciding: Sequence[str] = self._hello.undeciding
        self.own_instruction = "own_instruction" in self._hello.traits

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        try:
            self._dispatcher.close()
        finally:
            self._ending()

    def worded(self, query: Query) -> str | None:
        """The instruction that the model uses for a query; None when it writes none itself."""
        if "worded" not in self._hello.traits:
            return None
        self._texts.clear()
        self._dispatcher.request({"word": self._described(query)}, lambda: bool(self._texts))
        return self._texts[0]

    def prepare(self, queries: Sequence[Query], *, missing: str, limited: bool) -> None:
        """Keeps the queries of the data set, and gives them to a model that has `prepare`."""
        self._queries = {query.id: query for query in queries}
        self._positions = {query.id: position for position, query in enumerate(queries)}
        if "prepare" in self._hello.traits:
            described = [self._described(query) for query in queries]
            what = {"queries": described, "missing": missing, "limited": limited}
            self._preparation = {"prepare": what}
            self._dispatcher.broadcast(self._preparation)

    def predictions(
        self,
        queries: Sequence[Query],
        *,
        timeout: float | None = None,
        give_up_after: int | None = None,
    ) -> Generator[Prediction]:
        """Exactly one prediction for each query, in completion order; see `Dispatcher.predictions`.

        Queries that a model answers together, a batch in the order of the data set, go to one
        process.
        """
        self._queries.update({query.id: query for query in queries})
        yield from self._dispatcher.predictions(
            self._chunks(queries),
            timeout=self._timeout if timeout is None else timeout,
            give_up_after=give_up_after,
        )

    def notes(self) -> list[str]:
        """The notes of the model, and notes on its processes, one sentence each."""
        if "stream" in self._hello.traits:
            self._notes = None
            self._dispatcher.request({"noted": True}, lambda: self._notes is not None)
        return [*(self._notes or []), *self._dispatcher.notes]

    def _chunks(self, queries: Sequence[Query]) -> list[list[Query]]:
        size = self._hello.batch
        numbered = [
            (self._positions.get(query.id, index) // size, query)
            for index, query in enumerate(queries)
        ]
        return [[query for _, query in group] for _, group in groupby(numbered, lambda one: one[0])]

    def _described(self, query: Query) -> dict[str, Any]:
        """A query as JSON values, with the place of its image if it has one."""
        return {**question(query), **where_image_is(query.image)}

    def _prepared(self, hello: Hello) -> list[Mapping[str, Any]]:
        del hello
        return [] if self._preparation is None else [self._preparation]

    def _reply(self, slot: Slot, message: Mapping[str, Any]) -> bool:
        """Handles the additional messages of `worker_process`; False for any other message."""
        if "fetch" in message and slot.child is not None:
            slot.child.send(encoded(self._pixels(str(message["fetch"]))))
        elif "worded" in message:
            self._texts.append(str(message["worded"]))
        elif "notes" in message:
            self._notes = list(map(str, message["notes"]))
        elif "fault" in message:
            raise rebuilt(str(message["fault"]), str(message.get("text", "")))
        else:
            return False
        return True

    def _pixels(self, id_: str) -> dict[str, Any]:
        try:
            pixels = self._queries[id_].image.read()
        except GcgBenchError as error:
            return {"of": id_, "problem": str(error)}
        return {"of": id_, "pixels": base64.b64encode(pixels.tobytes()).decode("ascii")}


def of_model(
    spec: ModelSpec, devices: Sequence[str] = (), *, start_timeout: float = START_TIMEOUT
) -> ProcessExecutor:
    """Runs a model of this environment, one process for each device; see `launches_of_model`."""
    launches = launches_of_model(spec, devices, start_timeout=start_timeout)
    return ProcessExecutor(launches, folders=code_folders(spec))


def launches_of_model(
    spec: ModelSpec, devices: Sequence[str] = (), *, start_timeout: float = START_TIMEOUT
) -> list[Launch]:
    """How the processes of a model of this environment are started.

    Args:
        spec: the model.
        devices: `cpu`, `cuda:1` or the number of a GPU, one for each process; the device of the
            specification when there are none.
        start_timeout: seconds until a process must have built the model.
    """
    command = [sys.executable, "-m", "gcg_bench.execution.worker_process"]
    launches = []
    for device in devices or [""]:
        own, environment = _placed(spec, device)
        greeting = {"gcg_bench": PROTOCOL, "model": own.packed()}
        launches.append(Launch(command, greeting, environment, start_timeout))
    return launches


def of_command(
    command: str,
    devices: Sequence[str] = (),
    *,
    options: Mapping[str, Any] | None = None,
    start_timeout: float = START_TIMEOUT,
) -> ProcessExecutor:
    """Runs a worker in another environment, one process a device; see `launches_of_command`."""
    launches = launches_of_command(command, devices, options=options, start_timeout=start_timeout)
    return ProcessExecutor(launches, timeout=ANSWER_TIMEOUT)


def launches_of_command(
    command: str,
    devices: Sequence[str] = (),
    *,
    options: Mapping[str, Any] | None = None,
    start_timeout: float = START_TIMEOUT,
) -> list[Launch]:
    """How the processes of a worker are started; see `worker_files/gcg_bench_worker.py`.

    Args:
        command: the command line, split as a shell does; no shell runs.
        devices: numbers of GPUs, one for each process.
        options: arguments for the worker's `load`.
        start_timeout: seconds until the worker must have greeted.

    Raises:
        BadOption: the command is empty or has an open quotation mark.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadOption(f"--model {COMMAND}{command}: {str(error).lower()}") from error
    if not words:
        raise BadOption(f"--model {COMMAND} needs a command, such as '{COMMAND}python worker.py'")
    greeting = {"gcg_bench": PROTOCOL, "options": dict(options or {})}
    return [
        Launch(words, greeting, {DEVICES: device} if device.isdigit() else {}, start_timeout)
        for device in devices or [""]
    ]


def _placed(spec: ModelSpec, device: str) -> tuple[ModelSpec, dict[str, str]]:
    """The model on a device, and the environment of its process."""
    if not device:
        return spec, {}
    if device.isdigit():
        return spec.on_device("cuda:0"), {DEVICES: device}
    return spec.on_device(device), {}


def code_folders(spec: ModelSpec) -> frozenset[str]:
    """The folder of the file that a user's model is in, which errors may name."""
    if not isinstance(spec.source, str) or ".py" not in spec.source:
        return frozenset()
    return frozenset([str(anchored(Path(spec.source.partition(".py")[0])).parent)])


def rebuilt(name: str, text: str) -> GcgBenchError:
    """The error of another process."""
    kind = getattr(errors, name, None)
    plain = (errors.BadData, errors.MissingData, BadOption, EnvironmentProblem)
    return kind(text) if kind in plain else BadOption(text)
