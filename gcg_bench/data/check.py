"""Lists all problems of a split of a data set.

An *error* is a problem that loading refuses, a file or image that is missing or broken, or a count
that contradicts the card. A *warning* is about content that is read unchanged, but may lower the
recall of an image or make the published evaluator fail.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcg_bench.data import annotation_files
from gcg_bench.data.cards import DataCard, Split, image_folders
from gcg_bench.data.drafts import images_of, oddities
from gcg_bench.data.overlap import overlaps
from gcg_bench.errors import BadData, MissingData
from gcg_bench.files.fields import CollectedFaults
from gcg_bench.files.images import image_sizes, picture_oddities
from gcg_bench.registry import module
from gcg_bench.types import Sample

_GENERATED = 100  # number of samples that are checked in a generated split without end


@dataclass(frozen=True, slots=True)
class Checkup:
    """The problems of a split, and counts of its content.

    Attributes:
        split: the name of the split.
        images: the number of readable samples.
        phrases: the number of their phrases.
        masks: the number of their masks.
        pictures: the number of samples with an existing image file, or without need of one.
        problems: in the order of the checks, each with its level, `error` or `warning`.
    """

    split: str
    images: int
    phrases: int
    masks: int
    pictures: int
    problems: tuple[tuple[str, BadData], ...]

    @property
    def sound(self) -> bool:
        """Whether there is no error; there may be warnings."""
        return all(level != "error" for level, _ in self.problems)


def check_dataset(card: DataCard, split: str, root: Path, *, pixels: bool = False) -> Checkup:
    """Checks every file, image, phrase and mask of a split; no problem stops it.

    Args:
        card: the data card.
        split: one of its splits.
        root: the data root.
        pixels: whether every image is decoded, which finds truncated files but takes long;
            otherwise only its header is read.

    Raises:
        UnknownName: the split or the format does not exist.
    """
    stated = card.split(split)
    plugin = module("data.formats", card.format, "data set format")
    faults = CollectedFaults()
    samples, files = _samples(plugin, card, split, root, faults)
    broken = {fault.image for level, fault in faults.collected if level == "error"}
    if samples:
        _count(samples, card.tasks[0], stated, files[-1], faults)
    for sample in samples:
        if sample.id not in broken:
            for oddity in oddities(sample, files[-1], files[0], card.tasks[0]):
                faults.warning(oddity)
    for overlap in overlaps(card, split, root):
        faults.warning(
            BadData(
                f"{overlap.shared} of {overlap.images} images are in {overlap.dataset}"
                f" {overlap.split} too",
                file=files[0],
                remedy="Do not train on that split and test on this one",
            )
        )
    pictures = _pictures(samples, image_folders(card, split, root), faults, pixels=pixels)
    phrases = [phrase for sample in samples for phrase in sample.truth.phrases]
    return Checkup(
        split,
        len(samples),
        len(phrases),
        sum(len(phrase.masks) for phrase in phrases),
        pictures,
        tuple(faults.collected),
    )


def _samples(
    plugin: Any, card: DataCard, split: str, root: Path, faults: CollectedFaults
) -> tuple[list[Sample], list[str]]:
    """The readable samples, and their files for messages: first of masks, last of words."""
    files: tuple[Path, ...] = ()
    samples: list[Sample] = []
    try:
        files = annotation_files(card, split, root)
        if "faults" in inspect.signature(plugin.read).parameters:
            for sample in plugin.read(card, split, root, faults=faults):
                samples.append(sample)  # one by one, to keep the samples before a fatal error
        else:
            endless = not card.split(split).stated(card.tasks[0])
            limit = _GENERATED if endless else None
            samples.extend(plugin.read(card, split, root, limit=limit))
        if hasattr(plugin, "audit"):
            plugin.audit(card, split, root, faults)
    except BadData as fault:
        faults.error(fault)
    except MissingData as missing:
        faults.error(BadData(str(missing), file=_first_file(card, split)))
    return samples, [str(file) for file in files] or [f"{card.name} {split}"]


def _first_file(card: DataCard, split: str) -> str:
    names = list(card.split(split).files.values())
    return names[0] if names else f"{card.name} {split}"


def _count(
    samples: list[Sample], task: str, stated: Split, file: str, faults: CollectedFaults
) -> None:
    """Reports a count that matches no stated size; a warning if sizes are rounded or disagree."""
    problem = stated.size_conflict(task, len(samples), images_of(samples))
    if problem:
        (faults.error if stated.exact(task) else faults.warning)(BadData(problem, file=file))


def _pictures(
    samples: list[Sample], folders: tuple[Path, ...], faults: CollectedFaults, *, pixels: bool
) -> int:
    """Counts the samples with an image file; reports the others."""
    paths = [sample.query.image.path for sample in samples]
    if any(path is not None for path in paths) and not any(folder.is_dir() for folder in folders):
        fault = BadData(
            "there is no folder of images",
            file=", ".join(str(folder) for folder in folders),
            remedy="Predictions can be scored without images; models and reports need them",
        )
        faults.warning(fault)
        return sum(path is None for path in paths)
    sound = 0
    for sample in samples:
        problems = list(_picture_problems(sample, pixels=pixels))
        if pixels and not problems and sample.query.image.path is not None:
            for oddity in picture_oddities(sample.query.image.path):
                faults.warning(BadData(oddity, file=sample.query.image.path, image=sample.id))
        for problem in problems:
            faults.error(problem)
        sound += not problems
    return sound


def _picture_problems(sample: Sample, *, pixels: bool) -> Iterator[BadData]:
    picture = sample.query.image
    try:
        if picture.path is not None:
            sizes = image_sizes(picture.path)
            if (picture.height, picture.width) not in sizes:
                yield BadData(
                    f"the image is {sizes[0][0]} x {sizes[0][1]}, the annotations are for"
                    f" {picture.height} x {picture.width} (height x width)",
                    file=picture.path,
                    image=sample.id,
                    remedy="Use the images that the data set was annotated on",
                )
                return
        if pixels:
            picture.read()
    except BadData as fault:
        yield fault.at(image=sample.id)
    except MissingData as missing:
        yield BadData(
            "there is no such image" if picture.path else str(missing),
            file=picture.path,
            image=sample.id,
            remedy="Fetch it, or leave the image out of the annotations",
        )
