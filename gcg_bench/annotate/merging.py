"""Merges annotations of shards into one annotation, equal to that of one machine."""

from collections.abc import Sequence
from pathlib import Path

from gcg_bench.annotate.folder import RECIPE, AnnotationFolder
from gcg_bench.annotate.listing import FAILED, IMAGES
from gcg_bench.annotate.running import WHOLE, shard_name
from gcg_bench.annotate.stage_lines import (
    ASIDE,
    SHARD_FILES,
    STAGE,
    STAGES,
    StageLine,
    stage_lines,
    write_lines,
)
from gcg_bench.errors import BadData, BadOption, MissingData, RunConflict
from gcg_bench.files.atomic import replace_with
from gcg_bench.runs.files import make_folder


def merge(folders: Sequence[Path], out: Path) -> AnnotationFolder:
    """Writes one annotation with the lines of all shards, in the order of ids.

    Unfinished shards may be merged; to annotate the missing images, give the same annotate command
    with the merged folder.

    Args:
        folders: annotations of the same images by the same recipe.
        out: a folder that does not exist, or is empty.

    Raises:
        RunConflict: the images or recipes differ.
        BadData: an image has a line in two folders.
        BadOption: `out` is not empty.
        MissingData: a shard lacks the file that describes a stage.
        EnvironmentProblem: it cannot be written.
    """
    if out.exists() and any(out.iterdir()):
        raise BadOption(f"{out} is not empty; merge into a new folder")
    parts = [AnnotationFolder(folder) for folder in folders]
    first = parts[0]
    for part in parts[1:]:
        for name in (IMAGES, RECIPE):
            if (part.folder / name).read_bytes() != (first.folder / name).read_bytes():
                raise RunConflict(
                    f"{part.folder}: {name} is not that of {first.folder}; shards have the same"
                    " images, recipe and version of gcg-bench. If a file was repaired, give"
                    " --retry-failed to all shards"
                )
    for position, stage in enumerate(first.stage_folders):
        indexes = [stage_lines(part.stage_folders[position]) for part in parts]
        lines = _joined(indexes)
        target = out / STAGES / stage.name
        make_folder(target)
        _copy(stage / STAGE, target / STAGE)
        ordered = [lines[image.id] for image in first.images if image.id in lines]
        _write_all(ordered, target / f"{shard_name(WHOLE)}.jsonl")
        _join_failed(
            [part.stage_folders[position] for part in parts],
            f"{ASIDE}{SHARD_FILES}",
            target / f"{ASIDE}{shard_name(WHOLE)}.jsonl",
        )
    _join_failed([part.folder for part in parts], FAILED, out / FAILED)
    for name in (IMAGES, RECIPE):
        _copy(first.folder / name, out / name)
    return AnnotationFolder(out)


def _joined(indexes: Sequence[dict[str, StageLine]]) -> dict[str, StageLine]:
    lines: dict[str, StageLine] = {}
    for index in indexes:
        for id_, line in index.items():
            if id_ in lines:
                problem = f"the image is in {lines[id_].file} too; an image belongs to one shard"
                raise BadData(problem, file=line.file, image=id_)
            lines[id_] = line
    return lines


def _write_all(lines: Sequence[StageLine], file: Path) -> None:
    replace_with(file, lambda draft: write_lines(lines, draft))


def _join_failed(folders: Sequence[Path], pattern: str, target: Path) -> None:
    """Joins the files of failed lines, each line once; writes no file when there are none."""
    files = [file for folder in folders for file in sorted(folder.glob(pattern))]
    lines = dict.fromkeys(line for file in files for line in file.read_bytes().splitlines(True))
    if lines:
        replace_with(target, lambda draft: _write(draft, b"".join(lines)))


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise MissingData(f"{source}: no such file; run the annotate command of this shard again")
    data = source.read_bytes()
    replace_with(target, lambda draft: _write(draft, data))


def _write(file: Path, data: bytes) -> None:
    file.write_bytes(data)
