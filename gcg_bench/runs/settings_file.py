"""run.json: the settings and the environment of a run, with a checksum of each field.

The field `crc32` holds the CRC-32 of every other field, by its name; the fields of `environment`
have one each (`environment.label`). A file without checksums, which another program wrote, is
accepted if the predictions have no checksums either. An edited name of the model is a warning,
since people correct names by hand; other edits are errors.
"""

import json
import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, BadOption
from gcg_bench.files import limits
from gcg_bench.predictions.run_parts import RUN_SETTINGS, run_parts
from gcg_bench.runs import checked
from gcg_bench.runs.files import as_json, write_json
from gcg_bench.runs.seals import is_sealed

ENVIRONMENT = "environment"
CHECKSUMS = "crc32"
_RESERVED = (ENVIRONMENT, CHECKSUMS)
_SHOWN = 4  # other fields that a message names
_STATED = ("model", "oracle", f"{ENVIRONMENT}.label")
"""Fields that no score is computed from: a change is a warning, and an error of a check."""

_warned: set[tuple[Path, tuple[str, ...]]] = set()


def refuse_reserved(settings: Mapping[str, Any]) -> None:
    """Raises BadOption when settings have the name of another field of run.json."""
    for name in _RESERVED:
        if name in settings:
            remedy = ": pass it as `environment`" if name == ENVIRONMENT else ""
            raise BadOption(f"settings cannot hold {name!r}{remedy}")


def write_settings(
    folder: Path, settings: Mapping[str, Any], environment: Mapping[str, Any]
) -> None:
    """Writes run.json with its checksums.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    stored = {**settings, ENVIRONMENT: dict(environment)}
    write_json(folder / RUN_SETTINGS, {**stored, CHECKSUMS: _checksums(stored)})


def read_settings(folder: Path) -> checked.CheckedFields:
    """The fields of run.json, including `environment`, without the checksums.

    Raises:
        MissingData: the file does not exist.
        BadData: the file is damaged, a field has the wrong type, or a field was changed after the
            file was written; names the field. For the name of the model, its label and `oracle`
            there is a warning instead.
    """
    stored = checked.read_settings(folder / RUN_SETTINGS)
    fields = _changed(folder, stored)
    error = _changed_error(folder, sorted(fields, key=_STATED.__contains__))
    if error and not set(fields) <= set(_STATED):
        raise error
    if error and (folder, tuple(fields)) not in _warned:
        _warned.add((folder, tuple(fields)))
        logging.getLogger("gcg_bench").warning("%s", error)
    stored.pop(CHECKSUMS, None)
    return stored


def changed_fields(folder: Path) -> list[str]:
    """The fields of run.json that were changed, added or removed after it was written, sorted.

    Raises:
        MissingData, BadData: the file does not exist, is damaged, or a field has the wrong type.
    """
    return _changed(folder, checked.read_settings(folder / RUN_SETTINGS))


def has_checksums(folder: Path) -> bool:
    """Whether run.json has checksums, so that changed fields are noticed."""
    return CHECKSUMS in checked.read_settings(folder / RUN_SETTINGS)


def accept_changed_fields(folder: Path) -> list[str]:
    """Writes new checksums of run.json; returns the names of the changed fields, sorted.

    Only the process that holds the run's lock may call this.

    Raises:
        MissingData, BadData: see `read_settings`; a changed field is no error.
        BadOption: a field holds NaN or infinity.
        EnvironmentProblem: the file cannot be written.
    """
    stored = checked.read_settings(folder / RUN_SETTINGS)
    fields = _changed(folder, stored)
    if fields:
        stored.pop(CHECKSUMS, None)
        plain = as_json(stored, f"{folder / RUN_SETTINGS}: what it holds")
        environment = plain.pop(ENVIRONMENT, {})
        write_settings(folder, plain, environment)
    return fields


def _changed_error(folder: Path, fields: Sequence[str]) -> BadData | None:
    """The error about changed fields, which names the first ones; None without fields."""
    if not fields:
        return None
    others = ", ".join(fields[1 : _SHOWN + 1]) + (", ..." if len(fields) > _SHOWN + 1 else "")
    also = f"; neither is {others}" if others else ""
    return BadData(
        f"is not as the run wrote it, by its checksum in {CHECKSUMS}{also}",
        file=folder / RUN_SETTINGS,
        field=fields[0],
        remedy="Restore the file; or, if the change is meant, accept it: gcg-bench score"
        f" {folder} --accept-edits",
    )


def _changed(folder: Path, stored: Mapping[str, Any]) -> list[str]:
    """The fields that were changed, added or removed; `crc32` when all checksums were removed."""
    if CHECKSUMS not in stored:
        return [CHECKSUMS] if _has_sealed_line(folder) else []
    before, now = stored[CHECKSUMS], _checksums(stored)
    return sorted(name for name in {**before, **now} if before.get(name) != now.get(name))


def _has_sealed_line(folder: Path) -> bool:
    """Whether the first prediction of a run has a checksum."""
    for file in run_parts(folder)[:1]:
        with file.open("rb") as stream:
            return is_sealed(stream.readline(limits.LINE))
    return False


def _checksums(stored: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{zlib.crc32(_canonical(value)):08x}" for name, value in _fields(stored)}


def _canonical(value: Any) -> bytes:
    """A value as JSON text that does not depend on the layout of the file."""
    return json.dumps(value, sort_keys=True).encode("ascii")


def _fields(stored: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields that have a checksum."""
    for name, value in stored.items():
        if name == ENVIRONMENT and isinstance(value, dict):
            yield from ((f"{name}.{inner}", part) for inner, part in value.items())
        elif name != CHECKSUMS:
            yield name, value
