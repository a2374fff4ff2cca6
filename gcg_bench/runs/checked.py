"""Reads the JSON files of a run and checks the types of their fields.

A run may come from anybody, so nothing in its files is trusted. The fields that are present are
checked when the file is read. Older runs have fewer fields than newer ones; a missing field raises
BadData when it is looked up.
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
from gcg_bench.runs.shards import SHARD, is_shard

_PROTOCOL = re.compile(r"[A-Za-z0-9_]{1,64}")
_REMEDIES = {"run.json": "Is it a run of gcg-bench?"}
_SCORE_AGAIN = "Score the run again"


class CheckedFields(dict[str, Any]):
    """The fields of a file; looking up a missing field raises BadData.

    Args:
        fields: the content of the file.
        file: the file, for messages.
        prefix: text that precedes a field's name in messages.
    """

    def __init__(self, fields: Mapping[str, Any], file: Path, prefix: str = "") -> None:
        super().__init__(fields)
        self.file, self.prefix = file, prefix

    def __missing__(self, name: str) -> Any:
        raise _bad_data(self.file, f"{self.prefix}{name}", "is missing")


def read_settings(file: Path) -> CheckedFields:
    """The fields of a run.json, including `environment`.

    Raises:
        MissingData: the file does not exist.
        BadData: the file is damaged, or a field in it has the wrong type.
    """
    return _checked(CheckedFields(read_record(file), file), _SETTINGS)


def read_scores(file: Path) -> CheckedFields:
    """The fields of a scores.json.

    Raises:
        MissingData: the file does not exist.
        BadData: the file is damaged, or a field in it has the wrong type.
    """
    fields = _checked(CheckedFields(read_record(file), file), _RESULT)
    scores = {}
    for name, value in fields.get("scores", {}).items():
        if not _is_name(name) or not isinstance(value, dict):
            raise _bad_data(file, f"scores.{name[:40]}", f"should be a score, not {kind(value)}")
        scores[name] = _checked(CheckedFields(value, file, f"scores.{name}."), _SCORE)
    if "scores" in fields:
        fields["scores"] = scores
    if "resampling" in fields:
        _checked(CheckedFields(fields["resampling"], file, "resampling."), _RESAMPLING)
    return fields


def refuse_links(folder: Path) -> None:
    """Raises BadData when a file or folder of a run is a link to something outside the run."""
    for path in (*folder.iterdir(), *folder.glob("*/*")):
        if path.is_symlink() and paths.links_outside(path, folder):
            raise BadData(
                "is a link that leads out of the run, which is not followed",
                file=path,
                remedy="Replace the link by a copy of the file, for instance with cp -rL",
            )


def _checked(fields: CheckedFields, types: Mapping[str, Callable[[Any], bool]]) -> CheckedFields:
    """The same fields; raises BadData for the first one that has the wrong type."""
    for name, is_valid in types.items():
        if name in fields and not is_valid(fields[name]):
            raise _bad_data(
                fields.file, f"{fields.prefix}{name}", f"cannot be {kind(fields[name])}"
            )
    return fields


def _bad_data(file: Path, field: str, problem: str) -> BadData:
    return BadData(problem, file=file, field=field, remedy=_REMEDIES.get(file.name, _SCORE_AGAIN))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= limits.SIGNATURE


def _is_name(value: Any) -> bool:
    """Whether a value may name a score: letters, digits, `_`, and the `@` and `.` of thresholds."""
    return _is_text(value) and value.isascii() and re.sub("[_@.]", "", value).isalnum()


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e15 and math.isfinite(value)


def _is_optional_number(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_whole(most: int, least: int = 0) -> Callable[[Any], bool]:
    """A check for whole numbers from `least` to `most`, both included."""
    return lambda value: type(value) is int and least <= value <= most


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_measurement(value: Any) -> bool:
    """Whether a value is an object, in which every score, if any, is an object."""
    scores = value.get("scores", {}) if isinstance(value, dict) else None
    return isinstance(scores, dict) and all(map(_is_object, scores.values()))


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_SETTINGS: Mapping[str, Callable[[Any], bool]] = {
    "model": _is_text,
    "dataset": _is_text,
    "split": _is_text,
    "task": _is_text,
    "card_version": _is_text,
    "limit": lambda value: value is None or _is_whole(limits.QUERIES, 1)(value),
    "n": _is_whole(limits.QUERIES),
    "annotations": lambda value: _is_object(value) and _is_texts(list(value.values())),
    "prompt": lambda value: isinstance(value, str) or _is_texts(value),
    "decoding": _is_object,
    "code": _is_object,
    "arguments": _is_object,
    "environment": _is_object,
    "crc32": _is_object,
    SHARD: is_shard,
}
_RESULT: Mapping[str, Callable[[Any], bool]] = {
    "protocol": lambda value: _is_text(value) and _PROTOCOL.fullmatch(value) is not None,
    "version": _is_whole(10**6),
    "signature": _is_text,
    "dataset": _is_text,
    "split": _is_text,
    "n": _is_whole(2**31),
    "failed": _is_whole(2**31),
    "scores": _is_object,
    "words": _is_optional_number,
    "false_accept": _is_optional_number,
    "notes": _is_texts,
    "seconds": _is_object,
    "resampling": _is_object,
    "measurement": _is_measurement,
}
_SCORE: Mapping[str, Callable[[Any], bool]] = {
    "value": _is_optional_number,
    "low": _is_optional_number,
    "high": _is_optional_number,
}
_RESAMPLING: Mapping[str, Callable[[Any], bool]] = {
    "draws": _is_whole(limits.DRAWS),
    "seed": _is_whole(2**63),
}
