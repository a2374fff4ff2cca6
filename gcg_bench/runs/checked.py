"""What a run's own files say, checked as it is read: a run may come from anybody.

Only the type of what is there is checked at once, since older runs say less than newer ones. Who
asks for what is not there is told so.
"""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData
from gcg_bench.files import limits, paths
from gcg_bench.files.fields import kind
from gcg_bench.files.json import read_record

_PROTOCOL = re.compile(r"[A-Za-z0-9_]{1,64}")
_REMEDIES = {"run.json": "Is it a run of gcg-bench?"}
_AGAIN = "Score the run again"


class Said(dict[str, Any]):
    """A file's fields; one that is not there is told as bad data.

    Args:
        fields: what the file holds.
        file: for messages.
        prefix: what to put before a field's name in messages.
    """

    def __init__(self, fields: Mapping[str, Any], file: Path, prefix: str = "") -> None:
        super().__init__(fields)
        self.file, self.prefix = file, prefix

    def __missing__(self, name: str) -> Any:
        raise _bad(self.file, f"{self.prefix}{name}", "is missing")


def settings(file: Path) -> Said:
    """The fields of a run.json, `environment` among them.

    Raises:
        MissingData: the file is not there.
        BadData: it is damaged, or a field that others rest on is of the wrong type.
    """
    return _typed(Said(read_record(file), file), _SETTINGS)


def verdict(file: Path) -> Said:
    """The fields of a scores.json.

    Raises:
        MissingData, BadData: as `settings`.
    """
    said = _typed(Said(read_record(file), file), _VERDICT)
    scores = {}
    for name, value in said.get("scores", {}).items():
        if not _is_name(name) or not isinstance(value, dict):
            raise _bad(file, f"scores.{name[:40]}", f"should be a score, not {kind(value)}")
        scores[name] = _typed(Said(value, file, f"scores.{name}."), _SCORE)
    if "scores" in said:
        said["scores"] = scores
    if "resampling" in said:
        _typed(Said(said["resampling"], file, "resampling."), _RESAMPLING)
    return said


def refuse_links(folder: Path) -> None:
    """Raises BadData when a file or folder of a run is a link to something outside of it."""
    for place in (*folder.iterdir(), *folder.glob("*/*")):
        if place.is_symlink() and paths.strays(place, folder):
            raise BadData(
                "is a link that leads out of the run, which is not followed",
                file=place,
                remedy="Put the file itself there: cp -rL copies what links point to",
            )


def _typed(said: Said, types: Mapping[str, Callable[[Any], bool]]) -> Said:
    for name, fits in types.items():
        if name in said and not fits(said[name]):
            raise _bad(said.file, f"{said.prefix}{name}", f"cannot be {kind(said[name])}")
    return said


def _bad(file: Path, field: str, problem: str) -> BadData:
    return BadData(problem, file=file, field=field, remedy=_REMEDIES.get(file.name, _AGAIN))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= limits.SIGNATURE


def _is_name(value: Any) -> bool:
    return _is_text(value) and value.isascii() and value.replace("_", "").replace("@", "").isalnum()


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e15 and math.isfinite(value)


def _is_optional_number(value: Any) -> bool:
    return value is None or _is_number(value)


def _whole(most: int, least: int = 0) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_SETTINGS: Mapping[str, Callable[[Any], bool]] = {
    "model": _is_text,
    "dataset": _is_text,
    "split": _is_text,
    "limit": lambda value: value is None or _whole(limits.IMAGES, 1)(value),
    "prompt": lambda value: isinstance(value, str) or _is_texts(value),
    "decoding": _is_object,
    "environment": _is_object,
}
_VERDICT: Mapping[str, Callable[[Any], bool]] = {
    "protocol": lambda value: _is_text(value) and _PROTOCOL.fullmatch(value) is not None,
    "version": _whole(10**6),
    "signature": _is_text,
    "dataset": _is_text,
    "split": _is_text,
    "n": _whole(2**31),
    "failed": _whole(2**31),
    "scores": _is_object,
    "words": _is_number,
    "false_accept": _is_optional_number,
    "notes": _is_texts,
    "seconds": _is_object,
    "resampling": _is_object,
}
_SCORE: Mapping[str, Callable[[Any], bool]] = {
    "value": _is_number,
    "low": _is_optional_number,
    "high": _is_optional_number,
}
_RESAMPLING: Mapping[str, Callable[[Any], bool]] = {
    "draws": _whole(limits.DRAWS),
    "seed": _whole(2**63),
}
