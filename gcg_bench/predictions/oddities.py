"""Finds unusual words in answers: markup, repetition, cut captions, unrelated phrases.

Such answers are scored unchanged, but their scores do not measure the model.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import eq

from gcg_bench.predictions.letters import unusual_letters
from gcg_bench.predictions.markup import markup, without_markup
from gcg_bench.types import Prediction

_REPEATED = 10  # occurrences of one phrase in one answer
_LOOP = 5  # consecutive repetitions of a few words
_HALF = 4  # words of a caption that is repeated
_PERIOD = 8  # words of the repeated text
_LOOKED_AT = 20_000  # words of a caption
_USUALLY = 0.8  # share of captions that end with a full stop, from which on others are odd
_ENOUGH = 5  # captions that are needed to know what is usual

_ALIKE = 3  # with this many answers, it is odd that half of them are equal
_LABEL = 60  # characters of the start of a caption, up to a colon

# UTF-8 that was read as Windows-1252, half a surrogate pair, and the replacement character
_DAMAGED = re.compile(
    "[\ufffd\ud800-\udfff]|\u00e2\u20ac.|\u00c3[\u0080-\u00bf]|\u00c2[\u00a0-\u00bf]"
)
_WORD = re.compile(r"\w+")
_OPEN_ENDS = frozenset({
    "a", "an", "and", "are", "as", "at", "behind", "beside", "between", "by", "for", "from", "her",
    "his", "in", "into", "is", "its", "near", "of", "on", "onto", "or", "over", "that", "the",
    "their", "to", "under", "was", "were", "which", "while", "with",
})  # fmt: skip
_SENTENCE_ENDS = frozenset(".!?\"'”’)…。！？")


@dataclass(frozen=True, slots=True)
class Oddity:
    """An unusual property of answers.

    Attributes:
        problem: a sentence without its full stop, with a count and an example.
        image: the query of the example.
        remedy: what the user can do.
    """

    problem: str
    image: str
    remedy: str


@dataclass(slots=True)
class _Kind:
    """One kind of oddity: the number of answers with it, and the first example."""

    count: int = 0
    image: str = ""
    example: str = ""

    def add(self, image: str, example: str, count: int = 1) -> None:
        if not self.count:
            self.image, self.example = image, example
        self.count += count

    def join(self, later: "_Kind") -> None:
        if later.count:
            self.add(later.image, later.example, later.count)


@dataclass(slots=True)
class TextOddities:
    """Collects unusual properties of answers; skips refused answers and answers with an error.

    Attributes:
        captioned: whether captions are judged; then each answer should have a different caption.
        worded: whether the words of phrases are judged.
    """

    captioned: bool = True
    worded: bool = True
    _answers: int = 0
    _phrases: int = 0
    _marks: Counter[str] = field(default_factory=Counter)
    _marked: _Kind = field(default_factory=_Kind)
    _repeated: _Kind = field(default_factory=_Kind)
    _loops: _Kind = field(default_factory=_Kind)
    _outside: _Kind = field(default_factory=_Kind)
    _empty: _Kind = field(default_factory=_Kind)
    _open: _Kind = field(default_factory=_Kind)
    _damaged: _Kind = field(default_factory=_Kind)
    _letters: _Kind = field(default_factory=_Kind)
    _wordless: _Kind = field(default_factory=_Kind)
    _again: _Kind = field(default_factory=_Kind)
    _captions: Counter[str] = field(default_factory=Counter)
    _labels: Counter[str] = field(default_factory=Counter)
    _first: dict[str, str] = field(default_factory=dict)
    _unended: list[tuple[str, int, str]] = field(default_factory=list)
    _longest: int = 0
    _ended: int = 0

    def add(self, prediction: Prediction) -> None:
        """Adds one answer."""
        if prediction.error is not None or prediction.refused:
            return
        self._answers += 1
        caption = prediction.grounding.caption
        texts = [phrase.text for phrase in prediction.grounding.phrases if phrase.text is not None]
        self._phrases += len(texts)
        marks = [mark for text in (caption, *texts) for mark in markup(text)]
        if marks:
            self._marks.update(marks)
            self._marked.add(prediction.id, caption or texts[0])
        if letters := next(filter(None, map(unusual_letters, (caption, *texts))), ""):
            self._letters.add(prediction.id, letters)
        if match := _DAMAGED.search(caption):
            self._damaged.add(prediction.id, caption[max(0, match.start() - 20) :])
        self._add_repetition(prediction, caption, texts)
        if plain := without_markup(caption).strip():
            self._add_end(prediction.id, plain)
            if self.worded:
                self._add_outside(prediction.id, plain, texts)
            self._add_alike(prediction.id, caption)
        else:
            self._empty.add(prediction.id, "")

    def join(self, later: "TextOddities") -> None:
        """Adds what was collected of the answers that follow these."""
        for name in _KINDS:
            getattr(self, name).join(getattr(later, name))
        for name in _COUNTERS:
            getattr(self, name).update(getattr(later, name))
        self._answers += later._answers
        self._phrases += later._phrases
        self._first = {**later._first, **self._first}
        self._unended += later._unended
        self._longest = max(self._longest, later._longest)
        self._ended += later._ended

    def found(self) -> list[Oddity]:
        """The unusual properties of all answers, one entry for each kind."""
        return [
            Oddity(f"{problem}, as in {kind.image}{_shown(kind.example)}", kind.image, remedy)
            for kind, problem, remedy in self._kinds()
            if kind.count
        ]

    def _kinds(self) -> list[tuple[_Kind, str, str]]:
        """All kinds of oddities, each with the sentence about its count, and the remedy."""
        of = f"of {self._answers} answers"
        marked = f"{self._marked.count} {of} hold markup ({self._mark_list()})"
        repeated = f"{self._repeated.count} {of} hold one phrase {_REPEATED} times or more"
        again = f"{self._again.count} of {self._phrases} phrases repeat a phrase and its mask"
        loops = f"{self._loops.count} {of} repeat the same words"
        outside = f"{self._outside.count} of {self._phrases} phrases are not in their caption"
        wordless = f"{self._wordless.count} of {self._phrases} phrases hold no words"
        damaged = f"{self._damaged.count} {of} hold characters that a wrong encoding damaged"
        letters = f"{self._letters.count} {of} hold letters in an unusual form of Unicode"
        kinds = [
            (self._letters, letters, "Write texts in the form NFC, with letters of normal width"),
            (self._marked, marked, "data check --fix OUT writes a copy without it"),
            (self._repeated, repeated, "Does the model stop?"),
            (self._again, again, "Write each phrase once"),
            (self._loops, loops, "Does the model stop?"),
            (self._outside, outside, "Phrases are parts of the caption"),
            (self._wordless, wordless, "Phrases are parts of the caption"),
            (self._damaged, damaged, "Write the files in UTF-8"),
        ]
        return kinds + self._caption_kinds(of) if self.captioned else kinds

    def _caption_kinds(self, of: str) -> list[tuple[_Kind, str, str]]:
        """The kinds of oddities of captions."""
        cut, alike, label = self._cut(), self._most(self._captions), self._most(self._labels)
        kinds = [
            (label, f"{label.count} {of} begin with the same words and a colon", "Remove them"),
            (alike, f"{alike.count} {of} have the same caption", "Is each image asked?"),
            (cut, f"{cut.count} {of} have a caption that seems cut off", "Is the limit too low?"),
        ]
        if self._empty.count < self._answers or self._phrases:
            problem = f"{self._empty.count} {of} have an empty caption"
            kinds.append((self._empty, problem, "Is every caption written?"))
        return kinds

    def _most(self, texts: Counter[str]) -> _Kind:
        """The text that at least half of the answers have; the count is 0 without such a text."""
        text, count = max(texts.items(), key=lambda item: item[1], default=("", 0))
        odd = count >= _ALIKE and 2 * count >= self._answers
        return _Kind(count, self._first[text], text) if odd else _Kind()

    def _add_alike(self, id_: str, caption: str) -> None:
        label, colon, rest = caption[:_LABEL].strip().partition(":")
        texts = [(self._captions, caption.strip())]
        if colon and _WORD.search(label) and rest:
            texts.append((self._labels, f"{label}:"))
        for counted, text in texts:
            counted[text] += 1
            self._first.setdefault(text, id_)

    def _mark_list(self) -> str:
        return ", ".join(
            f"{mark[:40] if mark.isprintable() else ascii(mark[:40])} {count} times"
            for mark, count in self._marks.most_common(5)
        )

    def _add_repetition(self, prediction: Prediction, caption: str, texts: list[str]) -> None:
        id_ = prediction.id
        phrases = Counter(
            (phrase.text, phrase.masks) for phrase in prediction.grounding.phrases if phrase.masks
        )
        for (words, _), times in phrases.items():
            if times > 1:
                self._again.add(id_, words or "", times - 1)
        counted = Counter(" ".join(text.casefold().split()) for text in texts)
        text, count = max(counted.items(), key=lambda item: item[1], default=("", 0))
        if count >= _REPEATED:
            self._repeated.add(id_, text)
        if words := _loop(caption):
            self._loops.add(id_, words)

    def _add_end(self, id_: str, caption: str) -> None:
        tail = caption[-60:]
        words = _words(tail)
        self._longest = max(self._longest, len(caption.split()))
        if tail[-1] in _SENTENCE_ENDS:
            self._ended += 1
        elif tail[-1] in ",;-" or (words and words[-1] in _OPEN_ENDS):
            self._open.add(id_, tail)
        else:
            self._unended.append((id_, len(caption.split()), tail))

    def _add_outside(self, id_: str, caption: str, texts: list[str]) -> None:
        whole = f" {' '.join(_words(caption))} "
        for text in texts:
            words = " ".join(_words(without_markup(text)))
            if not words:
                self._wordless.add(id_, text)
            elif f" {words} " not in whole:
                self._outside.add(id_, text)

    def _cut(self) -> _Kind:
        """Captions that end in an unfinished phrase, or are long and lack a usual full stop."""
        kind = _Kind(self._open.count, self._open.image, self._open.example)
        with_caption = self._answers - self._empty.count
        if with_caption >= _ENOUGH and self._ended >= _USUALLY * with_caption:
            for id_, words, tail in self._unended:
                if words >= self._longest / 2:
                    kind.add(id_, tail)
        return kind


_KINDS = (
    "_marked", "_repeated", "_loops", "_outside", "_empty", "_open", "_damaged", "_wordless",
    "_again", "_letters",
)  # fmt: skip
_COUNTERS = ("_marks", "_captions", "_labels")


def text_oddities(
    predictions: Iterable[Prediction], *, captioned: bool = True, worded: bool = True
) -> list[Oddity]:
    """The unusual properties of answers, one entry for each kind, see `TextOddities`."""
    oddities = TextOddities(captioned, worded)
    for prediction in predictions:
        oddities.add(prediction)
    return oddities.found()


def _shown(example: str) -> str:
    return f" ({example[:100]!r})" if example else ""


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _loop(caption: str) -> str:
    """The words that occur _LOOP times in a row, or twice as the whole caption; else empty."""
    words = _words(caption[: 10 * _LOOKED_AT])[:_LOOKED_AT]
    # words that follow themselves _LOOP times are at least _LOOP - 1 words that occur before
    loops = len(words) - len(set(words)) >= _LOOP - 1
    for period in range(1, _PERIOD + 1) if loops else ():
        repeated = bytes(map(eq, words, words[period:]))
        start = repeated.find(b"\x01" * ((_LOOP - 1) * period))
        if start >= 0:
            return " ".join(words[start : start + period])
    half = len(words) // 2
    twice = half >= _HALF and words[:half] == words[half:]
    return " ".join(words[:half]) if twice else ""
