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
from gcg_bench.annotate.review.decisions import Decision, DecisionFile, by_phrase, read_decisions
from gcg_bench.annotate.review.measures import Measures, measured
from gcg_bench.annotate.review.survey import survey
from gcg_bench.annotate.scenes import Scene
from gcg_bench.errors import BadOption

ANNOTATED, REVIEWED = "annotated", "reviewed"


@dataclass(frozen=True, slots=True)
class Result:
    """An annotation with the decisions that count.

    Attributes:
        folder: the annotation.
        decisions: image -> position of a phrase -> decision.
        measures: the measures of the decisions; None without decisions.
        digest: the digest of the decisions that count; empty without decisions.
        other: the number of applied files of another state of the annotation, which do not count.
        outdated: the number of decisions in these files.
        reviewers: reviewer -> the number of phrases and images with a decision of this reviewer.
    """

    folder: AnnotationFolder
    decisions: Mapping[str, Mapping[int, Decision]] = field(default_factory=dict)
    measures: Measures | None = None
    digest: str = ""
    other: int = 0
    outdated: int = 0
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
            "outdated": {"files": self.other, "decisions": self.outdated},
        }

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
        if self.other:
            yield (
                f"review: {self.outdated} decisions of {self.other} files do not count: captions,"
                " masks or the recipe are not those that were reviewed"
            )

    @property
    def issues(self) -> tuple[str, ...]:
        """Sentences on the review for the card; empty without decisions."""
        return () if self.measures is None else tuple(self.measures.lines())


def result_of(folder: AnnotationFolder) -> Result:
    """The annotation after the decisions of DIR/decisions.jsonl.

    Raises:
        BadData: a line of the folder or of the decisions is damaged.
    """
    made = log.read_log(folder.folder)
    if not made:
        return Result(folder)
    known = survey(folder)
    standing = log.standing_of(made, known)
    if not standing.digests:
        return Result(folder, other=standing.other, outdated=standing.outdated)
    digest = hashlib.sha256("".join(standing.digests).encode("ascii")).hexdigest()
    measures = measured(standing, known)
    reviewers = {name: len(own) for name, own in standing.by_reviewer.items() if own}
    return Result(
        folder,
        by_phrase(standing.decisions),
        measures,
        digest,
        standing.other,
        standing.outdated,
        reviewers,
    )


def take(folder: AnnotationFolder, files: Sequence[Path]) -> int:
    """Checks files of decisions, adds them to DIR/decisions.jsonl, returns the number of new files.

    Nothing is added when one of the files is wrong.

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
    return log.append(folder.folder, made)
