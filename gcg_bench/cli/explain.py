"""score --explain: shows one image with the reasons for its scores, for a run or for files."""

from collections.abc import Mapping, Sequence

from gcg_bench.analysis.errors import explain_image, index_of
from gcg_bench.cli.console import print_json, say, stdout
from gcg_bench.cli.explain_tables import print_explanation
from gcg_bench.cli.options import OutputOptions
from gcg_bench.data import Dataset
from gcg_bench.pipeline.encoders import EncoderChoice, Encoders
from gcg_bench.pipeline.score import refuse_other_references, score
from gcg_bench.runs import Run
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.score import phrase_rule
from gcg_bench.scoring.storage import load_result
from gcg_bench.scoring.stored_rule import stored_rule
from gcg_bench.scoring.values import Resampling
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Prediction


def explain(
    data: Dataset,
    predictions: Mapping[str, Prediction],
    protocols: Sequence[EvalProtocol],
    image: str,
    *,
    run: Run | None = None,
    encoder: EncoderChoice = None,
    output: OutputOptions,
) -> None:
    """Prints all pairs of one image and, for every protocol, why each phrase counts or not.

    The scores of the image come from the results in the run. For a protocol without a result in the
    run, all images are scored.

    Args:
        data: the data set.
        predictions: the prediction of every image, by id.
        protocols: the protocols to explain.
        image: the id of the image.
        run: the run that the predictions belong to; None for files.
        encoder: the phrase encoders that the user chose.
        output: the options of the output.

    Raises:
        MissingData: the data set has no such image.
        RunConflict: the run was scored with another encoder than `encoder`.
    """
    index = index_of(data.samples, image)  # before the scoring, which can take minutes
    kept = [_kept(run, data, protocol) for protocol in protocols]
    rules = [
        phrase_rule(protocol)
        if run is None or result is None
        else stored_rule(result, run.folder, Encoders.of(encoder).chosen(protocol.name))
        for protocol, result in zip(protocols, kept, strict=True)
    ]
    fresh = iter(_scored(data, predictions, protocols, kept, output))
    scores = [(result or next(fresh)).of_query(index) for result in kept]
    explanation = explain_image(data.samples, predictions, protocols, image, scores, rules=rules)
    if output.as_json:
        print_json(explanation.to_json())
    else:
        print_explanation(stdout(), explanation)


def _scored(
    data: Dataset,
    predictions: Mapping[str, Prediction],
    protocols: Sequence[EvalProtocol],
    kept: Sequence[Result | None],
    output: OutputOptions,
) -> list[Result]:
    """The results, without intervals, of the protocols that have no result in the run."""
    chosen = [protocol for protocol, result in zip(protocols, kept, strict=True) if result is None]
    if not chosen:
        return []
    say("scoring ...", quiet=output.quiet)
    return score(data, predictions, chosen, resampling=Resampling(draws=0))


def _kept(run: Run | None, data: Dataset, protocol: EvalProtocol) -> Result | None:
    """The stored result of a protocol; None when it is absent or has other images."""
    if run is None or protocol.folder not in run.protocols():
        return None
    result = load_result(run, protocol.folder)
    if result.ids != tuple(sample.id for sample in data.samples):
        return None
    refuse_other_references(result, data, run.folder)
    return result
