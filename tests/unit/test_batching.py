"""Blocks through stages: all items in order, and an error costs one item."""

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcg_bench.errors import BadData
from gcg_bench.glamm.batching import Batches, Stages, error_line, out_of_memory


class OutOfMemoryError(RuntimeError):
    """The error that torch raises on accelerators."""


class Model:
    """Squares numbers, records its inputs, and fails for the given numbers."""

    def __init__(self, *, room=100, bad=(), error=OutOfMemoryError):
        self.room, self.bad, self.error = room, set(bad), error
        self.seen, self.released = [], 0

    def run(self, ready):
        self.seen.append(list(ready))
        if len(ready) > self.room or self.bad & set(ready):
            raise self.error("no room for more")
        return [number * number for number in ready]

    def release(self):
        self.released += 1


def batches(model, *, size=4, workers=2, prepare=int, finish=lambda item, ready, out: (item, out)):
    return Batches(
        Stages(prepare, model.run, finish), size=size, workers=workers, release=model.release
    )


def blocks(numbers, size):
    return [numbers[k : k + size] for k in range(0, len(numbers), size)]


@given(st.integers(0, 23), st.integers(1, 6), st.integers(0, 3), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_everything_comes_out_once_and_in_order(count, size, workers, room):
    model = Model(room=room)
    numbers = list(range(count))
    results = list(batches(model, size=size, workers=workers).stream(blocks(numbers, size)))
    assert [result.item for result in results] == numbers
    assert [result.value for result in results] == [(k, k * k) for k in numbers]
    assert all(result.error is None and result.seconds >= 0 for result in results)


def test_a_block_runs_whole_and_never_with_another():
    model = Model()
    list(batches(model, size=4).stream([[0, 1, 2], [3], [], [4, 5, 6, 7]]))
    assert model.seen == [[0, 1, 2], [3], [4, 5, 6, 7]]


def test_memory_that_runs_out_halves_the_size_for_good():
    model = Model(room=2)
    run = batches(model, size=8)
    results = list(run.stream(blocks(list(range(16)), 8)))
    assert [result.value for result in results] == [(k, k * k) for k in range(16)]
    attempts = [len(seen) for seen in model.seen]
    assert attempts == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]
    assert (run.size, model.released) == (2, 2)


def test_another_error_is_cornered_without_smaller_batches_afterwards():
    model = Model(bad={2}, error=ValueError)
    with pytest.raises(ValueError, match="no room"):  # a programming error is not hidden
        list(batches(model).stream([[0, 1, 2, 3]]))
    model = Model(bad={2}, error=RuntimeError)
    run = batches(model)
    results = list(run.stream(blocks(list(range(8)), 4)))
    assert [result.item for result in results if result.error] == [2]
    assert results[2].error == "RuntimeError: no room for more"
    assert model.seen[-1] == [4, 5, 6, 7]
    assert (run.size, model.released) == (4, 0)


@pytest.mark.parametrize("error", [OutOfMemoryError, MemoryError])
def test_one_that_never_fits_costs_itself(error):
    model = Model(bad={5}, error=error)
    results = list(batches(model).stream(blocks(list(range(8)), 4)))
    assert [result.item for result in results if result.error] == [5]
    assert results[5].value is None
    assert [result.value for result in results if not result.error] == [
        (k, k * k) for k in range(8) if k != 5
    ]


def test_what_cannot_be_read_or_finished_costs_itself():
    def prepare(text):
        if text == "x":
            raise BadData("not an image", file="x.png")
        return int(text)

    def finish(item, ready, out):
        return 1 / ready

    results = list(batches(Model(), prepare=prepare, finish=finish).stream([["1", "x", "0", "2"]]))
    assert [result.error for result in results] == [
        None, "x.png: not an image", "ZeroDivisionError: division by zero", None,
    ]  # fmt: skip
    assert [result.value for result in results] == [1.0, None, None, 0.5]


def test_at_most_two_blocks_are_taken_ahead_of_the_answers():
    taken = []

    def asked():
        for block in blocks(list(range(20)), 2):
            taken.extend(block)
            yield block

    stream = batches(Model(), size=2).stream(asked())
    next(stream)
    assert len(taken) == 6  # its own block, the block that ran meanwhile, and the block being read
    stream.close()
    assert len(taken) == 6


def test_reading_goes_on_while_the_model_runs():
    """Reading takes as long as running, so a sequential order would take twice the time."""
    events = []
    lock = threading.Lock()

    def note(kind, item):
        with lock:
            events.append((kind, item))

    def prepare(item):
        note("read", item)
        return item

    def run(ready):
        note("run", ready[0])
        deadline = time.monotonic() + 5  # waits until the next block is being read
        while ready[0] < 3 and ("read", ready[0] + 1) not in events:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        return ready

    stages = Stages(prepare, run, lambda item, ready, out: out)
    results = list(Batches(stages, size=1, workers=1).stream([[0], [1], [2], [3]]))
    assert [result.value for result in results] == [0, 1, 2, 3]


def test_a_stream_that_is_left_stops_its_threads():
    before = threading.active_count()
    stream = batches(Model(), size=2).stream(blocks(list(range(20)), 2))
    next(stream)
    assert threading.active_count() > before
    stream.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (MemoryError(), True),
        (OutOfMemoryError("x"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)  # fmt: skip
def test_running_out_of_memory_is_told_from_other_errors(error, verdict):
    assert out_of_memory(error) == verdict


def test_torch_has_these_words():
    import torch

    assert issubclass(torch.OutOfMemoryError, RuntimeError)
    assert out_of_memory(torch.OutOfMemoryError("x"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert out_of_memory(caught.value)


def test_an_error_is_told_in_one_line():
    assert error_line(BadData("no\nsuch", file="a")) == "a: no such"
    assert error_line(KeyError("x")) == "KeyError: 'x'"
