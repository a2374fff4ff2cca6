"""Models: one file for each; its name is the value of --model (dashes count as underscores).

A model's file has `load`, which returns an object with `answer`, and `NEEDS`. `load` has keyword
parameters for its own options, and for those of `checkpoint`, `device`, `seed`, `batch_size` and
`workers` that it uses; execution/models.py passes no others. A model may also have:

settings    values, except checkpoint and seed, that decide its answers, as JSON objects
undeciding  names of arguments of `load` that decide no answer, such as a number of threads: they
            are no settings, and a run may be resumed with others
worded      `worded(query)` returns the instruction that it asks a query with. A digest of what it
            asks without a prompt is a setting, so a run is not resumed with another wording
own_instruction  True for a model that cannot follow the instruction of a data card or of a task.
            Its queries have no prompt unless the user or the query itself gives one
prepare     called once with all queries (and `missing`, `limited`, see predictions_file) before the
            first answer; an error that it raises stops the run
find, sizes  of the module, for models with weights on disk: `find(checkpoint)` returns the location
            of the weights, or a tuple of locations, or raises an error with the remedy;
            `sizes(checkpoint)` returns a GlammConfig for planning. The doctor calls both, without a
            checkpoint when the user gave none
weight_bytes  of the module, for models whose speed is not estimated: `weight_bytes(checkpoint)`
            returns the bytes of the weights on disk, from which the doctor estimates the memory
study       for oracles only: called once with the samples, including their references
CITATION    of the module: BibTeX of what it implements, a tuple of entries
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from gcg_bench.masks import resize
from gcg_bench.types import Grounding, Picture, Sample


@dataclass(frozen=True, slots=True)
class Needs:
    """The requirements of a model, in words for the user.

    Attributes:
        note: a description of the model in one line.
        weights: the origin and size of its weights; empty for none.
        memory: the memory of the device; empty for very little.
        licence: the licence of the weights; empty without weights.
        oracle: whether the model sees the references; its scores describe the metrics and the data,
            not a model.
        baseline: whether the model uses no image; its scores describe the metrics and the data, not
            a model.
        tasks: the names of the tasks that the model can answer; empty for all. A run of another
            task is refused.
    """

    note: str
    weights: str = ""
    memory: str = ""
    licence: str = ""
    oracle: bool = False
    baseline: bool = False
    tasks: tuple[str, ...] = ()


@runtime_checkable
class Oracle(Protocol):
    """A model that declares that it needs the references."""

    oracle: bool

    def study(self, samples: Sequence[Sample]) -> None: ...


def reference_as_answer(truth: Grounding, image: Picture) -> Grounding:
    """Converts a reference to an answer for an image: resizes the masks, drops crowd flags."""
    phrases = tuple(
        replace(
            phrase,
            masks=tuple(resize(mask, image.height, image.width) for mask in phrase.masks),
            crowd=False,
        )
        for phrase in truth.phrases
    )
    return Grounding(truth.caption, phrases)
