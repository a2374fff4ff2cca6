"""Parses a reply: the published caption and phrases, and phrases with their own masks.

The published script keeps captions, phrases and masks as three lists that correspond by order
alone, and the lists no longer correspond when the model omits a tag. Here a [SEG] belongs to the
phrase that contains it or that ends directly before it; any other [SEG] is unassigned.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gcg_bench.glamm.aligned_text import NO_TOKEN, SPACE, AlignedText
from gcg_bench.glamm.tokens import Tokenizer

Tags = Literal["paired", "unclosed", "unopened"]

ANSWER_MARK = "ASSISTANT: "


@dataclass(frozen=True)
class AnswerPhrase:
    """A phrase of the answer.

    Attributes:
        text: its words, `caption[span[0]:span[1]]`; empty when the model wrote only tags.
        span: character offsets [start, end) in the caption.
        masks: indices of its masks among all [SEG] of prompt and reply; often one, possibly none.
        tags: `paired`, or which of the two tags the model omitted.
        probability: mean probability of its generated word tokens; None when there are none.
    """

    text: str
    span: tuple[int, int]
    masks: tuple[int, ...]
    tags: Tags
    probability: float | None


@dataclass(frozen=True)
class Answer:
    """A parsed reply.

    Attributes:
        raw: prompt and reply decoded with all special tokens.
        text: the reply with its tags, cut out of `raw` as in the published script.
        caption: `text` without tags, as published.
        published_phrases: the texts between `<p>` and `</p>`, as published.
        phrases: the phrases with spans and masks, in order; more than the published ones when the
            model omitted tags.
        unassigned: masks of the reply that belong to no phrase.
    """

    raw: str
    text: str
    caption: str
    published_phrases: tuple[str, ...]
    phrases: tuple[AnswerPhrase, ...]
    unassigned: tuple[int, ...]


def read_answer(
    tokenizer: Tokenizer,
    prompt: Sequence[int],
    reply: Sequence[int],
    probabilities: Sequence[float] = (),
) -> Answer:
    """Parses the token ids of a reply.

    Args:
        tokenizer: the model's.
        prompt: the ids of the prompt as the model received it.
        reply: the ids that the model generated.
        probabilities: the probability of every token of `reply`; when empty, the phrases have none.
    """
    ids = [*prompt, *reply]
    raw = tokenizer.decode_aligned(ids)
    text = _reply_text(raw)
    mask_indices = {
        index: k for k, index in enumerate(i for i, t in enumerate(ids) if t == tokenizer.seg)
    }
    drafts, unassigned = _TagParser(text, mask_indices).parse()
    # The same clean-up with positions in `text` as origins instead of tokens.
    caption = _caption(AlignedText(text.text, tuple(range(len(text.text)))))
    token_probabilities = {
        len(prompt) + index: probability
        for index, (token, probability) in enumerate(zip(reply, probabilities, strict=False))
        if token not in tokenizer.marks
    }
    return Answer(
        raw=raw.text,
        text=text.text,
        caption=caption.text,
        published_phrases=tuple(match.strip() for match in re.findall(r"<p>(.*?)</p>", text.text)),
        phrases=tuple(
            _answer_phrase(draft, caption, text, token_probabilities) for draft in drafts
        ),
        unassigned=tuple(unassigned),
    )


def _reply_text(raw: AlignedText) -> AlignedText:
    """The text after the last `ASSISTANT: `, without line breaks, double spaces replaced once."""
    one_line = raw.without("\n").without("  ", keep=1)
    start = one_line.text.rfind(ANSWER_MARK)
    return one_line if start < 0 else one_line[start + len(ANSWER_MARK) :]


def _caption(text: AlignedText) -> AlignedText:
    """The text without tags and [SEG], with white space folded and outer quotes removed."""
    untagged = text.without(r"<.*?>").without(r"\[SEG\]")
    words = [untagged[match.start() : match.end()] for match in re.finditer(r"\S+", untagged.text)]
    return AlignedText.joined(words, SPACE).stripped("'").stripped()


@dataclass
class _PhraseDraft:
    """A phrase during parsing: its range [start, end) in the text, and its masks."""

    start: int
    end: int
    tags: Tags
    masks: list[int]


class _TagParser:
    """Parses the tags of a reply from left to right.

    Args:
        text: the reply.
        mask_indices: token index of every [SEG] -> its index among all [SEG].
    """

    def __init__(self, text: AlignedText, mask_indices: dict[int, int]) -> None:
        self.text = text
        self.mask_indices = mask_indices
        self.drafts: list[_PhraseDraft] = []
        self.unassigned: list[int] = []
        self.open_phrase: _PhraseDraft | None = None
        self.last_end = 0  # end of the last tag or [SEG]
        self.owner: _PhraseDraft | None = (
            None  # the closed phrase that a [SEG] at this position belongs to
        )

    def parse(self) -> tuple[list[_PhraseDraft], list[int]]:
        for kind, start, end in self._events():
            if kind == "<p>":
                self._end_unclosed(start)
                self.open_phrase = _PhraseDraft(end, -1, "unclosed", [])
            elif kind == "</p>":
                self._close_phrase(start)
            else:
                self._assign_mask(start)
            self.last_end = end
        self._end_unclosed(len(self.text.text))
        return self.drafts, self.unassigned

    def _events(self) -> Iterator[tuple[str, int, int]]:
        """The tags and [SEG] in order; a [SEG] that several tokens spell is plain text."""
        for match in re.finditer(r"</?p>|\[SEG\]", self.text.text):
            if match[0] != "[SEG]" or self.text.origins[match.start()] in self.mask_indices:
                yield match[0], match.start(), match.end()

    def _close_phrase(self, position: int) -> None:
        draft = self.open_phrase
        if draft is None:
            draft = _PhraseDraft(self.last_end, position, "unopened", [])
        else:
            draft.end, draft.tags = position, "paired"
        self.open_phrase = None
        self.owner = draft
        self.drafts.append(draft)

    def _assign_mask(self, position: int) -> None:
        mask = self.mask_indices[self.text.origins[position]]
        if self.open_phrase is not None:
            self.open_phrase.masks.append(mask)
            if self.open_phrase.end < 0:
                self.open_phrase.end = position  # for a phrase without an end tag
            return
        if self.text.text[self.last_end : position].strip():
            self.owner = None
        if self.owner is None:
            self.unassigned.append(mask)
        else:
            self.owner.masks.append(mask)

    def _end_unclosed(self, position: int) -> None:
        """Ends a phrase without an end tag: at its first [SEG], or else at this position."""
        self.owner = None
        if self.open_phrase is not None:
            self.open_phrase.end = position if self.open_phrase.end < 0 else self.open_phrase.end
            self.drafts.append(self.open_phrase)
            self.open_phrase = None


def _answer_phrase(
    draft: _PhraseDraft,
    caption: AlignedText,
    text: AlignedText,
    token_probabilities: dict[int, float],
) -> AnswerPhrase:
    """A phrase with its span in the caption; the caption's origins are positions in the text."""
    inside = [
        k for k, position in enumerate(caption.origins) if draft.start <= position < draft.end
    ]
    if inside:
        span = (inside[0], inside[-1] + 1)
    else:
        before = sum(NO_TOKEN < origin < draft.start for origin in caption.origins)
        span = (before, before)
    # Words follow the tag before them; a token that is only a word boundary writes no character.
    last = max(
        (text.origins[position] for position in range(draft.start, draft.end)), default=NO_TOKEN
    )
    first = text.origins[draft.start - 1] + 1 if draft.start else text.origins[0]
    values = [
        token_probabilities[token]
        for token in range(first, last + 1)
        if token in token_probabilities
    ]
    return AnswerPhrase(
        text=caption.text[slice(*span)],
        span=span,
        masks=tuple(draft.masks),
        tags=draft.tags,
        probability=sum(values) / len(values) if values else None,
    )
