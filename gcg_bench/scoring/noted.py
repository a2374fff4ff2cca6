"""What a reader must know beside the numbers of one protocol, collected pair by pair."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gcg_bench.predictions.mask_oddities import MaskOddities
from gcg_bench.predictions.oddities import TextOddities
from gcg_bench.scoring.placement import Placement
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import WORDS, Pair


@dataclass(slots=True)
class Noted:
    """What was collected of some pairs; parts of a split are joined in its order.

    Attributes:
        text: what is odd in the words of answers.
        masks: what is odd in their masks.
        placement: what references lack, and where masks lie.
        uneven: pairs of which a side has phrases without words.
        untidy: answers with a tag without its partner.
        broken_lines: captions in which a line break was read as a space.
    """

    text: TextOddities
    masks: MaskOddities = field(default_factory=MaskOddities)
    placement: Placement = field(default_factory=Placement)
    uneven: int = 0
    untidy: int = 0
    broken_lines: int = 0

    @classmethod
    def of(cls, protocol: EvalProtocol) -> "Noted":
        """Nothing yet, for the parts of answers that a protocol reads."""
        parts = protocol.parts
        return cls(TextOddities(captioned=parts.captions, worded=parts.words))

    def add(self, pair: Pair, *, masks: bool) -> None:
        """Adds one pair.

        Args:
            pair: the pair.
            masks: whether masks matter.
        """
        sides = pair.sample.truth, pair.prediction.grounding
        self.uneven += any(phrase.text is None for side in sides for phrase in side.phrases)
        self.untidy += pair.prediction.unpaired > 0
        self.text.add(pair.prediction)
        if masks:
            self.masks.add(pair.prediction)
            self.placement.add(pair)

    def join(self, later: "Noted") -> None:
        """Adds what was collected of the pairs that follow these."""
        self.text.join(later.text)
        self.masks.join(later.masks)
        self.placement.join(later.placement)
        self.uneven += later.uneven
        self.untidy += later.untidy
        self.broken_lines += later.broken_lines

    def sentences(self, protocol: EvalProtocol) -> Iterator[str]:
        """One sentence a remark, without those of the metrics."""
        parts = protocol.parts
        if self.broken_lines:
            yield f"{self.broken_lines} captions held a line break, read as a space"
        if self.uneven and protocol.needs & WORDS:
            yield f"{self.uneven} groundings have masks without words, read as published"
        if self.untidy:
            yield f"{self.untidy} answers have a <p> or </p> without its partner; phrases are kept"
        yield from (oddity.problem for oddity in self.text.found())
        if parts.masks:
            yield from (oddity.problem for oddity in self.masks.found())
            lacking = self.placement.lacking(words=parts.words)
            yield from filter(None, (lacking, self.placement.misplaced()))
