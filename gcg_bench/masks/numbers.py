"""Numbers from outside: what a size or a list of numbers in a file may be, and what it may not.

Booleans are numbers to Python but not here; floats may stand for whole numbers; numpy's numbers
count as Python's.
"""

import numpy as np

from gcg_bench.errors import BadMask

MAX_PIXELS = 2**26
"""The largest image, 8192 x 8192 pixels. Under it all native arithmetic stays within 32 bits, and
pycocotools' encoder, which leaves no room for the final NUL, stays within what malloc rounds up."""

Size = tuple[int, int]

REMEDY = "Write masks as pycocotools encodes them, size [height, width], or as polygons"


def checked_size(size: object, field: str) -> Size:
    """A size (height, width) as plain integers.

    Raises:
        BadMask: not two whole numbers above 0 with a product of at most MAX_PIXELS.
    """
    sides = size.tolist() if isinstance(size, np.ndarray) else size
    if not isinstance(sides, list | tuple) or len(sides) != 2:
        raise BadMask("size is not [height, width]", field=field, remedy=REMEDY)
    height, width = (side if type(side) is int else _whole_side(side, field) for side in sides)
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise BadMask(
            f"size is {shown(height)} x {shown(width)}",
            field=field,
            remedy=f"Sides are at least 1, and height x width at most {MAX_PIXELS}",
        )
    return height, width


def plain_numbers(values: object, field: str) -> list[int | float]:
    """A list, tuple or array as Python's integers and floats; booleans are no numbers here."""
    if not isinstance(values, list | tuple | np.ndarray):
        raise BadMask(f"{shown(values)} is no list of numbers", field=field, remedy=REMEDY)
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(listed, list | tuple):  # an array without dimensions
        raise BadMask("an array of no dimensions is no list", field=field, remedy=REMEDY)
    if not set(map(type, listed)) <= {int, float}:
        listed = [v.item() if isinstance(v, np.generic) else v for v in listed]
        for value in listed:
            if type(value) not in (int, float):
                raise BadMask(
                    f"{shown(value)} stands where a number should", field=field, remedy=REMEDY
                )
    return list(listed)


def _whole_side(value: object, field: str) -> int:
    """A side of an image that is not an int already: a float or a number of numpy's."""
    side = value.item() if isinstance(value, np.generic) else value
    if type(side) is int or (type(side) is float and side.is_integer()):
        return int(side)
    raise BadMask(f"size holds {shown(side)}", field=field, remedy="Sides are whole numbers")


def shown(value: object) -> str:
    """A value in a message: short whatever it is, and without calling code of its own."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else f"a number of {value.bit_length()} bits"
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, str):
        return repr(str(value)[:40])
    return f"a value of type {type(value).__name__}"
