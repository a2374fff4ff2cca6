"""An annotation of a data set as a run: its captions are predictions, scored as those of models."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from gcg_bench.annotate.exporting import grounding
from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.review.result import Result, result_of
from gcg_bench.annotate.status import status_of
from gcg_bench.data import Dataset
from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.pipeline.evaluate import predicted
from gcg_bench.pipeline.spec import DataSpec, EvaluationSpec
from gcg_bench.runs import Run
from gcg_bench.types import Prediction, Query

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
    """The run `DIR/run` of a finished annotation after the decisions of people.

    A run of another recipe or other decisions is set aside, and is used again when they are.

    Args:
        folder: the annotation of all images of the data set.
        data: the data set.
        message: takes what the user should know.

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
    settings = {"model": f"annotate:{folder.recipe['recipe']}", "decoding": decoding}
    spec = EvaluationSpec(
        model=_Annotations(result), data=DataSpec(dataset=data), out=place, settings=settings
    )
    with predicted(spec, message=message) as (_, run):
        return run


def _set_aside(place: Path, decoding: Mapping[str, str]) -> None:
    """Renames the run of another state to `run.STATE`; one of this state is fetched."""
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
        raise EnvironmentProblem(f"{place}: cannot be set aside ({error})") from error


def _state(decoding: Mapping[str, str]) -> str:
    """The first 8 digits of the recipe's hash, and of the decisions' where there are some."""
    names = [str(decoding[name])[:8] for name in ("recipe", "decisions") if decoding.get(name)]
    return "-".join(names) or "other"
