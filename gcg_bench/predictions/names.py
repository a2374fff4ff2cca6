"""The names that a record states for its image, and the possible forms of a name."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from gcg_bench.files import paths
from gcg_bench.files.fields import as_whole

FIELDS = (
    "id", "image_id", "img_id", "imageId", "imgId", "imageID", "imageid", "image_name", "img_name",
    "file_name", "filename", "image_filename", "image_path", "img_path", "image_file", "img_file",
    "image_url", "img_url", "image", "img", "file", "file_path", "filepath", "path", "url",
)  # fmt: skip
"""The fields that may name the image of a record."""

_EXTENSION = re.compile(
    r"(?:\.(?:jpe?g|jfif|png|webp|bmp|gif|tiff?|heic|heif|avif|json))+$", re.IGNORECASE
)
_COCO = re.compile(r"COCO_(?:train|val|test)\d{4}_0*(\d+)", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z][a-z0-9+]*://[^?#]*/", re.IGNORECASE)


def _as_written(name: str) -> str:
    return name


def _without_extension(name: str) -> str:
    return _EXTENSION.sub("", name) or name


def _without_folder(name: str) -> str:
    path = name
    if _ADDRESS.match(name):
        path = re.split(r"[?#]", name)[0]
    return _without_extension(path.replace("\\", "/").rstrip("/").rpartition("/")[2]) or name


def _without_padding(name: str) -> str:
    last = _without_folder(name)
    return last.lstrip("0") or "0" if last.isdecimal() else last


def _without_prefix(name: str) -> str:
    match = _COCO.fullmatch(_without_folder(name))
    return match[1] if match else _without_padding(name)


def _folded(name: str) -> str:
    bare = unicodedata.normalize("NFKC", name).strip(" \t\r\n\ufeff'\"")
    return _without_prefix(bare).casefold() or name


FORMS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", _as_written),
    ("the file extension", _without_extension),
    ("the folder", _without_folder),
    ("zero padding", _without_padding),
    ("COCO's prefix", _without_prefix),
    ("the case of letters, white space or the form of Unicode", _folded),
)
"""Each form of a name: what it ignores in addition to the earlier forms, and its function."""


def stated_names(
    record: Mapping[str, Any], key: str | None, place: str, *, part: bool
) -> tuple[tuple[str, str], ...]:
    """The names of the image from a record and its place: pairs of the field and its text.

    Args:
        record: the record.
        key: the name that its place gives; None for no name.
        place: the kind of `key`: a file's name, or a key.
        part: whether its `id` numbers parts of answers, as in COCO results.
    """
    fields = [name for name in FIELDS if name in record and not (part and name == "id")]
    texts = [(name, _text(record[name])) for name in fields]
    stated = [(name, text) for name, text in texts if text is not None]
    return tuple(stated if key is None else [*stated, (place, key)])


def plain_record(
    record: Mapping[str, Any], key: str | None
) -> tuple[Mapping[str, Any], str | None]:
    """A record and the name of its place, in the form that layouts expect.

    If the record has no id, another field that may name the image replaces the place. An address or
    the absolute path of an image becomes the file's name, because an id must not lead out of a
    folder.
    """
    stated = {name: _text(record.get(name)) for name in FIELDS}
    if key is None and stated["id"] is None and stated["image_id"] is None:
        key = next((text for text in stated.values() if text is not None), None)
    changed = {
        name: _file_of(text)
        for name, text in stated.items()
        if text is not None and _file_of(text) != text
    }
    return {**record, **changed} if changed else record, None if key is None else _file_of(key)


def _file_of(name: str) -> str:
    """The file's name of an address or an absolute path of an image; other names do not change."""
    leads_out = paths.leads_out(name) or _ADDRESS.match(name) is not None
    if not leads_out or ".." in re.split(r"[/\\]", name):
        return name
    last = re.split(r"[?#]", name)[0].replace("\\", "/").rpartition("/")[2]
    return last if _EXTENSION.search(last) else name


def _text(value: Any) -> str | None:
    """A name as text; None for a value that is not a name."""
    if isinstance(value, str):
        return value if value.strip() and len(value) <= paths.LONGEST else None
    number = as_whole(value)
    return None if number is None else str(number)
