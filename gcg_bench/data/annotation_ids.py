"""Annotations of COCO files by image, and annotations that pycocotools loses due to their ids.

pycocotools uses id 0 for "not matched", and keeps only the last of annotations with the same id.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gcg_bench.files.fields import Faults, Record


def by_image(
    rows: Sequence[Record], images: Mapping[str, Record], faults: Faults
) -> dict[str, list[Record]]:
    """Image id as text -> its annotations in order; warns of annotations that pycocotools loses."""
    grouped: dict[str, list[Record]] = {}
    seen: set[Any] = set()
    for row in rows:
        with faults.caught():
            key = str(row.id("image_id"))
            row.image = key
            grouped.setdefault(key, []).append(row)
            if key not in images:
                faults.warning(row.bad("image_id", "the caption file lists no such image"))
            id_ = row.id("id") if row.has("id") else None
            if id_ is None or id_ in seen:
                why = "is missing" if id_ is None else f"{id_!r} occurred before"
                faults.warning(row.bad("id", why, "pycocotools loses annotations by this"))
            elif id_ == 0:
                why = "is 0, which pycocotools counts as not found"
                faults.warning(row.bad("id", why, "Number annotations from 1"))
            seen.add(id_)
    return grouped


def lost_by_ids(grouped: Mapping[str, Sequence[Record]]) -> dict[str, int]:
    """Image id -> number of its annotations with the id 0, no id, or an id that is not unique."""
    ids = {key: [_id(row) for row in rows] for key, rows in grouped.items()}
    counts = Counter(id_ for own in ids.values() for id_ in own)
    return {
        key: sum(id_ is None or id_ == 0 or counts[id_] > 1 for id_ in own)
        for key, own in ids.items()
    }


def _id(row: Record) -> int | str | None:
    """The id of an annotation; None without an id that can be a key of a dictionary."""
    value = row.value.get("id")
    return value if isinstance(value, int | str) else None
