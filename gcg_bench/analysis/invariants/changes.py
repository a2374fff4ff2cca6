"""Changes of answers that a score may react to.

Each function returns all scenes, including those that it cannot change.
"""

from collections.abc import Callable
from dataclasses import replace

from gcg_bench.analysis.invariants.mask_changes import eroded, free_box
from gcg_bench.analysis.invariants.scenes import (
    ChangeInputs,
    Scene,
    Scenes,
    exact_matches,
    has_only_reference_caption,
    isolated_matches,
    map_scenes,
    missed_references,
    with_answer,
)
from gcg_bench.analysis.invariants.word_changes import other_colours, other_noun
from gcg_bench.masks import area
from gcg_bench.text.similarity import normalise
from gcg_bench.types import SILENCE, Phrase

_MATCH_IOU = 0.5  # the minimum IoU at which metrics count a phrase as matched


def references_as_answers(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """The reference becomes the answer; its caption too when it is the only reference caption."""
    del inputs

    def change(scene: Scene) -> Scene:
        truth = scene.sample.truth
        single = scene.sample.captions == (truth.caption,)
        phrases = [Phrase(phrase.text, phrase.masks, score=1.0) for phrase in truth.phrases]
        return with_answer(scene, phrases, truth.caption if single else None)

    return map_scenes(change, scenes)


def empty_answers(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Every answer becomes empty: no caption and no phrase."""
    del inputs
    return map_scenes(lambda scene: replace(scene, answer=SILENCE), scenes)


def exact_answers_failed(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Every answer that equals its reference becomes a failure."""
    del inputs
    return map_scenes(
        lambda scene: replace(scene, answer=SILENCE, error="lost") if scene.is_exact else scene,
        scenes,
    )


def masks_eroded(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Every exact mask loses one pixel along its outline, unless nothing would be left."""
    del inputs

    def change(scene: Scene) -> Scene:
        phrases = list(scene.answer.phrases)
        for match in exact_matches(scene):
            phrase = phrases[match.answer]
            smaller = tuple(eroded(mask) for mask in phrase.masks)
            if area(smaller).any():
                phrases[match.answer] = replace(phrase, masks=smaller)
        return with_answer(scene, phrases)

    return map_scenes(change, scenes)


def phrase_dropped(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """One exact phrase of each answer is removed."""
    del inputs

    def change(scene: Scene) -> Scene:
        exact = exact_matches(scene)
        return _without(scene, exact[0].answer) if exact else scene

    return map_scenes(change, scenes)


def worst_match_dropped(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """The matched phrase with the lowest IoU is removed.

    This is done only if another phrase is exact and the answer has no more phrases than the
    reference.
    """
    del inputs

    def change(scene: Scene) -> Scene:
        loose = [match for match in isolated_matches(scene) if _MATCH_IOU <= match.iou < 1]
        surplus = len(scene.answer.phrases) > len(scene.sample.truth.phrases)
        if surplus or not loose or not exact_matches(scene):
            return scene
        return _without(scene, min(loose, key=lambda match: match.iou).answer)

    return map_scenes(change, scenes)


def exact_phrases_doubled(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Every exact phrase is given a second time."""
    del inputs

    def change(scene: Scene) -> Scene:
        doubled = {match.answer for match in exact_matches(scene)}
        return with_answer(
            scene,
            [
                phrase
                for k, phrase in enumerate(scene.answer.phrases)
                for _ in range(2 if k in doubled else 1)
            ],
        )

    return map_scenes(change, scenes)


def missed_phrase_added(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """One reference phrase that no answer overlaps is put in front of the answer's phrases."""
    del inputs

    def change(scene: Scene) -> Scene:
        missed = missed_references(scene)
        if not missed:
            return scene
        truth = scene.sample.truth.phrases[missed[0]]
        added = Phrase(truth.text, truth.masks, score=0.5)
        return with_answer(scene, [added, *scene.answer.phrases])

    return map_scenes(change, scenes)


def junk_phrases_added(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Junk phrases are added, one more than the reference has phrases.

    Their words are `inputs.junk` and their masks touch no reference mask.
    """
    changed = []
    for index, scene in enumerate(scenes):
        truth, rng = scene.sample.truth.phrases, inputs.rng(index)
        occupied = [mask for phrase in truth for mask in phrase.masks]
        junk = [
            Phrase(
                inputs.junk,
                (free_box(occupied, rng, scene.sample.size),),
                score=round(float(rng.random()), 3),
            )
            for _ in range(len(truth) + 1)
        ]
        # Junk is added at the end: it may have no words, and the published lists of words and
        # masks, which correspond by position, must stay aligned for the other phrases.
        changed.append(with_answer(scene, [*scene.answer.phrases, *junk]))
    return tuple(changed)


def words_swapped(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Two exact phrases of an answer with different words exchange their words."""
    del inputs

    def change(scene: Scene) -> Scene:
        exact = [match.answer for match in exact_matches(scene)]
        phrases = list(scene.answer.phrases)
        for second in exact[1:]:
            a, b = phrases[exact[0]], phrases[second]
            if normalise(a.text or "") != normalise(b.text or ""):
                phrases[exact[0]] = replace(a, text=b.text)
                phrases[second] = replace(b, text=a.text)
                break
        return with_answer(scene, phrases)

    return map_scenes(change, scenes)


def exact_phrase_misnamed(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """The first exact phrase of each answer gets junk words, if there are any."""

    def change(scene: Scene) -> Scene:
        exact = exact_matches(scene)
        if inputs.junk is None or not exact:
            return scene
        phrases = list(scene.answer.phrases)
        phrases[exact[0].answer] = replace(phrases[exact[0].answer], text=inputs.junk)
        return with_answer(scene, phrases)

    return map_scenes(change, scenes)


def colours_changed(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """Every colour in the words of exact phrases becomes another colour."""
    del inputs
    return map_scenes(lambda scene: _renamed(scene, other_colours), scenes)


def nouns_changed(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """The noun of every exact phrase becomes the junk words, if there are any."""
    junk = inputs.junk
    if junk is None:
        return scenes
    return map_scenes(lambda scene: _renamed(scene, lambda text: other_noun(text, junk)), scenes)


def _renamed(scene: Scene, change: Callable[[str], str]) -> Scene:
    """The scene with the words of exact phrases changed."""
    phrases = list(scene.answer.phrases)
    for match in exact_matches(scene):
        phrase = phrases[match.answer]
        phrases[match.answer] = replace(phrase, text=change(phrase.text or ""))
    return with_answer(scene, phrases)


def caption_word_removed(scenes: Scenes, inputs: ChangeInputs) -> Scenes:
    """One word is removed from every caption that equals the only reference caption."""

    def change(scene: Scene) -> Scene:
        words = scene.answer.caption.split()
        alphabetic = [k for k, word in enumerate(words) if word.isalpha()]
        if not has_only_reference_caption(scene) or not alphabetic:
            return scene
        del words[alphabetic[inputs.seed % len(alphabetic)]]
        return with_answer(scene, scene.answer.phrases, " ".join(words))

    return map_scenes(change, scenes)


def _without(scene: Scene, position: int) -> Scene:
    phrases = scene.answer.phrases
    return with_answer(scene, phrases[:position] + phrases[position + 1 :])
