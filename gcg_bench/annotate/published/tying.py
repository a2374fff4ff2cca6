"""Tie `substring`: phrases of written captions are tied to objects by comparing strings.

Faults of the published rule are kept: a substring may be a part of a word, so that `car` is
grounded in `carpet`; the id and the box of a phrase in a short caption may be those of different
objects; spans in a dense caption count the characters before punctuation is deleted; text that is
not ASCII is decoded with a wrong encoding. `numbered` has none of these faults.
"""

import string
import unicodedata
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from gcg_bench.annotate.boxes import Box, is_inside
from gcg_bench.annotate.published.graph import without_speaker
from gcg_bench.data.grand.values import (
    Detail,
    GrandAnnotation,
    GrandObject,
    GroundedCaption,
    Relationships,
)

ALIKE = 0.75
_DELETED = str.maketrans("", "", string.punctuation.replace(",", "").replace(".", ""))


class Parser(Protocol):
    """The answers of a dependency parser; the published one is spaCy's en_core_web_sm."""

    def caption_phrases(self, caption: str) -> tuple[Sequence[str], Sequence[str]]:
        """Nouns of a dense caption, and the phrase around each noun."""

    def noun_phrases(self, phrase: str) -> tuple[Sequence[str], Sequence[str]]:
        """Nouns of a phrase, and the lower-case phrase around each noun."""

    def content_words(self, phrase: str) -> Sequence[str]:
        """The lemmas of a phrase without stop words and punctuation."""


def tie_short(
    captions: Iterable[str], relationships: Relationships, boxes: Mapping[int, Box]
) -> tuple[GroundedCaption, ...]:
    """Short captions with each phrase of `relationships` at its first occurrence, case-sensitive.

    Args:
        captions: the short captions.
        relationships: phrases with the ids of their objects, at least one each.
        boxes: id -> box of the object or floating object.

    Returns: A phrase has the least id of its objects, and the box of its first object.
    """
    tied = []
    for caption in map(_normalized, captions):
        text = caption.strip()
        details = []
        for grounded in relationships.grounding:
            phrase = _normalized(grounded.phrase)
            start = text.find(phrase)
            if start >= 0:
                ids = grounded.object_ids
                span = (start, start + len(phrase))
                details.append(Detail(phrase, span, (min(ids),), (boxes.get(ids[0]),)))
        tied.append(GroundedCaption(text, tuple(details)))
    return tuple(tied)


def tie_dense(
    caption: str, annotation: GrandAnnotation, parser: Parser | None = None
) -> GroundedCaption:
    """The dense caption with its phrases, by three passes and a clean-up.

    Args:
        caption: the written caption.
        annotation: objects, floating objects and `relationships`.
        parser: None stops after the first pass, which needs no parser.
    """
    details = list(exact_phrases(caption, annotation))
    if parser is not None:
        done = [detail.phrase for detail in details]
        _, phrases = parser.caption_phrases(caption)
        details += _alike(caption, annotation, phrases, done, parser)
        left = [phrase for phrase in phrases if phrase not in done]
        details += _by_noun(caption, annotation.objects, left, parser)
    return cleaned(caption, details)


def exact_phrases(caption: str, annotation: GrandAnnotation) -> tuple[Detail, ...]:
    """The first pass: attributes, then phrases of short captions, that are substrings of a caption.

    For each object the first attribute that is a substring is taken. A phrase of a short caption
    has all its objects; it is left out when it equals an attribute.
    """
    text = caption.strip().lower()
    details = []
    for made in annotation.all_objects:
        attributes = (_attribute(one).strip().lower() for one in made.attributes or ())
        attribute = next((one for one in attributes if one in text), None)
        if attribute is not None:
            details.append(_detail(attribute, caption, [made]))
    by_id = {made.id: made for made in annotation.all_objects}
    phrases = {detail.phrase for detail in details}
    for grounded in annotation.relationships.grounding if annotation.relationships else ():
        phrase = grounded.phrase.strip().lower()
        if phrase in text and phrase not in phrases:
            phrases.add(phrase)
            details.append(_detail(phrase, caption, [by_id[id_] for id_ in grounded.object_ids]))
    return tuple(details)


def _alike(
    caption: str,
    annotation: GrandAnnotation,
    phrases: Sequence[str],
    done: list[str],
    parser: Parser,
) -> list[Detail]:
    """The second pass: compares parsed phrases with a phrase of each object; adds to `done`.

    The object's phrase is its first attribute. A phrase of a short caption that is not among the
    parsed phrases replaces the attribute of the phrase's first object.
    """
    known = {
        made.id: _attribute(made.attributes[0])
        for made in annotation.all_objects
        if made.attributes
    }
    for grounded in annotation.relationships.grounding if annotation.relationships else ():
        if grounded.phrase not in phrases:
            known[grounded.object_ids[0]] = grounded.phrase.strip().lower()
    by_id = {made.id: made for made in annotation.all_objects}
    details = []
    for parsed in phrases:
        phrase = parsed.strip().lower()
        if phrase in done:
            continue
        scores = {id_: similarity(phrase, other, parser) for id_, other in known.items()}
        best = max(scores, key=scores.__getitem__, default=None)
        if scores and scores[best] >= ALIKE:
            done.append(phrase)
            details.append(_detail(phrase, caption, [by_id[best]]))
    return details


def similarity(first: str, second: str, parser: Parser) -> float:
    """The similarity of two phrases: 1 when one contains the other, else a share of words.

    It is the share of the shorter phrase's content words that are substrings of the longer; the
    second counts as the shorter when both are equally long.
    """
    if first in second or second in first:
        return 1.0
    shorter, longer = (first, second) if len(first) < len(second) else (second, first)
    words = parser.content_words(shorter)
    return sum(word in longer for word in words) / len(words) if words else 0.0


def _by_noun(
    caption: str, objects: Sequence[GrandObject], phrases: Iterable[str], parser: Parser
) -> list[Detail]:
    """The third pass: compares the noun of a phrase with the labels of objects.

    A single hit is taken; from two hits, when one is inside the other, the larger. An object with
    two labels that fit counts as two hits.
    """
    details = []
    for parsed in phrases:
        for noun, phrase in zip(*parser.noun_phrases(parsed), strict=False):
            hits = [made for made in objects for _ in range(_fits(noun, made.labels))]
            if len(hits) == 1:
                details.append(_detail(phrase, caption, hits))
            elif len(hits) == 2 and is_inside(hits[0].bbox, hits[1].bbox):
                details.append(_detail(phrase, caption, hits[1:]))
            elif len(hits) == 2 and is_inside(hits[1].bbox, hits[0].bbox):
                details.append(_detail(phrase, caption, hits[:1]))
    return details


def _fits(noun: str, labels: Sequence[str]) -> int:
    """1 when the noun is a label, else the number of labels that differ from it by a final s."""
    if noun in labels:
        return 1
    return sum(noun == f"{label}s" or label == f"{noun}s" for label in labels)


def cleaned(caption: str, details: Iterable[Detail]) -> GroundedCaption:
    """The caption and its phrases, without punctuation except commas and full stops.

    A repeated phrase is kept only at its first occurrence. From the longest phrase on, a phrase
    that is a part of a kept phrase with equal objects is dropped. Spans are not corrected.
    """
    first: dict[str, Detail] = {}
    for detail in details:
        phrase = _normalized(detail.phrase)
        first.setdefault(phrase, Detail(phrase, detail.span, detail.ids, detail.boxes))
    kept: list[Detail] = []
    for detail in sorted(first.values(), key=lambda detail: -len(detail.phrase)):
        objects = (detail.ids, detail.boxes)
        if not any(
            detail.phrase in longer.phrase and objects == (longer.ids, longer.boxes)
            for longer in kept
        ):
            kept.append(detail)
    return GroundedCaption(
        _plain(_normalized(caption)).strip(),
        tuple(Detail(_plain(one.phrase), one.span, one.ids, one.boxes) for one in kept),
    )


def _detail(phrase: str, caption: str, objects: Sequence[GrandObject]) -> Detail:
    text = phrase.strip().lower()
    start = caption.strip().lower().find(text)
    span = (start, start + len(text)) if start >= 0 else None
    ids = tuple(made.id for made in objects if made.id is not None)
    return Detail(phrase, span, ids, tuple(made.bbox for made in objects))


def _attribute(attribute: str) -> str:
    """An attribute; if it has a speaker, without the speaker and in lower case."""
    return without_speaker(attribute).lower() if ":" in attribute else attribute


def _normalized(text: str) -> str:
    return unicodedata.normalize("NFKC", text.replace("\\\\", "\\"))


def _plain(text: str) -> str:
    """A text without punctuation, after the published conversion that breaks text outside ASCII.

    Raises:
        UnicodeDecodeError: an escape sequence is cut off, as in the published program.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of unknown escape sequences
        decoded = text.encode().decode("unicode_escape")
    return decoded.translate(_DELETED)
