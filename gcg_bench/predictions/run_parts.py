"""The files that hold a run's predictions: one, or numbered parts of a large run.

    RUN/predictions.jsonl          a run up to a size
    RUN/predictions.00001.jsonl    the parts of a larger run, numbered from 1 without a gap
    RUN/predictions.00002.jsonl
    ...

All parts, concatenated in order, are equal to the one file.
"""

import re
from pathlib import Path

from gcg_bench.errors import BadData

RUN_FILE = "predictions.jsonl"
RUN_SETTINGS = "run.json"

_PART = re.compile(r"predictions\.([0-9]+)\.jsonl")


def part_name(number: int) -> str:
    """The name of a part, e.g. `predictions.00001.jsonl`; the first number is 1."""
    return f"predictions.{number:05d}.jsonl"


def run_parts(folder: Path) -> list[Path]:
    """The files of a run's predictions in their order; empty when there are none.

    Raises:
        BadData: a number is missing, two files have the same number, or a number is not written
            with five digits.
    """
    names = [file.name for file in folder.glob("predictions.*") if file.is_file()]
    matches = [match for match in map(_PART.fullmatch, sorted(names)) if match is not None]
    numbered: dict[int, str] = {}
    if RUN_FILE in names:
        numbered[1] = RUN_FILE
    for match in matches:
        name, number = match[0], int(match[1])
        if number in numbered:
            raise BadData(
                f"has the number {number}, and so has {numbered[number]}",
                file=folder / name,
                remedy="Remove the one that is not the run's: a run has one file a number, and"
                f" {RUN_FILE} is number 1",
            )
        if name != part_name(number):
            problem = f"is no part of a run: number {number} is named {part_name(number)}"
            raise BadData(problem, file=folder / name, remedy="Rename the file, or remove it")
        numbered[number] = name
    for number in range(1, len(numbered) + 1):
        if number not in numbered:
            raise BadData(
                f"is missing, and {numbered[max(numbered)]} is there",
                file=folder / part_name(number),
                remedy="Restore the file: a run has all numbers from 1 to its last",
            )
    return [folder / numbered[number] for number in sorted(numbered)]
