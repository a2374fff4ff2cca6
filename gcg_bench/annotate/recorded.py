"""The records in an annotation's folder, and their checks: recipe.json, images and scenes.

The checks find files that were damaged or edited. It is an error when the hash of a stage does not
fit its settings or version, so a result never names a recipe that did not make it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gcg_bench import __version__
from gcg_bench.annotate.recipes import Recipe, digest
from gcg_bench.annotate.scenes import Scene
from gcg_bench.annotate.sources import Source, SourceImage
from gcg_bench.errors import BadData, RunConflict
from gcg_bench.files import paths
from gcg_bench.files.fields import Record
from gcg_bench.files.json import read_record

AGAIN = "Delete the file and give the same annotate command again: it writes the file again"


def recipe_json(source: Source, recipe: Recipe) -> dict[str, Any]:
    """The content of recipe.json."""
    named = zip(recipe.steps, recipe.folders(), recipe.hashes(), strict=True)
    return {
        "recipe": recipe.name,
        "hash": recipe.hash,
        "gcg_bench": __version__,
        "calibrated": recipe.calibrated,
        "issues": list(recipe.issues),
        "source": dict(source.described),
        "split": source.split,
        "stages": [
            {"folder": folder, **step.described(), "hash": hash_} for step, folder, hash_ in named
        ],
        "models": [asdict(part) for part in recipe.parts()],
    }


def check_recipe(value: Mapping[str, Any], file: Path) -> None:
    """Checks the content of recipe.json.

    Raises:
        BadData: a field is missing or wrong, or the hashes are not those of the stages; names file,
            field and remedy.
    """
    record = Record(value, file)
    try:
        _check_fields(record)
        _check_stages(record)
    except BadData as fault:
        if fault.remedy is None:
            fault.remedy = AGAIN
        raise


def _check_fields(record: Record) -> None:
    for name in ("recipe", "hash", "gcg_bench", "calibrated"):
        record.text(name)
    record.texts("issues")
    if not paths.is_plain(record.text("split", empty=False)):
        raise record.bad("split", "is no name of a file")
    source = record.record("source")
    if source.text("kind") == "dataset":
        source.text("dataset", empty=False)
        source.text("split", empty=False)
        if source.has("limit"):
            source.whole("limit", least=1)
    for part in record.records("models"):
        part.text("name", empty=False)
        part.text("licence")
        part.text("weights")


def _check_stages(record: Record) -> None:
    """Checks that each hash is that of its stage and all stages before it."""
    before = ""
    for step in record.records("stages"):
        if not paths.is_plain(step.text("folder", empty=False)):
            raise step.bad("folder", "is no name of a folder")
        described = {
            "stage": step.text("stage"),
            "version": step.any("version"),
            "settings": step.record("settings").value,
        }
        try:
            wanted = digest({"before": before, **described})
        except ValueError as error:  # a number that JSON does not have
            raise step.bad("settings", "has a number that is not finite") from error
        if step.text("hash") != wanted:
            raise step.bad("hash", "is not that of the stage: the file was changed")
        before = wanted
    if not before or record.text("hash") != before:
        raise record.bad("hash", "is not that of the last stage: the file was changed")


def check_images(images: Sequence[SourceImage], file: Path) -> None:
    """Checks the images of images.jsonl: each id once, sizes.

    Raises:
        BadData: names file, line, image, field and remedy.
    """
    seen: set[str] = set()
    for number, image in enumerate(images, 1):
        field, problem = "", ""
        if image.id in seen:
            field, problem = "id", "occurs twice"
        elif image.error is None and 0 in (image.height, image.width):
            field, problem = "height" if image.height == 0 else "width", "is 0"
        if problem:
            raise BadData(
                problem, file=f"{file}:{number}", image=image.id, field=field, remedy=AGAIN
            )
        seen.add(image.id)


def refuse_other_stage(file: Path, hash_: str) -> None:
    """Raises RunConflict when the hash in a stage.json is not the hash of the recipe."""
    if file.is_file() and read_record(file).get("hash") != hash_:
        problem = "is of another recipe, which another command has started in this folder"
        remedy = "Nothing is lost: finish one of the two first, or give another -o"
        raise RunConflict(f"{file}: {problem}. {remedy}")


def unknown_image(id_: str, file: Path) -> BadData:
    """The error for a line of a stage whose image is not in images.jsonl."""
    remedy = "Remove the line, or restore images.jsonl"
    return BadData("is not in images.jsonl", file=file, image=id_, field="id", remedy=remedy)


def check_scene(scene: Scene, file: object) -> None:
    """Checks that the fields of a scene fit each other: spans and ids.

    Raises:
        BadData: a phrase lies outside the caption or has an id of no object, or two objects have
            one id; names file, image and field.
    """

    def bad(field: str, problem: str) -> BadData:
        return BadData(problem, file=file, image=scene.image_id, field=field)

    ids: set[int] = set()
    for k, made in enumerate(scene.objects):
        if made.id in ids:
            raise bad(f"objects[{k}].id", f"is {made.id} like that of another object")
        ids.add(made.id)
    for k, phrase in enumerate(scene.phrases):
        start, end = phrase.span
        if not 0 <= start <= end <= len(scene.caption):
            problem = f"is not in the caption, which has {len(scene.caption)} characters"
            raise bad(f"phrases[{k}].span", problem)
        if unknown := [id_ for id_ in phrase.ids if id_ not in ids]:
            raise bad(f"phrases[{k}].ids", f"{str(unknown[0])[:40]} is the id of no object")
