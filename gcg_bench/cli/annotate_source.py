"""The options of `annotate run`, and the images that they name."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcg_bench.errors import BadOption


@dataclass(frozen=True)
class RunOptions:
    """The options of `annotate run`."""

    images: Path | None
    out: Path
    recipe: str
    changes: tuple[str, ...]
    dataset: str | None
    split: str | None
    shard: str | None
    on: str | None
    shards: int | None
    device: str
    limit: int | None
    data_root: Path | None
    retry_failed: bool
    image_license: str


def source_of(options: RunOptions) -> Any:
    """The images that the options name; images that were listed before are not read again."""
    from gcg_bench.annotate import sources
    from gcg_bench.annotate.listing import IMAGES, read_images
    from gcg_bench.data import load_dataset

    file = options.out / IMAGES
    listed = [
        image
        for image in (read_images(file) if file.is_file() else ())
        if image.error is None or not options.retry_failed
    ]
    if options.dataset is not None:
        name, split = options.dataset, options.split
        if split is None:
            raise BadOption(f"give the --split of {name} that is annotated, e.g. --split val")
        data = load_dataset(name, split, options.data_root, limit=options.limit)
        return sources.of_dataset(data, known={image.id: image for image in listed})
    if options.limit is not None:
        raise BadOption("--limit is for --dataset; of IMAGES give a folder with fewer images")
    assert options.images is not None
    known = {image.file: image for image in listed if image.file}
    if known:  # an image that is newer than the list is read again; a failed image stays failed
        listed_at = file.stat().st_mtime_ns
        known = {
            name: image
            for name, image in known.items()
            if image.error is not None or _written(options.images / name) <= listed_at
        }
    return sources.of_folder(options.images, split=options.split or "val", known=known)


def _written(file: Path) -> float:
    """The time when a file was written, in nanoseconds; infinity when it cannot be read."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return math.inf
