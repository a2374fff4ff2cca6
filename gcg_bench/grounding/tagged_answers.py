"""Answers whose phrases are marked by tags inside the caption; see `dialects` for the notations.

The caption is the text without tags. Words of a tag that is never closed stay in the caption and
are no phrase. Boxes belong to the phrase that ends directly before them; boxes of no phrase make a
phrase without words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gcg_bench.grounding.json_answers import MOST

Numbers = tuple[float, ...]

_OPEN = ("<ref>", "<|ref|>", "<p>")
_CLOSE = ("</ref>", "<|/ref|>", "</p>", "</point>", "</points>")
_BOX = ("<box>", "<|det|>", "<|begin_of_box|>")
_BOX_END = ("</box>", "<|/det|>", "<|end_of_box|>")
_MASK = "[SEG]"
_TAG = re.compile(
    r"(</?(?:ref|p|box)>|<\|/?(?:ref|det)\|>|<\|(?:begin|end)_of_box\|>|\[SEG\]"
    r"|<points?\s[^<>]{0,20000}>|</points?>|<[|｜][^<>|｜]{1,60}[|｜]>)"
)
_SURE = re.compile(r"<ref>|<box>|<\|(?:ref|det|begin_of_box)\|>|<p>|\[SEG\]|<points?\s")
_LIST = re.compile(r"[\[(]([^\[\]()]{0,400})[\])]")
_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,12})?")
_COORDS = re.compile(r"\bcoords\s?=\s?[\"']([^\"']*)[\"']")
_X, _Y = (
    re.compile(rf"\b{axis}\d{{0,4}}\s?=\s?[\"']?(-?\d{{1,6}}(?:\.\d{{1,6}})?)") for axis in "xy"
)
_CLOSING = frozenset(".,;:!?)")


@dataclass(slots=True)
class TaggedPhrase:
    """A phrase of a tagged answer, in the model's own unit; fields as in `BoxedPhrase`."""

    text: str
    boxes: tuple[Numbers, ...] = ()
    points: tuple[Numbers, ...] = ()
    span: tuple[int, int] | None = None


def has_tags(text: str) -> bool:
    """Whether a text has a tag that marks a phrase, a box, points or a mask."""
    return _SURE.search(text) is not None


def read_tags(text: str) -> tuple[str, list[TaggedPhrase]] | None:
    """The caption and the phrases of an answer with tags; None when it has no tag."""
    text = text[:MOST]
    if not has_tags(text):
        return None
    walk = _Walk()
    for piece in _TAG.split(text):
        walk.take(piece)
    return walk.caption.rstrip(), walk.phrases


@dataclass(slots=True)
class _Walk:
    """The state of reading a tagged answer from its beginning to its end.

    Attributes:
        caption: the caption so far.
        phrases: the phrases so far.
        start: where the open phrase begins in the caption; None when no phrase is open.
        points: the points of the open phrase.
        in_box: the text is that of a box.
        last: the phrase that ended directly before, to which boxes belong.
    """

    caption: str = ""
    phrases: list[TaggedPhrase] = field(default_factory=list)
    start: int | None = None
    points: tuple[Numbers, ...] = ()
    in_box: bool = False
    last: TaggedPhrase | None = None

    def take(self, piece: str) -> None:
        """Reads a tag, or the text between two tags."""
        if piece in _OPEN or re.match(r"<points?\s", piece):
            self.start, self.last = len(self.caption), None
            self.points = tuple(_points(piece))
            if piece.endswith("/>"):
                self._close()
        elif piece in _CLOSE:
            self._close()
        elif piece in _BOX:
            self.in_box = True
        elif piece in _BOX_END:
            self.in_box = False
        elif piece == _MASK or _TAG.fullmatch(piece):
            pass
        elif self.in_box:
            self._add_boxes(piece)
        elif piece:
            self._add_words(piece)

    def _add_words(self, piece: str) -> None:
        words = re.sub(r"\s+", " ", piece)
        if not self.caption or self.caption.endswith(" "):
            words = words.lstrip()
        if words[:1] in _CLOSING or words[:2].strip() in _CLOSING:
            self.caption, words = self.caption.rstrip(), words.lstrip()
        if words.strip() and self.start is None:
            self.last = None
        self.caption += words

    def _close(self) -> None:
        """Ends the open phrase, if there is one."""
        if self.start is None:
            return
        written = self.caption[self.start :]
        start = self.start + len(written) - len(written.lstrip())
        end = start + len(written.strip())
        phrase = TaggedPhrase(written.strip(), (), self.points, (start, end))
        if start == end:
            phrase.span = None
        self.phrases.append(phrase)
        self.last, self.start, self.points = phrase, None, ()

    def _add_boxes(self, piece: str) -> None:
        boxes = tuple(_boxes(piece))
        if not boxes:
            return
        if self.last is None:
            self.last = TaggedPhrase("")
            self.phrases.append(self.last)
        self.last.boxes += boxes


def _boxes(text: str) -> Iterator[Numbers]:
    """The lists of numbers in the text of a box; two lists of two numbers are two corners."""
    lists = [_numbers(match[1]) for match in _LIST.finditer(text)]
    if not lists and (numbers := _numbers(text)):
        lists = [numbers]
    if lists and all(len(numbers) == 2 for numbers in lists) and len(lists) % 2 == 0:
        lists = [a + b for a, b in zip(lists[::2], lists[1::2], strict=True)]
    yield from lists


def _points(tag: str) -> Iterator[Numbers]:
    """The points in an opening tag of Molmo.

    Molmo2 writes `coords`: groups, each the number of an image and then `id x y` for each point.
    Molmo writes x and y, or x1, y1, x2, y2 and so on.
    """
    if match := _COORDS.search(tag):
        for group in re.split(r"[;\t]", match[1]):
            numbers = _numbers(group)
            triples = numbers[1:] if len(numbers) % 3 == 1 else numbers
            yield from (triples[k + 1 : k + 3] for k in range(0, len(triples) - 2, 3))
        return
    horizontal, vertical = ([float(value) for value in axis.findall(tag)] for axis in (_X, _Y))
    yield from zip(horizontal, vertical, strict=False)


def _numbers(text: str) -> Numbers:
    return tuple(float(number) for number in _NUMBER.findall(text))
