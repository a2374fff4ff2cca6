"""The images of an annotation: DIR/images.jsonl, a line an image.

The file is written once. With `--retry-failed` an image that failed may have another file than
before: its line is replaced, the earlier one is kept in DIR/failed.jsonl, and everything that
stages said of the earlier file is set aside.
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
    """The ids of images that are listed with an error; none where there is no list yet."""
    file = folder / IMAGES
    images = read_images(file) if file.is_file() else ()
    return frozenset(image.id for image in images if image.error is not None)


def refuse_other_images(folder: Path, source: Source) -> None:
    """Raises RunConflict when the images are not those of the folder."""
    before = read_images(folder / IMAGES)
    if before == source.images:
        return
    differing = _differing(before, source.images)
    remedy = "Give another -o, or the images of before"
    if set(differing) <= _replaceable(folder, before):
        remedy = "What failed before is asked again with --retry-failed"
    raise RunConflict(
        f"{folder}: was made of other images; {len(differing)} differ, the first is"
        f" {differing[0][:80]!r}. {remedy}"
    )


def list_images(folder: Path, source: Source, *, retry_failed: bool = False) -> None:
    """Writes images.jsonl, or checks that it has the same images.

    Args:
        folder: the annotation, locked.
        source: the images.
        retry_failed: images that failed before may have other files.

    Raises:
        RunConflict: it has other images.
        RunLocked: another process annotates a shard of which lines are set aside.
    """
    if (folder / IMAGES).is_file():
        if not retry_failed or not _replaced(folder, source):
            refuse_other_images(folder, source)
        return
    _write(folder, source.images)


def _replaced(folder: Path, source: Source) -> bool:
    """Takes the files of images that failed, where nothing else differs; whether it did.

    Lines of stages go first: when this is interrupted, the images are still images of which no
    stage has said anything.
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
    """The images that failed, or of which no stage has said anything."""
    said: set[str] = set()
    failed = {image.id for image in before if image.error is not None}
    for stage in (folder / STAGES).glob("*"):
        lines = stage_lines(stage)
        said |= lines.keys()
        failed |= {id_ for id_, line in lines.items() if line.kind == ERROR}
    return failed | ({image.id for image in before} - said)


def _differing(before: Sequence[SourceImage], now: Sequence[SourceImage]) -> list[str]:
    """The ids of images that only one list has; where there are none, of those that differ."""
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
