"""May a run be gone on with: its settings held against those that are wanted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadOption, RunConflict

_ABSENT = object()  # differs from every setting, null included


def refuse_foreign(folder: Path, expected: str) -> None:
    """Raises BadOption when a folder that is no run holds anything that is not ours.

    Args:
        folder: is there, without the file that makes a run.
        expected: that file's name.
    """
    others = [file.name for file in folder.iterdir() if not file.name.startswith(".")]
    if others:
        raise BadOption(
            f"{folder}: holds {sorted(others)[0]!r} but no {expected}, so it is no run to go on"
            " with. Give a new or empty folder"
        )


def refuse_other(folder: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises RunConflict when two settings differ."""
    if difference := _difference(stored, wanted, ""):
        name, before, now = difference
        raise RunConflict(
            f"{folder}: a run with other settings: {name} was {_shown(before)}, now it is"
            f" {_shown(now)}. Give another --out, or the same settings to go on with it"
        )


def _difference(before: Any, now: Any, name: str) -> tuple[str, Any, Any] | None:
    """The first field that differs, with both values; objects are compared field by field."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**now, **before}:
            inner = _difference(before.get(key, _ABSENT), now.get(key, _ABSENT), f"{name}.{key}")
            if inner:
                return inner
        return None
    # 1, 1.0 and true are equal to Python, and not the same setting
    same = type(before) is type(now) and before == now
    return None if same else (name.lstrip("."), before, now)


def _shown(value: Any) -> str:
    return "not set" if value is _ABSENT else repr(value)
