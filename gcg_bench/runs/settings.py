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
    """Raises RunConflict when the settings differ; names the first field that differs."""
    if differs := difference(stored, requested):
        name, before, now = differs
        raise RunConflict(
            f"{folder}: a run with other settings: {name} was {difference_text(before)}, now it is"
            f" {difference_text(now)}. Give another --out, or the same settings to resume this run"
        )


def asks_more(stored: Mapping[str, Any], requested: Mapping[str, Any]) -> bool:
    """Whether the requested settings differ from those of a run only in a larger limit.

    A larger limit also means more queries and a longer list of prompts. Two kinds of run cannot
    continue: a model that sees the references (`oracle`) answers differently when there are more of
    them, and a shard (`shard`) of more queries has other queries.
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
    """The set of prompts of a run; the setting is one prompt or a list."""
    return set(map(str, prompt)) if isinstance(prompt, list) else {str(prompt)}


def limit_of(settings: Mapping[str, Any]) -> int | None:
    """The number of queries that a run asks, from the start of its split; None for all.

    A run without a `limit` states its number of queries (`n`).

    Raises:
        BadData: the settings have neither.
    """
    n = settings.get("n")
    if "limit" not in settings and type(n) is int and 1 <= n <= limits.QUERIES:
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
