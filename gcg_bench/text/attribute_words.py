"""Words for colours, numbers, sizes, materials, sides, patterns and states; which exclude others.

A word stands for values of one kind or several. Two words of one kind agree when the values of one
contain those of the other (`maroon` is a red), and contradict each other otherwise. The words are
in `lists/attributes.txt`.
"""

from collections.abc import Mapping

from gcg_bench.text import lists

Values = Mapping[str, frozenset[str]]
"""Kind -> values of a word."""

_HAS = "has "


def _table() -> dict[str, dict[str, frozenset[str]]]:
    words: dict[str, dict[str, frozenset[str]]] = {}
    for line in lists.lines("attributes"):
        kind, _, groups = line.partition(": ")
        if kind.startswith(_HAS):
            continue
        for group in groups.split(";"):
            first, *others = group.split()
            name, *wider = first.split("<")
            values = frozenset((name, *wider))
            for word in (name, *others):
                words.setdefault(word, {})[kind] = values
    return words


ATTRIBUTE_WORDS: Mapping[str, Values] = _table()
"""Word -> its values by kind."""

PATTERN_NOUNS: Mapping[str, str] = {
    noun: pattern
    for line in lists.lines("attributes")
    if line.startswith(_HAS)
    for noun, _, pattern in [line.removeprefix(_HAS).partition(": ")]
}
"""Noun of a detail -> the word for a thing with this detail: a shirt with stripes is striped."""


def agree(one: Values, other: Values) -> bool:
    """Whether two words can describe one thing: they mean the same, or one is narrower."""
    return any(
        kind in other and (one[kind] <= other[kind] or other[kind] <= one[kind]) for kind in one
    )


def exclude(one: Values, other: Values) -> bool:
    """Whether two words of one kind have different values."""
    return not agree(one, other) and any(kind in other for kind in one)
