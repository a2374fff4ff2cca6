"""The log of applied decisions: DIR/decisions.jsonl; a line is appended for each file.

A line has the content of the file (`decisions`) and its digest (`sha256`). A file whose digest is
in the log is not appended again, so applying a file twice changes nothing. When a phrase has
several decisions, the decision of the last line counts; the others stay in the log. When a reviewer
withdraws a decision, the last decision of the other reviewers counts. A decision about a picture,
caption or masks that its image no longer has is outdated and does not count; it counts again when
the image has them again.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gcg_bench.annotate.folder import DECISIONS, LOCK
from gcg_bench.annotate.review.decisions import (
    MISSING,
    UNBOUND,
    WITHDRAWN,
    Decision,
    DecisionFile,
    Key,
    decisions_of,
)
from gcg_bench.annotate.review.survey import Survey
from gcg_bench.errors import BadData
from gcg_bench.files import limits
from gcg_bench.files.fields import Record
from gcg_bench.files.json import numbered_lines, parse_json
from gcg_bench.runs.files import append_line, open_for_append, repair_last_line
from gcg_bench.runs.lock import Lock


@dataclass(frozen=True, slots=True)
class Outdated:
    """A decision about a content that its image no longer has.

    Attributes:
        file: the applied file, or the line of the log.
        key: the image and the position of the phrase.
        unbound: whether the file is of version 1, which does not state the content of each image.
    """

    file: str
    key: Key
    unbound: bool


@dataclass(slots=True)
class Standing:
    """The decisions that count.

    Attributes:
        decisions: the last decision about each phrase, and about each image where something is
            missing.
        by_reviewer: reviewer -> the reviewer's last decision about each phrase or image, without
            withdrawn decisions.
        samples: size and seed of the random samples of the files that count.
        digests: the digests of the files, in the order of the log, each with the decisions that
            count.
        earlier: the phrases and images whose decision is from a page of an earlier state of the
            annotation.
    """

    decisions: dict[Key, Decision] = field(default_factory=dict)
    by_reviewer: dict[str, dict[Key, Decision]] = field(default_factory=dict)
    samples: set[tuple[int, int]] = field(default_factory=set)
    digests: list[str] = field(default_factory=list)
    earlier: set[Key] = field(default_factory=set)
    _by_person: dict[Key, dict[str, tuple[Decision, bool]]] = field(default_factory=dict)
    _outdated: dict[tuple[str, Key], Outdated] = field(default_factory=dict)

    def add(self, made: DecisionFile, survey: Survey) -> None:
        """Adds the decisions of a later file."""
        same = survey.is_of_this_state(made)
        current = tuple(one for one in made.decisions if survey.is_current(made, one))
        if same or current:
            self.samples.add(made.sample)
            whole = len(current) == len(made.decisions)
            self.digests.append((made if whole else replace(made, decisions=current)).sha256)
        for decision in made.decisions:
            place = made.reviewer, decision.key
            self._outdated.pop(place, None)
            if survey.is_current(made, decision):
                self._count(made.reviewer, decision, earlier=not same)
            elif decision.verdict != WITHDRAWN:
                self._outdated[place] = Outdated(made.file, decision.key, made.version == UNBOUND)

    def _count(self, reviewer: str, decision: Decision, *, earlier: bool) -> None:
        key = decision.key
        own, by_person = self.by_reviewer.setdefault(reviewer, {}), self._by_person
        persons = by_person.setdefault(key, {})
        own.pop(key, None)
        persons.pop(reviewer, None)
        if decision.verdict != WITHDRAWN:
            own[key] = decision
            persons[reviewer] = decision, earlier
        self.decisions.pop(key, None)
        self.earlier.discard(key)
        if persons:  # in the order of time
            self.decisions[key], is_earlier = list(persons.values())[-1]
            if is_earlier:
                self.earlier.add(key)

    @property
    def outdated(self) -> tuple[Outdated, ...]:
        """The outdated decisions about phrases and images without a decision that counts."""
        return tuple(one for one in self._outdated.values() if one.key not in self.decisions)

    @property
    def missing(self) -> dict[str, str]:
        """Image -> the thing that a person reported missing in its caption."""
        return {
            decision.image: decision.words
            for decision in self.decisions.values()
            if decision.verdict == MISSING
        }


def read_log(folder: Path) -> list[DecisionFile]:
    """The applied files, in order; an incomplete last line is left out.

    Raises:
        BadData: a line is damaged.
    """
    return list(_lines(folder / DECISIONS))


def standing_of(made: Sequence[DecisionFile], survey: Survey) -> Standing:
    """The decisions that count for the annotation of a survey.

    Args:
        made: the applied files, in order.
        survey: the phrases of the annotation; it has the contents of all images of the decisions.
    """
    standing = Standing()
    for one in made:
        standing.add(one, survey)
    return standing


def append(folder: Path, made: Sequence[DecisionFile], survey: Survey) -> int:
    """Appends the files that are not in the log yet; returns their number.

    A file of version 1 is appended with the contents of its images, so that its decisions about
    other images count when an image changes.

    Args:
        folder: the annotation's folder.
        made: files that were checked already.
        survey: the phrases of the annotation, by which they were checked.

    Raises:
        RunLocked: another process writes to the folder.
        BadData: the log is damaged, or a file is too long for a line.
        EnvironmentProblem: the log cannot be written; no part of a line is left in it.
    """
    lines = [(_line(bound), {one.sha256, bound.sha256}) for one, bound in _bound(made, survey)]
    lock = Lock(folder / LOCK)
    try:
        file = folder / DECISIONS
        repair_last_line(file)
        known = {one.sha256 for one in _lines(file)}
        new = list(dict.fromkeys(line for line, digests in lines if not digests & known))
        handle = open_for_append(file) if new else None
        if handle is not None:
            try:
                for line in new:
                    append_line(handle, line, file)
                os.fsync(handle)
            finally:
                os.close(handle)
    finally:
        lock.release()
    return len(new)


def _bound(
    made: Sequence[DecisionFile], survey: Survey
) -> Iterator[tuple[DecisionFile, DecisionFile]]:
    """Each file, and the file with the contents of its images."""
    return ((one, survey.bound(one)) for one in made)


def _line(made: DecisionFile) -> bytes:
    row: dict[str, Any] = {"sha256": made.sha256, **made.as_json()}
    line = json.dumps(row).encode("ascii") + b"\n"
    if len(line) > limits.LINE:
        problem = f"has {len(made.decisions):,} decisions, more than a line of the log holds"
        raise BadData(problem, file=made.file, field="decisions", remedy="Split the file")
    return line


def _lines(file: Path) -> Iterator[DecisionFile]:
    if not file.is_file():
        return
    for number, line in numbered_lines(file):
        if not line.endswith(b"\n"):
            return
        name = f"{file}:{number}"
        row = Record(parse_json(line, file, line=number), name)
        sha256 = row.text("sha256", empty=False)
        content = {field: value for field, value in row.value.items() if field != "sha256"}
        made = decisions_of(content, name)
        if made.sha256 != sha256:
            remedy = f"Remove line {number}, and apply the file of decisions again"
            raise row.bad("sha256", "is not that of the line: the line was changed", remedy)
        yield made
