"""Applies the decisions of people to a scene: phrases are dropped or get other words."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gcg_bench.annotate.review.decisions import REJECT, RENAME, WRONG_MASK, Decision
from gcg_bench.annotate.scenes import Evidence, Scene, TiedPhrase

Span = tuple[int, int]


@dataclass(slots=True)
class _Draft:
    """A phrase while the caption changes; a dropped phrase has no span."""

    position: int
    phrase: TiedPhrase
    span: Span | None


def reviewed(scene: Scene, decisions: Mapping[int, Decision]) -> Scene:
    """The scene after decisions about its phrases; unchanged without decisions.

    A rejected phrase is dropped: its words stay in the caption. A phrase with a wrong mask would
    have no mask left, so it is dropped too. New words replace the old words in the caption, and
    every later span moves. A phrase that contains the replaced words gets the new words too; a
    phrase that contains only some of them is dropped. The evidence of a dropped phrase is dropped
    too.

    Args:
        scene: the scene, with a caption.
        decisions: position of a phrase -> the decision.
    """
    caption = scene.caption
    drafts = [_Draft(k, phrase, phrase.span) for k, phrase in enumerate(scene.phrases)]
    for draft in drafts:
        decision = decisions.get(draft.position)
        if decision is None or draft.span is None:
            continue
        if decision.verdict in (REJECT, WRONG_MASK):
            draft.span = None
        elif decision.verdict == RENAME and decision.new_words is not None:
            caption = _renamed(caption, drafts, draft.span, decision.new_words)
    if all(draft.span == draft.phrase.span for draft in drafts) and caption == scene.caption:
        return scene
    kept = [draft for draft in drafts if draft.span is not None]
    places = {draft.position: place for place, draft in enumerate(kept)}
    phrases = tuple(_phrase(draft, caption, scene.caption) for draft in kept)
    evidence = tuple(
        moved for one in scene.evidence if (moved := _moved_evidence(one, places)) is not None
    )
    return replace(scene, caption=caption, phrases=phrases, evidence=evidence)


def _renamed(caption: str, drafts: list[_Draft], span: Span, words: str) -> str:
    """The caption with other words at a span; moves the spans of all phrases."""
    start, end = span
    for draft in drafts:
        if draft.span is not None:
            draft.span = _moved(draft.span, span, len(words))
    return f"{caption[:start]}{words}{caption[end:]}"


def _moved(span: Span, replaced: Span, length: int) -> Span | None:
    """A span after another span has a new length; None when the other span cuts it."""
    (start, end), (first, last) = span, replaced
    change = length - (last - first)
    if end <= first:
        return span
    if start >= last:
        return start + change, end + change
    if start <= first and end >= last:
        return start, end + change
    return None


def _phrase(draft: _Draft, caption: str, before: str) -> TiedPhrase:
    """The phrase at its new place, with new text if its characters in the caption changed."""
    assert draft.span is not None
    (start, end), (first, last) = draft.span, draft.phrase.span
    words = caption[start:end]
    text = draft.phrase.text if words == before[first:last] else words
    return replace(draft.phrase, text=text, span=draft.span)


def _moved_evidence(one: Evidence, places: Mapping[int, int]) -> Evidence | None:
    if one.phrase is None:
        return one
    return replace(one, phrase=places[one.phrase]) if one.phrase in places else None
