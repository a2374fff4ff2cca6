"""The splits of a data card: their files and the sizes that are stated for them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StatedSize:
    """A stated number of queries of a split.

    Attributes:
        count: the number.
        within: the largest accepted difference, for numbers that were rounded.
        source: who states it.
        images: the number of their images; None when each query has its own image, or no number is
            stated.
        task: the task of the queries; empty for every task of the card.
    """

    count: int
    within: int
    source: str
    images: int | None = None
    task: str = ""

    def fits(self, queries: int, images: int) -> bool:
        """Whether a split with these numbers of queries and images has this size."""
        as_stated = self.images is None or abs(images - self.images) <= self.within
        return as_stated and abs(queries - self.count) <= self.within

    def __str__(self) -> str:
        """The size in words: the number of images, or of queries and images; and its source."""
        queries = "" if self.images is None else f" queries of {self.images} images"
        return f"{self.count}{queries} ({self.source})"


@dataclass(frozen=True, slots=True)
class Split:
    """The files of a split and its size.

    Attributes:
        name: e.g. `val`.
        files: role -> file name; the format defines the roles (`masks`, `captions`, ...); empty for
            generated data.
        images: folders, relative to the data root, that may contain the images.
        sizes: the stated sizes; several when sources disagree.
        percent: the share of the images that belongs to the split, by the hash of their ids, see
            `has`; None for all images of the files.
    """

    name: str
    files: Mapping[str, str]
    images: tuple[str, ...] = ()
    sizes: tuple[StatedSize, ...] = ()
    percent: tuple[int, int] | None = None

    def has(self, id_: str) -> bool:
        """Whether an image of the files belongs to the split, by its id.

        Its number is the first 8 hexadecimal digits of the sha256 of the id in UTF-8, modulo 100;
        it belongs to the split when first <= number < last of `percent`. So the split of an image
        does not depend on other images.
        """
        if self.percent is None:
            return True
        first, last = self.percent
        digits = hashlib.sha256(id_.encode("utf-8", "backslashreplace")).hexdigest()[:8]
        return first <= int(digits, 16) % 100 < last

    def stated(self, task: str) -> tuple[StatedSize, ...]:
        """The sizes that are stated for a task."""
        return tuple(size for size in self.sizes if size.task in ("", task))

    def size_conflict(self, task: str, queries: int, images: int) -> str:
        """A sentence with the stated sizes for a task if none of them matches, otherwise empty."""
        sizes = self.stated(task)
        if not sizes or any(size.fits(queries, images) for size in sizes):
            return ""
        of_images = any(size.images is not None for size in sizes)
        count = f"{queries} queries of {images} images" if of_images else f"{queries} images"
        return f"{count}, but the card states {' or '.join(map(str, sizes))}"

    def exact(self, task: str) -> bool:
        """Whether a single size is stated without tolerance, so that another number is an error."""
        return [size.within for size in self.stated(task)] == [0]
