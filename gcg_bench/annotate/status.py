"""The progress of an annotation."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from gcg_bench.annotate.folder import AnnotationFolder

SHOWN = 10


@dataclass(frozen=True, slots=True)
class StageStatus:
    """The progress of a stage.

    Attributes:
        name: the name of its folder.
        done: the number of images with an output.
        refused: the number of images that it refused.
        failed: the number of images with an error.
        seconds: the mean time of an image; None before the first image.
    """

    name: str
    done: int
    refused: int
    failed: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """The progress of an annotation.

    Attributes:
        recipe: the name of the recipe.
        images: the number of images.
        finished: the number of images with an output of the last stage.
        stages: the progress of each stage.
        lost: (image, stage or `images`, reason) of images that were refused or failed.
    """

    recipe: str
    images: int
    finished: int
    stages: tuple[StageStatus, ...]
    lost: tuple[tuple[str, str, str], ...]

    @property
    def remaining(self) -> int:
        """The number of images that are neither finished nor lost."""
        return self.images - self.finished - len(self.lost)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "recipe": self.recipe,
            "images": self.images,
            "finished": self.finished,
            "remaining": self.remaining,
            "stages": [asdict(stage) for stage in self.stages],
            "lost": [
                {"image": image, "stage": stage, "reason": reason}
                for image, stage, reason in self.lost
            ],
        }

    def lines(self) -> Iterator[str]:
        """The progress as lines of text."""
        refused = sum(stage.refused for stage in self.stages)
        yield (
            f"{self.recipe}: {self.finished} of {self.images} images annotated, {refused} refused,"
            f" {len(self.lost) - refused} failed, {self.remaining} remain"
        )
        for image, stage, reason in self.lost[:SHOWN]:
            yield f"{image} ({stage}): {reason}"
        if len(self.lost) > SHOWN:
            yield f"... and {len(self.lost) - SHOWN} more; --json lists all"


def status_of(folder: AnnotationFolder) -> Status:
    """The progress of an annotation.

    Raises:
        BadData: a line is damaged.
    """
    lost = [(one.id, "images", one.error) for one in folder.images if one.error is not None]
    found, finished = [], 0
    for position, path in enumerate(folder.stage_folders):
        lines = folder.lines(position)
        kinds = [line.kind for line in lines.values()]
        finished = kinds.count("output")
        lost += [
            (id_, path.name, line.reason) for id_, line in lines.items() if line.kind != "output"
        ]
        seconds = fmean(line.seconds for line in lines.values()) if lines else None
        found.append(
            StageStatus(path.name, finished, kinds.count("refused"), kinds.count("error"), seconds)
        )
    name = str(folder.recipe.get("recipe", ""))
    return Status(name, len(folder.images), finished, tuple(found), tuple(sorted(lost)))
