"""The annotation after review, for exports and the card.

Without decisions this is the result of the last stage.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gcg_bench.annotate.folder import AnnotationFolder
from gcg_bench.annotate.review import log
from gcg_bench.annotate.review.changes import reviewed
from gcg_bench.annotate.review.decisions import (
    Decision,
    DecisionFile,
    Key,
    by_phrase,
    read_decisions,
)
from gcg_bench.annotate.review.measures import Measures, measured
from gcg_bench.annotate.review.survey import survey
from gcg_bench.annotate.scenes import Scene
from gcg_bench.errors import BadOption

ANNOTATED, REVIEWED = "annotated", "reviewed"
_SHOWN = 10  # images that a line of text names


@dataclass(frozen=True, slots=True)
class Result:
    """An annotation with the decisions that count.

    Attributes:
        folder: the annotation.
        decisions: image -> position of a phrase -> decision.
        measures: the measures of the decisions; None without decisions.
        digest: the digest of the decisions that count; empty without decisions.
        outdated: the decisions that do not count because their images changed, and that were not
            replaced by others.
        reviewers: reviewer -> the number of phrases and images with a decision of this reviewer.
    """

    folder: AnnotationFolder
    decisions: Mapping[str, Mapping[int, Decision]] = field(default_factory=dict)
    measures: Measures | None = None
    digest: str = ""
    outdated: tuple[log.Outdated, ...] = ()
    reviewers: Mapping[str, int] = field(default_factory=dict)

    def scenes(self) -> Iterator[Scene]:
        """The scenes in the order of ids, after the decisions."""
        for scene in self.folder.scenes():
            yield reviewed(scene, self.decisions.get(scene.image_id, {}))

    @property
    def references(self) -> str:
        """`reviewed` when a whole random sample is decided, else `annotated`."""
        return REVIEWED if self.measures is not None and self.measures.complete else ANNOTATED

    def progress_json(self) -> dict[str, Any]:
        """The progress of the review as JSON values."""
        measures = self.measures
        return {
            "phrases": None if measures is None else measures.phrases,
            "decided": 0 if measures is None else measures.decided,
            "reviewers": dict(self.reviewers),
            "outdated": self.outdated_json(),
        }

    def outdated_json(self) -> dict[str, Any]:
        """The decisions that do not count any more, as JSON values."""
        return {
            "files": len({one.file for one in self.outdated}),
            "decisions": len(self.outdated),
            "images": sorted({one.key[0] for one in self.outdated}),
        }

    @property
    def again(self) -> frozenset[Key]:
        """The images and phrases whose decisions do not count because the image changed."""
        return frozenset(one.key for one in self.outdated)

    def progress_lines(self) -> Iterator[str]:
        """The progress of the review as lines of text; empty when nothing was applied."""
        if self.measures is not None:
            names = ", ".join(
                f"{name or '(no name)'} {count}" for name, count in sorted(self.reviewers.items())
            )
            yield (
                f"review: {self.measures.decided} of {self.measures.phrases} phrases decided"
                f" ({names or 'nobody decided anything'})"
            )
        yield from self.outdated_lines()

    def outdated_lines(self) -> Iterator[str]:
        """The decisions that do not count any more, as lines of text; empty when there are none."""
        images = sorted({one.key[0] for one in self.outdated if not one.unbound})
        if images:
            count = sum(not one.unbound for one in self.outdated)
            names = ", ".join(images[:_SHOWN])
            more = f" and {len(images) - _SHOWN} more" if len(images) > _SHOWN else ""
            yield (
                "review: decisions that do not count because their images have other captions or"
                f" masks now: {count}, of images {names}{more}. The page of gcg-bench annotate"
                " review shows these phrases first"
            )
        if unbound := [one for one in self.outdated if one.unbound]:
            files = len({one.file for one in unbound})
            yield (
                f"review: {len(unbound)} decisions of {files} files of version 1 do not count:"
                " captions, masks or the recipe are not those that were reviewed"
            )

    @property
    def issues(self) -> tuple[str, ...]:
        """Sentences on the review for the card; empty without decisions."""
        lines = () if self.measures is None else tuple(self.measures.lines())
        if not self.outdated:
            return lines
        count, images = len(self.outdated), len({one.key[0] for one in self.outdated})
        earlier = f"{count} decisions about {images} images are about earlier captions or masks"
        nobody = "Nobody has looked at the present annotation: "
        return (*lines, f"{nobody if self.measures is None else ''}{earlier} and do not count.")


def result_of(folder: AnnotationFolder) -> Result:
    """The annotation after the decisions of DIR/decisions.jsonl.

    Raises:
        BadData: a line of the folder or of the decisions is damaged.
    """
    made = log.read_log(folder.folder)
    if not made:
        return Result(folder)
    known = survey(folder, {decision.image for one in made for decision in one.decisions})
    standing = log.standing_of(made, known)
    if not standing.digests:
        return Result(folder, outdated=standing.outdated)
    digest = hashlib.sha256("".join(standing.digests).encode("ascii")).hexdigest()
    measures = measured(standing, known)
    reviewers = {name: len(own) for name, own in standing.by_reviewer.items() if own}
    return Result(
        folder,
        by_phrase(standing.decisions),
        measures,
        digest,
        standing.outdated,
        reviewers,
    )


def take(folder: AnnotationFolder, files: Sequence[Path]) -> int:
    """Checks files of decisions, adds them to DIR/decisions.jsonl, returns the number of new files.

    Nothing is added when one of the files is wrong. Decisions about earlier captions or masks of
    their images are added too; they do not count.

    Raises:
        BadOption: no file is given.
        MissingData: a file does not exist.
        BadData: a file is damaged or of another annotation; the message names file, image, field
            and remedy.
        RunLocked: another process writes to the folder.
        EnvironmentProblem: the folder cannot be written.
    """
    if not files:
        raise BadOption("give the files of decisions that the page of the review saved")
    made: list[DecisionFile] = [read_decisions(file) for file in files]
    known = survey(folder, {decision.image for one in made for decision in one.decisions})
    for one in made:
        known.check(one)
    return log.append(folder.folder, made, known)
