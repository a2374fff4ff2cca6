"""Would a stage `verify` help the recipe `embedded`? Words of phrases against the pixels of masks.

    gcg-bench annotate --dataset shapes --split val -o DIR
    python benchmarks/annotate_verify.py DIR [--encoder minilm]

Colour words are compared with the named tone that is nearest to each pixel of a mask, shape words
with the moments and the convex hull of the mask, so no check repeats the fit of `blobs`. Prints
how many right and wrong objects each check confirms, and the scores without the phrases that it
contradicts.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from annotate import RULE, scored, table  # the benchmark beside this file

from gcg_bench import masks
from gcg_bench.annotate.exporting import grounding
from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.judging import judge
from gcg_bench.annotate.scenes import Scene, SceneObject
from gcg_bench.annotate.shape_names import read_name
from gcg_bench.data import load_dataset
from gcg_bench.data.shapes.rendering import OUTLINES, TURNS, Bitmap, outline, second_tone
from gcg_bench.data.shapes.scene import BACKGROUNDS, COLOURS
from gcg_bench.types import FloatArray, Pixels, Prediction

Check = Callable[[SceneObject, Pixels], bool]

TONES = [
    *((name, tone) for name, first in COLOURS.items() for tone in (first, second_tone(first))),
    *(("", tone) for tone in BACKGROUNDS),
]
RADII = (18, 30, 45)  # of the outlines whose features are compared


def has_colour(made: SceneObject, pixels: Pixels) -> bool:
    """Whether half of the mask's pixels are nearest to a tone of the colour in the label."""
    assert made.mask is not None
    inside = pixels[masks.decode(made.mask)].astype(float)
    tones = np.array([tone for _, tone in TONES], dtype=float)
    nearest = ((inside[:, None] - tones[None]) ** 2).sum(-1).argmin(1)
    colour = read_name(made.label).colour
    return float(np.mean([TONES[k][0] == colour for k in nearest])) >= 0.5


def has_shape(made: SceneObject, pixels: Pixels) -> bool:
    """Whether the outline with the nearest features is the shape in the label."""
    del pixels
    assert made.mask is not None
    own = features(masks.decode(made.mask))
    shape, _ = min(outlines(), key=lambda pair: float(((pair[1] - own) ** 2).sum()))
    return shape == read_name(made.label).shape


def features(bitmap: Bitmap) -> FloatArray:
    """Solidity, extent, second and fourth moment of the radius, and the share near the centre."""
    from scipy.spatial import ConvexHull

    rows, columns = np.nonzero(bitmap)
    points = np.stack([columns, rows], 1).astype(float)
    steps = ((-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5))
    hull = ConvexHull(np.concatenate([points + step for step in steps])).volume
    radius = np.hypot(*(points - points.mean(0)).T)
    count, box = len(points), (np.ptp(columns) + 1) * (np.ptp(rows) + 1)
    moments = 10 * (radius**2).mean() / count, 20 * (radius**4).mean() / count**2
    middle = 3 * (radius < radius.max() / 4).mean()
    return np.array([count / hull, count / box, *moments, middle])


@cache
def outlines() -> tuple[tuple[str, FloatArray], ...]:
    """Each shape in each turn and three sizes, with its features."""
    return tuple(
        (shape, features(made.inside))
        for shape in OUTLINES
        for turn in range(len(TURNS))
        for radius in RADII
        for made in [outline(shape, centre=(80, 80), radius=radius, turn=turn, size=(160, 160))]
    )


CHECKS: dict[str, Check] = {
    "colour": has_colour,
    "colour and shape": lambda made, pixels: has_colour(made, pixels) and has_shape(made, pixels),
}


def checked(scene: Scene, pixels: Pixels, check: Check) -> dict[int, bool]:
    """The id of each object with a mask -> whether the check confirms it."""
    return {made.id: check(made, pixels) for made in scene.objects if made.mask is not None}


def main() -> None:
    """Reads the annotation, runs the checks and prints their effects."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="minilm")
    given = parser.parse_args()
    folder = AnnotationFolder(given.folder)
    source = folder.recipe["source"]
    data = load_dataset(source["dataset"], source["split"], limit=source["limit"])
    samples = {sample.id: sample for sample in data.samples}
    scenes = list(folder.scenes())
    rows = {"whole recipe": {one.image_id: grounding(one) for one in scenes}}
    for name, check in CHECKS.items():
        counts: Counter[tuple[bool, bool]] = Counter()
        rows[name] = {}
        for scene in scenes:
            sample = samples[scene.image_id]
            is_confirmed = checked(scene, sample.query.image.read(), check)
            judged = judge(scene, sample.truth, RULE).objects
            for made, judgement in zip(scene.objects, judged, strict=True):
                counts[judgement.right, is_confirmed[made.id]] += 1
            kept = (one for one in scene.phrases if all(is_confirmed[id_] for id_ in one.ids))
            rows[name][scene.image_id] = grounding(replace(scene, phrases=tuple(kept)))
        for right, word in ((True, "right"), (False, "wrong")):
            of = counts[right, True] + counts[right, False]
            sys.stdout.write(f"{name}: {counts[right, True]} of {of} {word} objects confirmed\n")
    table(
        {
            name: scored(
                data, {id_: Prediction(id_, one) for id_, one in made.items()}, given.encoder
            )
            for name, made in rows.items()
        }
    )


if __name__ == "__main__":
    main()
