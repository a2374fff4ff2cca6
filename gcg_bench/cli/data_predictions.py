"""`gcg-bench data check` for predictions: lists every problem and can write a repaired file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gcg_bench import tasks
from gcg_bench.cli.console import print_json, say, stdout
from gcg_bench.cli.data_tables import levels, problem_fields, problems_table
from gcg_bench.data import Dataset, load_dataset
from gcg_bench.errors import BadData, BadOption
from gcg_bench.predictions import Reading
from gcg_bench.predictions.check import Repair, check
from gcg_bench.predictions.check import fix as repair
from gcg_bench.predictions.stated_sizes import StatedSizes
from gcg_bench.types import EVERY_PART, Parts

Problems = Sequence[tuple[str, BadData]]
"""Problems with their levels, `error` or `warning`."""


def check_path(
    path: Path,
    dataset: str | None,
    split: str | None,
    data_root: Path | None,
    fix: Path | None,
    *,
    task: str | None = None,
    as_json: bool,
) -> int:
    """Checks a prediction file or folder; with `fix`, writes a repaired copy to that file.

    Args:
        path: the predictions.
        dataset: the data set that they answer, `grandf` by default; used only with a split.
        split: the split they answer.
        data_root: the data root.
        fix: the file to write.
        task: the task that they answer; by default the data set's first. Without a split, the task
            decides what is checked.
        as_json: print the result as JSON.

    Returns:
        The exit code: 2 when there is an error that was not repaired, else 0.
    """
    data = _split(dataset, split, data_root, task, StatedSizes(path))
    asked = task if data is None else data.task
    parts = EVERY_PART if asked is None else tasks.load(asked).parts
    sizes, known = (None, None) if data is None else (data.sizes, data.known)
    reading = Reading()
    problems = check(path, sizes=sizes, known=known, reading=reading, parts=parts)
    repaired = None if fix is None else repair(path, fix, sizes=sizes, known=known)
    if as_json:
        print_json(_as_json(path, reading, problems, fix, repaired, parts))
    else:
        _show(path, reading, problems, fix, repaired, parts)
    broken = any(level == "error" for level, _ in problems)
    return 2 if broken and repaired is None else 0


def _split(
    dataset: str | None,
    split: str | None,
    data_root: Path | None,
    task: str | None,
    sizes: StatedSizes,
) -> Dataset | None:
    """The split that is answered; None without a split."""
    if split is None:
        if dataset is not None:
            raise BadOption(f"--dataset {dataset}: give the --split that the predictions answer")
        return None
    return load_dataset(dataset or "grandf", split, data_root, task=task, sizes=sizes)


def _as_json(
    path: Path,
    reading: Reading,
    problems: Problems,
    fix: Path | None,
    repaired: Repair | None,
    parts: Parts,
) -> dict[str, Any]:
    return {
        "predictions": str(path),
        "layout": reading.layout,
        "images": reading.images,
        "phrases": reading.phrases,
        "masks": reading.masks,
        "failed": reading.failed,
        "problems": [problem_fields(*problem) for problem in problems],
        "notes": reading.sentences(parts),
        "fixed": None if repaired is None else {"file": str(fix), "written": repaired.written},
    }


def _show(
    path: Path,
    reading: Reading,
    problems: Problems,
    fix: Path | None,
    repaired: Repair | None,
    parts: Parts,
) -> None:
    if problems:
        stdout().print(problems_table(path.name, path, problems))
    stdout().print(
        f"{path}: {reading.layout or 'no known layout'}; {reading.images} answers,"
        f" {reading.phrases} phrases, {reading.masks} masks, {reading.failed} failed;"
        f" {levels(problems)}",
        markup=False,
        soft_wrap=True,
    )
    for sentence in reading.sentences(parts):
        say(sentence)
    if repaired is not None:
        for fault, what in repaired.changes:
            say(f"{what}: {fault}")
        stdout().print(f"wrote {repaired.written} answers to {fix}", markup=False, soft_wrap=True)
