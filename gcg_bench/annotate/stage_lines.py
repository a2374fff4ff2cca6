"""The results of stages: lines of their shard files, one line for each image.

A line is `{"id", "output": {field: value}, "seconds"}` with the fields of the scene that the stage
changed (`scene_json`), or `{"id", "error", "seconds"}`, or `{"id", "refused", "seconds"}`. Lines
that `--retry-failed` replaces are moved to `failed-shard-...` in the same folder.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gcg_bench.annotate.scene_json import with_changes
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.sources import SourceImage
from gcg_bench.errors import BadData, RunConflict
from gcg_bench.files.atomic import replace_with
from gcg_bench.files.fields import Record
from gcg_bench.files.json import numbered_lines, parse_json
from gcg_bench.runs.files import append_durably, repair_last_line
from gcg_bench.runs.lock import Lock

STAGES, STAGE = "stages", "stage.json"
OUTPUT, ERROR, REFUSED = "output", "error", "refused"
SHARD_FILES = "shard-*.jsonl"
ASIDE = "failed-"
"""The prefix, before the shard's file name, of the names of files with failed lines."""


@dataclass(frozen=True, slots=True)
class StageLine:
    """The result of a stage for an image, and the place of its line.

    Attributes:
        file: the shard file.
        start: the first byte of the line.
        length: the length of the line in bytes.
        kind: `output`, `error` or `refused`.
        reason: the reason for an error or a refusal; empty otherwise.
        seconds: how long the stage took.
    """

    file: Path
    start: int
    length: int
    kind: str
    reason: str
    seconds: float


def stage_lines(folder: Path) -> dict[str, StageLine]:
    """Image id -> its line in the shard files of a stage; a torn last line is left out.

    Raises:
        BadData: a line is damaged, or an image has two lines.
    """
    lines: dict[str, StageLine] = {}
    for file in sorted(folder.glob(SHARD_FILES)):
        for id_, line in _lines_of(file):
            if id_ in lines:
                problem = f"the image has a line in {lines[id_].file.name} already"
                raise BadData(problem, file=file, image=id_, remedy="Remove one of the lines")
            lines[id_] = line
    return lines


def scene_of(image: SourceImage, indexes: Sequence[Mapping[str, StageLine]]) -> Scene | None:
    """The scene of an image after some stages; None without an output of each of these stages.

    Args:
        image: the image.
        indexes: the lines of each stage, in the order of stages; without stages the scene is empty.

    Raises:
        RunConflict: a file was rewritten after its lines were located.
    """
    if image.error is not None:
        return None
    scene = Scene(image_id=image.id, height=image.height, width=image.width)
    for index in indexes:
        line = index.get(image.id)
        if line is None or line.kind != OUTPUT:
            return None
        row = parse_json(content_of(line), line.file)
        if not isinstance(row, dict) or row.get("id") != image.id:
            raise _written_anew(line.file)
        scene = with_changes(scene, row["output"], line.file)
    return scene


def content_of(line: StageLine) -> bytes:
    """The bytes of a line with its line break.

    Raises:
        RunConflict: the file was rewritten after its lines were located.
    """
    with line.file.open("rb") as stream:
        stream.seek(max(line.start - 1, 0))
        content = stream.read(line.length + min(line.start, 1))
    before, content = content[: min(line.start, 1)], content[min(line.start, 1) :]
    if before not in (b"", b"\n") or len(content) < line.length or not content.endswith(b"\n"):
        raise _written_anew(line.file)
    return content


def shard_lock(folder: Path, name: str) -> Lock:
    """Takes the lock of a shard; `name` is the name of its files without extension.

    Raises:
        RunLocked: another process works on the shard.
    """
    return Lock(lock_file(folder, name))


def lock_file(folder: Path, name: str) -> Path:
    """The file of the lock of a shard, see `shard_lock`."""
    return folder / f".lock-{name}"


def set_aside(folder: Path, file: Path, chosen: Callable[[str, str], bool]) -> set[str]:
    """Moves lines of a shard's file to its file `failed-*`; returns the ids of their images.

    After a crash a line may be in both files, but is never lost.

    Args:
        folder: the annotation.
        file: the file of the shard.
        chosen: whether a line is moved, by its image's id and its kind.

    Raises:
        RunLocked: another process annotates the shard.
        BadData: a line is damaged.
        EnvironmentProblem: a file cannot be written.
    """
    lock = shard_lock(folder, file.stem)
    try:
        repair_last_line(file)
        kept, moved = [], {}
        for id_, line in _lines_of(file):
            if chosen(id_, line.kind):
                moved[id_] = content_of(line)
            else:
                kept.append(line)
        if moved:
            append_durably(file.with_name(f"{ASIDE}{file.name}"), b"".join(moved.values()))
            replace_with(file, lambda draft: write_lines(kept, draft))
    finally:
        lock.release()
    return set(moved)


def write_lines(lines: Sequence[StageLine], file: Path) -> None:
    """Writes lines of other files to a file."""
    with file.open("wb") as out:
        for line in lines:
            out.write(content_of(line))


def _lines_of(file: Path) -> Iterator[tuple[str, StageLine]]:
    """The lines of a shard's file with the ids of their images; a torn last line is left out."""
    end = 0
    for number, line in numbered_lines(file):
        start, end = end, end + len(line)
        if not line.endswith(b"\n"):
            return
        row = Record(parse_json(line, file, line=number), f"{file}:{number}")
        yield row.text("id", empty=False), StageLine(file, start, len(line), *_content(row))


def _content(row: Record) -> tuple[str, str, float]:
    """The kind, the reason and the seconds of a line."""
    seconds = row.number("seconds") if row.has("seconds") else 0.0
    for kind in (ERROR, REFUSED):
        if row.has(kind):
            return kind, row.text(kind), seconds
    row.record(OUTPUT)
    return OUTPUT, "", seconds


def _written_anew(file: Path) -> RunConflict:
    problem = "was rewritten by another command while this command read it"
    return RunConflict(f"{file}: {problem}. Give the same command again")
