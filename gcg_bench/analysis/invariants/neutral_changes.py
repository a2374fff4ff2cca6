"""Changes that say nothing new, so that no score may move: other orders, names, sides, pieces."""

from collections.abc import Callable
from dataclasses import replace

from gcg_bench.analysis.invariants.outlines import halves, mirrored
from gcg_bench.analysis.invariants.scenes import Kit, Scene, Scenes, answered, each
from gcg_bench.types import Grounding, Mask, Phrase


def phrases_reordered(scenes: Scenes, kit: Kit) -> Scenes:
    """The phrases of each answer in another order."""
    return tuple(
        answered(scene, [phrases[k] for k in kit.rng(place).permutation(len(phrases))])
        for place, scene in enumerate(scenes)
        for phrases in [scene.answer.phrases]
    )


def references_reordered(scenes: Scenes, kit: Kit) -> Scenes:
    """The phrases of each reference in another order."""
    changed = []
    for place, scene in enumerate(scenes):
        truth = scene.sample.truth
        order = kit.rng(place).permutation(len(truth.phrases))
        phrases = tuple(truth.phrases[k] for k in order)
        changed.append(_with_truth(scene, replace(truth, phrases=phrases)))
    return tuple(changed)


def images_renamed(scenes: Scenes, kit: Kit) -> Scenes:
    """Every image under another name; its rank among the names stays."""
    del kit
    return tuple(_named(scene, f"renamed {k}") for k, scene in enumerate(scenes))


def images_reordered(scenes: Scenes, kit: Kit) -> Scenes:
    """The images in another order, and their names ranked so."""
    order = kit.rng(len(scenes)).permutation(len(scenes))
    return tuple(
        replace(scenes[k], sample=replace(scenes[k].sample, order=rank))
        for rank, k in enumerate(order)
    )


def images_twice(scenes: Scenes, kit: Kit) -> Scenes:
    """Every image twice in a row, under two names."""
    del kit
    return tuple(
        _named(replace(scene, sample=replace(scene.sample, order=2 * k + again)), f"{k} {again}")
        for k, scene in enumerate(scenes)
        for again in (0, 1)
    )


def images_mirrored(scenes: Scenes, kit: Kit) -> Scenes:
    """All masks of both sides mirrored."""
    del kit
    return each(
        lambda scene: replace(
            _with_truth(scene, _redrawn(scene.sample.truth)), answer=_redrawn(scene.answer)
        ),
        scenes,
    )


def masks_in_pieces(scenes: Scenes, kit: Kit) -> Scenes:
    """Every mask of an answer given as two, which the phrase has together."""
    del kit

    def change(phrase: Phrase) -> Phrase:
        return replace(phrase, masks=tuple(half for mask in phrase.masks for half in halves(mask)))

    return _phrase_by_phrase(change, scenes)


def confidences_halved(scenes: Scenes, kit: Kit) -> Scenes:
    """Every confidence halved."""
    del kit

    def change(phrase: Phrase) -> Phrase:
        return replace(phrase, score=None if phrase.score is None else phrase.score / 2)

    return _phrase_by_phrase(change, scenes)


def captions_broken_into_lines(scenes: Scenes, kit: Kit) -> Scenes:
    """A line break in the place of every space of an answer's caption."""
    del kit
    return each(
        lambda scene: answered(
            scene, scene.answer.phrases, scene.answer.caption.replace(" ", "\r\n")
        ),
        scenes,
    )


def _phrase_by_phrase(change: Callable[[Phrase], Phrase], scenes: Scenes) -> Scenes:
    """A change made of every phrase of every answer."""
    return each(lambda scene: answered(scene, list(map(change, scene.answer.phrases))), scenes)


def _with_truth(scene: Scene, truth: Grounding) -> Scene:
    return replace(scene, sample=replace(scene.sample, truth=truth))


def _named(scene: Scene, name: str) -> Scene:
    query = replace(scene.sample.query, id=name)
    return replace(scene, sample=replace(scene.sample, query=query))


def _redrawn(grounding: Grounding) -> Grounding:
    def turned(masks: tuple[Mask, ...]) -> tuple[Mask, ...]:
        return tuple(map(mirrored, masks))

    phrases = [replace(phrase, masks=turned(phrase.masks)) for phrase in grounding.phrases]
    return replace(grounding, phrases=tuple(phrases))
