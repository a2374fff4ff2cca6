"""Text whose characters know the token they came from, through the published clean-up too."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

NOWHERE = -1
"""The origin of a character that no token wrote, such as a joining space."""


@dataclass(frozen=True)
class Traced:
    """A string and, for every character, the index of the token that wrote it."""

    text: str
    origins: tuple[int, ...]

    @classmethod
    def of(cls, text: str, origin: int) -> "Traced":
        """A text written by one token."""
        return cls(text, (origin,) * len(text))

    @classmethod
    def joined(cls, parts: Iterable["Traced"], between: "Traced | None" = None) -> "Traced":
        """Parts in a row, with `between` between them."""
        text: list[str] = []
        origins: list[int] = []
        for index, part in enumerate(parts):
            if index and between is not None:
                text.append(between.text)
                origins.extend(between.origins)
            text.append(part.text)
            origins.extend(part.origins)
        return cls("".join(text), tuple(origins))

    def __getitem__(self, place: slice) -> "Traced":
        return Traced(self.text[place], self.origins[place])

    def without(self, pattern: str, keep: int = 0) -> "Traced":
        """Every match of a regular expression cut out, but for its first `keep` characters."""
        kept: list[Traced] = []
        start = 0
        for match in re.finditer(pattern, self.text):
            kept.append(self[start : match.start() + keep])
            start = match.end()
        return Traced.joined([*kept, self[start:]])

    def stripped(self, characters: str | None = None) -> "Traced":
        """As `str.strip`."""
        left = len(self.text) - len(self.text.lstrip(characters))
        return self[left : left + len(self.text.strip(characters))]


JOIN = Traced(" ", (NOWHERE,))
