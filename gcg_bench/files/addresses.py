"""Image files at addresses that fsspec reads: s3://, gs://, hf://, https:// and others."""

import re
from functools import partial

from gcg_bench.errors import BadData, BadOption, MissingData
from gcg_bench.files import limits
from gcg_bench.files.images import decode
from gcg_bench.types import Picture, Pixels

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.+", re.DOTALL)


def is_address(text: str) -> bool:
    """Whether a text is an address, not a path."""
    return _ADDRESS.fullmatch(text) is not None


def refuse_unknown_address(address: str) -> None:
    """Raises BadOption when no installed package reads addresses of this kind; reads nothing."""
    import fsspec

    scheme = address.partition("://")[0]
    try:
        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        raise BadOption(
            f"{address}: addresses with {scheme}:// cannot be read here ({error}). Install the"
            " package for them, such as s3fs or gcsfs"
        ) from error


def address_picture(address: str, height: int, width: int) -> Picture:
    """The picture at an address; nothing is read yet.

    Args:
        address: the address of the image file.
        height: height of the image according to the annotation file.
        width: width of the image according to the annotation file.
    """
    read = partial(read_address, address, height, width)
    return Picture(height, width, read, address=address)


def read_address(address: str, height: int, width: int) -> Pixels:
    """The pixels of an image file at an address; see `images.read_pixels`.

    Raises:
        MissingData: there is no such file, or it cannot be reached.
        BadData: the file is not an image, has another size, or is too long.
    """
    import fsspec

    try:
        with fsspec.open(address, "rb") as file:
            data: bytes = file.read(limits.PICTURE + 1)
    except FileNotFoundError as error:
        raise MissingData(f"{address}: no such image") from error
    except OSError as error:
        raise MissingData(f"{address}: cannot be read ({error})") from error
    if len(data) > limits.PICTURE:
        raise BadData(f"an image of more than {limits.PICTURE:,} bytes is not read", file=address)
    return decode(data, address, height, width)
