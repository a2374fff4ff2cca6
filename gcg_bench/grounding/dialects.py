"""A model's text -> its caption, and its phrases with boxes or points in the model's own unit.

These notations are read:

    {"caption": ..., "phrases": [{"text": ..., "boxes": [[...]]}]}   what models are asked for
    [{"bbox_2d": [...], "label": ...}]                              Qwen
    [{"box_2d": [...], "label": ...}]                               Gemini
    <ref>words</ref><box>[[...]]</box>                              InternVL
    <|ref|>words<|/ref|><|det|>[[...]]<|/det|>                      DeepSeek-VL2
    <points coords="1 1 500 600">words</points>                     Molmo2
    <p> words </p> [SEG]                                            GLaMM, without coordinates

The notation is recognised by its keys and tags, so the answer of a model that uses another notation
than requested is read too. The unit of the numbers is not recognised here, see `boxes`. No text
raises an error.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from gcg_bench.grounding.json_answers import JsonAnswer, json_in
from gcg_bench.grounding.tagged_answers import TaggedPhrase, has_tags, read_tags

Form = Literal["json", "repaired", "partial", "tags", "text"]
Numbers = tuple[float, ...]

_BOXES = ("boxes", "bbox_2d", "box_2d", "bboxes", "bbox", "box")
_POINTS = ("points", "point_2d", "point")
_WORDS = ("text", "label", "phrase", "name")
_LISTS = ("phrases", "objects", "detections")
_DEEPEST = 8
_THOUGHT = "</think>"


@dataclass(frozen=True, slots=True)
class BoxedPhrase:
    """A phrase of an answer, in the model's own unit.

    Attributes:
        text: its words; empty when the model gave only a box.
        boxes: four numbers each; other counts where the model wrote another list.
        points: two numbers each.
        span: character offsets [start, end) in the caption, where the model marked them there.
    """

    text: str
    boxes: tuple[Numbers, ...] = ()
    points: tuple[Numbers, ...] = ()
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """The content of a model's answer.

    Attributes:
        caption: the caption; empty when there is none.
        phrases: the phrases, in order.
        form: `json`, `tags` or `text` for an answer that is well formed; `repaired` or `partial`
            for damaged JSON, of which only a part may be here.
    """

    caption: str
    phrases: tuple[BoxedPhrase, ...]
    form: Form


def parse(text: str, *, truncated: bool = False) -> ParsedAnswer:
    """The caption and the phrases of an answer.

    Args:
        text: the answer, with thoughts or without.
        truncated: the answer reached its limit of tokens.
    """
    text = without_thoughts(text)
    answer = json_in(text, truncated=truncated)
    if answer is not None and answer.form == "json" and not has_tags(answer.outside):
        return _of_json(answer)
    tagged = read_tags(text)
    if tagged is not None:
        caption, phrases = tagged
        return ParsedAnswer(caption, tuple(map(_boxed, phrases)), "tags")
    if answer is None:
        return ParsedAnswer(_one_line(text), (), "text")
    return _of_json(answer)


def without_thoughts(text: str) -> str:
    """The answer after a chain of thought; empty when the chain of thought has no end."""
    if _THOUGHT in text:
        return text.rpartition(_THOUGHT)[2].strip()
    return "" if text.lstrip().startswith("<think>") else text


def _boxed(phrase: TaggedPhrase) -> BoxedPhrase:
    return BoxedPhrase(phrase.text, phrase.boxes, phrase.points, phrase.span)


def _of_json(answer: JsonAnswer) -> ParsedAnswer:
    """The content of JSON values; the text around them is the caption when they have no caption."""
    captions: list[str] = []
    entries: list[tuple[BoxedPhrase, bool]] = []
    for value in answer.values:
        if bare := tuple(filter(None, _number_lists(value))):
            entries.append((BoxedPhrase("", bare), False))
        for kind, item in _items(value):
            if kind == "caption":
                captions.append(item)
            else:
                entries.append((item, kind == "single"))
    if answer.caption is not None:
        captions.append(answer.caption)
    caption = next(filter(None, captions), answer.outside)
    return ParsedAnswer(_one_line(caption), tuple(_grouped(entries)), answer.form)


def _items(value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Captions and phrases of a value: `caption`, `phrase`, or `single` (an entry with one box)."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value:
            yield from _items(item, depth + 1)
    elif isinstance(value, Mapping):
        caption = value.get("caption")
        if isinstance(caption, str):
            yield "caption", caption
        phrase = _phrase(value)
        if phrase is not None:
            single = any(isinstance(value.get(key), list) for key in ("bbox_2d", "box_2d"))
            yield "single" if single else "phrase", phrase
        for key in _LISTS:
            yield from _items(value.get(key), depth + 1)


def _phrase(entry: Mapping[str, Any]) -> BoxedPhrase | None:
    """The phrase of an object that has words or coordinates; None for other objects."""
    words = next((entry[key] for key in _WORDS if isinstance(entry.get(key), str)), "")
    boxes = [numbers for key in _BOXES for numbers in _number_lists(entry.get(key))]
    points = [numbers for key in _POINTS for numbers in _number_lists(entry.get(key))]
    if not (words or boxes or points):
        return None
    return BoxedPhrase(_one_line(words), tuple(boxes), tuple(points))


def _number_lists(value: Any, depth: int = 0) -> Iterator[Numbers]:
    """The innermost lists of numbers of a value; an entry that is no number makes a list empty."""
    if not isinstance(value, list) or not value or depth > _DEEPEST:
        return
    if any(isinstance(item, list) for item in value):
        for item in value:
            yield from _number_lists(item, depth + 1)
        return
    numbers = tuple(item for item in value if type(item) in (int, float))
    yield numbers if len(numbers) == len(value) else ()


def _grouped(entries: list[tuple[BoxedPhrase, bool]]) -> Iterator[BoxedPhrase]:
    """Phrases; consecutive entries of one box each with equal words become one phrase.

    Qwen and Gemini write an entry for each object, so two dogs are two entries `dog`.
    """
    for (words, single), group in groupby(entries, lambda entry: (entry[0].text, entry[1])):
        phrases = [phrase for phrase, _ in group]
        if single and words:
            boxes = tuple(box for phrase in phrases for box in phrase.boxes)
            points = tuple(point for phrase in phrases for point in phrase.points)
            yield BoxedPhrase(words, boxes, points)
        else:
            yield from phrases


def _one_line(text: str) -> str:
    """The text with one space for each run of white space."""
    return re.sub(r"\s+", " ", text).strip()
