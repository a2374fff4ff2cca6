"""Reads answers such as `<p> A man </p> [SEG] rides <p> a horse </p> [SEG].` with their masks.

GLaMM, Sa2VA, OMG-LLaVA and GeoPixel write this form. Copy this file beside the worker that imports
it. Python 3.8 or later, the standard library alone.
"""

import re

_MARKS = re.compile(r"(<p>|</p>|\[SEG\]|<[^<>]*>)")


def read(text, masks):
    """The answer that a text and its masks give, for `serve`.

    A mask belongs to the phrase that its [SEG] stands in or directly behind. A [SEG] elsewhere
    gives a mask without words. Other marks are left out, and white space is folded. `raw` is the
    text as it is.

    Args:
        text: the text of the model, with its tags.
        masks: one mask for each [SEG], in order; a [SEG] beyond them gets no mask.
    """
    caption = _Caption()
    phrases, position = [], 0
    for place, part in enumerate(_MARKS.split(text)):
        if place % 2 == 0:
            caption.add(part)
        elif part == "<p>":
            caption.open()
        elif part == "</p>":
            caption.close(phrases)
        elif part == "[SEG]":
            found = masks[position : position + 1]
            position += 1
            caption.owner(phrases)["masks"] += list(found)
    caption.close(phrases)
    return {"caption": caption.text, "phrases": phrases, "raw": text}


class _Caption:
    """The caption as far as it is read, and the phrase that is open or was closed just before."""

    def __init__(self):
        self.text, self._space = "", False
        self._open = self._last = None

    def add(self, part):
        """Adds text between marks."""
        for piece in re.findall(r"\s+|\S+", part):
            if piece.isspace():
                self._space = True
                continue
            if self._space and self.text:
                self.text += " "
            start = len(self.text)
            self.text, self._space = self.text + piece, False
            if self._open is None:
                self._last = None
            elif self._open["span"] is None:
                self._open["span"] = [start, len(self.text)]
            else:
                self._open["span"][1] = len(self.text)

    def open(self):
        """Begins a phrase."""
        self._open = {"text": "", "span": None, "masks": []}

    def close(self, phrases):
        """Ends the open phrase, if there is one."""
        if self._open is not None:
            span = self._open["span"]
            self._open["text"] = "" if span is None else self.text[span[0] : span[1]]
            phrases.append(self._open)
            self._last, self._open = self._open, None

    def owner(self, phrases):
        """The phrase that a [SEG] belongs to at this place; without one a phrase without words."""
        if self._open is None and self._last is None:
            phrases.append({"text": None, "masks": []})
            return phrases[-1]
        return self._last if self._open is None else self._open
