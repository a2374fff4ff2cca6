"""Prepares an annotation before its stages run: the folder, the images, failed images again."""

from collections.abc import Callable, Sequence, Set
from pathlib import Path

from gcg_bench.annotate.folder import AnnotationFolder, create_or_resume
from gcg_bench.annotate.listing import failed_reads
from gcg_bench.annotate.recipes import Recipe
from gcg_bench.annotate.sources import Source, SourceImage
from gcg_bench.annotate.stage_lines import ASIDE, ERROR, set_aside
from gcg_bench.errors import BadOption
from gcg_bench.runs.shards import Shard

Message = Callable[[str], None]


def prepare(
    source: Source,
    recipe: Recipe,
    folder: Path,
    shard: Shard,
    *,
    retry_failed: bool,
    message: Message,
) -> AnnotationFolder:
    """Makes or checks the folder of an annotation; arguments and errors as in `annotate`.

    With `retry_failed` the lines with an error are moved to files `failed-*`, so that their images
    are annotated again. Refused images stay refused.
    """
    unread = failed_reads(folder) if retry_failed else frozenset()
    annotation = create_or_resume(folder, source, recipe, retry_failed=retry_failed)
    if retry_failed:
        mine = {image.id for image in images_of(source, shard)}
        failed = (unread & mine) | _set_aside_failed(annotation, mine)
        if failed:
            kept = f"the failed lines are in files {ASIDE}*"
            message(f"failed before, asked again: {len(failed)} ({kept})")
    return annotation


def refuse_empty_shards(source: Source, count: int) -> None:
    """Refuses more shards than there are images.

    Raises:
        BadOption: there are fewer images than shards.
    """
    if len(source.images) < count:
        raise BadOption(f"{count} shards of {len(source.images)} images: a shard needs one")


def images_of(source: Source, shard: Shard) -> Sequence[SourceImage]:
    """The images of a shard."""
    return source.images[shard.number - 1 :: shard.count]


def _set_aside_failed(annotation: AnnotationFolder, wanted: Set[str]) -> set[str]:
    """Moves the error lines of some images to files `failed-*`; returns the ids of these images."""
    failed: set[str] = set()
    for position in range(len(annotation.stage_folders)):
        lines = annotation.lines(position)
        chosen = {id_ for id_ in lines.keys() & wanted if lines[id_].kind == ERROR}
        for file in sorted({lines[id_].file for id_ in chosen}):
            failed |= set_aside(
                annotation.folder, file, lambda id_, kind: kind == ERROR and id_ in wanted
            )
    return failed
