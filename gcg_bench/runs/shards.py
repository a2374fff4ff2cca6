"""Shards: the parts of a split that several machines answer, each into a run of its own.

The images of a split are sorted by id; image k, counted from 0, belongs to shard k mod N + 1. All
queries of an image are in one shard, so that values that are computed once for each image, and the
clusters of the bootstrap, stay together. When each image has one query, the sorted query ids are
divided in the same way.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from gcg_bench.errors import BadOption
from gcg_bench.types import Sample

SHARD = "shard"
"""The name of the setting that states which shard a run is."""

_TEXT = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, order=True, slots=True)
class Shard:
    """One of N parts of a split.

    Attributes:
        count: N, at least 1.
        number: from 1 to N.
    """

    count: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The shard that a text such as `2/8` names.

        Raises:
            BadOption: the text has another form, or the number is not from 1 to N.
        """
        match = _TEXT.fullmatch(text)
        number, count = map(int, match.groups()) if match else (0, 0)
        if not 1 <= number <= count:
            raise BadOption(
                f"{text[:40]!r} is no shard: give I/N with I from 1 to N, for instance 1/8"
            )
        return cls(count, number)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def folder(self) -> str:
        """The shard in the name of a run folder, e.g. `shard-2-of-8`."""
        return f"shard-{self.number}-of-{self.count}"

    def of(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """The samples of this shard, in their order.

        Raises:
            BadOption: there are fewer images than shards.
        """
        numbers = shard_numbers(samples, self.count)
        return tuple(
            sample for sample, number in zip(samples, numbers, strict=True) if number == self.number
        )


def shard_numbers(samples: Sequence[Sample], count: int) -> list[int]:
    """The number of the shard that each sample belongs to, from 1.

    Raises:
        BadOption: there are fewer images than shards.
    """
    images = sorted({sample.query.image_id for sample in samples})
    if len(images) < count:
        raise BadOption(
            f"{count} shards of {len(images)} images: a shard needs an image. Give at most"
            f" {len(images)} shards"
        )
    number = {image: k % count + 1 for k, image in enumerate(images)}
    return [number[sample.query.image_id] for sample in samples]


def shard_of(settings: Mapping[str, Any]) -> Shard | None:
    """The shard that a run is, by its settings; None for a run of a whole split."""
    return Shard.parse(settings[SHARD]) if SHARD in settings else None


def is_shard(value: object) -> bool:
    """Whether the value of the setting names a shard."""
    try:
        return isinstance(value, str) and bool(Shard.parse(value))
    except BadOption:
        return False
