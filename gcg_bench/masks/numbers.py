"""Checks of the sizes and lists of numbers in files.

Booleans are not accepted as numbers. Floats are accepted as whole numbers when they have no
fraction. Numbers of numpy are treated like those of Python.
"""

import numpy as np

from gcg_bench.errors import BadMask

MAX_PIXELS = 2**26
"""Pixels of the largest image, 8192 x 8192. Up to this size all native arithmetic fits 32 bits, and
the encoder of pycocotools, which allocates no byte for the final NUL, still writes only into the
memory that malloc adds by rounding up."""

Size = tuple[int, int]

REMEDY = "Write masks as pycocotools encodes them, size [height, width], or as polygons"


def checked_size(size: object, field: str) -> Size:
    """A size (height, width) as integers of Python.

    Args:
        size: the size as read from a file.
        field: the name of the field, for messages.

    Raises:
        BadMask: it is not two whole numbers above 0 with a product of at most MAX_PIXELS.
    """
    sides = size.tolist() if isinstance(size, np.ndarray) else size
    if not isinstance(sides, list | tuple) or len(sides) != 2:
        raise BadMask("size is not [height, width]", field=field, remedy=REMEDY)
    height, width = (side if type(side) is int else _whole_side(side, field) for side in sides)
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise BadMask(
            f"size is {value_text(height)} x {value_text(width)}",
            field=field,
            remedy=f"Sides are at least 1, and height x width at most {MAX_PIXELS}",
        )
    return height, width


def plain_numbers(values: object, field: str) -> list[int | float]:
    """A list, tuple or array as a list of Python integers and floats.

    Args:
        values: the list as read from a file.
        field: the name of the field, for messages.

    Raises:
        BadMask: it is not a list, or an item is not a number; a boolean is not.
    """
    if not isinstance(values, list | tuple | np.ndarray):
        raise BadMask(f"{value_text(values)} is not a list of numbers", field=field, remedy=REMEDY)
    numbers = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(numbers, list | tuple):  # an array without dimensions
        raise BadMask("an array without dimensions is not a list", field=field, remedy=REMEDY)
    if not set(map(type, numbers)) <= {int, float}:
        numbers = [v.item() if isinstance(v, np.generic) else v for v in numbers]
        for value in numbers:
            if type(value) not in (int, float):
                raise BadMask(f"{value_text(value)} is not a number", field=field, remedy=REMEDY)
    return list(numbers)


def _whole_side(value: object, field: str) -> int:
    """A side of an image from a value that is not an int: a float or a number of numpy."""
    side = value.item() if isinstance(value, np.generic) else value
    if type(side) is int or (type(side) is float and side.is_integer()):
        return int(side)
    raise BadMask(f"size holds {value_text(side)}", field=field, remedy="Sides are whole numbers")


def value_text(value: object) -> str:
    """A value as short text for a message; never calls code of the value's own class."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else f"a number of {value.bit_length()} bits"
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, str):
        return repr(str(value)[:40])
    return f"a value of type {type(value).__name__}"
