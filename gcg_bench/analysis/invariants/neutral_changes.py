"""Changes without new information, so that no score may move: other orders, names and pieces."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from gcg_bench.analysis.invariants.mask_changes import halves, mirrored
from gcg_bench.analysis.invariants.scenes import (
    ChangeInputs,
    Scene,
    Scenes,
    map_scenes,
    with_answer,
)
from gcg_bench.types import Grounding, Mask, Phrase


def phrases_reordered(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """The phrases of each answer in another order."""
    return tuple(
        with_answer(scene, [phrases[k] for k in inputs.rng(index).permutation(len(phrases))])
        for index, scene in enumerate(scenes)
        for phrases in [scene.answer.phrases]
    )


def references_reordered(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """The phrases of each reference in another order."""
    changed = []
    for index, scene in enumerate(scenes):
        truth = scene.sample.truth
        order = inputs.rng(index).permutation(len(truth.phrases))
        phrases = tuple(truth.phrases[k] for k in order)
        changed.append(_with_truth(scene, replace(truth, phrases=phrases)))
    return tuple(changed)


def images_renamed(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Every image under another name; the rank of an image (`Sample.order`) stays."""
    del inputs
    return tuple(
        _with_name(scene, f"renamed {k}", f"renamed image {image}")
        for k, (scene, image) in enumerate(zip(scenes, _images(scenes), strict=True))
    )


def images_reordered(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """The images in another order, with their ranks in that order.

    The queries of an image keep their order, because some protocols count only the first.
    """
    images = _images(scenes)
    of_image: list[list[Scene]] = [[] for _ in set(images)]
    for scene, image in zip(scenes, images, strict=True):
        of_image[image].append(scene)
    order = inputs.rng(len(scenes)).permutation(len(of_image)).tolist()
    return tuple(
        replace(scene, sample=replace(scene.sample, order=rank))
        for rank, scene in enumerate(chain.from_iterable(of_image[image] for image in order))
    )


def images_doubled(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Every image twice in a row, under two names."""
    del inputs
    return tuple(
        _with_name(
            replace(scene, sample=replace(scene.sample, order=2 * k + copy)),
            f"{k} {copy}",
            f"image {image} {copy}",
        )
        for k, (scene, image) in enumerate(zip(scenes, _images(scenes), strict=True))
        for copy in (0, 1)
    )


def images_mirrored(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """All masks of references and answers mirrored."""
    del inputs
    return map_scenes(
        lambda scene: replace(
            _with_truth(scene, _mirrored(scene.sample.truth)), answer=_mirrored(scene.answer)
        ),
        scenes,
    )


def masks_in_pieces(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Every mask of an answer split into two masks of the same phrase."""
    del inputs

    def change(phrase: Phrase) -> Phrase:
        return replace(phrase, masks=tuple(half for mask in phrase.masks for half in halves(mask)))

    return _map_phrases(change, scenes)


def confidences_halved(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Every confidence halved."""
    del inputs

    def change(phrase: Phrase) -> Phrase:
        return replace(phrase, score=None if phrase.score is None else phrase.score / 2)

    return _map_phrases(change, scenes)


def captions_broken_into_lines(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Every space of an answer's caption replaced by a line break."""
    del inputs
    return map_scenes(
        lambda scene: with_answer(
            scene, scene.answer.phrases, scene.answer.caption.replace(" ", "\r\n")
        ),
        scenes,
    )


def _map_phrases(change: Callable[[Phrase], Phrase], scenes: Scenes) -> Scenes:
    """A change applied to every phrase of every answer."""
    return map_scenes(
        lambda scene: with_answer(scene, list(map(change, scene.answer.phrases))), scenes
    )


def _with_truth(scene: Scene, truth: Grounding) -> Scene:
    return replace(scene, sample=replace(scene.sample, truth=truth))


def _images(scenes: Scenes) -> list[int]:
    """The number of the image of each scene; images count from 0 in their order."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(scene.sample.query.image_id, len(numbers)) for scene in scenes]


def _with_name(scene: Scene, name: str, image: str) -> Scene:
    """The scene with other ids of its query and image; equal ids remain equal."""
    query = scene.sample.query
    image_id = name if query.image_id == query.id else image
    query = replace(query, id=name, image_id=image_id)
    return replace(scene, sample=replace(scene.sample, query=query))


def _mirrored(grounding: Grounding) -> Grounding:
    def mirror_all(masks: tuple[Mask, ...]) -> tuple[Mask, ...]:
        return tuple(map(mirrored, masks))

    phrases = [replace(phrase, masks=mirror_all(phrase.masks)) for phrase in grounding.phrases]
    return replace(grounding, phrases=tuple(phrases))
