"""Finds the records of prediction files: in lines, one document, a folder of files, or a run."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import encodings, limits
from gcg_bench.files.fields import Faults
from gcg_bench.files.json import numbered_lines, parse_json
from gcg_bench.predictions.drafts import PredictionDraft
from gcg_bench.predictions.locating import (
    prediction_files,
    run_files,
    says_lines,
    stem,
    subfolders,
)
from gcg_bench.predictions.names import plain_record, stated_names
from gcg_bench.predictions.reading import Reading
from gcg_bench.predictions.recognition import known_layouts, layout_of
from gcg_bench.predictions.wrapping import holds_records, unrecognised, unwrapped

_LONGEST_ERROR = 2000  # maximum characters of an error that is not a text
_UNREADABLE = object()  # the value of a line that is not JSON; `null` is JSON


def drafts_in(path: Path, faults: Faults, reading: Reading) -> Iterator[PredictionDraft]:
    """Every prediction at a path, also when two have the same id.

    Raises:
        MissingData: the path does not exist, or cannot be opened.
    """
    files = prediction_files(path)
    try:
        if not path.is_dir():
            yield from _file(path, faults, reading)
        elif files == run_files(path):
            yield from _run(files, faults, reading)
        else:
            yield from _folder(path, files, faults, reading)
    except OSError as error:
        raise MissingData(f"{path}: cannot be read ({error})") from error


def is_incomplete(line: bytes) -> bool:
    """Whether a line is not a JSON document, e.g. only the start of one."""
    try:
        parse_json(line, None)
    except BadData:
        return True
    return False


def _run(files: Sequence[Path], faults: Faults, reading: Reading) -> Iterator[PredictionDraft]:
    """The predictions of a run; an incomplete last line, left by a crash, is not read."""
    reading.layout = "run folder"
    for file in files:
        with faults.caught():
            for number, line in numbered_lines(file):
                is_last = file == files[-1] and not line.endswith(b"\n")
                if is_last and is_incomplete(line):
                    problem = "left incomplete by a crash, does not count"
                    faults.warning(BadData(problem, file=file, field=f"line {number}"))
                    return
                yield from line_drafts(line, file, number, faults)


def _folder(
    folder: Path, files: Sequence[Path], faults: Faults, reading: Reading
) -> Iterator[PredictionDraft]:
    reading.layout = "folder of JSON files"
    if below := subfolders(folder, list(files)):
        reading.remarks.append(
            f"the folder itself holds no JSON files; {len(files)} files were read from its"
            f" subfolders: {', '.join(below[:3])}{', ...' if len(below) > 3 else ''}"
        )
    strange = 0
    for file in files:
        with faults.caught(file=file):
            if _are_lines(file):
                yield from _lines(file, faults)
                continue
            document = _document(file, faults)
            records = None if document is None else unwrapped(document, file, reading)
            if isinstance(records, dict) and not holds_records(records):
                # settings or results next to the predictions are ignored, but a folder that holds
                # nothing else is an error
                strange += 1
                problem = f"no answer, left out{unrecognised(records)}"
                faults.warning(BadData(problem, file=file, remedy=known_layouts()))
            elif isinstance(records, dict) and (nested := _nested(records)) is not None:
                yield from _record(nested, str(file), stem(file), faults)
            elif records is not None:
                yield from _records(records, file, faults)
    if strange == len(files):
        faults.error(BadData("no file is an answer", file=folder, remedy=known_layouts()))


def _file(file: Path, faults: Faults, reading: Reading) -> Iterator[PredictionDraft]:
    with faults.caught(file=file):
        if _are_lines(file):
            reading.layout = "JSON lines"
            yield from _lines(file, faults)
            return
        document = _document(file, faults)
        if document is not None:
            reading.layout = "one JSON list" if isinstance(document, list) else "one JSON object"
            yield from _records(unwrapped(document, file, reading), file, faults)


def _are_lines(file: Path) -> bool:
    """Whether a file holds JSON lines, by its content, or by its name if that is not JSON."""
    with encodings.opened(file) as stream:
        first = stream.readline(limits.LINE)
        more = first.endswith(b"\n") and bool(stream.readline(limits.LINE).strip())
    if more and not is_incomplete(first):
        return True
    if not says_lines(file):
        return False
    # a single document named .jsonl: its first line is the start of a list or an object
    if more and first.strip() in (b"[", b"{", b"\xef\xbb\xbf[", b"\xef\xbb\xbf{"):
        return is_incomplete(encodings.content(file))
    return True


def _document(file: Path, faults: Faults) -> Any:
    """The JSON value of a file; None, and an error, when it is no object or list."""
    document = None
    with faults.caught(file=file):
        document = parse_json(encodings.content(file), file)
        if not isinstance(document, dict | list):
            document = None
            remedy = known_layouts()
            raise BadData("no answer, only a single value", file=file, remedy=remedy)
    return document


def _lines(file: Path, faults: Faults) -> Iterator[PredictionDraft]:
    with faults.caught():
        for number, line in numbered_lines(file):
            if line.strip():
                yield from line_drafts(line, file, number, faults)


def line_drafts(line: bytes, file: Path, number: int, faults: Faults) -> Iterator[PredictionDraft]:
    """The predictions in a line of JSON: one, or several in a list.

    Args:
        line: the line, with or without its line break.
        file: the file, for messages.
        number: the number of the line in the file, for messages.
        faults: takes the problems.
    """
    record: Any = _UNREADABLE
    with faults.caught():
        record = parse_json(line, file, line=number)
    if isinstance(record, list) and record:  # a list named .jsonl
        for k, entry in enumerate(record):
            yield from _record(entry, f"{file}:{number}[{k}]", None, faults)
    elif record is not _UNREADABLE:
        yield from _record(record, f"{file}:{number}", None, faults)


def _records(document: Any, file: Path, faults: Faults) -> Iterator[PredictionDraft]:
    """The predictions in the document of one file."""
    if isinstance(document, list):
        for k, record in enumerate(document):
            yield from _record(record, f"{file}[{k}]", None, faults)
    elif layout_of(document) is None and holds_records(document):
        for key, record in document.items():
            yield from _record(record, str(file), key, faults, "key")
    else:
        yield from _record(document, str(file), stem(file), faults)


def _record(
    record: Any, file: str, key: str | None, faults: Faults, place: str = "file name"
) -> Iterator[PredictionDraft]:
    """The prediction in a record.

    Args:
        record: the JSON value.
        file: its place, for messages.
        key: the id that the place gives.
        faults: takes the problems.
        place: the kind of `key`, for messages.
    """
    draft = None
    with faults.caught(file=file, image=key):
        layout = layout_of(record)
        if layout is None:
            problem = f"no answer in a known layout{unrecognised(record)}"
            raise BadData(problem, remedy=known_layouts())
        plain, given = plain_record(record, key)
        draft = layout.read(plain, file, given, faults)
        draft.names = stated_names(record, key, place, part=draft.part)
        draft.unread = tuple(set(draft.unread) - {name for name, _ in draft.names})
    if draft is not None:
        _read_failure(record, draft)
        yield draft


def _read_failure(record: dict[str, Any], draft: PredictionDraft) -> None:
    """Sets `error` for a record whose layout does not have this field.

    Other programs may state an error as a text, a flag or an object; null and false are no error.
    """
    stated = record.get("error")
    if draft.error is None and "error" in draft.unread and stated not in (None, False):
        draft.error = stated if isinstance(stated, str) else json.dumps(stated)[:_LONGEST_ERROR]
    draft.unread = tuple(name for name in draft.unread if name != "error")


def _nested(document: dict[str, Any]) -> Any:
    """The only record under an arbitrary key; None when there is no record or more than one."""
    if layout_of(document) is not None:
        return None
    records = [value for value in document.values() if layout_of(value) is not None]
    return records[0] if len(records) == 1 else None
