"""Time of 1,000 bootstrap draws of the five official numbers together, at 2,500 images.

python benchmarks/bootstrap.py
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from score import make

from gcg_bench import statistics
from gcg_bench.data import load_dataset
from gcg_bench.pipeline.predict import complete
from gcg_bench.pipeline.score import score
from gcg_bench.predictions import read_predictions
from gcg_bench.scoring.results import reducer
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks.gcg import OFFICIAL

IMAGES, DRAWS = 2500, 1000


def main() -> None:
    """Scores a generated split once, then draws its intervals and prints the time."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make(folder, IMAGES, few=False)
        data = load_dataset("grandf", "val", folder)
        pairs = complete(data.samples, read_predictions(folder / "predictions"))
        protocol = OFFICIAL.using(encoder="minilm")
        (evaluation,) = score(data, pairs, [protocol], resampling=Resampling(draws=0))
    reduce = reducer(protocol.metrics, evaluation.rows)
    values = reduce(np.ones((1, IMAGES)))
    start = time.perf_counter()
    intervals = statistics.bootstrap(reduce, IMAGES, draws=DRAWS, seed=0)
    seconds = time.perf_counter() - start
    print(f"{DRAWS} draws of {len(intervals)} numbers at {IMAGES} images: {seconds:.2f} s")
    for name, (low, high, _) in intervals.items():
        print(f"{name:>8} {values[name][0]:.4f} [{low:.4f}, {high:.4f}]")


if __name__ == "__main__":
    main()
