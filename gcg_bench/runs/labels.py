"""What a run is called in messages and tables."""

import re
from collections.abc import Sequence

from gcg_bench.runs.run import Run

# NAME:PATH or a path alone: the name, and the path's last part; nothing else that has a slash
_PATH = re.compile(r"^([\w-]+:)?[^<>\"|?*\n]*[/\\]([^/\\<>\"|?*\n]+)$")


def label_of(run: Run) -> str:
    """What a run's predictions are called: its label, else its model."""
    return str(run.environment.get("label") or run.settings.get("model") or "unnamed")


def short_labels(labels: Sequence[str]) -> list[str]:
    """Labels without the folders of the paths in them, where they can still be told apart.

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
