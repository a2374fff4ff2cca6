"""What was met while predictions were read, beyond the predictions themselves."""

from collections import Counter
from dataclasses import dataclass, field

from gcg_bench.errors import BadData
from gcg_bench.files.fields import Faults
from gcg_bench.predictions.drafts import Draft


@dataclass(slots=True)
class Reading:
    """Counts of one reading, for a sentence or two beside the numbers.

    Attributes:
        layout: what the files were recognised as.
        images: answers met, whole or in part.
        phrases: phrases with words.
        masks: masks in them.
        failed: answers with an error.
        uneven: images whose phrases and masks, paired by position, differ in number.
        broken_lines: captions that hold a line break of any kind.
        unread: field name -> how many answers have it though nothing here reads it.
    """

    layout: str = ""
    images: int = 0
    phrases: int = 0
    masks: int = 0
    failed: int = 0
    uneven: int = 0
    broken_lines: int = 0
    unread: Counter[str] = field(default_factory=Counter)

    def count(self, draft: Draft, faults: Faults) -> None:
        """Takes one more answer into account, and warns of what is odd in it."""
        words = sum(phrase.text is not None for phrase in draft.phrases)
        masks = sum(len(phrase.masks) for phrase in draft.phrases)
        self.images += 1
        self.phrases += words
        self.masks += masks
        self.failed += draft.error is not None
        self.unread.update(draft.unread)
        if draft.uneven:
            self.uneven += 1
            _warn(faults, draft, f"phrases: {words}, masks: {masks}; paired by position")
        if draft.caption.splitlines() not in ([], [draft.caption]):
            self.broken_lines += 1
            _warn(faults, draft, "the caption holds a line break, which is scored as a space")

    def sentences(self) -> list[str]:
        """What a person must know of it, one sentence each; empty when all was plain."""
        said = []
        if self.uneven:
            said.append(
                "images with unequal numbers of phrases and masks, paired by position as published:"
                f" {self.uneven} of {self.images}"
            )
        if self.broken_lines:
            said.append(f"captions that hold a line break, scored as a space: {self.broken_lines}")
        if self.images > self.failed and not self.masks:
            said.append("no answer holds a mask")
        if self.unread:
            listed = ", ".join(f"{name} ({count})" for name, count in self.unread.most_common(5))
            said.append(f"fields that are not read: {listed}")
        return said


def _warn(faults: Faults, draft: Draft, oddity: str) -> None:
    faults.warning(BadData(oddity, file=draft.file, image=draft.id))
