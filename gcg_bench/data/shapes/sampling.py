"""A scene as a sample: a query that can render its image, and the reference."""

from functools import partial

from gcg_bench import masks
from gcg_bench.data.shapes.composing import compose_scene
from gcg_bench.data.shapes.grammar import SceneCaption, describe
from gcg_bench.data.shapes.scene import Scene
from gcg_bench.types import Grounding, Phrase, Picture, Pixels, Query, Sample

CAPTIONS = 4
"""Number of reference captions of a sample: the truth's own and three paraphrases."""


def sample(split: str, index: int, *, prompt: str = "") -> Sample:
    """The sample `shapes_SPLIT_INDEX`; raises the errors of `composing.compose_scene`.

    The image holds the split and the index alone, and is rendered each time it is read.
    """
    scene = compose_scene(split, index)
    captions = [describe(scene, version) for version in range(CAPTIONS)]
    picture = Picture(scene.height, scene.width, partial(pixels, split, index))
    return Sample(
        query=Query(f"shapes_{split}_{index:06d}", picture, prompt),
        truth=grounding(scene, captions[0]),
        captions=tuple(caption.caption for caption in captions),
        order=index,
    )


def pixels(split: str, index: int) -> Pixels:
    """The rendered image of a scene, uint8 RGB (height, width, 3)."""
    return compose_scene(split, index).render()


def grounding(scene: Scene, caption: SceneCaption) -> Grounding:
    """A caption with its phrases; a phrase has one mask for each of its things."""
    phrases = [
        Phrase(
            text=caption.caption[start:end],
            masks=tuple(masks.encode(scene.visible(position)) for position in members),
            span=(start, end),
        )
        for (start, end), members in zip(caption.spans, scene.mentions, strict=True)
    ]
    return Grounding(caption.caption, tuple(phrases))
