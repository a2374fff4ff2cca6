"""The folder of an annotation; lines are only appended.

    DIR/recipe.json                  source, stages with settings, versions and hashes, models
    DIR/images.jsonl                 a line an image: id, file, height, width, sha256, or error
    DIR/stages/01-blobs/stage.json   the stage with its hash
    DIR/stages/01-blobs/shard-00001-of-00001.jsonl   a line an image: what the stage changed
    DIR/decisions.jsonl              decisions of people
    DIR/val.jsonl, card.md           the result as a data set
    DIR/grand/ID.json                the result as GranD's release

A line of a stage is `{"id", "output": {field: value}, "seconds"}` with the fields of the scene that
the stage changed (`scene_json`), or `{"id", "error", "seconds"}`, or `{"id", "refused",
"seconds"}`; an image without output has no line in later stages. A folder of a stage whose hash is
another than the recipe's is renamed to `NN-name.HASH`, with the first 8 digits of its hash, and is
used again when its recipe is.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gcg_bench.annotate.recipes import Recipe
from gcg_bench.annotate.recorded import (
    check_images,
    check_recipe,
    check_scene,
    recipe_json,
    refuse_other_stage,
    unknown_image,
)
from gcg_bench.annotate.scene_json import with_changes
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.sources import Source, SourceImage
from gcg_bench.errors import BadData, EnvironmentProblem, MissingData, RunConflict
from gcg_bench.files.atomic import replace_with
from gcg_bench.files.fields import Record
from gcg_bench.files.json import numbered_lines, parse_json, read_record
from gcg_bench.runs.files import make_folder, remove_drafts, write_json
from gcg_bench.runs.lock import Lock

RECIPE, IMAGES, STAGES, STAGE = "recipe.json", "images.jsonl", "stages", "stage.json"
DECISIONS, CARD = "decisions.jsonl", "card.md"
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class StageLine:
    """What a stage said of an image, and where it is written.

    Attributes:
        file: the shard file.
        start: the first byte of the line.
        length: of the line in bytes.
        kind: `output`, `error` or `refused`.
        reason: of an error or a refusal; empty otherwise.
        seconds: what it took.
    """

    file: Path
    start: int
    length: int
    kind: str
    reason: str
    seconds: float


class AnnotationFolder:
    """An annotation that exists.

    Attributes:
        folder: where it is.
        recipe: the content of recipe.json.
        images: all images, sorted by id.

    Args:
        folder: the folder.

    Raises:
        MissingData: it is no annotation.
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
        """The name of the split that the annotation is."""
        return self._record.text("split", empty=False)

    @property
    def stage_folders(self) -> tuple[Path, ...]:
        """The folders of the stages, in their order."""
        steps = self._record.records("stages")
        return tuple(self.folder / STAGES / step.text("folder", empty=False) for step in steps)

    def lines(self, position: int) -> dict[str, StageLine]:
        """Image id -> what the stage at a position said of it.

        Raises:
            BadData, RunConflict: a line is damaged or of another image; it is of another recipe.
        """
        folder, step = self.stage_folders[position], self.recipe["stages"][position]
        refuse_other_stage(folder / STAGE, step["hash"])
        lines = stage_lines(folder)
        for id_ in lines.keys() - {image.id for image in self.images}:
            raise unknown_image(id_, lines[id_].file)
        return lines

    def scenes(self, stage: int | None = None) -> Iterator[Scene]:
        """The scenes after a stage, in the order of ids; images without one are left out.

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


def create_or_resume(folder: Path, source: Source, recipe: Recipe) -> AnnotationFolder:
    """The folder of an annotation, made or checked; stages of another recipe are set aside.

    Raises:
        RunConflict: the folder has other images.
        RunLocked: another process is opening it.
        EnvironmentProblem: it cannot be written.
    """
    make_folder(folder)
    lock = Lock(folder / LOCK)
    try:
        remove_drafts(folder)
        _write_images(folder, source)
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
    """The hash of the recipe that a folder has; empty when it has none.

    Raises:
        BadData: its recipe.json is damaged.
    """
    file = folder / RECIPE
    return str(read_record(file).get("hash", "")) if file.is_file() else ""


def read_images(file: Path) -> tuple[SourceImage, ...]:
    """The images of images.jsonl.

    Raises:
        MissingData, BadData: the file does not exist or a line is damaged.
    """
    if not file.is_file():
        raise MissingData(f"{file}: no such file; run the same annotate command again")
    images = []
    for number, line in numbered_lines(file):
        row = Record(parse_json(line, file, line=number), f"{file}:{number}")
        images.append(
            SourceImage(
                row.text("id", empty=False),
                row.text("file") if row.has("file") else None,
                row.whole("height", least=0),
                row.whole("width", least=0),
                row.text("sha256"),
                row.text("error") if row.has("error") else None,
            )
        )
    check_images(images, file)
    return tuple(images)


def stage_lines(folder: Path) -> dict[str, StageLine]:
    """Image id -> its line in the shard files of a stage; a torn last line is left out.

    Raises:
        BadData: a line is damaged, or an image has two.
    """
    lines: dict[str, StageLine] = {}
    for file in sorted(folder.glob("shard-*.jsonl")):
        end = 0
        for number, line in numbered_lines(file):
            start, end = end, end + len(line)
            if not line.endswith(b"\n"):
                break
            row = Record(parse_json(line, file, line=number), f"{file}:{number}")
            id_ = row.text("id", empty=False)
            if id_ in lines:
                problem = f"the image has a line in {lines[id_].file.name} already"
                raise BadData(problem, file=row.file, image=id_, remedy="Remove one of the lines")
            lines[id_] = StageLine(file, start, len(line), *_said(row))
    return lines


def _said(row: Record) -> tuple[str, str, float]:
    """The kind, the reason and the seconds of a line."""
    seconds = row.number("seconds") if row.has("seconds") else 0.0
    for kind in ("error", "refused"):
        if row.has(kind):
            return kind, row.text(kind), seconds
    row.record("output")
    return "output", "", seconds


def scene_of(image: SourceImage, indexes: Sequence[Mapping[str, StageLine]]) -> Scene | None:
    """The scene of an image after some stages; None when it has no output of one of them.

    Args:
        image: the image.
        indexes: what each stage said, in the order of stages; none gives the empty scene.
    """
    if image.error is not None:
        return None
    scene = Scene(image_id=image.id, height=image.height, width=image.width)
    for index in indexes:
        line = index.get(image.id)
        if line is None or line.kind != "output":
            return None
        with line.file.open("rb") as stream:
            stream.seek(line.start)
            row = parse_json(stream.read(line.length), line.file)
        scene = with_changes(scene, row["output"], line.file)
    return scene


def refuse_other_images(folder: Path, source: Source) -> None:
    """Raises RunConflict when the images are not those of the folder."""
    before = read_images(folder / IMAGES)
    if before != source.images:
        known, now = {one.id for one in before}, {one.id for one in source.images}
        differing = sorted(known ^ now) or [
            one.id for one, two in zip(before, source.images, strict=True) if one != two
        ]
        raise RunConflict(
            f"{folder}: was made of other images; {len(differing)} differ, the first is"
            f" {differing[0][:80]!r}. Give another -o, or the images of before"
        )


def _write_images(folder: Path, source: Source) -> None:
    if (folder / IMAGES).is_file():
        refuse_other_images(folder, source)
        return
    text = "".join(_image_line(image) for image in source.images)
    replace_with(folder / IMAGES, lambda draft: _write_text(draft, text))


def _write_text(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8", "backslashreplace"))


def _image_line(image: SourceImage) -> str:
    fields = {name: value for name, value in asdict(image).items() if value is not None}
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _place_stage(stages: Path, step: Mapping[str, Any]) -> None:
    """Makes the folder of a stage; one of another hash is set aside, one of this is fetched."""
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
        raise EnvironmentProblem(f"{folder}: cannot be set aside ({error})") from error
    make_folder(folder)
    write_json(folder / STAGE, step)
