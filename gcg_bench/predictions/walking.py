"""Where the records of prediction files lie: lines, one document, a folder of files, a run."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits, paths
from gcg_bench.files.fields import Faults
from gcg_bench.files.json import numbered_lines, parse_json
from gcg_bench.predictions.drafts import PredictionDraft
from gcg_bench.predictions.reading import Reading
from gcg_bench.predictions.recognition import known_layouts, layout_of

RUN_FILE = "predictions.jsonl"

_UNREADABLE = object()  # stands for the value of a line that is no JSON; `null` is JSON


def drafts_in(path: Path, faults: Faults, reading: Reading) -> Iterator[PredictionDraft]:
    """Every prediction at a path, also where two have one id.

    Raises:
        MissingData: there is nothing at the path, or it cannot be opened.
    """
    files = prediction_files(path)
    try:
        if not path.is_dir():
            yield from _file(path, faults, reading)
        elif files == [path / RUN_FILE]:
            yield from _run(path / RUN_FILE, faults, reading)
        else:
            yield from _folder(path, files, faults, reading)
    except OSError as error:
        raise MissingData(f"{path}: cannot be read ({error})") from error


def prediction_files(path: Path) -> list[Path]:
    """The files that are read at a path, sorted by name.

    Raises:
        MissingData: there are none.
        BadData: a file of the folder is a link to something outside of it.
    """
    if not path.exists():
        raise MissingData(f"{path}: no such file or folder of predictions")
    if not path.is_dir():
        return [path]
    files = [path / RUN_FILE] if (path / RUN_FILE).is_file() else _json_files(path)
    for file in files:
        if file.is_symlink() and paths.links_outside(file, path):
            raise BadData(
                "is a link that leads out of its folder, which is not followed",
                file=file,
                remedy="Put the file itself there: cp -rL copies what links point to",
            )
    return files


def _json_files(folder: Path) -> list[Path]:
    files = [
        file
        for file in folder.iterdir()
        if file.suffix in (".json", ".jsonl") and not file.name.startswith(".") and file.is_file()
    ]
    if not files:
        raise MissingData(f"{folder}: holds no JSON files of predictions")
    return sorted(files)


def _is_incomplete(line: bytes) -> bool:
    """Whether a line is no JSON document, as the beginning of one is not."""
    try:
        parse_json(line, None)
    except BadData:
        return True
    return False


def _run(file: Path, faults: Faults, reading: Reading) -> Iterator[PredictionDraft]:
    """The predictions of a run; a last line that a crash left incomplete is not read."""
    reading.layout = "run folder"
    with faults.caught():
        for number, line in numbered_lines(file):
            if not line.endswith(b"\n") and _is_incomplete(line):
                problem = "left incomplete by a crash, does not count"
                faults.warning(BadData(problem, file=file, field=f"line {number}"))
                return
            yield from _line(line, file, number, faults)


def _folder(
    folder: Path, files: Sequence[Path], faults: Faults, reading: Reading
) -> Iterator[PredictionDraft]:
    reading.layout = "folder of JSON files"
    unrecognised = 0
    for file in files:
        if file.suffix == ".jsonl":
            yield from _lines(file, faults)
            continue
        document = _document(file, faults)
        if isinstance(document, dict) and not _holds_records(document):
            # settings or results beside the predictions are left out, but a folder that holds
            # nothing else is a mistake
            unrecognised += 1
            faults.warning(BadData("no answer, left out", file=file, remedy=known_layouts()))
        elif isinstance(document, dict) and (nested := _nested(document)) is not None:
            yield from _record(nested, str(file), file.stem, faults)
        elif document is not None:
            yield from _records(document, file, faults)
    if unrecognised == len(files):
        faults.error(BadData("no file is an answer", file=folder, remedy=known_layouts()))


def _file(file: Path, faults: Faults, reading: Reading) -> Iterator[PredictionDraft]:
    with file.open("rb") as stream:
        first = stream.readline(limits.LINE)
        more = first.endswith(b"\n") and bool(stream.readline(limits.LINE).strip())
    if file.suffix == ".jsonl" or (more and not _is_incomplete(first)):
        reading.layout = "JSON lines"
        yield from _lines(file, faults)
        return
    document = _document(file, faults)
    if document is not None:
        reading.layout = "one JSON list" if isinstance(document, list) else "one JSON object"
        yield from _records(document, file, faults)


def _document(file: Path, faults: Faults) -> Any:
    """The JSON value of a file; None, and an error, when it is no object or list."""
    document = None
    with faults.caught(file=file):
        limits.refuse_long(file, limits.DOCUMENT, "a JSON document")
        document = parse_json(file.read_bytes(), file)
        if not isinstance(document, dict | list):
            document = None
            remedy = known_layouts()
            raise BadData("no answer, only a single value", file=file, remedy=remedy)
    return document


def _lines(file: Path, faults: Faults) -> Iterator[PredictionDraft]:
    with faults.caught():
        for number, line in numbered_lines(file):
            if line.strip():
                yield from _line(line, file, number, faults)


def _line(line: bytes, file: Path, number: int, faults: Faults) -> Iterator[PredictionDraft]:
    record: Any = _UNREADABLE
    with faults.caught():
        record = parse_json(line, file, line=number)
    if record is not _UNREADABLE:
        yield from _record(record, f"{file}:{number}", None, faults)


def _records(document: Any, file: Path, faults: Faults) -> Iterator[PredictionDraft]:
    """The predictions in the document of one file."""
    if isinstance(document, list):
        for k, record in enumerate(document):
            yield from _record(record, f"{file}[{k}]", None, faults)
    elif layout_of(document) is None and _holds_records(document):
        for key, record in document.items():
            yield from _record(record, str(file), key, faults)
    else:
        yield from _record(document, str(file), file.stem, faults)


def _record(record: Any, file: str, key: str | None, faults: Faults) -> Iterator[PredictionDraft]:
    draft = None
    with faults.caught(file=file, image=key):
        layout = layout_of(record)
        if layout is None:
            raise BadData("no answer in a known layout", remedy=known_layouts())
        draft = layout.read(record, file, key, faults)
    if draft is not None:
        yield draft


def _nested(document: dict[str, Any]) -> Any:
    """The one record under an arbitrary key, None when there is not just one."""
    if layout_of(document) is not None:
        return None
    records = [value for value in document.values() if layout_of(value) is not None]
    return records[0] if len(records) == 1 else None


def _holds_records(document: dict[str, Any]) -> bool:
    """Whether an object is a record, or holds records under keys."""
    return layout_of(document) is not None or any(
        layout_of(value) is not None for value in document.values()
    )
