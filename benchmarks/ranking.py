"""Seconds to rank many runs: python benchmarks/ranking.py [RUNS] [IMAGES].

The runs hold counts alone. Their systems have rates between .2 and .8, so that neighbours mostly
cannot be told apart and distant ones can; with `--steps` they are in ten clear groups. It measures
reading the runs and ranking them, as `gcg-bench leaderboard` does.
"""

import argparse
import tempfile
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import numpy as np

from gcg_bench.metrics.phrase_f1 import PhraseF1
from gcg_bench.reporting.leaderboard import Board
from gcg_bench.runs import Run
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.score import reduced
from gcg_bench.scoring.storage import keep
from gcg_bench.scoring.values import MeasuredOn, Resampling
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Grounding, Prediction, Rows

PROTOCOL = EvalProtocol("counts", 1, (PhraseF1(),), encoder="minilm", ranked_by="F1")


def made(folder: Path, name: str, matched: np.ndarray) -> Path:
    """A run of counts."""
    ids = tuple(f"image_{k}" for k in range(len(matched)))
    five = np.full(len(matched), 5.0)
    columns = {"matched": matched.astype(float), "predicted": five, "reference": five}
    rows = {"phrase_f1": Rows(ids, columns)}
    resampling = Resampling(draws=0)
    settings = {"model": name, "dataset": "shapes", "split": "val", "limit": None}
    with Run.create_or_resume(folder / name, settings) as run:
        run.append(Prediction(ids[0], Grounding(name)))
        result = Result(
            protocol=PROTOCOL,
            data=MeasuredOn("shapes", "1", "val", "generated", len(ids)),
            encoder=("minilm", "0" * 64),
            answered={"prompt": "none"},
            confidences="none",
            evaluator="gcg-bench",
            failed=0,
            scores=reduced(PROTOCOL, rows, resampling),
            rows=rows,
            resampling=resampling,
        )
        keep(run, result)
    return folder / name


def main() -> None:
    """Makes the runs, and prints the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int, nargs="?", default=1000)
    parser.add_argument("images", type=int, nargs="?", default=200)
    parser.add_argument("--steps", action="store_true", help="ten clear groups of runs")
    chosen = parser.parse_args()
    rng = np.random.default_rng(0)
    rates = rng.uniform(0.2, 0.8, chosen.runs)
    if chosen.steps:
        rates = np.round(rates * 10) / 10
    with tempfile.TemporaryDirectory() as folder:
        with patch("os.fsync"):  # the time of making the runs is not measured
            runs = [
                made(Path(folder), f"model-{k}", rng.binomial(5, rate, chosen.images))
                for k, rate in enumerate(rates)
            ]
        started = perf_counter()
        board = Board.of_runs(runs)
        read = perf_counter() - started
        ranked = board.ranked()
        total = perf_counter() - started
    print(
        f"{chosen.runs} runs of {chosen.images} images: {total:.1f} s, {read:.1f} s of it reading"
    )
    print(f"{len({row['rank'] for row in ranked.rows})} ranks; {ranked.rows[0]['ranked_by']}")


if __name__ == "__main__":
    main()
