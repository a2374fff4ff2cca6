"""Scenes as samples of a task: queries that can render their image, and the references."""

from collections.abc import Callable, Iterator
from functools import partial

from gcg_bench import masks
from gcg_bench.data.shapes.composing import compose_scene
from gcg_bench.data.shapes.expressions import expressions
from gcg_bench.data.shapes.grammar import SceneCaption, describe
from gcg_bench.data.shapes.regions import FORMS, box, describe_thing
from gcg_bench.data.shapes.rng import SplitMix64
from gcg_bench.data.shapes.scene import Scene
from gcg_bench.types import Grounding, Phrase, Picture, Pixels, Query, Sample

CAPTIONS = 4
"""Number of reference captions of an image or a region: the main caption and three paraphrases."""

REFERRING = ("one", "one", "one")
REASONING = ("compared", "compared")
GENERALIZED = ("one", "one", "several", "none", "none")
"""The kinds of expressions of an image in a task, at most; see `expressions`."""

REGIONS = 2
"""Number of things of an image that are described."""

_STREAMS = {
    "referring": 101,
    "generalized_referring": 102,
    "region_caption": 103,
    "reasoning": 104,
}
"""Task -> last key of its random stream; captions have the keys from 1 to CAPTIONS."""


def samples(task: str, split: str, index: int, *, prompt: str = "") -> Iterator[Sample]:
    """The samples of a scene in a task.

    A sample of `gcg` and of `caption` has the image's id, `shapes_SPLIT_INDEX`; samples of other
    tasks have this id with `#` and a number from 0.

    Args:
        task: a key of TASKS.
        split: a key of `composing.SPLITS`.
        index: from 0.
        prompt: the instruction; empty for the task's own.

    Raises:
        UnknownName: the split does not exist.
        BadOption: the split has no such index.
    """
    scene = compose_scene(split, index)
    image_id = f"shapes_{split}_{index:06d}"
    picture = Picture(scene.height, scene.width, partial(pixels, split, index))
    yield from TASKS[task](scene, partial(_query, image_id, picture, prompt), index)


def sample(split: str, index: int, *, prompt: str = "") -> Sample:
    """The sample `shapes_SPLIT_INDEX` of the task `gcg`; errors as in `samples`.

    The image stores only the split and the index, and is rendered each time it is read.
    """
    return next(samples("gcg", split, index, prompt=prompt))


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


QueryOf = Callable[..., Query]


def _query(
    image_id: str,
    picture: Picture,
    prompt: str,
    number: int | None = None,
    *,
    expression: str | None = None,
    regions: tuple[tuple[float, float, float, float], ...] = (),
) -> Query:
    id_ = image_id if number is None else f"{image_id}#{number}"
    return Query(id_, picture, prompt, image_id=image_id, expression=expression, regions=regions)


def _gcg(scene: Scene, query: QueryOf, index: int) -> Iterator[Sample]:
    captions = [describe(scene, version) for version in range(CAPTIONS)]
    texts = tuple(caption.caption for caption in captions)
    yield Sample(query(), grounding(scene, captions[0]), texts, order=index)


def _caption(scene: Scene, query: QueryOf, index: int) -> Iterator[Sample]:
    texts = tuple(describe(scene, version).caption for version in range(CAPTIONS))
    yield Sample(query(), Grounding(texts[0]), texts, order=index)


def _expressions(
    task: str, kinds: tuple[str, ...], scene: Scene, query: QueryOf, index: int
) -> Iterator[Sample]:
    """A reference is the expression with a mask for each of its things; it may have no mask."""
    rng = SplitMix64(*scene.key, _STREAMS[task])
    for number, expression in enumerate(expressions(scene, kinds, rng)):
        targets = tuple(masks.encode(scene.visible(position)) for position in expression.targets)
        yield Sample(
            query(number, expression=expression.text),
            Grounding(expression.text, (Phrase(expression.text, targets),)),
            (),
            order=index,
        )


def _regions(scene: Scene, query: QueryOf, index: int) -> Iterator[Sample]:
    rng = SplitMix64(*scene.key, _STREAMS["region_caption"])
    for number, position in enumerate(rng.shuffled(range(len(scene.things)))[:REGIONS]):
        texts = tuple(
            describe_thing(scene, position, rng, form=rng.pick(FORMS)) for _ in range(CAPTIONS)
        )
        yield Sample(
            query(number, regions=(box(scene, position),)), Grounding(texts[0]), texts, order=index
        )


TASKS: dict[str, Callable[[Scene, QueryOf, int], Iterator[Sample]]] = {
    "gcg": _gcg,
    "referring": partial(_expressions, "referring", REFERRING),
    "generalized_referring": partial(_expressions, "generalized_referring", GENERALIZED),
    "reasoning": partial(_expressions, "reasoning", REASONING),
    "region_caption": _regions,
    "caption": _caption,
}
"""Task -> the samples of a scene."""
