"""Samples that stay in their file, and are read a part at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

from gcg_bench.types import Sample

_TOGETHER = 512  # samples that are read in one call

Change = Callable[[Sample], Sample]


@dataclass(frozen=True)
class StoredSamples(Sequence[Sample]):
    """The samples of a split; iterating reads them again each time.

    Attributes:
        ids: the ids of all samples, in order.
        read: reads the samples at positions start to stop; can be sent to other processes.
        several: whether some image has more than one query.
        changes: functions that are applied to each sample that is read; can be sent to other
            processes.
    """

    ids: tuple[str, ...]
    read: Callable[[int, int], list[Sample]]
    several: bool = False
    changes: tuple[Change, ...] = ()
    start: int = 0
    stop: int | None = None

    def __len__(self) -> int:
        return (len(self.ids) if self.stop is None else self.stop) - self.start

    @overload
    def __getitem__(self, at: int) -> Sample: ...
    @overload
    def __getitem__(self, at: slice) -> "StoredSamples": ...

    def __getitem__(self, at: int | slice) -> "Sample | StoredSamples":
        """One sample, which is read; or a part of the samples, which is not read yet."""
        if isinstance(at, slice):
            start, stop, step = at.indices(len(self))
            if step != 1:
                raise ValueError("a part of stored samples has no gaps")
            stop = max(start, stop)
            return replace(self, start=self.start + start, stop=self.start + stop)
        position = at + len(self) if at < 0 else at
        if not 0 <= position < len(self):
            raise IndexError(at)
        return next(iter(self[position : position + 1]))

    def __iter__(self) -> Iterator[Sample]:
        end = self.start + len(self)
        for start in range(self.start, end, _TOGETHER):
            for sample in self.read(start, min(start + _TOGETHER, end)):
                changed = sample
                for change in self.changes:
                    changed = change(changed)
                yield changed

    def changed(self, change: Change) -> "StoredSamples":
        """The same samples, each changed when it is read."""
        return replace(self, changes=(*self.changes, change))


def changed_samples(samples: Iterable[Sample], change: Change) -> Sequence[Sample]:
    """The samples with a change; stored samples are changed when they are read."""
    if isinstance(samples, StoredSamples):
        return samples.changed(change)
    return tuple(map(change, samples))
