"""Counts and oddities of prediction files, collected while they are read."""

from collections import Counter
from dataclasses import dataclass, field

from gcg_bench.errors import BadData
from gcg_bench.files.fields import Faults
from gcg_bench.predictions.drafts import PredictionDraft
from gcg_bench.predictions.outlines import Outlines
from gcg_bench.types import EVERY_PART, Parts


@dataclass(slots=True)
class Reading:
    """Counts of one reading, for a few sentences to the user.

    Attributes:
        layout: the form of the files, e.g. `JSON lines`.
        images: predictions that were read, completely or in part.
        phrases: phrases with words.
        masks: masks of all phrases.
        failed: predictions with an error.
        captionless: answers (no error, not refused) without a caption.
        refused: predictions which state that nothing matches the query.
        dropped: predictions that have a caption or phrases in addition to an error.
        uneven: predictions whose phrases and masks, paired by position, differ in number.
        broken_lines: captions with a line break of any kind.
        unread: name of a field that its layout does not read -> number of predictions with it.
        remarks: other facts about the reading, one sentence each.
        outlines: the forms of the masks and the units of outlines.
    """

    layout: str = ""
    images: int = 0
    phrases: int = 0
    masks: int = 0
    failed: int = 0
    captionless: int = 0
    refused: int = 0
    dropped: int = 0
    uneven: int = 0
    broken_lines: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    outlines: Outlines = field(default_factory=Outlines)

    def count(self, draft: PredictionDraft, faults: Faults) -> None:
        """Adds one prediction, and warns of its unusual properties."""
        texts = sum(phrase.text is not None for phrase in draft.phrases)
        masks = sum(len(phrase.masks) for phrase in draft.phrases)
        self.images += 1
        self.phrases += texts
        self.masks += masks
        self.failed += draft.error is not None
        self.refused += draft.refused is True and draft.error is None
        silent = draft.silent or draft.refused is True
        self.captionless += not (silent or draft.captioned)
        self.unread.update(draft.unread)
        if draft.silent and (draft.caption or draft.phrases):
            self.dropped += 1
            _warn(faults, draft, "the answer stands beside an error, and counts as silence")
        if draft.uneven:
            self.uneven += 1
            _warn(faults, draft, f"phrases: {texts}, masks: {masks}; paired by position")
        if draft.caption.splitlines() not in ([], [draft.caption]):
            self.broken_lines += 1
            _warn(faults, draft, "the caption holds a line break, which is scored as a space")

    def sentences(self, parts: Parts = EVERY_PART) -> list[str]:
        """Facts about the files that the user must know, one sentence each; may be empty.

        Args:
            parts: the parts of answers that are read; there are no sentences about other parts.
        """
        sentences = list(self.remarks)
        if self.dropped:
            sentences.append(
                f"answers beside an error, which count as silence: {self.dropped} of {self.images}"
            )
        if count := self.outlines.bitmaps:
            sentences.append(f"masks that are rows of numbers, read as bitmaps: {count}")
        if doubt := self.outlines.doubt():
            sentences.append(doubt)
        if self.uneven:
            sentences.append(
                "images with unequal numbers of phrases and masks, paired by position as published:"
                f" {self.uneven} of {self.images}"
            )
        if self.broken_lines:
            sentences.append(
                f"captions that hold a line break, scored as a space: {self.broken_lines}"
            )
        answered = self.images - self.failed - self.refused
        if parts.captions and 0 < self.captionless < answered:
            sentences.append(f"answers without a caption: {self.captionless} of {answered}")
        if parts.masks and answered and not self.masks:
            sentences.append("no answer holds a mask")
        if self.unread:
            listed = ", ".join(f"{name} ({count})" for name, count in self.unread.most_common(5))
            sentences.append(f"fields that are not read: {listed}")
        return sentences


def _warn(faults: Faults, draft: PredictionDraft, oddity: str) -> None:
    faults.warning(BadData(oddity, file=draft.file, image=draft.id))
