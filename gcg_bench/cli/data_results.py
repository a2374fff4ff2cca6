"""`gcg-bench data export RUN OUT --format coco_results`: a run as COCO detections."""

from pathlib import Path

from gcg_bench.cli.console import say, stdout
from gcg_bench.errors import BadOption, EnvironmentProblem
from gcg_bench.pipeline import spec
from gcg_bench.pipeline.predict import complete
from gcg_bench.predictions import coco_results
from gcg_bench.runs import Run
from gcg_bench.runs.seals import refuse_changed_lines
from gcg_bench.runs.settings import limit_of


def export_run(
    folder: Path,
    out: Path,
    card: str | None,
    data_root: Path | None,
    limit: int | None,
    *,
    quiet: bool,
) -> None:
    """Writes the predictions of a run and their references, and names the files.

    Raises:
        MissingData: the folder is not a run, or the references are missing.
        BadData: predictions were changed after the run wrote them.
        BadOption: a file exists already, or the card is of another data set.
        EnvironmentProblem: a file cannot be written.
    """
    run = Run.open(folder)
    for name in (coco_results.RESULTS, coco_results.ANNOTATIONS):
        if (out / name).exists():
            raise BadOption(f"{out / name} is there already; nothing is written over")
    refuse_changed_lines(run.folder)
    settings = run.settings
    asked = limit_of(settings)
    data = spec.DataSpec(
        dataset=card or settings["dataset"],
        split=settings["split"],
        root=data_root,
        limit=min(filter(None, (limit, asked)), default=None),
        task=settings.get("task"),
        shipped=card is None,
    ).load()
    if data.card.name != settings["dataset"]:
        raise BadOption(f"the run answers dataset {settings['dataset']!r}, not {data.card.name!r}")
    answers = run.predictions(sizes=data.sizes)
    predictions = complete(data.samples, answers, limited=limit is not None)
    try:
        out.mkdir(parents=True, exist_ok=True)
        files = coco_results.write(out, data.samples, predictions)
    except OSError as error:
        raise EnvironmentProblem(f"{out}: cannot be written ({error})") from error
    for path in files:
        stdout().print(str(path), soft_wrap=True, markup=False)
    say(f"{len(data.samples)} {data.noun}", quiet=quiet)
