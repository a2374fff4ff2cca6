"""Word lists, as text files that people can read and check.

`phrases.txt` has words that structure a noun phrase. `attributes.txt` has the words for colours,
numbers, materials and so on. `synonyms.txt` and `kinds.txt` have names that WordNet lacks or has in
another place. `not_kinds.txt` has broader names that WordNet gives a noun, but people do not.
`senses.txt` has the usual meanings of nouns. Lines that start with `#` are comments.
"""

from functools import cache
from pathlib import Path


@cache
def lines(name: str) -> tuple[str, ...]:
    """The lines of a list, without comments and empty lines.

    Args:
        name: the name of its file without `.txt`.
    """
    text = Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and line[0] != "#")


@cache
def words(kind: str) -> frozenset[str]:
    """The words of a kind in `phrases.txt`, e.g. `prepositions`."""
    parts = [line.partition(": ") for line in lines("phrases")]
    return frozenset(word for name, _, listed in parts if name == kind for word in listed.split())
