"""Tables of COCO annotation files: images and annotations by id, and segmentations as masks.

The readers of files in COCO's form share this module. A segmentation is a list of polygons, a mask
as run lengths, a list of such masks, or an empty list, which is an empty mask.
"""

from pathlib import Path
from typing import Any

from gcg_bench.files.fields import Faults, Record
from gcg_bench.files.json import read_json
from gcg_bench.predictions.drafts import Size

_LEAST = 6  # numbers of a polygon: three points


class CocoFile:
    """The images and annotations of a file.

    Attributes:
        file: the file.
        images: image id -> its record.
        annotations: annotation id -> its record.
        categories: category id -> its record; empty unless they are requested.

    Args:
        file: the file.
        faults: takes the errors of entries that cannot be read; if it returns, they are left out.
        categories: whether the categories are read.

    Raises:
        MissingData: the file does not exist.
        BadData: the file is not an object with lists of images and annotations.
    """

    def __init__(self, file: Path, faults: Faults, *, categories: bool = False) -> None:
        self.file = file
        content = Record(read_json(file), file)
        self.images = _by_id(content, "images", faults)
        self.annotations = _by_id(content, "annotations", faults)
        self.categories = _by_id(content, "categories", faults) if categories else {}

    def image(self, id_: int, owner: Record, field: str = "image_id") -> Record:
        """The image with an id; if it does not exist, raises BadData about the owner's field."""
        if id_ not in self.images:
            raise owner.bad(field, f"is {id_}, and {self.file.name} has no such image")
        return self.images[id_]

    def annotation(self, id_: int, owner: Record, field: str = "ann_id") -> Record:
        """The annotation of an id; raises BadData as `image` does."""
        if id_ not in self.annotations:
            raise owner.bad(field, f"is {id_}, and {self.file.name} has no such annotation")
        return self.annotations[id_]


def _by_id(content: Record, name: str, faults: Faults) -> dict[int, Record]:
    table: dict[int, Record] = {}
    for record in content.records(name, faults=faults):
        with faults.caught():
            id_ = record.whole("id")
            if id_ in table:
                raise record.bad("id", f"{id_} occurred before", "Give each entry an id of its own")
            table[id_] = record
    return table


def image_size(image: Record) -> Size:
    """The (height, width) that an image states."""
    return image.whole("height", least=1), image.whole("width", least=1)


def masks_of(annotation: Record, size: Size, *, skip_short: bool = False) -> list[tuple[str, Any]]:
    """The parts of a segmentation: pairs of the field's name and the mask as a JSON value.

    Each polygon is a separate mask, because published evaluators sum polygons.

    Args:
        annotation: the annotation, with a field `segmentation`.
        size: (height, width) of the image, used for an empty mask.
        skip_short: whether polygons of fewer than three points are left out instead of refused.

    Raises:
        BadData: the segmentation has another form.
    """
    name = f"{annotation.prefix}segmentation"
    value = annotation.any("segmentation")
    if isinstance(value, dict):
        return [(name, value)]
    if not isinstance(value, list):
        raise annotation.bad("segmentation", "is neither polygons nor run lengths")
    parts = [
        (f"{name}[{position}]", part if isinstance(part, dict) else [part])
        for position, part in enumerate(value)
        if not (skip_short and isinstance(part, list) and len(part) < _LEAST)
    ]
    return parts or [(name, {"size": list(size), "counts": [size[0] * size[1]]})]


def whole_id(record: Record, name: str) -> int:
    """A field that must be a whole number; a text is refused with the remedy.

    Raises:
        BadData: the field is missing, or is not a whole number.
    """
    if isinstance(record.value.get(name), str):
        raise record.bad(name, "should be a whole number, not text", "Remove the quotes")
    return record.whole(name)
