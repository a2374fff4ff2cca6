"""The options of `annotate run`, and the images that they name."""

import math
from collections.abc import Sequence
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


def source_of(options: RunOptions, *, proven: bool = False) -> Any:
    """The images that the options name.

    A file that was listed before is hashed, and read again if its digest differs; a failed image
    stays failed. A file of another shard is only read again when it is newer than the list, since
    its own shard hashes it.

    Args:
        options: the options of the command.
        proven: whether a caller has just hashed the files; then no file is hashed here.
    """
    from gcg_bench.annotate import sources
    from gcg_bench.annotate.listing import IMAGES, read_images
    from gcg_bench.data import load_dataset

    file = options.out / IMAGES
    listed = read_images(file) if file.is_file() else ()
    own = () if proven else _own(listed, options.shard)
    listed_at = file.stat().st_mtime_ns if listed else 0
    retried = {image.id for image in listed if image.error is not None and options.retry_failed}

    def is_same(image: Any, path: Path | None) -> bool:
        if image.error is not None or path is None:
            return image.id not in retried
        return _has(path, image.sha256) if image.id in own else _written(path) <= listed_at

    if options.dataset is not None:
        name, split = options.dataset, options.split
        if split is None:
            raise BadOption(f"give the --split of {name} that is annotated, e.g. --split val")
        data = load_dataset(name, split, options.data_root, limit=options.limit)
        files = {sample.query.image_id: sample.query.image.path for sample in data.samples}
        same = {image.id: image for image in listed if is_same(image, files.get(image.id))}
        return sources.of_dataset(data, known=same)
    if options.limit is not None:
        raise BadOption("--limit is for --dataset; of IMAGES give a folder with fewer images")
    assert options.images is not None
    root = options.images.parent if options.images.is_file() else options.images
    named = [(image.file, image) for image in listed if image.file]
    known = {name: image for name, image in named if is_same(image, root / name)}
    return sources.of_folder(options.images, split=options.split or "val", known=known)


def _own(listed: Sequence[Any], shard: str | None) -> frozenset[str]:
    """The ids of the listed images that belong to a shard, e.g. `1/8`."""
    from gcg_bench.runs.shards import Shard

    part = Shard(1, 1) if shard is None else Shard.parse(shard)
    return frozenset(
        image.id for k, image in enumerate(listed) if k % part.count + 1 == part.number
    )


def _has(file: Path, digest: str) -> bool:
    """Whether a file has a digest; false when it cannot be read."""
    from gcg_bench.files.digests import file_sha256

    try:
        return file_sha256(file) == digest
    except OSError:
        return False


def _written(file: Path) -> float:
    """The time of the last change of a file, in nanoseconds; infinity when it cannot be read.

    A copy or a moved file may keep its time of writing, so the time of its inode counts too.
    """
    try:
        status = file.stat()
    except OSError:
        return math.inf
    return max(status.st_mtime_ns, status.st_ctime_ns)
