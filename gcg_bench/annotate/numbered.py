"""Captions that name their objects by number: `<p>a red cup</p>[3,5] stands on a table`.

A model that gets numbered objects writes this form, so the spans and ids of phrases are read from
the text and not found by comparing strings. Wrong parts are repaired, and each repair is stated.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gcg_bench.annotate.scenes import TiedPhrase

_TAG = re.compile(r"<p>|</p>(?P<ids>\s*\[[^\[\]]*\])?")
_ID = re.compile(r"\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class NumberedCaption:
    """A caption without tags, its phrases, and the repairs.

    Attributes:
        caption: the text without tags and ids.
        phrases: in the order of their spans, which do not overlap.
        repairs: the faults of the text, in their order; empty for a text of the right form.
    """

    caption: str
    phrases: tuple[TiedPhrase, ...]
    repairs: tuple[str, ...]


def read_numbered(text: str, known: Collection[int]) -> NumberedCaption:
    """The caption and phrases of a text with tags and ids.

    Unpaired tags are removed and their words stay. An id that is unknown or no whole number is left
    out, and a repeated id counts once. Tags around no words, or without a known id, make no phrase.
    A phrase has no blanks at its ends; blanks between tag and ids are left out too.

    Args:
        text: the text with tags and ids.
        known: the ids that exist.
    """
    caption = ""
    phrases: list[TiedPhrase] = []
    repairs: list[str] = []
    end, start = 0, None
    for tag in _TAG.finditer(text):
        caption += text[end : tag.start()]
        end = tag.end()
        if tag[0] == "<p>":
            if start is not None:
                repairs.append(f"<p> without </p> before {caption[start:][:40]!r}")
            start = len(caption)
        elif start is None:
            repairs.append(f"</p> without <p> after {caption[-40:]!r}")
        else:
            phrase = _phrase(caption, start, _ids(tag["ids"], known, repairs))
            if phrase is None:
                repairs.append(f"no words or no known id: {caption[start:][:40]!r}")
            else:
                phrases.append(phrase)
            start = None
    caption += text[end:]
    if start is not None:
        repairs.append(f"<p> without </p> before {caption[start:][:40]!r}")
    return NumberedCaption(caption, tuple(phrases), tuple(repairs))


def write_numbered(caption: str, phrases: Iterable[TiedPhrase]) -> str:
    """The text with tags and ids, which `read_numbered` reads back.

    Args:
        caption: a text without tags.
        phrases: with spans that do not overlap, in any order.
    """
    text = ""
    end = 0
    for phrase in sorted(phrases, key=lambda phrase: phrase.span):
        start, stop = phrase.span
        ids = ",".join(map(str, phrase.ids))
        text += f"{caption[end:start]}<p>{caption[start:stop]}</p>[{ids}]"
        end = stop
    return text + caption[end:]


def _phrase(caption: str, start: int, ids: tuple[int, ...]) -> TiedPhrase | None:
    """The phrase from `start` to the end of the caption; None without words or ids."""
    words = caption[start:].strip()
    if not words or not ids:
        return None
    first = start + caption[start:].index(words)
    return TiedPhrase(words, (first, first + len(words)), ids)


def _ids(text: str | None, known: Collection[int], repairs: list[str]) -> tuple[int, ...]:
    """The known ids of `[3,5]`, each once, in their order; unknown ids are added to `repairs`."""
    ids: dict[int, None] = {}
    for part in (text or "").strip().strip("[]").split(","):
        number = part.strip()
        if _ID.fullmatch(number) and len(number) < 10 and int(number) in known:
            ids[int(number)] = None
        elif number:
            repairs.append(f"unknown id {number[:40]!r}")
    return tuple(ids)
