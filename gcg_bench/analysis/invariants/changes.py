"""Changes that must show in scores; each gives all scenes back, also those it cannot change."""

from dataclasses import replace

from gcg_bench.analysis.invariants.outlines import eroded, nowhere
from gcg_bench.analysis.invariants.scenes import (
    Kit,
    Scene,
    Scenes,
    answered,
    each,
    exact,
    matches,
    unanswered,
    whole_caption,
)
from gcg_bench.masks import area
from gcg_bench.text.similarity import normalise
from gcg_bench.types import SILENCE, Phrase

_LOOSE = 0.5  # the IoU from which metrics call a phrase found


def truth_told(scenes: Scenes, kit: Kit) -> Scenes:
    """The reference as the answer; its caption only where it is the one reference caption."""
    del kit

    def told(scene: Scene) -> Scene:
        truth = scene.sample.truth
        alone = scene.sample.captions == (truth.caption,)
        phrases = [Phrase(phrase.text, phrase.masks, score=1.0) for phrase in truth.phrases]
        return answered(scene, phrases, truth.caption if alone else None)

    return each(told, scenes)


def silenced(scenes: Scenes, kit: Kit) -> Scenes:
    """No caption and no phrase anywhere."""
    del kit
    return each(lambda scene: replace(scene, answer=SILENCE), scenes)


def perfect_answers_lost(scenes: Scenes, kit: Kit) -> Scenes:
    """A failure in the place of every answer that is the reference itself."""
    del kit
    return each(
        lambda scene: replace(scene, answer=SILENCE, error="lost") if scene.untouched else scene,
        scenes,
    )


def masks_eroded(scenes: Scenes, kit: Kit) -> Scenes:
    """A pixel taken off the outline of every exact mask, unless nothing were left."""
    del kit

    def change(scene: Scene) -> Scene:
        phrases = list(scene.answer.phrases)
        for match in exact(scene):
            phrase = phrases[match.answer]
            less = tuple(eroded(mask) for mask in phrase.masks)
            if area(less).any():
                phrases[match.answer] = replace(phrase, masks=less)
        return answered(scene, phrases)

    return each(change, scenes)


def phrase_dropped(scenes: Scenes, kit: Kit) -> Scenes:
    """One exact phrase of each answer left out."""
    del kit

    def change(scene: Scene) -> Scene:
        found = exact(scene)
        return _without(scene, found[0].answer) if found else scene

    return each(change, scenes)


def loosest_dropped(scenes: Scenes, kit: Kit) -> Scenes:
    """The found phrase that fits worst left out, where another is exact and none is too many."""
    del kit

    def change(scene: Scene) -> Scene:
        loose = [match for match in matches(scene) if _LOOSE <= match.iou < 1]
        crowded = len(scene.answer.phrases) > len(scene.sample.truth.phrases)
        if crowded or not loose or not exact(scene):
            return scene
        return _without(scene, min(loose, key=lambda match: match.iou).answer)

    return each(change, scenes)


def phrases_doubled(scenes: Scenes, kit: Kit) -> Scenes:
    """Every exact phrase given a second time."""
    del kit

    def change(scene: Scene) -> Scene:
        twice = {match.answer for match in exact(scene)}
        return answered(
            scene,
            [
                phrase
                for k, phrase in enumerate(scene.answer.phrases)
                for _ in range(2 if k in twice else 1)
            ],
        )

    return each(change, scenes)


def phrase_added(scenes: Scenes, kit: Kit) -> Scenes:
    """One reference phrase that no answer touches, given first."""
    del kit

    def change(scene: Scene) -> Scene:
        missed = unanswered(scene)
        if not missed:
            return scene
        truth = scene.sample.truth.phrases[missed[0]]
        added = Phrase(truth.text, truth.masks, score=0.5)
        return answered(scene, [added, *scene.answer.phrases])

    return each(change, scenes)


def junk_added(scenes: Scenes, kit: Kit) -> Scenes:
    """One phrase more than the reference has, of nothing: masks where nothing is, junk words."""
    changed = []
    for place, scene in enumerate(scenes):
        truth, rng = scene.sample.truth.phrases, kit.rng(place)
        taken = [mask for phrase in truth for mask in phrase.masks]
        junk = [
            Phrase(kit.junk, (nowhere(taken, rng),), score=round(float(rng.random()), 3))
            for _ in range(len(truth) + 1)
        ]
        # at the end: where junk has no words, the published lists must stay in step before it
        changed.append(answered(scene, [*scene.answer.phrases, *junk]))
    return tuple(changed)


def words_swapped(scenes: Scenes, kit: Kit) -> Scenes:
    """Two exact phrases of an answer, of different words, with each other's words."""
    del kit

    def change(scene: Scene) -> Scene:
        found = [match.answer for match in exact(scene)]
        phrases = list(scene.answer.phrases)
        for second in found[1:]:
            a, b = phrases[found[0]], phrases[second]
            if normalise(a.text or "") != normalise(b.text or ""):
                phrases[found[0]] = replace(a, text=b.text)
                phrases[second] = replace(b, text=a.text)
                break
        return answered(scene, phrases)

    return each(change, scenes)


def best_misnamed(scenes: Scenes, kit: Kit) -> Scenes:
    """Junk words on the first exact phrase of each answer, if there are words of that kind."""

    def change(scene: Scene) -> Scene:
        found = exact(scene)
        if kit.junk is None or not found:
            return scene
        phrases = list(scene.answer.phrases)
        phrases[found[0].answer] = replace(phrases[found[0].answer], text=kit.junk)
        return answered(scene, phrases)

    return each(change, scenes)


def word_left_out(scenes: Scenes, kit: Kit) -> Scenes:
    """One word left out of every caption that is the only reference caption."""

    def change(scene: Scene) -> Scene:
        words = scene.answer.caption.split()
        plain = [k for k, word in enumerate(words) if word.isalpha()]
        if not whole_caption(scene) or not plain:
            return scene
        del words[plain[kit.seed % len(plain)]]
        return answered(scene, scene.answer.phrases, " ".join(words))

    return each(change, scenes)


def _without(scene: Scene, position: int) -> Scene:
    phrases = scene.answer.phrases
    return answered(scene, phrases[:position] + phrases[position + 1 :])
