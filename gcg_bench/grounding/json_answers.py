"""JSON in a model's answer; complete parts are read even from damaged JSON or inside other text.

Strict JSON is read first. Text that is nearly JSON is read by the package json-repair where it is
installed, and else object by object: each object that is complete counts. An answer that reached
its limit of tokens is always read object by object: a repaired box could end in half a number.
"""

import json
import re
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import Any, Literal

Form = Literal["json", "repaired", "partial"]

MOST = 200_000
"""Characters of an answer that are read; the rest counts as cut off."""

_FENCE = re.compile(r"```[a-zA-Z]{0,10}[ \t]{0,9}\n?|```")
_START = re.compile(r"\{|\[\s{0,9}[\[{\]]")
_CAPTION = re.compile(r'"caption"\s{0,9}:\s{0,9}"')
_DEEPEST = 4  # levels of objects that are tried when the objects around them are damaged
_OBJECTS = 10_000  # of one answer


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """The values of JSON in an answer.

    Attributes:
        values: the values, in order.
        form: `json` for strict JSON, else how it was read.
        outside: the text before and after it, without marks of code blocks.
        caption: the text of the key `caption`, when the object that has it is damaged.
    """

    values: tuple[Any, ...]
    form: Form
    outside: str = ""
    caption: str | None = None


def repairer() -> str | None:
    """The installed version of json-repair, which decides how damaged answers are read."""
    try:
        return metadata.version("json-repair")
    except metadata.PackageNotFoundError:
        return None


def json_in(text: str, *, truncated: bool = False) -> JsonAnswer | None:
    """The JSON in an answer; None when the answer has none. Raises no error.

    Args:
        text: the answer.
        truncated: the answer reached its limit of tokens.
    """
    truncated = truncated or len(text) > MOST
    fenced = _FENCE.search(text[:MOST]) is not None
    text = _FENCE.sub("", text[:MOST])
    start = _START.search(text)
    if start is None:
        return None
    part = text[start.start() :]
    end = max(part.rfind("}"), part.rfind("]")) + 1
    whole = part[:end]
    outside = f"{text[: start.start()].strip()} {part[end:].strip()}".strip()
    value = _strict(whole)
    if value is not None:
        return JsonAnswer((value,), "json", outside)
    # a bracket in a sentence could be repaired into an object
    is_meant = fenced or not text[: start.start()].strip()
    value = _repaired(whole) if is_meant and not truncated else None
    if value is not None:
        return JsonAnswer((value,), "repaired", outside)
    objects = _complete_objects(part)
    caption = None if any("caption" in found for found in objects) else _caption(part)
    if not objects and caption is None and not is_meant:
        return None  # a bracket in a sentence
    return JsonAnswer(tuple(objects), "partial", text[: start.start()].strip(), caption)


def _strict(text: str) -> Any:
    """The object or list; None when the text is not JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _repaired(text: str) -> Any:
    """The value that json-repair reads in a text; None without the package or without a value."""
    if repairer() is None:
        return None
    try:
        value = import_module("json_repair").loads(text)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    return value if isinstance(value, dict | list) and value else None


def _complete_objects(text: str) -> list[dict[str, Any]]:
    """The objects that are complete and valid; only the outermost valid one of nested objects."""
    objects: list[dict[str, Any]] = []
    waiting = [(span, 0) for span in reversed(_spans(text))]
    while waiting and len(objects) < _OBJECTS:
        (start, end, inner), depth = waiting.pop()
        value = _strict(text[start:end])
        if isinstance(value, dict):
            objects.append(value)
        elif depth < _DEEPEST:
            waiting.extend((span, depth + 1) for span in reversed(inner))
    return objects


_Span = tuple[int, int, list[Any]]


def _spans(text: str) -> list[_Span]:
    """The outermost complete objects: start, end, and the complete objects inside each."""
    levels: list[tuple[int, list[_Span]]] = [(-1, [])]
    inside_text = escaped = False
    for position, character in enumerate(text):
        if inside_text:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                inside_text = False
        elif character == '"':
            inside_text = True
        elif character == "{":
            levels.append((position, []))
        elif character == "}" and len(levels) > 1:
            start, inner = levels.pop()
            levels[-1][1].append((start, position + 1, inner))
    return [span for _, spans in levels for span in spans]


def _caption(text: str) -> str | None:
    """The text of the key `caption`, complete or cut off; None when there is no such key."""
    match = _CAPTION.search(text)
    if match is None:
        return None
    end = match.end()
    while end < len(text) and text[end] != '"':
        end += 2 if text[end] == "\\" else 1
    written = text[match.end() : end]
    for cut in range(7):  # an escape at the end may be incomplete
        value = _text(written[: len(written) - cut])
        if value is not None:
            return value
    return None


def _text(written: str) -> str | None:
    try:
        value = json.loads(f'"{written}"', strict=False)
    except ValueError:
        return None
    return value if isinstance(value, str) else None
