"""A model without weights: connected regions of one colour, named by their outlines."""

import numpy as np
from scipy import ndimage

from gcg_bench import Grounding, Phrase, Prediction
from gcg_bench.masks import encode

COLOURS = {
    "red": (212, 42, 42), "orange": (242, 140, 28), "yellow": (242, 222, 58),
    "green": (46, 156, 66), "blue": (44, 92, 216), "purple": (138, 58, 176),
    "white": (244, 244, 244), "black": (30, 30, 34),
}  # fmt: skip


class ColourModel:
    def answer(self, queries):
        for query in queries:
            found = [
                (f"{'an' if colour == 'orange' else 'a'} {colour} {self.noun(region)}", region)
                for colour, region in regions(query.image.read())
            ]
            caption = " ".join(f"There is {text}." for text, _ in found)
            phrases = tuple(Phrase(text, (encode(region),)) for text, region in found)
            yield Prediction(query.id, Grounding(caption, phrases))

    def noun(self, region):
        filled = region[ndimage.find_objects(region.astype(int))[0]].mean()  # the share of its box
        return "square" if filled > 0.9 else "circle" if filled > 0.7 else "triangle"


def regions(pixels):
    """Each region of one colour: the name of the colour, and a boolean array (height, width)."""
    smooth = ndimage.uniform_filter(pixels.astype(float), (5, 5, 0))
    for name, colour in COLOURS.items():
        near = np.abs(smooth - colour).sum(axis=2) < 75
        near = ndimage.binary_closing(near, np.ones((9, 9)), 2)
        labels, count = ndimage.label(ndimage.binary_fill_holes(near))
        for k in range(1, count + 1):
            if (labels == k).sum() > 1500:
                yield name, labels == k


load = ColourModel
