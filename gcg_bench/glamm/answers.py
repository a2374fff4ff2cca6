"""What the model said: the published caption and phrases, and phrases tied to their own masks.

The published script keeps captions, phrases and masks as three lists that match by order alone,
and they part ways when the model forgets a tag. Here a [SEG] belongs to the phrase that it stands
in or directly behind; one that stands elsewhere is loose.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gcg_bench.glamm.tokens import Tokenizer
from gcg_bench.glamm.traced import JOIN, NOWHERE, Traced

Tags = Literal["paired", "unclosed", "unopened"]

SPLIT = "ASSISTANT: "


@dataclass(frozen=True)
class SpokenPhrase:
    """A phrase of the answer.

    Attributes:
        text: its words, `caption[span[0]:span[1]]`; empty when only tags were said.
        span: character offsets [start, end) in the caption.
        masks: indices of its masks among all [SEG] of prompt and answer; often one, maybe none.
        tags: `paired`, or which of the two tags the model left out.
        probability: mean probability of its generated word tokens; None without any.
    """

    text: str
    span: tuple[int, int]
    masks: tuple[int, ...]
    tags: Tags
    probability: float | None


@dataclass(frozen=True)
class Answer:
    """A reply, read.

    Attributes:
        raw: prompt and reply decoded with all special tokens.
        text: the reply with its tags, as the published script cuts it out of `raw`.
        caption: `text` without tags, as published.
        published_phrases: the texts between `<p>` and `</p>`, as published.
        phrases: the phrases with spans and masks, in order; more than the published ones where
            the model left out tags.
        loose: masks of the reply that no phrase owns.
    """

    raw: str
    text: str
    caption: str
    published_phrases: tuple[str, ...]
    phrases: tuple[SpokenPhrase, ...]
    loose: tuple[int, ...]


def read_answer(
    tokenizer: Tokenizer,
    prompt: Sequence[int],
    reply: Sequence[int],
    probabilities: Sequence[float] = (),
) -> Answer:
    """The answer in token ids: `prompt` as the model was given it, `reply` as it went on.

    Args:
        probabilities: of every token of `reply`; empty leaves the phrases' probabilities None.
    """
    ids = [*prompt, *reply]
    raw = tokenizer.trace(ids)
    text = _reply_text(raw)
    orders = {
        place: k for k, place in enumerate(i for i, t in enumerate(ids) if t == tokenizer.seg)
    }
    said, loose = _Reader(text, orders).read()
    # The same clean-up again, this time remembering places in `text` instead of tokens.
    caption = _caption(Traced(text.text, tuple(range(len(text.text)))))
    chances = {
        len(prompt) + index: chance
        for index, (token, chance) in enumerate(zip(reply, probabilities, strict=False))
        if token not in tokenizer.marks
    }
    return Answer(
        raw=raw.text,
        text=text.text,
        caption=caption.text,
        published_phrases=tuple(match.strip() for match in re.findall(r"<p>(.*?)</p>", text.text)),
        phrases=tuple(_spoken(part, caption, text, chances) for part in said),
        loose=tuple(loose),
    )


def _reply_text(raw: Traced) -> Traced:
    """Line breaks out, double spaces to single in one pass, what follows the last `ASSISTANT: `."""
    flat = raw.without("\n").without("  ", keep=1)
    start = flat.text.rfind(SPLIT)
    return flat if start < 0 else flat[start + len(SPLIT) :]


def _caption(text: Traced) -> Traced:
    """Tags and [SEG] out, white space folded, quotes stripped at the ends."""
    bare = text.without(r"<.*?>").without(r"\[SEG\]")
    words = [bare[match.start() : match.end()] for match in re.finditer(r"\S+", bare.text)]
    return Traced.joined(words, JOIN).stripped("'").stripped()


@dataclass
class _Part:
    """A phrase being read: its place [start, end) in the text and its masks."""

    start: int
    end: int
    tags: Tags
    masks: list[int]


class _Reader:
    """Walks the tags of a reply from left to right.

    Args:
        text: the reply.
        orders: token index of every [SEG] -> its index among all [SEG].
    """

    def __init__(self, text: Traced, orders: dict[int, int]) -> None:
        self.text = text
        self.orders = orders
        self.parts: list[_Part] = []
        self.loose: list[int] = []
        self.open: _Part | None = None
        self.behind = 0  # where the last tag or [SEG] ended
        self.owner: _Part | None = None  # the closed phrase that a [SEG] right here belongs to

    def read(self) -> tuple[list[_Part], list[int]]:
        for kind, start, end in self._events():
            if kind == "<p>":
                self._leave_open(start)
                self.open = _Part(end, -1, "unclosed", [])
            elif kind == "</p>":
                self._close(start)
            else:
                self._seg(start)
            self.behind = end
        self._leave_open(len(self.text.text))
        return self.parts, self.loose

    def _events(self) -> Iterator[tuple[str, int, int]]:
        """Tags, and those [SEG] that a single [SEG] token wrote."""
        for match in re.finditer(r"</?p>|\[SEG\]", self.text.text):
            if match[0] != "[SEG]" or self.text.origins[match.start()] in self.orders:
                yield match[0], match.start(), match.end()

    def _close(self, place: int) -> None:
        part = self.open
        if part is None:
            part = _Part(self.behind, place, "unopened", [])
        else:
            part.end, part.tags = place, "paired"
        self.open = None
        self.owner = part
        self.parts.append(part)

    def _seg(self, place: int) -> None:
        mask = self.orders[self.text.origins[place]]
        if self.open is not None:
            self.open.masks.append(mask)
            if self.open.end < 0:
                self.open.end = place  # where the phrase ends should it never be closed
            return
        if self.text.text[self.behind : place].strip():
            self.owner = None
        if self.owner is None:
            self.loose.append(mask)
        else:
            self.owner.masks.append(mask)

    def _leave_open(self, place: int) -> None:
        """Ends a phrase that was never closed: at its first [SEG], or else here."""
        self.owner = None
        if self.open is not None:
            self.open.end = place if self.open.end < 0 else self.open.end
            self.parts.append(self.open)
            self.open = None


def _spoken(part: _Part, caption: Traced, text: Traced, chances: dict[int, float]) -> SpokenPhrase:
    """A phrase with its place in the caption, whose origins are places in the text."""
    inside = [k for k, place in enumerate(caption.origins) if part.start <= place < part.end]
    if inside:
        span = (inside[0], inside[-1] + 1)
    else:
        before = sum(NOWHERE < place < part.start for place in caption.origins)
        span = (before, before)
    # Words run on from the tag before them; a lone word boundary is a token that leaves no trace.
    last = max((text.origins[place] for place in range(part.start, part.end)), default=NOWHERE)
    first = text.origins[part.start - 1] + 1 if part.start else text.origins[0]
    known = [chances[token] for token in range(first, last + 1) if token in chances]
    return SpokenPhrase(
        text=caption.text[slice(*span)],
        span=span,
        masks=tuple(part.masks),
        tags=part.tags,
        probability=sum(known) / len(known) if known else None,
    )
