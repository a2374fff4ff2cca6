"""Finds the prediction files at a path, and reads their names."""

import os
import re
from pathlib import Path

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import paths
from gcg_bench.predictions.run_parts import RUN_FILE, RUN_SETTINGS, run_parts

_NAME = re.compile(r"(?P<stem>.+)\.(?P<form>jsonl|ndjson|json)(?:\.gz)?", re.IGNORECASE)
_ARCHIVE = re.compile(r".+\.(?:zip|7z|rar|tar|tgz|tar\.\w+)", re.IGNORECASE)
_DEEPEST = 8  # levels of nested folders


def stem(file: Path) -> str:
    """The name of a file without `.json`, `.jsonl` or `.ndjson`, and without `.gz` after it."""
    match = _NAME.fullmatch(file.name)
    return match["stem"] if match else file.stem


def says_lines(file: Path) -> bool:
    """Whether a file has the name of a file of JSON lines."""
    match = _NAME.fullmatch(file.name)
    return match is not None and match["form"].lower() != "json"


def prediction_files(path: Path) -> list[Path]:
    """The files that are read at a path, sorted by name.

    In a run folder, these are `predictions.jsonl` or its numbered parts. In another folder, these
    are `predictions.jsonl`; else all JSON files in it, also packed ones; else all JSON files in its
    subfolders.

    Raises:
        MissingData: there are no such files.
        BadData: a file of the folder is a link to something outside of it, or the numbers of parts
            have a gap or a repetition.
    """
    if not path.exists():
        raise MissingData(f"{path}: no such file or folder of predictions")
    if not path.is_dir():
        return [path]
    files = run_files(path) or _json_files(path)
    for file in files:
        if file.is_symlink() and paths.links_outside(file, path):
            raise BadData(
                "is a link that leads out of its folder, which is not followed",
                file=file,
                remedy="Put the file itself there: cp -rL copies what links point to",
            )
    return files


def run_files(folder: Path) -> list[Path]:
    """The files of a run's predictions in a folder, in their order; empty for other folders.

    Raises:
        BadData: the numbers of parts have a gap or a repetition.
    """
    if (folder / RUN_SETTINGS).is_file():
        return run_parts(folder)
    return [folder / RUN_FILE] if (folder / RUN_FILE).is_file() else []


def subfolders(path: Path, files: list[Path]) -> list[str]:
    """The subfolders of a folder with the files, sorted; empty when the files are in the folder."""
    return sorted({str(file.parent.relative_to(path)) for file in files} - {"."})


def _json_files(folder: Path) -> list[Path]:
    files = [file for file in folder.iterdir() if _is_json(file)]
    return sorted(files or _below(folder)) or _nothing(folder)


def _below(folder: Path) -> list[Path]:
    """The JSON files in subfolders; linked folders are not entered."""
    files = []
    for root, folders, names in os.walk(folder):
        here = Path(root)
        deep = len(here.relative_to(folder).parts) >= _DEEPEST
        folders[:] = [] if deep else [name for name in folders if not name.startswith(".")]
        files += [here / name for name in names if _is_json(here / name)]
    return files


def _is_json(file: Path) -> bool:
    named = _NAME.fullmatch(file.name) is not None and not file.name.startswith(".")
    return named and file.is_file()


def _nothing(folder: Path) -> list[Path]:
    archives = sorted(file.name for file in folder.iterdir() if _ARCHIVE.fullmatch(file.name))
    hint = f"; it holds the archive {archives[0]}: unpack it" if archives else ""
    raise MissingData(f"{folder}: holds no JSON files of predictions{hint}")
