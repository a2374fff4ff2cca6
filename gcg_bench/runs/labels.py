"""The names of runs in messages and tables."""

import re
from collections.abc import Sequence
from pathlib import PurePath

from gcg_bench.runs.run import Run

# matches NAME:PATH or a path alone: the name, and the last part of the path; matches no other text
# with a slash. A backslash may also begin an escape.
_CODE = r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
_PATH = re.compile(rf"^([\w-]+:)?[^<>\"|?*\n]*(?:/|(?!{_CODE})\\)((?:{_CODE}|[^/\\<>\"|?*\n])+)$")


def label_of(run: Run) -> str:
    """The name of a run's predictions: its label, else its model."""
    return str(run.environment.get("label") or run.settings.get("model") or "unnamed")


def short_labels(labels: Sequence[str]) -> list[str]:
    """Labels without the folders of the paths in them, if they are still distinct.

    `predictions:/data/answers/mine` becomes `predictions:mine`.
    """
    short = [_PATH.sub(r"\1\2", label) for label in labels]
    meanings: dict[str, set[str]] = {}
    for name, label in zip(short, labels, strict=True):
        meanings.setdefault(name, set()).add(label)
    return [
        name if len(meanings[name]) == 1 else label
        for name, label in zip(short, labels, strict=True)
    ]


def distinct_labels(labels: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Distinct labels of runs.

    A label that several runs have is followed by the last part of the run's folder, or by the whole
    path where the last parts are equal too.

    Args:
        labels: the labels of the runs.
        folders: the path of each run; empty when it is not known. The label then stays.
    """
    folders_of: dict[str, set[str]] = {}
    for label, folder in zip(labels, folders, strict=True):
        folders_of.setdefault(label, set()).add(folder)
    lasts = [
        f"{label} ({PurePath(folder).name})" if folder and len(folders_of[label]) > 1 else label
        for label, folder in zip(labels, folders, strict=True)
    ]
    runs_of: dict[str, set[str]] = {}
    for last, folder in zip(lasts, folders, strict=True):
        runs_of.setdefault(last, set()).add(folder)
    return [
        f"{label} ({folder})" if last != label and len(runs_of[last]) > 1 else last
        for label, folder, last in zip(labels, folders, lasts, strict=True)
    ]
