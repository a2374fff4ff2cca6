"""Names of things: compounds of WordNet and of the word lists, and their synonyms."""

from collections.abc import Mapping
from functools import cache

from gcg_bench.text import lists
from gcg_bench.text.wordnet import wordnet
from gcg_bench.text.words import noun_forms

_JOINTS = ("_", "-", "")


def _synonyms() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in lists.lines("synonyms"):
        names = [name.strip().replace(" ", "_") for name in line.split(",")]
        for name in names:
            found[name] = (*found.get(name, ()), names[0])
    return found


def _broader() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in lists.lines("kinds"):
        narrower, _, broader = line.partition(": ")
        for name in narrower.replace(" ", "_").split(",_"):
            found[name] = (*found.get(name, ()), broader.replace(" ", "_"))
    return found


SYNONYMS: Mapping[str, tuple[str, ...]] = _synonyms()
"""Name -> the first names of its lines in `synonyms.txt`."""

BROADER: Mapping[str, tuple[str, ...]] = _broader()
"""Name -> broader names in `kinds.txt`."""


def known(name: str) -> bool:
    """Whether WordNet has a noun with this name, or a list has it."""
    return name in SYNONYMS or name in BROADER or bool(wordnet().senses(name))


@cache
def known_names(words: tuple[str, ...]) -> tuple[str, ...]:
    """The known names for consecutive words, joined by an underscore, a hyphen or nothing.

    The last word can be a plural. When no name is known, the words joined by an underscore.
    """
    forms = noun_forms(words[-1]) if words else ()
    names = dict.fromkeys(j.join((*words[:-1], f)) for f in forms for j in _JOINTS)
    return tuple(n for n in names if known(n)) or tuple(names)[:1]


@cache
def is_name(text: str, *, curated: bool = False) -> bool:
    """Whether words, separated by spaces, are the name of one thing.

    Args:
        text: the words.
        curated: whether only the word lists count: WordNet's *old man* is a father or a boss, and
            its *yellow jacket* is a wasp.
    """
    words = tuple(text.split(" "))
    if "" in words:
        return False
    if curated:
        names = ("_".join((*words[:-1], form)) for form in noun_forms(words[-1]))
        return any(name in SYNONYMS or name in BROADER for name in names)
    return any(known(name) for name in known_names(words))
