"""Finds and removes markup, which a model's raw output may contain and a caption must not.

Tags (`<p>`, `</s>`, `<|im_end|>`), tokens in brackets (`[SEG]`), roles of a conversation
(`ASSISTANT:`), labels before the caption (`Caption:`), coordinates (`<box>(1,2),(3,4)</box>`),
marks of tokenisers, of Markdown, of JSON and of HTML, and invisible characters. `<3`, `a < b` and
other brackets are text.
"""

import html
import re
from dataclasses import replace

from gcg_bench.grounding.placing import find
from gcg_bench.types import Grounding, Phrase, Prediction

_NUMBER = r"\s{0,3}-?\d{1,5}(?:\.\d{1,8})?\s{0,3}"
_POINT = rf"[(\[]{_NUMBER},{_NUMBER}[)\]]"

_SPEAKER = "assistant|gpt|ai|bot|chatbot|model"
_LABEL = "caption|(?:final )?answer|output|response|description"
_ENTITY = r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,6}|#[xX][0-9a-fA-F]{1,5});"
_ESCAPE = r"\\(?:[nrt](?![a-z])|u[0-9a-fA-F]{4})"
# control characters except tab and line ends, and characters without width; joiners are allowed
_INVISIBLE = "[\x00-\x08\x0e-\x1b\x7f\u00ad\u200b\u200e\u200f\u2060\ufeff]"

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
            r"\[\s?/?(?:SEG|seg|INST|CLS|SEP|PAD|MASK|UNK|BOS|EOS|DET|BOX|REF|REJ|IMG|IMAGE|OBJ|PHRASE)"
            r"\s?[:_-]?\s?\d{0,4}\s?\]",
            r"\bSEG\d{0,4}\b",
            _ENTITY,
            _ESCAPE,
            r"\b(?:ASSISTANT|USER|HUMAN|SYSTEM)\s?:",
            rf"\A\s{{0,9}}(?i:user|human|system|{_SPEAKER}|{_LABEL})\s?:",
            r"\A\s{0,9}(?:assistant|model|user)\s{0,3}\n",
            r"#{2,4}\s?(?:Assistant|Human|Response|Instruction|User)\s?:?",
            rf"\[{{1,2}}{_NUMBER}(?:,{_NUMBER}){{3}}\]{{1,2}}",
            rf"{_POINT}\s?,\s?{_POINT}",
            r"\A\s{0,9}(?:```(?:json)?\s{0,9})?[\[{]\s{0,9}(?:[\"']\w{1,40}[\"']\s?:\s?)?[\"']",
            r"[\"']\s{0,9}[\]}]\s{0,9}(?:```\s{0,9})?\Z",
            r"\Ab(?=[\"'])",
            r"`{1,3}(?:json\b)?",
            r"\A\s{0,9}(?:#{1,6}|[-*>\u2022])\s",
            r"\*\*|(?<!\w)\*(?=\w)|(?<=[\w.,!?])\*(?!\w)",
            r"\]\(https?://[^)\s]{0,300}\)",
            "[▁ĠĊ]",
            _INVISIBLE,
        )
    )
)

# each kind of markup has one of these characters, or starts with a text in `_may_hold`
_MARKS = re.compile(f"[<>{{}}&:#`*\\\\\\[\\]\n\u2022▁ĠĊ{_INVISIBLE[1:]}")

_ANSWER = re.compile(
    rf"\bASSISTANT\s?:|(?m:^)\s{{0,9}}(?i:{_SPEAKER}|{_LABEL})\s?:|</think>|\[/INST\]|<\|im_start\|>\s?assistant"
    r"|<\|start_header_id\|>\s?assistant\s?<\|end_header_id\|>|<start_of_turn>\s?model"
    r"|#{2,4}\s?(?:Assistant|Response)\s?:"
)
"""Text before an answer, after a prompt or a chain of thought."""

_CLOSING = frozenset(".,;:!?)")


def markup(text: str) -> list[str]:
    """The markup in a text, in its order."""
    if not _may_hold(text):
        return []
    return [match.group().strip() for match in _MARKUP.finditer(text)]


def _may_hold(text: str) -> bool:
    """Whether a text may hold markup; a quick test that excludes most captions."""
    return (
        _MARKS.search(text) is not None
        or "SEG" in text
        or "(" in text
        or text.startswith(("b'", 'b"'))
        or text.lstrip().startswith("-")
    )


def without_markup(text: str) -> str:
    """The text of an answer without markup; a text without markup does not change.

    Text before the answer (a prompt, a chain of thought) is removed. White space around markup
    becomes one space, or none before a full stop, a comma and similar signs.
    """
    if not _may_hold(text) or _MARKUP.search(text) is None:
        return text
    text = re.sub(_INVISIBLE, "", _unescaped(text))
    start = max((match.end() for match in _ANSWER.finditer(text)), default=0)
    answer = text[start:] if re.search(r"\w", _MARKUP.sub("", text[start:])) else text
    parts: list[str] = []
    for piece in map(str.strip, _MARKUP.split(answer)):
        if parts and piece and piece[0] not in _CLOSING:
            parts.append(" ")
        if piece:
            parts.append(piece)
    return "".join(parts)


def _unescaped(text: str) -> str:
    """Replaces entities of HTML and escapes of JSON by their characters."""
    characters = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    return re.sub(_ENTITY, lambda match: html.unescape(match[0]).replace("\xa0", " "), characters)


def clean(prediction: Prediction) -> Prediction:
    """The prediction with caption and phrases without markup; `raw` stays.

    A span is moved to its phrase in the new caption, and is None when the phrase is not in it.
    """
    grounding = prediction.grounding
    caption = without_markup(grounding.caption)
    phrases = []
    end = 0
    for phrase in grounding.phrases:
        text = None if phrase.text is None else without_markup(phrase.text)
        span = phrase.span
        if span is not None and caption != grounding.caption:
            span = find(text or "", caption, end)
            end = end if span is None else span[1]
        phrases.append(Phrase(text, phrase.masks, phrase.score, span, phrase.crowd))
    return replace(prediction, grounding=Grounding(caption, tuple(phrases)))
