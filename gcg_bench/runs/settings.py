"""Decides whether a run may be resumed: compares its stored settings with the requested ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadOption, RunConflict
from gcg_bench.files import limits

_ABSENT = object()  # differs from every setting, including null


def refuse_foreign_files(folder: Path, expected: str) -> None:
    """Raises BadOption when a folder without a run contains files; hidden files are ignored.

    Args:
        folder: an existing folder without the file `expected`.
        expected: name of the file that every run has.
    """
    names = [file.name for file in folder.iterdir() if not file.name.startswith(".")]
    if names:
        raise BadOption(
            f"{folder}: holds {sorted(names)[0]!r} but no {expected}, so it is not a run that can"
            " be resumed. Give a new or empty folder"
        )


def refuse_different_settings(
    folder: Path, stored: Mapping[str, Any], requested: Mapping[str, Any]
) -> None:
    """Raises RunConflict when the settings differ; names the first field that does."""
    if differs := difference(stored, requested):
        name, before, now = differs
        raise RunConflict(
            f"{folder}: a run with other settings: {name} was {difference_text(before)}, now it is"
            f" {difference_text(now)}. Give another --out, or the same settings to resume this run"
        )


def asks_more(stored: Mapping[str, Any], requested: Mapping[str, Any]) -> bool:
    """Whether the requested settings differ from those of a run in a larger limit alone.

    With the limit grow the number of queries and the list of their prompts. A model that has seen
    the references (`oracle`) answers differently when there are more of them, and the parts of a
    split that is shared out (`shard`) are other parts: such a run does not continue.
    """
    if "limit" not in stored or "limit" not in requested or stored.get("oracle"):
        return False
    before, now = stored["limit"], requested["limit"]
    if before is None or (now is not None and now <= before) or "shard" in stored:
        return False
    if not _texts(stored.get("prompt")) <= _texts(requested.get("prompt")):
        return False
    grown = ("limit", "n", "prompt")
    old, new = (
        {name: value for name, value in settings.items() if name not in grown}
        for settings in (stored, requested)
    )
    return difference(old, new) is None


def _texts(prompt: Any) -> set[str]:
    """The prompts of a run, of which there are one or several."""
    return set(map(str, prompt)) if isinstance(prompt, list) else {str(prompt)}


def limit_of(settings: Mapping[str, Any]) -> int | None:
    """How many queries a run asks, the first of its split; None for all.

    A run without a `limit` says how many queries it has.

    Raises:
        BadData: it says neither.
    """
    n = settings.get("n")
    if "limit" not in settings and type(n) is int and 1 <= n <= limits.IMAGES:
        return n
    limit: int | None = settings["limit"]
    return limit


def difference(before: Any, now: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """The first field that differs: its name and both values; None when all are equal.

    Objects are compared field by field, the fields of the requested settings first.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**now, **before}:
            inner = difference(before.get(key, _ABSENT), now.get(key, _ABSENT), f"{name}.{key}")
            if inner:
                return inner
        return None
    # 1, 1.0 and true are equal in Python, but they are different settings
    same = type(before) is type(now) and before == now
    return None if same else (name.lstrip("."), before, now)


def difference_text(value: Any) -> str:
    """A value of `difference` in a message."""
    return "not set" if value is _ABSENT else repr(value)
