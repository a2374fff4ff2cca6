"""Text in which each character has the index of its token, also after the published clean-up."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

NO_TOKEN = -1
"""The origin of a character that no token wrote, such as a joining space."""


@dataclass(frozen=True)
class AlignedText:
    """A string and, for every character, the index of the token that wrote it."""

    text: str
    origins: tuple[int, ...]

    @classmethod
    def from_token(cls, text: str, origin: int) -> "AlignedText":
        """A text written by one token."""
        return cls(text, (origin,) * len(text))

    @classmethod
    def joined(
        cls, parts: Iterable["AlignedText"], between: "AlignedText | None" = None
    ) -> "AlignedText":
        """The parts one after another, with `between` between them."""
        text: list[str] = []
        origins: list[int] = []
        for index, part in enumerate(parts):
            if index and between is not None:
                text.append(between.text)
                origins.extend(between.origins)
            text.append(part.text)
            origins.extend(part.origins)
        return cls("".join(text), tuple(origins))

    def __getitem__(self, part: slice) -> "AlignedText":
        return AlignedText(self.text[part], self.origins[part])

    def without(self, pattern: str, keep: int = 0) -> "AlignedText":
        """The text without a pattern's matches, except for their first `keep` characters."""
        parts: list[AlignedText] = []
        start = 0
        for match in re.finditer(pattern, self.text):
            parts.append(self[start : match.start() + keep])
            start = match.end()
        return AlignedText.joined([*parts, self[start:]])

    def stripped(self, characters: str | None = None) -> "AlignedText":
        """The text stripped as by `str.strip`."""
        left = len(self.text) - len(self.text.lstrip(characters))
        return self[left : left + len(self.text.strip(characters))]


SPACE = AlignedText(" ", (NO_TOKEN,))
