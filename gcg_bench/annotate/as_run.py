"""An annotation of a data set as a run: its captions are predictions, scored as those of models."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gcg_bench.annotate.exporting import grounding
from gcg_bench.annotate.folder import AnnotationFolder
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

    def __init__(self, folder: AnnotationFolder) -> None:
        self._folder = folder

    def answer(self, queries: Iterable[Query]) -> Iterator[Prediction]:
        lost = {image: reason for image, _, reason in status_of(self._folder).lost}
        wanted = {query.id for query in queries}
        for scene in self._folder.scenes():
            if scene.image_id in wanted:
                wanted.discard(scene.image_id)
                yield Prediction(scene.image_id, grounding(scene), seconds=0.0)
        for id_ in sorted(wanted):
            yield Prediction(id_, error=lost.get(id_, "not annotated"))


def write_run(
    folder: AnnotationFolder, data: Dataset, *, message: Callable[[str], None] = print
) -> Run:
    """The run `DIR/run` of a finished annotation; one of another recipe is set aside.

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
    recipe = str(folder.recipe["hash"])
    place = folder.folder / RUN
    _set_aside(place, recipe)
    settings = {
        "model": f"annotate:{folder.recipe['recipe']}",
        "decoding": {"recipe": recipe},
    }
    spec = EvaluationSpec(
        model=_Annotations(folder), data=DataSpec(dataset=data), out=place, settings=settings
    )
    with predicted(spec, message=message) as (_, run):
        return run


def _set_aside(place: Path, recipe: str) -> None:
    """Renames the run of another recipe to `run.HASH`, with the first 8 digits of its recipe."""
    if not Run.is_run(place):
        return
    before = str(Run.open(place).settings.get("decoding", {}).get("recipe", "")) or "other"
    if before == recipe:
        return
    try:
        place.rename(place.with_name(f"{RUN}.{before[:8]}"))
    except OSError as error:
        raise EnvironmentProblem(f"{place}: cannot be set aside ({error})") from error
