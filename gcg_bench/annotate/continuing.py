"""How many images of an annotation are unfinished, and the command that continues it."""

import shlex
from collections.abc import Mapping
from typing import Any

from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.recipes import load_recipe, recipe_names
from gcg_bench.annotate.status import Status, status_of

_DEFAULT = "embedded"


def unfinished(folder: AnnotationFolder, status: Status | None = None) -> str:
    """A sentence on the images that are neither finished nor lost; empty when there are none.

    Args:
        folder: the annotation.
        status: the status of the annotation; computed by default.

    Raises:
        BadData: a line of the folder is damaged.
    """
    status = status_of(folder) if status is None else status
    if not status.remaining:
        return ""
    return (
        f"{status.remaining} of {status.images} images are not annotated yet. Continue with the"
        f" same command: {command_of(folder)}"
    )


def command_of(folder: AnnotationFolder) -> str:
    """The command that made an annotation; values that the folder does not record are in capitals.

    It annotates all shards.
    """
    recipe = folder.recipe
    out = shlex.quote(str(folder.folder))
    words = ["gcg-bench annotate", *_images(recipe["source"], folder.split), "-o", out]
    return " ".join([*words, *_recipe(str(recipe["recipe"]), str(recipe["hash"]))])


def _images(source: Mapping[str, Any], split: str) -> list[str]:
    if source["kind"] != "dataset":
        return ["IMAGES", *([] if split == "val" else ["--split", shlex.quote(split)])]
    limit = source.get("limit")
    return [
        *("--dataset", shlex.quote(str(source["dataset"]))),
        *("--split", shlex.quote(str(source["split"]))),
        *([] if limit is None else ["--limit", str(limit)]),
    ]


def _recipe(name: str, hash_: str) -> list[str]:
    """The option of a recipe; in capitals for a recipe of a file or with changed settings."""
    if name not in recipe_names() or load_recipe(name).hash != hash_:
        return ["--recipe RECIPE"]
    return [] if name == _DEFAULT else ["--recipe", name]
