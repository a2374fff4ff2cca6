"""The log of applied decisions: DIR/decisions.jsonl; a line is appended for each file.

A line has the content of the file (`decisions`) and its digest (`sha256`). A file whose digest is
in the log is not appended again, so applying a file twice changes nothing. When a phrase has
several decisions, the decision of the last line counts; the others stay in the log. When a reviewer
withdraws a decision, the last decision of the other reviewers counts. Lines of another recipe or
result do not count.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gcg_bench.annotate.folder import DECISIONS, LOCK
from gcg_bench.annotate.review.decisions import (
    MISSING,
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


@dataclass(slots=True)
class Standing:
    """The decisions that count.

    Attributes:
        decisions: the last decision about each phrase, and about each image where something is
            missing.
        by_reviewer: reviewer -> the reviewer's last decision about each phrase or image, without
            withdrawn decisions.
        samples: size and seed of the random samples of the files.
        digests: the digests of the files, in the order of the log.
        other: the number of files of another recipe or result, which do not count.
        outdated: the number of decisions in these files.
    """

    decisions: dict[Key, Decision] = field(default_factory=dict)
    by_reviewer: dict[str, dict[Key, Decision]] = field(default_factory=dict)
    samples: set[tuple[int, int]] = field(default_factory=set)
    digests: list[str] = field(default_factory=list)
    other: int = 0
    outdated: int = 0
    _by_person: dict[Key, dict[str, Decision]] = field(default_factory=dict)  # in order of time

    def add(self, made: DecisionFile) -> None:
        """Adds the decisions of a later file."""
        self.samples.add(made.sample)
        self.digests.append(made.sha256)
        own = self.by_reviewer.setdefault(made.reviewer, {})
        for decision in made.decisions:
            key = decision.key
            by_person = self._by_person.setdefault(key, {})
            own.pop(key, None)
            by_person.pop(made.reviewer, None)
            if decision.verdict != WITHDRAWN:
                own[key] = by_person[made.reviewer] = decision
            self.decisions.pop(key, None)
            if by_person:
                self.decisions[key] = list(by_person.values())[-1]

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
    """The decisions that count for the annotation of a survey."""
    standing = Standing()
    for one in made:
        if (one.recipe, one.result) == (survey.recipe, survey.digest):
            standing.add(one)
        else:
            standing.other += 1
            standing.outdated += len(one.decisions)
    return standing


def append(folder: Path, made: Sequence[DecisionFile]) -> int:
    """Appends the files that are not in the log yet; returns their number.

    Args:
        folder: the annotation's folder.
        made: files that were checked already.

    Raises:
        RunLocked: another process writes to the folder.
        BadData: the log is damaged, or a file is too long for a line.
        EnvironmentProblem: the log cannot be written; no part of a line is left in it.
    """
    lines = [(_line(one), one) for one in made]
    lock = Lock(folder / LOCK)
    try:
        file = folder / DECISIONS
        repair_last_line(file)
        known = {one.sha256 for one in _lines(file)}
        new = {one.sha256: line for line, one in lines if one.sha256 not in known}
        handle = open_for_append(file) if new else None
        if handle is not None:
            try:
                for line in new.values():
                    append_line(handle, line, file)
                os.fsync(handle)
            finally:
                os.close(handle)
    finally:
        lock.release()
    return len(new)


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
