"""A scene after the decisions of people: phrases dropped, phrases with other words."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gcg_bench.annotate.review.decisions import REJECT, RENAME, WRONG_MASK, Decision
from gcg_bench.annotate.scenes import Evidence, Scene, TiedPhrase

Span = tuple[int, int]


@dataclass(slots=True)
class _Draft:
    """A phrase while the caption changes; a phrase that is dropped has no span."""

    position: int
    phrase: TiedPhrase
    span: Span | None


def reviewed(scene: Scene, decisions: Mapping[int, Decision]) -> Scene:
    """The scene after decisions about its phrases; the scene itself without any.

    A rejected phrase is dropped: its words stay in the caption. A phrase with a wrong mask has no
    mask left, and is dropped too. New words replace the old ones in the caption, and every later
    span moves; a phrase around them has the new words in its own, and a phrase that shares only
    some of the replaced words is dropped. Evidence goes with its phrase.

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
    """Where a span is after another one has a new length; None where it was cut."""
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
    """The phrase at its new place; its text changes where its characters of the caption did."""
    assert draft.span is not None
    (start, end), (first, last) = draft.span, draft.phrase.span
    words = caption[start:end]
    text = draft.phrase.text if words == before[first:last] else words
    return replace(draft.phrase, text=text, span=draft.span)


def _moved_evidence(one: Evidence, places: Mapping[int, int]) -> Evidence | None:
    if one.phrase is None:
        return one
    return replace(one, phrase=places[one.phrase]) if one.phrase in places else None
