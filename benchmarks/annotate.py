"""What each stage of the recipe `embedded` adds: scores without it, with paired intervals.

    gcg-bench annotate --dataset shapes --split val -o DIR
    python benchmarks/annotate.py DIR [--baseline RUN] [--encoder minilm]

The detections are read from DIR; the later stages run again, each variant without a stage or with
another in its place. With --baseline, predictions of a run are one more row. Prints a table in
Markdown; a difference is the variant minus the whole recipe, x 100, with a 95% paired bootstrap
interval over images.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gcg_bench.annotate import measuring
from gcg_bench.annotate.consensus import Voter, fuse
from gcg_bench.annotate.exporting import grounding
from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.judging import judge
from gcg_bench.annotate.recipes import load_recipe
from gcg_bench.annotate.scenes import Scene, SceneObject, Vote
from gcg_bench.annotate.stages import consensus, load_stage
from gcg_bench.data import Dataset, load_dataset
from gcg_bench.pipeline.score import score
from gcg_bench.runs import Run
from gcg_bench.scoring.comparable import differences
from gcg_bench.scoring.results import Result
from gcg_bench.tasks.gcg import STRICT
from gcg_bench.types import Picture, Pixels, Prediction

SCORES = ("F1", "gPQ", "Hallucination", "METEOR")
RULE = consensus.WORDS["shapes"]


def main() -> None:
    """Reads the annotation, makes the variants and prints their scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--baseline", type=Path, help="a run on the same images")
    parser.add_argument("--encoder", default="minilm")
    given = parser.parse_args()
    folder = AnnotationFolder(given.folder)
    source = folder.recipe["source"]
    data = load_dataset(source["dataset"], source["split"], limit=source["limit"])
    detected = list(folder.scenes(stage_of(folder, "consensus") - 1))
    rows: dict[str, Result] = {}
    for name, make in VARIANTS.items():
        scenes = [make(scene) for scene in detected]
        answers = {scene.image_id: Prediction(scene.image_id, grounding(scene)) for scene in scenes}
        rows[name] = scored(data, answers, given.encoder)
        if name in MEASURED:
            tell(name, data, scenes)
    if given.baseline:
        answers = {one.id: one for one in Run.open(given.baseline).predictions(sizes=data.sizes)}
        rows[f"(run {given.baseline.name})"] = scored(data, answers, given.encoder)
    table(rows)


def stage_of(folder: AnnotationFolder, stage: str) -> int:
    """The position of a stage in the recipe of a folder."""
    return [step["stage"] for step in folder.recipe["stages"]].index(stage)


# The variants ------------------------------------------------------------------------------------


def later(
    scene: Scene,
    *,
    without: Sequence[str] = (),
    changes: Mapping[str, Mapping[str, Any]] | None = None,
) -> Scene:
    """The scene after fusion, relations and writer, some of them left out or changed."""
    for step in load_recipe("embedded").steps:
        if step.stage in ("consensus", "relate", "template") and step.stage not in without:
            settings = replace(step.chosen, **((changes or {}).get(step.stage) or {}))
            scene = ran(step.stage, settings, scene)
    return scene


def ran(stage: str, settings: object, scene: Scene) -> Scene:
    """The scene after a stage that does not look at the image."""
    (after,) = load_stage(stage, settings).run([scene], [NO_PICTURE])
    assert isinstance(after, Scene)
    return after


def nothing() -> Pixels:
    """Raises AssertionError."""
    raise AssertionError("no later stage looks at the image")


NO_PICTURE = Picture(1, 1, nothing)


def only(model: str) -> Callable[[Scene], Scene]:
    """The recipe with the detections of one model; every one becomes an object of the caption."""

    def made(scene: Scene) -> Scene:
        kept = tuple(pair for pair in scene.detections if pair[0] == model)
        return every_detection(replace(scene, detections=kept))

    return made


def every_detection(scene: Scene) -> Scene:
    """No fusion: every detection is an object of the caption."""
    both = [(model, one) for model, found in scene.detections for one in found]
    objects = tuple(
        SceneObject(
            id=k, box=one.box, label=one.label, score=one.score, mask=one.mask,
            votes=(Vote(model, one.score, 1.0, one.label),),
        )
        for k, (model, one) in enumerate(both, 1)
    )  # fmt: skip
    return later(replace(scene, objects=objects), without=("consensus",))


def by_place(scene: Scene) -> Scene:
    """Fusion by place alone, as in GranD: words need not agree."""
    voters = [Voter(model) for model, _ in scene.detections]
    objects = fuse(dict(scene.detections), voters, agree=lambda *_: True)
    return later(replace(scene, objects=objects), without=("consensus",))


def floating_too(scene: Scene) -> Scene:
    """Floating objects are captioned as well."""
    fused = ran("consensus", fusion(), scene)
    objects = tuple(replace(one, floating=False) for one in fused.objects)
    return later(replace(fused, objects=objects), without=("consensus",))


def two_votes(scene: Scene) -> Scene:
    """Only objects with two votes are captioned."""
    fused = ran("consensus", fusion(), scene)
    objects = tuple(replace(one, floating=len(one.votes) < 2) for one in fused.objects)
    return later(replace(fused, objects=objects), without=("consensus",))


def unfitted(scene: Scene) -> Scene:
    """The weights of votes as they are before they are fitted."""
    return later(scene, changes={"consensus": {"voters": ()}})


def best_scored_masks(scene: Scene) -> Scene:
    """An object has the mask of its vote with the best score."""
    voters = tuple(replace(voter, tightness=1.0) for voter in fusion().voters)
    return later(scene, changes={"consensus": {"voters": voters}})


def fusion() -> consensus.Settings:
    """The settings of the recipe's fusion."""
    for step in load_recipe("embedded").steps:
        if isinstance(step.chosen, consensus.Settings):
            return step.chosen
    raise AssertionError("the recipe has no fusion")


VARIANTS: dict[str, Callable[[Scene], Scene]] = {
    "whole recipe": later,
    "without blobs": only("glamm-tiny"),
    "without glamm-tiny": only("blobs"),
    "no fusion: all detections": every_detection,
    "fusion by place alone": by_place,
    "masks of the best score": best_scored_masks,
    "unfitted weights": unfitted,
    "two votes only": two_votes,
    "floating objects captioned": floating_too,
    "without relations": lambda scene: later(scene, without=("relate",)),
}
MEASURED = ("whole recipe", "masks of the best score", "unfitted weights", "fusion by place alone")


# The numbers -------------------------------------------------------------------------------------


def scored(data: Dataset, answers: Mapping[str, Prediction], encoder: str) -> Result:
    """The result of the protocol; an image without an answer is silence."""
    (result,) = score(data, answers, [STRICT.using(encoder=encoder)], missing="empty")
    return result


def tell(name: str, data: Dataset, scenes: Sequence[Scene]) -> None:
    """Prints calibration and precision by votes of a variant."""
    truths = {sample.id: sample.truth for sample in data.samples}
    judged = [judge(scene, truths[scene.image_id], RULE) for scene in scenes]
    shown = measuring.summed(judged).as_json()
    shares = ", ".join(
        f"{votes} vote{'s' * (votes != '1')} {one['right']}/{one['n']}"
        f" [{100 * one['low']:.1f}, {100 * one['high']:.1f}]"
        for votes, one in shown["by_votes"].items()
    )
    sys.stdout.write(
        f"{name}: calibration error {shown['calibration_error']:.3f}, mean risk"
        f" {shown['mean_risk']:.4f}; right {shares}\n"
    )


def table(rows: Mapping[str, Result]) -> None:
    """Prints the scores of all variants and their differences to the first."""
    whole = rows["whole recipe"]
    head = [f"{name} | difference" for name in SCORES]
    sys.stdout.write(f"\n| variant | {' | '.join(head)} |\n|---|{'---|---|' * len(SCORES)}\n")
    for name, result in rows.items():
        cells = []
        compared = {} if result is whole else differences(whole, result, draws=1000, tests=1000)
        for wanted in SCORES:
            value = result.values()[wanted]
            one = compared.get(wanted)
            gap = (
                ""
                if one is None
                else (f"{100 * one.value:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]")
            )
            cells.append(f"{100 * value:.1f} | {gap}")
        sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main()
