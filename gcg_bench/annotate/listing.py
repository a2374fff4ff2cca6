"""The list of images of an annotation: DIR/images.jsonl, one line for each image.

The file is written once. With `--retry-failed` an image that failed may have another file than
before: its line is replaced, the earlier line is moved to DIR/failed.jsonl, and the lines of all
stages about the earlier file are moved to files `failed-*`.
"""

import json
from collections.abc import Sequence, Set
from dataclasses import asdict
from pathlib import Path

from gcg_bench.annotate.recorded import check_images
from gcg_bench.annotate.sources import Source, SourceImage
from gcg_bench.annotate.stage_lines import (
    ERROR,
    SHARD_FILES,
    STAGES,
    set_aside,
    stage_lines,
)
from gcg_bench.errors import MissingData, RunConflict
from gcg_bench.files.atomic import replace_with
from gcg_bench.files.fields import Record
from gcg_bench.files.json import numbered_lines, parse_json
from gcg_bench.runs.files import append_durably

IMAGES, FAILED = "images.jsonl", "failed.jsonl"


def read_images(file: Path) -> tuple[SourceImage, ...]:
    """The images of images.jsonl.

    Raises:
        MissingData, BadData: the file does not exist or a line is damaged.
    """
    if not file.is_file():
        raise MissingData(f"{file}: no such file; run the same annotate command again")
    images = []
    for number, line in numbered_lines(file):
        row = Record(parse_json(line, file, line=number), f"{file}:{number}")
        images.append(
            SourceImage(
                row.text("id", empty=False),
                row.text("file") if row.has("file") else None,
                row.whole("height", least=0),
                row.whole("width", least=0),
                row.text("sha256"),
                row.text("error") if row.has("error") else None,
            )
        )
    check_images(images, file)
    return tuple(images)


def failed_reads(folder: Path) -> frozenset[str]:
    """The ids of images that are listed with an error; empty without a list."""
    file = folder / IMAGES
    images = read_images(file) if file.is_file() else ()
    return frozenset(image.id for image in images if image.error is not None)


def refuse_other_images(folder: Path, source: Source) -> None:
    """Raises RunConflict when the images differ from the images of the folder."""
    before = read_images(folder / IMAGES)
    if before == source.images:
        return
    differing = _differing(before, source.images)
    remedy = "Give another -o, or the same images as before"
    if set(differing) <= _replaceable(folder, before):
        remedy = "Images that failed before are asked again with --retry-failed"
    raise RunConflict(
        f"{folder}: was made of other images; {len(differing)} differ, the first is"
        f" {differing[0][:80]!r}. {remedy}"
    )


def list_images(folder: Path, source: Source, *, retry_failed: bool = False) -> None:
    """Writes images.jsonl, or checks that the existing file has the same images.

    Args:
        folder: the annotation, locked.
        source: the images.
        retry_failed: whether images that failed before may have other files.

    Raises:
        RunConflict: the file has other images.
        RunLocked: another process annotates a shard whose lines would be moved.
    """
    if (folder / IMAGES).is_file():
        if not retry_failed or not _replaced(folder, source):
            refuse_other_images(folder, source)
        return
    _write(folder, source.images)


def _replaced(folder: Path, source: Source) -> bool:
    """Lists the new files of failed images if nothing else differs; returns whether it did.

    The lines of stages are moved first: after an interruption the images have no line of a stage,
    so the next call can still replace them.
    """
    before = read_images(folder / IMAGES)
    differing = set(_differing(before, source.images))
    if not differing or not differing <= _replaceable(folder, before):
        return False
    for file in sorted((folder / STAGES).glob(f"*/{SHARD_FILES}")):
        if differing & stage_lines(file.parent).keys():
            set_aside(folder, file, lambda id_, _: id_ in differing)
    earlier = "".join(_line(image) for image in before if image.id in differing)
    append_durably(folder / FAILED, _encoded(earlier))
    _write(folder, source.images)
    return True


def _replaceable(folder: Path, before: Sequence[SourceImage]) -> Set[str]:
    """The images that failed, or that have no line of a stage."""
    with_lines: set[str] = set()
    failed = {image.id for image in before if image.error is not None}
    for stage in (folder / STAGES).glob("*"):
        lines = stage_lines(stage)
        with_lines |= lines.keys()
        failed |= {id_ for id_, line in lines.items() if line.kind == ERROR}
    return failed | ({image.id for image in before} - with_lines)


def _differing(before: Sequence[SourceImage], now: Sequence[SourceImage]) -> list[str]:
    """The ids of images that only one list has; without such images, of the images that differ."""
    return sorted({one.id for one in before} ^ {one.id for one in now}) or [
        one.id for one, two in zip(before, now, strict=True) if one != two
    ]


def _write(folder: Path, images: Sequence[SourceImage]) -> None:
    text = _encoded("".join(_line(image) for image in images))

    def fill(draft: Path) -> None:
        draft.write_bytes(text)

    replace_with(folder / IMAGES, fill)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _line(image: SourceImage) -> str:
    fields = {name: value for name, value in asdict(image).items() if value is not None}
    return json.dumps(fields, ensure_ascii=False) + "\n"
