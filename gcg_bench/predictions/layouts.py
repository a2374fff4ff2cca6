"""Recognition: what a file or folder of predictions is, told by its content."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits, paths
from gcg_bench.files.fields import Faults
from gcg_bench.files.json import numbered_lines, parse_json
from gcg_bench.predictions import jsonl, published
from gcg_bench.predictions.drafts import Draft
from gcg_bench.predictions.reading import Reading

RUN_FILE = "predictions.jsonl"

Layout = Callable[[dict[str, Any], str, str | None, Faults], Draft]

_UNREADABLE = object()  # in the place of a line's value; None is the value of the line `null`
_KNOWN = (
    "Known are JSON lines with id, caption and phrases; JSON with caption, phrases and pred_masks;"
    " and JSON with gcg_caption, gcg_phrases and segmentation"
)


def drafts_in(path: Path, faults: Faults, reading: Reading) -> Iterator[Draft]:
    """Every answer at a path, doubles included.

    Raises:
        MissingData: there is nothing there, or it cannot be opened.
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
    found = [
        file
        for file in folder.iterdir()
        if file.suffix in (".json", ".jsonl") and not file.name.startswith(".") and file.is_file()
    ]
    if not found:
        raise MissingData(f"{folder}: holds no JSON files of predictions")
    return sorted(found)


def is_torn(line: bytes) -> bool:
    """Whether a line is no JSON document, as the beginning of one is not."""
    try:
        parse_json(line, None)
    except BadData:
        return True
    return False


def _run(file: Path, faults: Faults, reading: Reading) -> Iterator[Draft]:
    """The answers of a run; a last line that a crash tore off is no answer."""
    reading.layout = "run folder"
    with faults.caught():
        for number, line in numbered_lines(file):
            if not line.endswith(b"\n") and is_torn(line):
                problem = "torn off by a crash, does not count"
                faults.warning(BadData(problem, file=file, field=f"line {number}"))
                return
            yield from _line(line, file, number, faults)


def _folder(
    folder: Path, files: Sequence[Path], faults: Faults, reading: Reading
) -> Iterator[Draft]:
    reading.layout = "folder of JSON files"
    strangers = 0
    for file in files:
        if file.suffix == ".jsonl":
            yield from _lines(file, faults)
            continue
        found = _document(file, faults)
        if isinstance(found, dict) and layout(found) is None and not _is_mapping(found):
            # settings or results left beside the predictions are none of our business, but a
            # folder of nothing else is a mistake
            strangers += 1
            faults.warning(BadData("no answer, left out", file=file, remedy=_KNOWN))
        elif isinstance(found, dict) and (nested := _nested(found)) is not None:
            yield from _answer(nested, str(file), file.stem, faults)
        elif found is not None:
            yield from _answers(found, file, faults)
    if strangers == len(files):
        faults.error(BadData("no file is an answer", file=folder, remedy=_KNOWN))


def _file(file: Path, faults: Faults, reading: Reading) -> Iterator[Draft]:
    with file.open("rb") as stream:
        first = stream.readline(limits.LINE)
        more = first.endswith(b"\n") and bool(stream.readline(limits.LINE).strip())
    if file.suffix == ".jsonl" or (more and not is_torn(first)):
        reading.layout = "JSON lines"
        yield from _lines(file, faults)
        return
    found = _document(file, faults)
    if found is not None:
        reading.layout = "one JSON list" if isinstance(found, list) else "one JSON object"
        yield from _answers(found, file, faults)


def _document(file: Path, faults: Faults) -> Any:
    """The JSON value of a file; None, and a fault, when there is no object or list in it."""
    found = None
    with faults.caught(file=file):
        limits.refuse_long(file, limits.DOCUMENT, "a JSON document")
        found = parse_json(file.read_bytes(), file)
        if not isinstance(found, dict | list):
            found = None
            raise BadData("no answer, only a single value", file=file, remedy=_KNOWN)
    return found


def _lines(file: Path, faults: Faults) -> Iterator[Draft]:
    with faults.caught():
        for number, line in numbered_lines(file):
            if line.strip():
                yield from _line(line, file, number, faults)


def _line(line: bytes, file: Path, number: int, faults: Faults) -> Iterator[Draft]:
    found: Any = _UNREADABLE
    with faults.caught():
        found = parse_json(line, file, line=number)
    if found is not _UNREADABLE:
        yield from _answer(found, f"{file}:{number}", None, faults)


def _answers(found: Any, file: Path, faults: Faults) -> Iterator[Draft]:
    """The answers in the document of one file."""
    if isinstance(found, list):
        for k, entry in enumerate(found):
            yield from _answer(entry, f"{file}[{k}]", None, faults)
    elif _is_mapping(found):
        for key, entry in found.items():
            yield from _answer(entry, str(file), key, faults)
    else:
        yield from _answer(found, str(file), file.stem, faults)


def _answer(found: Any, file: str, key: str | None, faults: Faults) -> Iterator[Draft]:
    draft = None
    with faults.caught(file=file, image=key):
        read = layout(found)
        if read is None:
            raise BadData("no answer in a known layout", remedy=_KNOWN)
        draft = read(found, file, key, faults)
    if draft is not None:
        yield draft


def layout(found: Any) -> Layout | None:
    """What reads a record, None when nothing does."""
    if not isinstance(found, dict):
        return None
    if published.is_listed(found) or "pred_masks" in found:
        return published.draft
    if "id" in found:
        return jsonl.draft
    phrases = found.get("phrases")
    if "caption" not in found or phrases is None:
        return None
    ours = isinstance(phrases, list) and bool(phrases) and isinstance(phrases[0], dict)
    return jsonl.draft if ours else published.draft


def _nested(found: dict[str, Any]) -> Any:
    """The one record under an arbitrary key, None when there is not just one."""
    records = [entry for entry in found.values() if layout(entry) is not None]
    return records[0] if layout(found) is None and len(records) == 1 else None


def _is_mapping(found: dict[str, Any]) -> bool:
    """Whether an object holds records under keys and is none itself."""
    return layout(found) is None and any(layout(entry) is not None for entry in found.values())
