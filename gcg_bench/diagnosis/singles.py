"""What every metric says of each image alone."""

from collections.abc import Mapping, Sequence

import numpy as np

from gcg_bench.types import FloatArray, Metric, Rows


def image_scores(metrics: Sequence[Metric], rows: Mapping[str, Rows]) -> dict[str, FloatArray]:
    """Score name -> the score of every image as if it were the only one, shape (n,).

    Document frequencies (CIDEr) stay those of all images, since the rows were counted with them.

    Args:
        metrics: those of the protocol; metrics without rows are left out.
        rows: metric name -> rows, of the same images.
    """
    alone: dict[str, FloatArray] = {}
    for metric in metrics:
        if metric.name in rows:
            single = [metric.reduce(one, np.ones((1, 1))) for one in _split(rows[metric.name])]
            for name in metric.scores:
                alone[name] = np.array([values[name][0] for values in single], dtype=np.float64)
    return alone


def _split(rows: Rows) -> list[Rows]:
    return [
        Rows((id_,), {name: column[k : k + 1] for name, column in rows.columns.items()})
        for k, id_ in enumerate(rows.ids)
    ]
