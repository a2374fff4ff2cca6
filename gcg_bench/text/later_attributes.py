"""Attributes after the noun: `in a red shirt`, `with stripes`, `on the left`, `made of wood`."""

from collections.abc import Callable, Iterator, Sequence

from gcg_bench.text.attribute_words import ATTRIBUTE_WORDS, PATTERN_NOUNS
from gcg_bench.text.lists import words as listed
from gcg_bench.text.word_kinds import basic, is_clothing, modifies, pattern_of

Attribute = tuple[str, str]
"""(Owner, word): the noun that the word describes, empty for the thing itself.

A question mark after the owner means: the word describes this detail or the thing. Without a
hyphen, the red of `a red striped shirt` is the colour of the stripes or of the shirt.
"""

PERHAPS = "?"
"""The question mark after an owner, see `Attribute`."""

Split = Callable[[Sequence[str]], tuple[list[str], list[str]]]
"""Splits words into the words up to the next noun, and the words after it."""

_CLAUSES, _FEATURES, _STATES = listed("clauses"), listed("features"), listed("covered")
_DETAILS, _PREPOSITIONS, _VAGUE = listed("details"), listed("prepositions"), listed("vague numbers")
_NEUTRAL = listed("neutral details")
_PLACES = {"side", "level", "face", "distance", "order"}


def later(rest: Sequence[str], split: Split) -> Iterator[Attribute]:
    """The attributes in the words after the noun.

    Args:
        rest: the words after the noun.
        split: splits off the next noun with its modifiers.
    """
    opened = ""  # the kind of the words after a preposition or participle
    words = list(rest)
    while words:
        word = words.pop(0)
        if word in _FEATURES or word in _STATES:
            opened = "in" if word == "in" and opened != "with" else "with"
        elif word in _PREPOSITIONS:
            opened = opened if opened == "with" and word in ("of", "by") else word
        elif word in ("and", "or") and opened not in ("with", "in", ""):
            opened = "other"
        elif word in _CLAUSES:
            opened = "" if word not in ("and", "or") else opened
        else:
            core, words = split([word, *words])
            yield from _said(opened, core, words)
            if opened not in ("with", "in"):
                opened = "other" if opened else ""


def _said(opened: str, core: Sequence[str], words: Sequence[str]) -> Iterator[Attribute]:
    """The attributes of one noun with its modifiers, after a preposition."""
    if not core:
        return
    values = [ATTRIBUTE_WORDS.get(basic(word), {}) for word in core]
    places = [w for w, v in zip(core, values, strict=True) if v.keys() & _PLACES]
    if opened in ("on", "at", "to", "in", "near") and places:
        yield from (("", word) for word in places)
    elif opened in ("with", "in", "of") and basic(core[-1]) in _NEUTRAL:
        yield from details(core[:-1], core[-1])
    elif opened in ("with", "in") and list(words[:2]) != ["on", "it"]:
        if opened == "in" and not (modifies(core[-1]) or is_clothing(core[-1])):
            return
        yield from said_with(core)
    elif opened in ("of", "from"):
        yield from (("", basic(w)) for w, v in zip(core, values, strict=True) if "material" in v)
    elif not opened:
        yield from (("", word) for word, v in zip(core, values, strict=True) if v)


def said_with(core: Sequence[str]) -> Iterator[Attribute]:
    """The attributes in `with blond hair`, `in a red shirt`, `in red`."""
    last = basic(core[-1])
    if not modifies(last) or last in PATTERN_NOUNS or last in _DETAILS or last in _NEUTRAL:
        yield from details(core[:-1], core[-1])
    else:
        worn = {"colour", "pattern", "shade"} & ATTRIBUTE_WORDS.get(last, {}).keys()
        yield from (("clothing" if worn else "", basic(word)) for word in core)


def details(words: Sequence[str], owner: str, perhaps: Sequence[str] = ()) -> list[Attribute]:
    """The attributes of a thing with a detail: the detail, and the attributes of the detail.

    Args:
        words: words about the detail.
        owner: the noun of the detail. Stripes become the word `striped`. A colour, a size or a
            pattern is not a detail: a thing of small size is small.
        perhaps: words about the detail or the thing.
    """
    form = basic(owner)
    if form in _NEUTRAL:
        return [_said_of_thing(word) for word in (*words, *perhaps) if word not in _VAGUE]
    name = PATTERN_NOUNS.get(form, form)
    said = [(name, word) for word in words if word not in _VAGUE]
    said += [(name + PERHAPS, word) for word in perhaps if word not in _VAGUE]
    # the polka of polka dots adds no meaning to the dots
    return [("", name), *((of, word) for of, word in said if pattern_of(word) != name)]


def _said_of_thing(word: str) -> Attribute:
    return "", pattern_of(word) or word
