"""Runs the stages of a recipe over images; a run that is killed at any time can be continued.

Stages run one after the other over all images of the shard, so that one model is in memory at a
time. A line is appended whole when its batch is done. An image that has a line in a stage is not
run again.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from gcg_bench.annotate import stages
from gcg_bench.annotate.folder import AnnotationFolder, recorded_hash
from gcg_bench.annotate.preparing import Message, images_of, prepare, refuse_empty_shards
from gcg_bench.annotate.recipes import Recipe, Step
from gcg_bench.annotate.recorded import refuse_other_stage
from gcg_bench.annotate.scene_json import changed_json, with_changes
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.sources import Source, SourceImage
from gcg_bench.annotate.stage_lines import (
    OUTPUT,
    STAGE,
    STAGES,
    StageLine,
    scene_of,
    shard_lock,
    stage_lines,
)
from gcg_bench.annotate.stages import Refused, Stage
from gcg_bench.errors import BadData
from gcg_bench.execution.isolation import attempted
from gcg_bench.execution.truncation import truncated
from gcg_bench.files.fields import kind
from gcg_bench.files.paths import without_folders
from gcg_bench.predictions.phrases import json_line
from gcg_bench.runs.files import append_line, open_for_append, repair_last_line
from gcg_bench.runs.shards import Shard
from gcg_bench.types import Bar, Picture, no_bar

Outcome = Scene | Refused | str
"""A scene, a refusal, or the message of an error."""

WHOLE = Shard(1, 1)


def annotate(
    source: Source,
    recipe: Recipe,
    folder: Path,
    *,
    shard: Shard = WHOLE,
    device: str = "auto",
    retry_failed: bool = False,
    bar: Bar = no_bar,
    message: Message = print,
) -> AnnotationFolder:
    """Runs all stages over the images of a shard that have no line of the stage yet.

    Args:
        source: the images.
        recipe: the stages.
        folder: the annotation; made when it does not exist.
        shard: every image by default.
        device: where models run, see `machine.device_named`.
        retry_failed: whether images of the shard that failed before are annotated again.
        bar: a progress bar.
        message: gets the texts that the user should see meanwhile.

    Raises:
        BadOption: there are fewer images than shards.
        RunConflict: the folder has other images, or another command has meanwhile started another
            recipe in it.
        RunLocked: another process annotates this shard.
        GcgBenchError: a stage cannot be loaded.
    """
    refuse_empty_shards(source, shard.count)
    if recorded_hash(folder) != recipe.hash:  # an annotation that is continued had all weights
        recipe.find()
    prepare(source, recipe, folder, shard, retry_failed=retry_failed, message=message)
    return annotate_shard(source, recipe, folder, shard, device=device, bar=bar, message=message)


def annotate_shard(
    source: Source,
    recipe: Recipe,
    folder: Path,
    shard: Shard,
    *,
    device: str = "auto",
    bar: Bar = no_bar,
    message: Message = print,
) -> AnnotationFolder:
    """Runs all stages over a shard in a folder that exists already; arguments as in `annotate`.

    Raises:
        RunLocked: another process annotates this shard.
        GcgBenchError: a stage cannot be loaded.
    """
    mine = images_of(source, shard)
    lock = shard_lock(folder, shard_name(shard))
    try:
        indexes: list[dict[str, StageLine]] = []
        named = zip(recipe.steps, recipe.folders(), recipe.hashes(), strict=True)
        for step, name, hash_ in named:
            refuse_other_stage(folder / STAGES / name / STAGE, hash_)
            file = folder / STAGES / name / f"{shard_name(shard)}.jsonl"
            repair_last_line(file)
            done = stage_lines(file.parent)
            work = _Work(step, file, source.pictures, indexes, done, device)
            work.run(mine, bar, message)
            indexes.append(stage_lines(file.parent))
    finally:
        lock.release()
    return AnnotationFolder(folder)


def shard_name(shard: Shard) -> str:
    """The name of the files of a shard, without extension: `shard-00001-of-00001`."""
    return f"shard-{shard.number:05d}-of-{shard.count:05d}"


@dataclass(frozen=True)
class _Work:
    """A stage over the images of a shard.

    Attributes:
        step: the stage.
        file: the file to which its lines are appended.
        pictures: image id -> picture.
        before: the lines of the earlier stages.
        done: the lines of this stage that exist already.
        device: where models run.
    """

    step: Step
    file: Path
    pictures: Mapping[str, Picture]
    before: Sequence[Mapping[str, StageLine]]
    done: Mapping[str, StageLine]
    device: str

    def run(self, images: Sequence[SourceImage], bar: Bar, message: Message) -> None:
        """Appends a line for each image that has an output of the previous stage."""
        wanted = [
            image
            for image in images
            if image.error is None
            and all(self._has_output(index, image.id) for index in self.before)
        ]
        missing = sum(image.id not in self.done for image in wanted)
        if not missing:
            return
        stage = stages.load_stage(self.step.stage, self.step.chosen, device=self.device)
        with bar(self.step.name, missing) as advance, _appending(self.file) as handle:
            size = stages.batch_size(self.step.stage)
            kept = {image.id for image in wanted}
            for start in range(0, len(images), size):
                batch = [one for one in images[start : start + size] if one.id in kept]
                if all(image.id in self.done for image in batch):
                    continue
                advance(self._batch(stage, batch, handle))
        message(f"{self.file.parent.name}: {missing} images")

    def _has_output(self, index: Mapping[str, StageLine], id_: str) -> bool:
        line = index.get(id_)
        return line is not None and line.kind == OUTPUT

    def _batch(self, stage: Stage, images: Sequence[SourceImage], handle: int) -> int:
        """Runs a batch and appends the lines that are missing; returns their number."""
        scenes = [scene for image in images if (scene := scene_of(image, self.before))]
        started = perf_counter()
        outcomes = results(stage, scenes, [self.pictures[scene.image_id] for scene in scenes])
        seconds = round((perf_counter() - started) / max(len(scenes), 1), 4)
        added = 0
        for scene, outcome in zip(scenes, outcomes, strict=True):
            if scene.image_id not in self.done:
                append_line(handle, line_of(scene, outcome, seconds), self.file)
                added += 1
        return added


def results(stage: Stage, scenes: Sequence[Scene], pictures: Sequence[Picture]) -> list[Outcome]:
    """The outcome of each scene; a batch that fails is tried again one image at a time."""
    together, failure = attempted(lambda: checked(stage.run(scenes, pictures), scenes))
    if together is not None:
        return together
    if len(scenes) == 1:
        return [without_folders(failure or "", _folders(pictures))]
    pairs = zip(scenes, pictures, strict=True)
    return [results(stage, [scene], [picture])[0] for scene, picture in pairs]


def checked(made: Any, scenes: Sequence[Scene]) -> list[Outcome]:
    """Checks that a stage returned one result for each image, and returns these results.

    Raises:
        TypeError: the number or type of results is wrong, or a scene is of another image.
    """
    outcomes = list(made)
    if len(outcomes) != len(scenes):
        raise TypeError(f"the stage gave {len(outcomes)} results for {len(scenes)} images")
    for outcome, scene in zip(outcomes, scenes, strict=True):
        if isinstance(outcome, Refused):
            continue
        if not isinstance(outcome, Scene):
            raise TypeError(f"the stage gave {kind(outcome)}, not a scene")
        if (outcome.image_id, outcome.height, outcome.width) != (
            scene.image_id,
            scene.height,
            scene.width,
        ):
            raise TypeError("the stage gave a scene of another image or size")
    return outcomes


def line_of(scene: Scene, outcome: Outcome, seconds: float) -> bytes:
    """The line of an image, with its line break; an error line if it could not be read back."""
    fields: dict[str, Any] = {"id": scene.image_id}
    if isinstance(outcome, Scene):
        try:
            changes = changed_json(scene, outcome)
            line = json_line({**fields, "output": changes, "seconds": seconds})
            if with_changes(scene, changes, "the output") == outcome:
                return line.encode("utf-8") + b"\n"
            outcome = "the stage gave a scene that JSON cannot hold: it is read back differently"
        except BadData as fault:
            outcome = f"the stage gave a scene that cannot be kept: {fault.problem}"
    reason = {"refused": outcome.reason} if isinstance(outcome, Refused) else {"error": outcome}
    reason = {name: truncated(text) for name, text in reason.items()}
    return json_line({**fields, **reason, "seconds": seconds}).encode("utf-8") + b"\n"


def _folders(pictures: Sequence[Picture]) -> set[str]:
    return {str(picture.path.parent) for picture in pictures if picture.path is not None}


@contextmanager
def _appending(file: Path) -> Iterator[int]:
    """A handle that appends to a file, until the block ends."""
    handle = open_for_append(file)
    try:
        yield handle
    finally:
        os.close(handle)
