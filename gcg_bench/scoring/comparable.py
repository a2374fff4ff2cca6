"""Whether two results can be compared, and how far they are apart.

Two results can be compared when everything that decided the measurement is equal: protocol, data,
images, encoder, metrics. The settings that made the answers (prompt, token limit, decoding) may
differ, because they belong to the model.
"""

from collections.abc import Collection, Mapping, Sequence

from gcg_bench import statistics
from gcg_bench.errors import BadOption
from gcg_bench.scoring.results import Result, reducer
from gcg_bench.scoring.signature import MEASUREMENT
from gcg_bench.statistics import Difference
from gcg_bench.types import one_of


def refuse_unlike(
    measurements: Sequence[Mapping[str, str]],
    names: Sequence[str],
    purpose: str = "ranked together",
) -> None:
    """Raises BadOption when two measurements differ, naming the field and both values.

    Args:
        measurements: see `Result.measurement`.
        names: the names of the results, all different.
        purpose: completes the message: "A and B cannot be PURPOSE".
    """
    for name, other in zip(names[1:], measurements[1:], strict=True):
        for field in MEASUREMENT:
            first, second = measurements[0].get(field), other.get(field)
            if first != second:
                apart = ", or make two boards" if "ranked" in purpose else ""
                raise BadOption(
                    f"{names[0]} and {name} cannot be {purpose}: {field} is {first} for one and"
                    f" {second} for the other. Score both the same way{apart}"
                )


def refuse_other_images(a: Result, b: Result) -> None:
    """Raises BadOption when two results have different queries; names the first difference."""
    if a.ids == b.ids:
        return
    position = next((k for k, (x, y) in enumerate(zip(a.ids, b.ids, strict=False)) if x != y), None)
    what = (
        f"{len(a.ids)} {a.noun} for one and {len(b.ids)} for the other"
        if position is None
        else f"{one_of(a.noun)} {position + 1} is {a.ids[position]!r} for one and"
        f" {b.ids[position]!r} for the other"
    )
    raise BadOption(
        f"{a.label} and {b.label} were not scored on the same {a.noun} in the same order: {what}"
    )


def differences(
    a: Result,
    b: Result,
    *,
    scores: Collection[str] | None = None,
    draws: int = 1000,
    tests: int | None = None,
    seed: int = 0,
) -> dict[str, Difference]:
    """The difference of B from A in every score, with paired intervals and p-values.

    Args:
        a: a result.
        b: another result, on the same queries and with the same metrics.
        scores: the scores to compare; other scores are not computed.
        draws: bootstrap draws for the interval.
        tests: draws of the test; by default as many as for the interval.
        seed: the seed of the random generators.

    Raises:
        BadOption: the queries or the columns differ, or there are no draws.
    """
    chosen = [
        metric
        for metric in a.metrics
        if scores is None or {spec.name for spec in metric.scores} & set(scores)
    ]
    mixed = {
        metric.name: statistics.interleave(a.rows[metric.name], b.rows[metric.name])
        for metric in chosen
    }
    reduce, count = statistics.over_clusters(reducer(chosen, mixed), a.images, sides=2)
    paired = statistics.paired(reduce, count, draws=draws, tests=tests, seed=seed)
    return {
        name: difference for name, difference in paired.items() if scores is None or name in scores
    }
