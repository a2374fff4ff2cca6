"""The page on which people review an annotation: one HTML file, usable by keyboard alone.

It shows the least certain phrases and a random sample, each on its picture with its mask, keeps
decisions in the browser and saves them as a file that `annotate.review` reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcg_bench import __version__
from gcg_bench.annotate.exporting import grounding
from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.review.decisions import FORMAT, VERSION
from gcg_bench.annotate.review.result import result_of
from gcg_bench.annotate.review.survey import Place, Survey, content_of, score_of, survey
from gcg_bench.annotate.scenes import Scene
from gcg_bench.errors import MissingData
from gcg_bench.reporting import pages
from gcg_bench.reporting.report.images import records
from gcg_bench.reporting.report.page import embedded, script_of, template
from gcg_bench.reporting.report.thumbnails import Thumbnail, thumbnails
from gcg_bench.types import Bar, Grounding, Pair, Phrase, Picture, Prediction, Query, Sample, no_bar

REVIEW_SCRIPTS = ("elements.js", "masks.js", "drawing.js", "scene.js", "review.js")
"""The scripts of the page: the report's renderer, and the part for reviews."""

_LONGEST = 512  # pixels of a mask's longer side
_FULL = 18_000_000  # characters of all pictures, about
_LARGEST, _SMALLEST = 90_000, 4_000  # characters of a picture


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choice of phrases on a page.

    Attributes:
        sample: the number of phrases in the random sample.
        seed: the seed of the sample.
        uncertain: the number of phrases with the lowest confidence.
    """

    sample: int = 100
    seed: int = 0
    uncertain: int = 200


@dataclass(frozen=True, slots=True)
class WrittenReview:
    """The page that was written.

    Attributes:
        phrases: the number of phrases on the page.
        sampled: how many of them are in the random sample.
        again: how many of them were decided before their image changed.
        images: the number of images on the page.
        blank: how many of them have no picture.
        why: why the first of these images has no picture.
        size: the size of the file in bytes.
    """

    phrases: int
    sampled: int
    again: int
    images: int
    blank: int
    why: str | None
    size: int


def write_review(
    folder: AnnotationFolder,
    out: Path,
    pictures: Mapping[str, Picture],
    chosen: Chosen,
    *,
    bar: Bar = no_bar,
) -> WrittenReview:
    """Writes the page; the file appears complete or not at all.

    Args:
        folder: the annotation.
        out: the file.
        pictures: image id -> picture; masks of other images are drawn on a blank canvas.
        chosen: the choice of phrases.
        bar: a progress bar.

    Raises:
        MissingData: no image has a caption with phrases.
        BadData: a line of the folder is damaged.
        EnvironmentProblem: the file cannot be written.
    """
    known, scenes, drawn, least, again = _chosen(folder, chosen)
    shown = [pictures.get(scene.image_id, _none(scene)) for scene in scenes]
    small = _small(shown, bar)
    items = _items(scenes, drawn, least, again)
    name = folder.folder.resolve().name
    drawings = [
        record | {"picture": one.address, "why": one.why}
        for record, one in zip(_records(scenes, shown), small, strict=True)
    ]
    content = {
        "title": f"Review of {name}",
        "review": embedded({"name": name, "items": items, "records": drawings}),
        "exact": embedded(_exact(folder, known, scenes, chosen), shown=False),
        "phrases": len(known.scores),
        "images": len(known.counts),
        "shown": len(items),
        "sampled": len(drawn),
        "uncertain": len(least),
        "again": len(again),
        "seed": chosen.seed,
        "version": __version__,
    }
    size = pages.write(out, _render(content))
    blank = [one.why for one in small if one.why is not None]
    why = blank[0] if blank else None
    counts = len(items), len(drawn), len(again), len(scenes), len(blank)
    return WrittenReview(*counts, why, size)


def _small(pictures: Sequence[Picture], bar: Bar) -> list[Thumbnail]:
    """The pictures of the page, so small that the page has a size that browsers open."""
    budget = min(_LARGEST, max(_SMALLEST, _FULL // max(1, len(pictures))))
    with bar("pictures", len(pictures)) as advance:
        return thumbnails(pictures, budget, advance)


def _chosen(
    folder: AnnotationFolder, chosen: Chosen
) -> tuple[Survey, list[Scene], list[Place], list[Place], frozenset[Place]]:
    """The survey, the scenes of the page, and its phrases by reason.

    The reasons: the random sample, the lowest confidence, a decision that is outdated.
    """
    known = survey(folder)
    if not known.scores:
        raise MissingData(
            f"{folder.folder}: no caption has a phrase that could be reviewed; see: gcg-bench"
            f" annotate status {folder.folder}"
        )
    drawn = known.sample(chosen.sample, chosen.seed)
    least = known.least_certain(chosen.uncertain)
    again = frozenset(
        (image, phrase or 0)  # the first phrase stands for a decision about the image
        for image, phrase in result_of(folder).again
        if (phrase or 0) < known.counts.get(image, 0)
    )
    wanted = {image for image, _ in (*drawn, *least, *again)}
    scenes = [scene for scene in folder.scenes() if scene.image_id in wanted]
    return known, scenes, drawn, least, again


def _render(content: Mapping[str, Any]) -> str:
    return pages.render(
        "gcg_bench.reporting.report",
        "review.html",
        content,
        style=template("scene.css") + template("review.css"),
        script=script_of(REVIEW_SCRIPTS),
    )


def _none(scene: Scene) -> Picture:
    """A missing picture, for an image without a given picture."""

    def read() -> Any:
        raise MissingData("the images are not given")

    return Picture(scene.height, scene.width, read)


def _items(
    scenes: Sequence[Scene],
    drawn: Sequence[Place],
    least: Sequence[Place],
    again: frozenset[Place],
) -> list[dict[str, Any]]:
    """The phrases of the page: those that must be decided again, then the least certain first."""
    ranks = {place: rank for rank, place in enumerate(drawn)}
    uncertain = set(least)
    others = uncertain | again
    items = [
        {
            "record": position,
            "phrase": k,
            "score": round(score_of(scene, phrase), 4),
            "drawn": ranks.get((scene.image_id, k), -1),
            "least": (scene.image_id, k) in uncertain,
            "again": (scene.image_id, k) in again,
        }
        for position, scene in enumerate(scenes)
        for k, phrase in enumerate(scene.phrases)
        if (scene.image_id, k) in ranks or (scene.image_id, k) in others
    ]
    return sorted(items, key=lambda item: (not item["again"], item["score"]))


def _exact(
    folder: AnnotationFolder, known: Survey, scenes: Sequence[Scene], chosen: Chosen
) -> dict[str, Any]:
    """The values of the annotation that decisions repeat, with every character unchanged."""
    digests = {image.id: image.sha256 for image in folder.images}
    return {
        "format": FORMAT,
        "version": VERSION,
        "recipe": known.recipe,
        "result": known.digest,
        "sample": {"size": chosen.sample, "seed": chosen.seed},
        "images": [
            {
                "id": scene.image_id,
                "content": content_of(scene, digests[scene.image_id]),
                "phrases": [[phrase.text, list(phrase.span)] for phrase in scene.phrases],
            }
            for scene in scenes
        ],
    }


def _records(scenes: Sequence[Scene], pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """The records of images: the caption, and the objects that no phrase names."""
    pairs = [
        Pair(
            Sample(Query(scene.image_id, picture), grounding(scene), (scene.caption,)),
            Prediction(scene.image_id, _others(scene)),
        )
        for scene, picture in zip(scenes, pictures, strict=True)
    ]
    made = []
    for record in records(pairs, None, _LONGEST):
        caption, others = record["sides"]
        made.append(
            {
                "id": record["id"],
                "size": record["size"],
                "regions": [],
                "caption": caption["captions"][0],
                "phrases": caption["phrases"],
                "others": others["phrases"],
            }
        )
    return made


def _others(scene: Scene) -> Grounding:
    """The objects that no phrase names, as phrases."""
    named = {id_ for phrase in scene.phrases for id_ in phrase.ids}
    return Grounding(
        "",
        tuple(
            Phrase(made.label, () if made.mask is None else (made.mask,), score=made.score)
            for made in scene.objects
            if made.id not in named
        ),
    )
