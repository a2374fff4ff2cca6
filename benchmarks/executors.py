"""What a process of its own costs a model: overhead a query, and the throughput of two processes.

python benchmarks/executors.py [--queries 400] [--images 40]

The model of the first part answers at once from the size of the image, so that what is measured is
the way of a query and its answer: in this process, in another process, and through a worker script
with the helper, as for a model in another environment. The masks are encoded once, outside the
times. The second part compares two processes on two cores with one, for a model that computes; both
have one thread. Ratios and differences of one call can be compared; times of two calls cannot.
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")

from gcg_bench.data import load_dataset
from gcg_bench.execution import worker_files
from gcg_bench.execution.choice import executor_of
from gcg_bench.execution.model_spec import ModelSpec
from gcg_bench.files.paths import anchor
from gcg_bench.types import Picture, Query

INSTANT = """
from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import from_box

class Instant:
    masks = {}
    def answer(self, queries):
        for query in queries:
            size = query.image.height, query.image.width
            if size not in self.masks:
                self.masks[size] = from_box((2, 2, size[1] / 2, size[0] / 2), *size)
            phrase = Phrase("a cat", (self.masks[size],))
            yield Prediction(query.id, Grounding("a cat", (phrase,)), seconds=0.0)

load = Instant
"""

INSTANT_WORKER = """
from gcg_bench_worker import serve

def load():
    def answer(query):
        box = [2, 2, query["width"] / 2, query["height"] / 2]
        return {"caption": "a cat", "phrases": [{"text": "a cat", "mask": {"box": box}}]}
    return answer

serve(load)
"""

COMPUTING = """
import numpy
from gcg_bench import Grounding, Prediction

class Computing:
    def answer(self, queries):
        for query in queries:
            rng = numpy.random.default_rng(0)
            for _ in range(40):
                numpy.sort(rng.random(100_000))
            yield Prediction(query.id, Grounding("a cat"), seconds=0.0)

load = Computing
"""


def seconds(spec: str, queries: list[Query], **options: Any) -> float:
    """Seconds for all queries, after the model has answered the first one."""
    with executor_of(ModelSpec(spec), **options) as executor:
        executor.prepare(queries, missing="error", limited=True)
        list(executor.predictions(queries[:4], timeout=600, give_up_after=None))
        started = time.perf_counter()
        answers = list(executor.predictions(queries[4:], timeout=600, give_up_after=None))
        took = time.perf_counter() - started
    assert len(answers) == len(queries) - 4
    assert not any(answer.error for answer in answers)
    return took


def one_colour(height: int, width: int) -> Picture:
    """A picture whose pixels cost nothing, so that no time is that of reading images."""
    return Picture(height, width, lambda: np.zeros((height, width, 3), np.uint8))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=404)
    parser.add_argument("--images", type=int, default=44)
    given = parser.parse_args()
    data = load_dataset("shapes", "val", limit=200)
    one = [sample.query for sample in data.samples]
    many = [one[k % len(one)] for k in range(given.queries)]
    pictures = [one_colour(query.image.height, query.image.width) for query in many]
    queries = [
        replace(query, id=f"{k}", image=picture)
        for k, (query, picture) in enumerate(zip(many, pictures, strict=True))
    ]
    with tempfile.TemporaryDirectory() as folder, anchor():
        place = Path(folder)
        (place / "instant.py").write_text(INSTANT)
        (place / "computing.py").write_text(COMPUTING)
        (place / "worker.py").write_text(INSTANT_WORKER)
        helper = Path(worker_files.__file__).with_name("gcg_bench_worker.py")
        (place / helper.name).write_bytes(helper.read_bytes())
        count = len(queries) - 4
        local = seconds(f"{place}/instant.py", queries) / count
        process = seconds(f"{place}/instant.py", queries, on="process") / count
        worker = seconds(f"cmd:{sys.executable} {place}/worker.py", queries) / count
        print(f"local: {1000 * local:.2f} ms a query")
        print(f"process: {1000 * (process - local):.2f} ms more a query")
        print(f"cmd: {1000 * (worker - local):.2f} ms more a query")
        images = queries[: given.images]
        first = seconds(f"{place}/computing.py", images, devices=("cpu",))
        second = seconds(f"{place}/computing.py", images, devices=("cpu", "cpu"))
        print(f"two processes: {first / second:.2f} times the throughput of one")


if __name__ == "__main__":
    main()
