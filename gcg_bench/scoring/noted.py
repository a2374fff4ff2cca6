"""Observations that a reader of one protocol's numbers must know, collected pair by pair."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gcg_bench.predictions.mask_oddities import MaskOddities
from gcg_bench.predictions.oddities import TextOddities
from gcg_bench.scoring.placement import Placement
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import WORDS, Pair


@dataclass(slots=True)
class Noted:
    """The observations on some pairs; the parts of a split are joined in order.

    Attributes:
        text: unusual words in answers.
        masks: unusual masks in answers.
        placement: masks or words that references lack, and positions of masks.
        uneven: number of pairs with a phrase without words, in the reference or the prediction.
        untidy: number of answers with an opening or closing tag without the other.
        broken_lines: captions in which a line break was read as a space.
        pairs: how many were seen.
        uncaptioned: those whose reference has no caption with a letter or a digit.
    """

    text: TextOddities
    masks: MaskOddities = field(default_factory=MaskOddities)
    placement: Placement = field(default_factory=Placement)
    uneven: int = 0
    untidy: int = 0
    broken_lines: int = 0
    pairs: int = 0
    uncaptioned: int = 0

    @classmethod
    def of(cls, protocol: EvalProtocol) -> "Noted":
        """Empty observations, for the parts of answers that a protocol reads."""
        parts = protocol.parts
        return cls(TextOddities(captioned=parts.captions, worded=parts.words))

    def add(self, pair: Pair, *, masks: bool) -> None:
        """Adds one pair.

        Args:
            pair: the pair.
            masks: whether the protocol reads masks.
        """
        sides = pair.sample.truth, pair.prediction.grounding
        self.uneven += any(phrase.text is None for side in sides for phrase in side.phrases)
        self.untidy += pair.prediction.unpaired > 0
        self.pairs += 1
        self.uncaptioned += not any(map(str.isalnum, "".join(pair.sample.captions)))
        self.text.add(pair.prediction)
        if masks:
            self.masks.add(pair.prediction)
            self.placement.add(pair)

    def join(self, later: "Noted") -> None:
        """Adds the observations on the pairs that follow."""
        self.text.join(later.text)
        self.masks.join(later.masks)
        self.placement.join(later.placement)
        self.uneven += later.uneven
        self.untidy += later.untidy
        self.broken_lines += later.broken_lines
        self.pairs += later.pairs
        self.uncaptioned += later.uncaptioned

    def sentences(self, protocol: EvalProtocol) -> Iterator[str]:
        """The notes, one sentence each, without the remarks of metrics."""
        parts = protocol.parts
        if self.broken_lines:
            yield f"{self.broken_lines} captions held a line break, read as a space"
        if self.uneven and protocol.needs & WORDS:
            yield f"{self.uneven} groundings have masks without words, read as published"
        if self.untidy:
            yield f"{self.untidy} answers have a <p> or </p> without its partner; phrases are kept"
        if self.uncaptioned and parts.captions:
            yield (
                f"{self.uncaptioned} of {self.pairs} references have a caption without words: 0 in"
                " a score that reads captions says nothing of the model there"
            )
        yield from (oddity.problem for oddity in self.text.found())
        if parts.masks:
            yield from (oddity.problem for oddity in self.masks.found())
            lacking = self.placement.lacking(words=parts.words)
            yield from filter(None, (lacking, self.placement.misplaced()))
