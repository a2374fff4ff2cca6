"""A scene as a sample: a query that can render its picture, and the reference beside it."""

from functools import partial

from gcg_bench import masks
from gcg_bench.data.shapes.composing import scene
from gcg_bench.data.shapes.grammar import Told, tell
from gcg_bench.data.shapes.scene import Scene
from gcg_bench.types import Grounding, Phrase, Picture, Pixels, Query, Sample

CAPTIONS = 4
"""Reference captions of a sample: the truth's own and three that say the same in other words."""


def sample(split: str, index: int, *, prompt: str = "") -> Sample:
    """The sample `shapes_SPLIT_INDEX`; raises as `composing.scene` does.

    The picture knows split and index alone, and is rendered anew each time it is read.
    """
    made = scene(split, index)
    told = [tell(made, version) for version in range(CAPTIONS)]
    picture = Picture(made.height, made.width, partial(pixels, split, index))
    return Sample(
        query=Query(f"shapes_{split}_{index:06d}", picture, prompt),
        truth=grounding(made, told[0]),
        captions=tuple(caption.caption for caption in told),
        order=index,
    )


def pixels(split: str, index: int) -> Pixels:
    """The rendered picture of a scene, uint8 RGB (height, width, 3)."""
    return scene(split, index).render()


def grounding(made: Scene, told: Told) -> Grounding:
    """A caption with its phrases; a phrase has one mask for each of its things."""
    phrases = [
        Phrase(
            text=told.caption[start:end],
            masks=tuple(masks.encode(made.visible(place)) for place in members),
            span=(start, end),
        )
        for (start, end), members in zip(told.spans, made.mentions, strict=True)
    ]
    return Grounding(told.caption, tuple(phrases))
