"""The objects of the release as rows, and the annotation of a sample of another data set."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from gcg_bench import masks
from gcg_bench.data.grand.values import Detail, GrandAnnotation, GrandObject, GroundedCaption
from gcg_bench.errors import BadOption
from gcg_bench.types import Mask, Sample


def object_rows(annotations: Iterable[GrandAnnotation]) -> Iterator[dict[str, Any]]:
    """One row for each object: objects of an image first, then its floating objects.

    A row has the image's id and file name, the object's id, whether it is floating, and the box as
    left, top, right and bottom. It also has the label, labels, score, attributes, depth and mask
    source of the release. Missing values are None; labels and attributes are lists.
    """
    for annotation in annotations:
        for rank, made in enumerate(annotation.all_objects):
            left, top, right, bottom = made.bbox
            yield {
                "image": PurePosixPath(annotation.file_name).stem,
                "file_name": annotation.file_name,
                "id": made.id,
                "floating": rank >= len(annotation.objects),
                "left": left,
                "top": top,
                "right": right,
                "bottom": bottom,
                "label": made.label,
                "labels": list(made.labels),
                "score": made.score,
                "attributes": list(made.attributes or ()),
                "depth": made.depth,
                "source": made.segmentation_source if made.segmentation else None,
            }


def annotation_of(sample: Sample, file_name: str) -> GrandAnnotation:
    """The annotation of a sample of grounded captions; each distinct mask is an object.

    The reader of the format returns the same caption and phrases, in the order of their spans.

    Args:
        sample: a sample whose phrases have words.
        file_name: the image's file name, whose stem is the id that is read back.

    Raises:
        BadOption: the sample is of another task, or has masks without words, scores or crowds,
            which the format cannot hold.
    """
    problem = "a task other than gcg" if sample.query.task not in ("", "gcg") else ""
    for phrase in sample.truth.phrases:
        if phrase.text is None:
            problem = "masks without words"
        elif phrase.score is not None or phrase.crowd:
            problem = "a phrase with a score or a crowd"
    if problem:
        raise BadOption(f"image {sample.id}: has {problem}, which the format grand cannot hold")
    objects: dict[Mask, GrandObject] = {}
    details = []
    for phrase in sample.truth.phrases:
        text = phrase.text or ""
        for mask in phrase.masks:
            objects.setdefault(mask, _object(len(objects), text, mask))
        made = [objects[mask] for mask in phrase.masks]
        ids = tuple(one.id for one in made if one.id is not None)
        details.append(Detail(text, phrase.span, ids, tuple(one.bbox for one in made)))
    return GrandAnnotation(
        file_name=file_name,
        objects=tuple(objects.values()),
        dense_caption=GroundedCaption(sample.truth.caption, tuple(details)),
    )


def _object(id_: int, label: str, mask: Mask) -> GrandObject:
    left, top, width, height = masks.boxes([mask])[0].tolist()
    return GrandObject(
        id=id_,
        bbox=(left, top, left + width, top + height),
        labels=(label,),
        label=label,
        segmentation=masks.to_rle(mask),
    )
