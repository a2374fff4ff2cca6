"""score --explain: one image's whole reckoning, for a run or for anybody's prediction files."""

from collections.abc import Mapping, Sequence
from typing import Any

from gcg_bench.cli.console import print_json, say, stdout


def explain(
    data: Any,
    found: Mapping[str, Any],
    protocols: Sequence[Any],
    given: Mapping[str, Any],
    run: Any = None,
) -> None:
    """Prints every pair of one image, and why each phrase counted or not, by every protocol.

    Its own scores come from what the run keeps; where nothing is kept, all images are scored.

    Args:
        data: the data set.
        found: a prediction for every image of it.
        protocols: of the options.
        given: the options.
        run: the run that the predictions are of, None for files.

    Raises:
        MissingData: the data set has no such image.
        RunConflict: the run was scored with another encoder than the one given.
    """
    from gcg_bench.analysis.errors import explain_image, place_of
    from gcg_bench.cli.explain_tables import print_explanation

    place = place_of(data.samples, given["explain"])  # asked first: the rest may take a while
    chosen = list(protocols)
    kept: list[Any] = [None] * len(chosen)
    if run is not None:
        chosen, kept = _kept(run, data, chosen, given)
    if any(one is None for one in kept):
        kept = _scored(data, found, chosen, given)
    own = [measured.of_image(place) for measured in kept]
    explanation = explain_image(data.samples, found, chosen, given["explain"], own)
    if given["as_json"]:
        print_json(explanation.to_json())
    else:
        print_explanation(stdout(), explanation)


def _kept(
    run: Any, data: Any, protocols: Sequence[Any], given: Mapping[str, Any]
) -> tuple[list[Any], list[Any]]:
    """The protocols with the encoders that the run was scored with, and what it keeps of them."""
    from gcg_bench.scoring.results import encoder_of, stored

    ids = tuple(sample.id for sample in data.samples)
    chosen: list[Any] = []
    kept: list[Any] = []
    for protocol in protocols:
        measured = stored(run, protocol.key) if protocol.key in run.protocols() else None
        if measured is None or measured.ids != ids:
            chosen.append(protocol)
            kept.append(None)
        else:
            encoder = encoder_of(run, measured, given["encoder"])
            chosen.append(protocol.using(encoder=given["encoder"] or encoder.name))
            kept.append(measured)
    return chosen, kept


def _scored(
    data: Any, found: Mapping[str, Any], protocols: Sequence[Any], given: Mapping[str, Any]
) -> list[Any]:
    from gcg_bench.pipeline.evaluate import score
    from gcg_bench.scoring.results import fresh
    from gcg_bench.scoring.score import Resampling

    say("scoring ...", quiet=bool(given["quiet"]))
    verdicts = score(data, found, protocols, resampling=Resampling(draws=0))
    return [fresh("", verdict) for verdict in verdicts]
