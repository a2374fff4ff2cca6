"""An annotation of a data set as a run, so that its captions are scored like a model's answers."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from gcg_bench.annotate.exporting import grounding
from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.review.result import Result, result_of
from gcg_bench.annotate.status import status_of
from gcg_bench.data import Dataset
from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.files import paths
from gcg_bench.pipeline.evaluate import predicted
from gcg_bench.pipeline.spec import DataSpec, EvaluationSpec
from gcg_bench.predictions.run_parts import run_parts
from gcg_bench.runs import Run
from gcg_bench.runs.files import remove
from gcg_bench.types import Grounding, Prediction, Query

RUN = "run"
TASK = "gcg"


class _Annotations:
    """A model that answers with the captions of an annotation."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        lost = {image: reason for image, _, reason in status_of(self._result.folder).lost}
        wanted = {query.id for query in queries}
        for scene in self._result.scenes():
            if scene.image_id in wanted:
                wanted.discard(scene.image_id)
                yield Prediction(scene.image_id, grounding(scene), seconds=0.0)
        for id_ in sorted(wanted):
            yield Prediction(id_, error=lost.get(id_, "not annotated"))


def write_run(
    folder: AnnotationFolder, data: Dataset, *, message: Callable[[str], None] = print
) -> Run:
    """Writes the run `DIR/run` of a finished annotation with the decisions of people applied.

    A run of another recipe or of other decisions is renamed, and is used again with the same recipe
    and decisions. All answers are written again when one of them differs from the annotation,
    because a failed image was annotated again or lines were edited.

    Args:
        folder: the annotation of all images of the data set.
        data: the data set.
        message: gets the texts that the user should see.

    Raises:
        BadOption: the data set is of another task.
        GcgBenchError: the run cannot be written.
    """
    if data.task != TASK:
        raise BadOption(f"an annotation is a run of the task {TASK}, not of {data.task}")
    result = result_of(folder)
    place, decoding = folder.folder / RUN, {"recipe": str(folder.recipe["hash"])}
    if result.digest:
        decoding["decisions"] = result.digest
    _set_aside(place, decoding)
    model = _Annotations(result)
    if Run.is_run(place) and not _is_current(Run.open(place), model, data):
        _empty(Run.open(place))
    settings = {"model": f"annotate:{folder.recipe['recipe']}", "decoding": decoding}
    spec = EvaluationSpec(model=model, data=DataSpec(dataset=data), out=place, settings=settings)
    with predicted(spec, message=message) as (_, run):
        return run


def _is_current(run: Run, model: _Annotations, data: Dataset) -> bool:
    """Whether a run's answers equal the model's present answers, or the first of them."""
    now = model.answer(sample.query for sample in data.samples)
    for before in run.predictions():
        answer = next(now, None)
        if answer is None or _compared(before) != _compared(answer):
            return False
    return True


def _compared(prediction: Prediction) -> tuple[str, Grounding | None, str | None]:
    """The parts of a prediction that are compared; a run holds errors without folders."""
    error = prediction.error
    return (
        prediction.id,
        prediction.grounding,
        None if error is None else paths.without_folders(error),
    )


def _empty(run: Run) -> None:
    """Removes the scores and the predictions of a run, the last ones first."""
    with run.locked():
        for protocol in run.protocols():
            remove(run.folder / protocol / "scores.json")
        for file in reversed(run_parts(run.folder)):
            remove(file)


def _set_aside(place: Path, decoding: Mapping[str, str]) -> None:
    """Renames a run of another state to `run.STATE`; an earlier run of this state is used again."""
    try:
        if Run.is_run(place):
            before = Run.open(place).settings.get("decoding", {})
            if before == decoding:
                return
            place.rename(place.with_name(f"{RUN}.{_state(before)}"))
        aside = place.with_name(f"{RUN}.{_state(decoding)}")
        if Run.is_run(aside) and Run.open(aside).settings.get("decoding") == decoding:
            aside.rename(place)
    except OSError as error:
        raise EnvironmentProblem(f"{place}: cannot be renamed ({error})") from error


def _state(decoding: Mapping[str, str]) -> str:
    """The first 8 digits of the recipe's hash, then of the decisions' digest if there is one."""
    names = [str(decoding[name])[:8] for name in ("recipe", "decisions") if decoding.get(name)]
    return "-".join(names) or "other"
