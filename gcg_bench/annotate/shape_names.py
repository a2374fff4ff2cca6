"""Names of the things of `shapes`: the words for size, texture, colour and shape in a phrase."""

import re
from dataclasses import dataclass

from gcg_bench.data.shapes.composing import SIZES
from gcg_bench.data.shapes.grammar import PLURALS, WITH_TEXTURE
from gcg_bench.data.shapes.rendering import OUTLINES
from gcg_bench.data.shapes.scene import COLOURS

_SHAPES = {
    **{shape: shape for shape in OUTLINES},
    **{PLURALS.get(shape, f"{shape}s"): shape for shape in OUTLINES},
}
_TEXTURES = {
    **{texture: texture for texture in WITH_TEXTURE},
    **{words.split()[-1]: texture for texture, words in WITH_TEXTURE.items()},
}
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Name:
    """The size, texture, colour and shape in a phrase; a part that the phrase lacks is empty.

    Attributes:
        size: `small`, `medium` or `large`.
        texture: `striped`, `dotted` or `checkered`.
        colour: a colour of `shapes`.
        shape: a shape of `shapes`.
    """

    size: str = ""
    texture: str = ""
    colour: str = ""
    shape: str = ""

    def __str__(self) -> str:
        """The words in the order of the grammar, without an article: `small striped red circle`."""
        size = "" if self.size == "medium" else self.size
        return " ".join(word for word in (size, self.texture, self.colour, self.shape) if word)


def read_name(phrase: str) -> Name:
    """The name in a phrase, e.g. `two small red circles with stripes`; later words win."""
    parts = {"size": "", "texture": "", "colour": "", "shape": ""}
    for word in _WORD.findall(phrase.casefold()):
        if word in SIZES:
            parts["size"] = word
        elif word in _TEXTURES:
            parts["texture"] = _TEXTURES[word]
        elif word in COLOURS:
            parts["colour"] = word
        elif word in _SHAPES:
            parts["shape"] = _SHAPES[word]
    return Name(**parts)


def same_thing(first: str, second: str) -> bool:
    """Whether two phrases agree in colour and shape; a part that one phrase lacks agrees."""
    one, two = read_name(first), read_name(second)
    pairs = ((one.colour, two.colour), (one.shape, two.shape))
    return all(not a or not b or a == b for a, b in pairs)
