"""Markup that a model's raw output holds and a caption must not: finds it, and removes it.

Tags (`<p>`, `</s>`, `<|im_end|>`), tokens in brackets (`[SEG]`), roles of a conversation
(`ASSISTANT:`), coordinates (`<box>(1,2),(3,4)</box>`), and marks of tokenisers. `<3`, `a < b` and
other brackets are text.
"""

import re
from dataclasses import replace

from gcg_bench.types import Grounding, Phrase, Prediction

_NUMBER = r"\s{0,3}-?\d{1,5}(?:\.\d{1,8})?\s{0,3}"
_POINT = rf"[(\[]{_NUMBER},{_NUMBER}[)\]]"

_MARKUP = re.compile(
    "|".join(
        (
            r"<(?:box|bbox|quad|point|points|loc|coord|coords|poly|polygon|rle)>[^<>]{0,400}"
            r"</(?:box|bbox|quad|point|points|loc|coord|coords|poly|polygon|rle)>",
            r"<[|｜][^<>|｜]{1,60}[|｜]>",
            r"</?[a-z][a-z0-9_:.-]{0,40}\s?/?>",
            r"</?(?i:p|s|seg|ref|box|img|image|think|answer|im_start|im_end|br|b|i)\d{0,4}\s?/?>",
            r"<(?:p|div|span|img|a|br|font)\s[^<>]{0,200}>",
            r"</?\d{1,4}>",
            r"<</?SYS>>",
            r"\[/?(?:SEG|seg|INST|CLS|SEP|PAD|MASK|UNK|BOS|EOS|DET|BOX|REF|REJ|IMG|IMAGE|OBJ|PHRASE)"
            r"\d{0,4}\]",
            r"&lt;/?[A-Za-z][\w|]{0,40}&gt;",
            r"\b(?:ASSISTANT|USER|HUMAN|SYSTEM)\s?:",
            r"\A\s{0,9}(?:Assistant|User|Human)\s?:",
            r"#{2,4}\s?(?:Assistant|Human|Response|Instruction|User)\s?:?",
            rf"\[{{1,2}}{_NUMBER}(?:,{_NUMBER}){{3}}\]{{1,2}}",
            rf"{_POINT}\s?,\s?{_POINT}",
            r"```(?:json)?",
            r"\*\*",
            "[▁ĠĊ]",
        )
    )
)

_ANSWER = re.compile(
    r"\bASSISTANT\s?:|\A\s{0,9}Assistant\s?:|</think>|\[/INST\]|<\|im_start\|>\s?assistant"
    r"|<\|start_header_id\|>\s?assistant\s?<\|end_header_id\|>|<start_of_turn>\s?model"
    r"|#{2,4}\s?(?:Assistant|Response)\s?:"
)
"""What stands before an answer, behind a prompt or a chain of thought."""

_CLOSING = frozenset(".,;:!?)")


def markup(text: str) -> list[str]:
    """The markup in a text, in its order."""
    return [match.group().strip() for match in _MARKUP.finditer(text)]


def without_markup(text: str) -> str:
    """The text of an answer without markup; a text without any as it is.

    What stands before the answer (a prompt, a chain of thought) is left out. White space around
    markup becomes one space, or none before a full stop, a comma and the like.
    """
    if _MARKUP.search(text) is None:
        return text
    start = max((match.end() for match in _ANSWER.finditer(text)), default=0)
    answer = text[start:] if re.search(r"\w", _MARKUP.sub("", text[start:])) else text
    parts: list[str] = []
    for piece in map(str.strip, _MARKUP.split(answer)):
        if parts and piece and piece[0] not in _CLOSING:
            parts.append(" ")
        if piece:
            parts.append(piece)
    return "".join(parts)


def clean(prediction: Prediction) -> Prediction:
    """The prediction with caption and phrases without markup; `raw` stays.

    A span follows its phrase into the new caption, and is None where the phrase is not in it.
    """
    grounding = prediction.grounding
    caption = without_markup(grounding.caption)
    phrases = []
    end = 0
    for phrase in grounding.phrases:
        text = None if phrase.text is None else without_markup(phrase.text)
        span = phrase.span
        if span is not None and caption != grounding.caption:
            span = _span(text, caption, end)
            end = end if span is None else span[1]
        phrases.append(Phrase(text, phrase.masks, phrase.score, span, phrase.crowd))
    return replace(prediction, grounding=Grounding(caption, tuple(phrases)))


def _span(text: str | None, caption: str, start: int) -> tuple[int, int] | None:
    """Where a text stands in a caption, from `start` on, else anywhere; None for nowhere."""
    if not text:
        return None
    position = caption.find(text, start)
    if position < 0:
        position = caption.find(text)
    return None if position < 0 else (position, position + len(text))
