"""The result of an annotation: a data set with a card, and files in the form of GranD's release.

DIR/SPLIT.jsonl has a line for each image with a caption, in the format `jsonl`; the score of a
phrase is the lowest confidence of its objects. DIR/card.md states the models, their licences, how
much was reviewed, and whether the confidences are calibrated. Fields that a person stated in an
earlier card (licences, homepage, citation, prompt, title) are kept.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gcg_bench import masks
from gcg_bench.annotate.folder import CARD, AnnotationFolder
from gcg_bench.annotate.review.result import result_of
from gcg_bench.annotate.scenes import Scene, SceneObject, TiedPhrase
from gcg_bench.annotate.sources import SourceImage
from gcg_bench.annotate.status import status_of
from gcg_bench.data.cards import DataCard, Split, StatedSize, read_card, unstated, write_card
from gcg_bench.data.grand.values import (
    Detail,
    GrandAnnotation,
    GrandObject,
    GroundedCaption,
)
from gcg_bench.data.grand.writing import annotation_json
from gcg_bench.errors import MissingData
from gcg_bench.files.atomic import replace_with
from gcg_bench.predictions.phrases import json_line, phrase_fields
from gcg_bench.runs.files import make_folder, write_json
from gcg_bench.types import Grounding, Phrase

GRAND = "grand"
_SOURCE = "gcg-bench annotate"
_PROSE = """# {name}

Annotated by models: gcg-bench annotate, recipe {recipe} ({hash}). `known_issues` says what is known
about how good the annotation is.

| model | licence | weights |
|---|---|---|
{models}
"""


def grounding(scene: Scene) -> Grounding:
    """The caption of a scene with its phrases; a phrase has the masks of its objects."""
    by_id = {made.id: made for made in scene.objects}
    return Grounding(scene.caption, tuple(_phrase(phrase, by_id) for phrase in scene.phrases))


def row_of(scene: Scene, image: SourceImage, order: int) -> dict[str, Any]:
    """The line of an image in the format `jsonl`.

    Args:
        scene: a scene with a caption.
        image: the image.
        order: the rank of the image among all images.
    """
    made = grounding(scene)
    return {
        "id": image.id,
        "file_name": image.file,
        "height": image.height,
        "width": image.width,
        "captions": [made.caption],
        "phrases": [phrase_fields(phrase, listed=True) for phrase in made.phrases],
        "order": order,
    }


def result_rows(
    folder: AnnotationFolder, scenes: Iterable[Scene] | None = None
) -> Iterator[dict[str, Any]]:
    """The lines of all images with a caption, see `row_of`.

    Args:
        folder: the annotation.
        scenes: the scenes in the order of ids; by default with the decisions of people applied.

    Raises:
        MissingData: no image has a caption.
    """
    images = {image.id: (rank, image) for rank, image in enumerate(folder.images)}
    count = 0
    for scene in result_of(folder).scenes() if scenes is None else scenes:
        if scene.caption:
            rank, image = images[scene.image_id]
            count += 1
            yield row_of(scene, image, rank)
    if not count:
        raise MissingData(
            f"{folder.folder}: no image has a caption yet; see: gcg-bench annotate status"
            f" {folder.folder}"
        )


def write_dataset(
    folder: AnnotationFolder,
    *,
    scenes: Iterable[Scene] | None = None,
    references: str | None = None,
    issues: tuple[str, ...] | None = None,
    image_license: str = "",
) -> tuple[Path, Path]:
    """Writes SPLIT.jsonl and card.md; returns the paths of both.

    Args:
        folder: the annotation.
        scenes: the scenes in the order of ids; by default with the decisions of people applied.
        references: `annotated` or `reviewed`; by default as the decisions of people state.
        issues: sentences that replace the one that nobody has reviewed the annotation; by default
            the measures of the decisions.
        image_license: the licence of the images; by default as an earlier card states.

    Raises:
        MissingData: no image has a caption.
        EnvironmentProblem: a file cannot be written.
    """
    result, count = result_of(folder), 0

    def lines() -> Iterator[str]:
        nonlocal count
        for row in result_rows(folder, result.scenes() if scenes is None else scenes):
            count += 1
            yield json_line(row) + "\n"

    def fill(draft: Path) -> None:
        with draft.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(lines())

    file, card = folder.folder / f"{folder.split}.jsonl", folder.folder / CARD
    replace_with(file, fill)
    references = result.references if references is None else references
    issues = result.issues if issues is None else issues
    made = card_of(folder, count, references, issues, image_license)
    replace_with(card, lambda draft: write_card(made, draft, _prose(made.name, folder.recipe)))
    return file, card


def card_of(
    folder: AnnotationFolder, count: int, references: str, issues: tuple[str, ...], images: str
) -> DataCard:
    """The card of an annotation.

    Args:
        folder: the annotation.
        count: the number of images with a caption.
        references: `annotated` or `reviewed`.
        issues: sentences on the review; empty when nothing was reviewed.
        images: the licence of the images; empty to keep the licence of an earlier card.
    """
    file = folder.folder / CARD
    before = read_card(file, home=folder.folder) if file.is_file() else _bare(folder)
    split = Split(
        folder.split,
        {"samples": f"{folder.split}.jsonl"},
        images=("images", ""),
        sizes=(StatedSize(count, 0, _SOURCE),),
    )
    return replace(
        before,
        image_license=images or before.image_license,
        splits={folder.split: split},
        known_issues=(*(issues or (_UNREVIEWED,)), *_issues(folder, count)),
        references=references,
    )


_UNREVIEWED = "Nobody has looked at the annotation: 100% of it is unreviewed (annotate review)."


def _bare(folder: AnnotationFolder) -> DataCard:
    recipe = folder.recipe
    name = re.sub(r"[^\w.-]+", "-", folder.folder.resolve().name).strip("-.") or "annotated"
    models = "; ".join(
        f"{one['name']} ({one['licence'] or 'no licence stated'})" for one in recipe["models"]
    )
    title, home = f"{name}, annotated by models", folder.folder
    return replace(
        unstated(name, "jsonl", {}, title=title, home=home),
        origin=f"Annotated by gcg-bench annotate, recipe {recipe['recipe']}, with {models}.",
    )


def _issues(folder: AnnotationFolder, count: int) -> Iterator[str]:
    """Known limits of the annotation apart from its review, one sentence each."""
    recipe = folder.recipe
    if fitted := recipe["calibrated"]:
        yield f"The confidences of phrases are calibrated on {fitted}, not on these images."
    else:
        yield "The confidences of phrases are uncalibrated: they rank, and are no probabilities."
    status = status_of(folder)
    left_out = status.images - count
    if left_out:
        refused = sum(stage.refused for stage in status.stages)
        failed = len(status.lost) - refused
        yield (
            f"{left_out} of {status.images} images are left out: {refused} refused, {failed}"
            f" failed, {left_out - refused - failed} without a caption or not annotated yet."
        )
    yield from recipe["issues"]


def _prose(name: str, recipe: Mapping[str, Any]) -> str:
    models = "\n".join(
        f"| {one['name']} | {one['licence'] or 'not stated'} | {one['weights'] or '-'} |"
        for one in recipe["models"]
    )
    return _PROSE.format(
        name=name, recipe=recipe["recipe"], hash=str(recipe["hash"])[:12], models=models
    )


def _phrase(phrase: TiedPhrase, by_id: Mapping[int, SceneObject]) -> Phrase:
    objects = [by_id[id_] for id_ in phrase.ids if id_ in by_id]
    return Phrase(
        phrase.text,
        tuple(made.mask for made in objects if made.mask is not None),
        score=min((made.score for made in objects), default=None),
        span=phrase.span,
    )


def write_grand(folder: AnnotationFolder) -> int:
    """Writes grand/ID.json for each image in GranD's format; returns the number of files.

    Slashes in an id become folders. The caption becomes GranD's dense caption.

    Raises:
        EnvironmentProblem: a file cannot be written.
    """
    images, count = {image.id: image for image in folder.images}, 0
    for scene in result_of(folder).scenes():
        file = folder.folder / GRAND / f"{scene.image_id}.json"
        make_folder(file.parent)
        write_json(file, annotation_json(grand_annotation(scene, images[scene.image_id])))
        count += 1
    return count


def grand_annotation(scene: Scene, image: SourceImage) -> GrandAnnotation:
    """A scene as an annotation in GranD's format.

    Fields that this format does not have are left out: votes, relations, evidence.
    """
    by_id = {made.id: made for made in scene.objects}
    details = tuple(
        Detail(phrase.text, phrase.span, phrase.ids, tuple(by_id[id_].box for id_ in phrase.ids))
        for phrase in scene.phrases
    )
    return GrandAnnotation(
        file_name=image.file or f"{image.id}.png",
        objects=tuple(_grand_object(made) for made in scene.objects if not made.floating),
        floating_objects=tuple(_grand_object(made) for made in scene.objects if made.floating),
        floating_attributes=(),
        id_counter=max(by_id, default=-1) + 1,
        dense_caption=GroundedCaption(scene.caption, details) if scene.caption else None,
        additional_context=scene.context or None,
    )


def _grand_object(made: SceneObject) -> GrandObject:
    words = tuple(vote.word for vote in made.votes) or (made.label,)
    return GrandObject(
        bbox=made.box,
        id=made.id,
        labels=words,
        score=made.score,
        attributes=made.attributes or None,
        label=made.label,
        depth=made.depth,
        segmentation=None if made.mask is None else masks.to_rle(made.mask),
        segmentation_source=None
        if made.mask is None
        else made.votes[0].model
        if made.votes
        else None,
    )
