"""`gcg-bench data check` for predictions: every problem listed, and what can be saved written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gcg_bench.cli.console import print_json, say, stdout
from gcg_bench.cli.data_tables import levels, problem_fields, problems_table
from gcg_bench.errors import BadData, BadOption

Found = Sequence[tuple[str, BadData]]


def check_path(
    path: Path,
    dataset: str | None,
    split: str | None,
    data_root: Path | None,
    fix: Path | None,
    *,
    as_json: bool,
) -> int:
    """Checks a prediction file or folder, and writes what can be repaired to `fix` if given.

    Args:
        path: the predictions.
        dataset: whose images they are of, `grandf` by default; without a split nothing is compared.
        split: the split they answer.
        data_root: the data root.
        fix: the file to write.
        as_json: the result as JSON.

    Returns:
        The exit code: 2 when there is an error that was not repaired, else 0.
    """
    from gcg_bench.predictions import Reading
    from gcg_bench.predictions.check import check
    from gcg_bench.predictions.check import fix as repair

    sizes = _sizes(dataset, split, data_root)
    reading = Reading()
    found = check(path, sizes=sizes, ids=sizes, reading=reading)
    done = None if fix is None else repair(path, fix, sizes=sizes, ids=sizes)
    if as_json:
        print_json(_as_json(path, reading, found, fix, done))
    else:
        _show(path, reading, found, fix, done)
    broken = any(level == "error" for level, _ in found)
    return 2 if broken and done is None else 0


def _sizes(
    dataset: str | None, split: str | None, data_root: Path | None
) -> dict[str, tuple[int, int]] | None:
    """Image id -> (height, width) of the split the predictions answer, None when not said."""
    from gcg_bench.data import load_dataset

    if split is None:
        if dataset is not None:
            raise BadOption(f"--dataset {dataset}: say which --split the predictions answer")
        return None
    return load_dataset(dataset or "grandf", split, data_root).sizes


def _as_json(path: Path, reading: Any, found: Found, fix: Path | None, done: Any) -> dict[str, Any]:
    return {
        "predictions": str(path),
        "layout": reading.layout,
        "images": reading.images,
        "phrases": reading.phrases,
        "masks": reading.masks,
        "failed": reading.failed,
        "problems": [problem_fields(*problem) for problem in found],
        "fixed": None if done is None else {"file": str(fix), "written": done.written},
    }


def _show(path: Path, reading: Any, found: Found, fix: Path | None, done: Any) -> None:
    if found:
        stdout().print(problems_table(path.name, path, found))
    stdout().print(
        f"{path}: {reading.layout or 'nothing recognised'}; {reading.images} images,"
        f" {reading.phrases} phrases, {reading.masks} masks, {reading.failed} failed;"
        f" {levels(found)}",
        markup=False,
        soft_wrap=True,
    )
    for sentence in reading.sentences():
        say(sentence)
    if done is not None:
        for fault, what in done.changes:
            say(f"{what}: {fault}")
        stdout().print(f"wrote {done.written} answers to {fix}", markup=False, soft_wrap=True)
