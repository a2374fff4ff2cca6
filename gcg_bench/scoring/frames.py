"""Scores and counts of each query as pandas tables, indexed by the query's id."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gcg_bench.types import FloatArray, Rows


def of_scores(ids: Sequence[str], columns: Mapping[str, FloatArray]) -> Any:
    """Scores as a pandas DataFrame: one row a query, one column a score.

    Args:
        ids: the queries.
        columns: name of a score -> its values in the order of the ids.
    """
    import pandas as pd

    return pd.DataFrame(dict(columns), index=pd.Index(ids, name="id"))


def of_rows(metrics: Mapping[str, Rows]) -> Any:
    """Rows as a pandas DataFrame: one row a query, columns `metric.column`."""
    import pandas as pd

    return joined(
        pd.DataFrame({f"{metric}.{name}": column}, index=pd.Index(rows.ids, name="id"))
        for metric, rows in metrics.items()
        for name, column in rows.columns.items()
    )


def joined(tables: Iterable[Any]) -> Any:
    """Joins tables by id, columns side by side; an empty table without tables."""
    import pandas as pd

    parts = list(tables)
    return pd.concat(parts, axis=1) if parts else pd.DataFrame(index=pd.Index([], name="id"))
