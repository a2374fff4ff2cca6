"""Models: one file each, whose name is what --model takes (dashes count as underscores).

A model's file has `load`, which gives an object with `answer`, and `NEEDS`. `load` takes by name
whichever it has a use for of `checkpoint`, `device`, `seed`, `batch_size`, `workers` and options of
its own; models.py passes no others. A model may also have

settings    what decides its answers besides the checkpoint and the seed, as JSON takes it
prepare     called once with all queries (and `missing`, `limited`, see predictions_file) before the
            first answer; what it raises stops the run
find, sizes  of the module, for models with weights on disk: `find(checkpoint)` says where they lie,
            or raises with the remedy; `sizes(checkpoint)` is a GlammConfig, to plan with. Doctor
            calls them, without a checkpoint where the user gave none
study       for oracles alone: called once with the samples, references and all
CITATION    of the module: BibTeX of what it implements, a tuple of entries
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from gcg_bench.masks import resize
from gcg_bench.types import Grounding, Picture, Sample


@dataclass(frozen=True, slots=True)
class Needs:
    """What a model is and what it needs, in words for a person.

    Attributes:
        note: what it is, in a line.
        weights: where they come from and how large they are; empty for none.
        memory: of the device; empty for next to none.
        licence: of the weights; empty for none.
        oracle: it sees the references, so its scores describe the metrics and the data, not a
            model.
        baseline: it looks at no image, so its scores describe the metrics and the data, not a
            model.
    """

    note: str
    weights: str = ""
    memory: str = ""
    licence: str = ""
    oracle: bool = False
    baseline: bool = False


@runtime_checkable
class Oracle(Protocol):
    """A model that declares that it must see the references."""

    oracle: bool

    def study(self, samples: Sequence[Sample]) -> None: ...


def lent(truth: Grounding, image: Picture) -> Grounding:
    """A reference as an answer to some image: masks resized to it, crowds as plain masks."""
    phrases = tuple(
        replace(
            phrase,
            masks=tuple(resize(mask, image.height, image.width) for mask in phrase.masks),
            crowd=False,
        )
        for phrase in truth.phrases
    )
    return Grounding(truth.caption, phrases)
