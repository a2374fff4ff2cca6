r"""Text from files for display: invisible characters become escapes such as `\u202e`.

Captions, ids and names come from unknown people. A control character can move the cursor or rename
a terminal's window; a bidirectional override shows a name backwards; a character without width
makes two different names look equal. Every output (terminal, CSV, Markdown, HTML, TeX) uses these
functions.
"""

import re
from collections.abc import Mapping
from typing import Any

_UNSEEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, except tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # direction of writing
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # characters without width
    "\u200b-\u200d\u2060-\u2065\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u2028\u2029"  # line breaks that some programs follow
    "\ud800-\udfff"  # halves of a character
    "]"
)
_BREAKS = re.compile("[\t\n]")


def visible(text: str, *, breaks: bool = False) -> str:
    r"""The text with an escape such as `\u202e` for each invisible character.

    Args:
        text: any text.
        breaks: whether tabs and line feeds stay; otherwise they also become escapes.
    """
    shown = _UNSEEN.sub(_escape, text)
    return shown if breaks else _BREAKS.sub(_escape, shown)


def visible_value(value: Any) -> Any:
    """Applies `visible` to every text inside a JSON value; other values and markup do not change.

    Line breaks stay.
    """
    if type(value) is str:
        return visible(value, breaks=True)
    if isinstance(value, Mapping):
        return {visible_value(key): visible_value(inner) for key, inner in value.items()}
    if type(value) in (list, tuple):
        return [visible_value(inner) for inner in value]
    return value


def json_visible(document: str) -> str:
    """Escapes invisible characters in a JSON document; its value and line breaks do not change."""
    return _UNSEEN.sub(_json_escape, document)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    pairs = (units[k : k + 2].hex() for k in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs)
