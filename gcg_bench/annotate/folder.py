"""The folder of an annotation; lines are only appended.

    DIR/recipe.json                  source, stages with settings, versions and hashes, models
    DIR/images.jsonl                 a line for each image: id, file, size, sha256, or error
    DIR/stages/01-blobs/stage.json   the stage with its hash
    DIR/stages/01-blobs/shard-00001-of-00001.jsonl   a line for each image: what the stage changed
    DIR/decisions.jsonl              decisions of people
    DIR/val.jsonl, card.md           the result as a data set
    DIR/grand/ID.json                the result as GranD's release

An image without output of a stage has no line in later stages. When the recipe changes a stage, the
folder of the earlier stage is renamed to `NN-name.HASH`, with the first 8 digits of its hash. It is
used again when the recipe has its hash again.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from gcg_bench.annotate.listing import IMAGES, list_images, read_images
from gcg_bench.annotate.recipes import Recipe
from gcg_bench.annotate.recorded import (
    check_recipe,
    check_scene,
    recipe_json,
    refuse_other_stage,
    unknown_image,
)
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.sources import Source
from gcg_bench.annotate.stage_lines import STAGE, STAGES, StageLine, scene_of, stage_lines
from gcg_bench.errors import EnvironmentProblem, MissingData, RunLocked
from gcg_bench.files.fields import Record
from gcg_bench.files.json import read_record
from gcg_bench.runs.files import make_folder, remove_drafts, write_json
from gcg_bench.runs.lock import Lock

RECIPE, DECISIONS, CARD = "recipe.json", "decisions.jsonl", "card.md"
LOCK = ".lock"
_PATIENCE = 60.0  # seconds to wait for other processes that open the folder
_PAUSE = 0.1


class AnnotationFolder:
    """A folder with an annotation.

    Attributes:
        folder: the path of the folder.
        recipe: the content of recipe.json.
        images: all images, sorted by id.

    Args:
        folder: the folder.

    Raises:
        MissingData: the folder is no annotation.
        BadData: recipe.json or images.jsonl is damaged or edited.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / RECIPE).is_file():
            raise MissingData(
                f"{folder}: not an annotation, it has no {RECIPE}. Make one:"
                f" gcg-bench annotate IMAGES -o {folder}"
            )
        self.folder = folder
        self.recipe: Mapping[str, Any] = read_record(folder / RECIPE)
        check_recipe(self.recipe, folder / RECIPE)
        self.images = read_images(folder / IMAGES)
        self._record = Record(self.recipe, folder / RECIPE)

    @property
    def split(self) -> str:
        """The name of the split that the annotation becomes as a data set."""
        return self._record.text("split", empty=False)

    @property
    def stage_folders(self) -> tuple[Path, ...]:
        """The folders of the stages, in their order."""
        steps = self._record.records("stages")
        return tuple(self.folder / STAGES / step.text("folder", empty=False) for step in steps)

    def lines(self, position: int) -> dict[str, StageLine]:
        """Image id -> the line of the stage at a position.

        Raises:
            BadData, RunConflict: a line is damaged or of an unknown image; the stage is of another
                recipe.
        """
        folder, step = self.stage_folders[position], self.recipe["stages"][position]
        refuse_other_stage(folder / STAGE, step["hash"])
        lines = stage_lines(folder)
        for id_ in lines.keys() - {image.id for image in self.images}:
            raise unknown_image(id_, lines[id_].file)
        return lines

    def scenes(self, stage: int | None = None) -> Iterator[Scene]:
        """The scenes after a stage, in the order of ids; images without a scene are left out.

        Args:
            stage: the position of the stage; None for the last.

        Raises:
            BadData: a line is damaged.
        """
        last = len(self.stage_folders) - 1 if stage is None else stage
        indexes = [self.lines(position) for position in range(last + 1)]
        for image in self.images:
            scene = scene_of(image, indexes)
            if scene is not None:
                check_scene(scene, self.stage_folders[last])
                yield scene


def create_or_resume(
    folder: Path, source: Source, recipe: Recipe, *, retry_failed: bool = False
) -> AnnotationFolder:
    """Makes or checks the folder of an annotation; renames the folders of changed stages.

    Args:
        folder: the path of the folder.
        source: the images.
        recipe: the stages.
        retry_failed: whether images that failed before may have other files, see `listing`.

    Raises:
        RunConflict: the folder has other images.
        RunLocked: another process is opening it.
        EnvironmentProblem: it cannot be written.
    """
    make_folder(folder)
    lock = _opening(folder / LOCK)
    try:
        remove_drafts(folder)
        list_images(folder, source, retry_failed=retry_failed)
        described = recipe_json(source, recipe)
        steps = described["stages"]
        if not (folder / RECIPE).is_file() or read_record(folder / RECIPE) != described:
            write_json(folder / RECIPE, described)
        for step in steps:
            _place_stage(folder / STAGES, step)
    finally:
        lock.release()
    return AnnotationFolder(folder)


def recorded_hash(folder: Path) -> str:
    """The hash of the recipe in a folder; empty when the folder has no recipe.

    Raises:
        BadData: its recipe.json is damaged.
    """
    file = folder / RECIPE
    return str(read_record(file).get("hash", "")) if file.is_file() else ""


def _opening(file: Path) -> Lock:
    """Takes the lock of a folder; waits for processes that are opening it too, e.g. other shards.

    Raises:
        RunLocked: another process keeps the lock longer than opening takes.
    """
    until = monotonic() + _PATIENCE
    while True:
        try:
            return Lock(file)
        except RunLocked:
            if monotonic() > until:
                raise
        sleep(_PAUSE)


def _place_stage(stages: Path, step: Mapping[str, Any]) -> None:
    """Makes a stage's folder; renames one of another hash, reuses an earlier one of this hash."""
    folder = stages / step["folder"]
    try:
        if (folder / STAGE).is_file():
            before = str(read_record(folder / STAGE).get("hash", ""))
            if before == step["hash"]:
                return
            folder.rename(stages / f"{folder.name}.{before[:8]}")
        aside = stages / f"{folder.name}.{step['hash'][:8]}"
        if (aside / STAGE).is_file() and read_record(aside / STAGE).get("hash") == step["hash"]:
            aside.rename(folder)
            return
    except OSError as error:
        raise EnvironmentProblem(f"{folder}: cannot be renamed ({error})") from error
    make_folder(folder)
    write_json(folder / STAGE, step)
