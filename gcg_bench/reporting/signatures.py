"""Explains two signatures field by field: the differences, and whether scores are comparable.

A signature comes from a run, from a scores.json, or from a quoted text. A text is split only to
show its fields: no result is read from it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from gcg_bench.errors import BadOption, MissingData
from gcg_bench.runs import Run
from gcg_bench.runs.checked import read_scores
from gcg_bench.scoring import signature
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.storage import from_json, load_results, refuse_edited

Fields = Mapping[str, str]
Decides = Literal["measurement", "answers", "program"]

MEANINGS: Fields = {
    "protocol": "what is measured, with its version",
    "dataset": "the data card",
    "card": "the version of the card",
    "split": "the split of the data set",
    "truth": "the sha256 of the references, and whether models made them (annotated, reviewed)",
    "n": "how many queries were scored",
    "missing": "what a missing prediction counts as",
    "repeats": "what phrases that stand twice in a caption count as",
    "prompt": "the sha256 of the instruction; unknown where predictions came as files",
    "code": "the sha256 of the model's files",
    "encoder": "the phrase encoder, with the sha256 of its weights",
    "equal_phrases": "how similar equal phrases are: 1, or their cosine",
    "agreement": "the rules by which phrases agree",
    "ranked_by_confidence": "whether masks were ranked by the model's confidences",
    "confidences": "whether the predicted masks carry confidences",
    "by": "the program that scored",
}
"""What the fields of every signature mean; all others are settings of a model."""

_SETTING = "a setting of the model"
_HASH = re.compile(r"[0-9a-f]{8,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field in which two signatures differ.

    Attributes:
        field: its name; `metrics: NAME` for each metric.
        a: its value in the first signature; empty when it is missing.
        b: its value in the second signature; empty when it is missing.
        decides: `measurement` (the scores cannot be compared), `answers` (how the model answered)
            or `program` (the program that scored, and its findings).
        meaning: the meaning of the field.
    """

    field: str
    a: str
    b: str
    decides: Decides
    meaning: str


@dataclass(frozen=True, slots=True)
class Explained:
    """Two signatures side by side.

    Attributes:
        protocol: the protocol of the first signature.
        hashes: the short forms of both signatures, 12 digits each.
        differences: the differences in the measurement first, then in the answers, then in the
            program.
    """

    protocol: str
    hashes: tuple[str, str]
    differences: tuple[FieldDifference, ...]

    @property
    def verdict(self) -> str:
        """Whether scores with these signatures can be compared, in a sentence."""
        if not self.differences:
            return "The signatures are equal."
        named = {
            kind: ", ".join(d.field for d in self.differences if d.decides == kind)
            for kind in ("measurement", "answers", "program")
        }
        if named["measurement"]:
            return f"The scores cannot be compared: measured with another {named['measurement']}."
        answers = f" The answers were made with another {named['answers']}."
        text = "The scores can be compared: everything that decides the measurement is equal."
        return text + (answers if named["answers"] else "")

    def to_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        return {
            "protocol": self.protocol,
            "hashes": list(self.hashes),
            "comparable": all(d.decides != "measurement" for d in self.differences),
            "differences": [asdict(difference) for difference in self.differences],
        }


def explained(a: str, b: str) -> list[Explained]:
    """Compares the signatures of two sides, protocol by protocol.

    Args:
        a: a run folder, a scores.json, or a signature.
        b: a run folder, a scores.json, or a signature.

    Raises:
        MissingData: a run has not been scored.
        BadOption: a side is none of these, or the sides have no protocol in common.
        BadData: files of a run do not fit together.
    """
    first, second = signatures_of(a), signatures_of(b)
    common = [name for name in first if name in second]
    if common:
        return [_explained(first[name], second[name]) for name in common]
    if len(first) == len(second) == 1:
        return [_explained(*first.values(), *second.values())]
    raise BadOption(
        f"no protocol in common: {', '.join(first)} on one side, {', '.join(second)} on the other"
    )


def signatures_of(side: str) -> dict[str, Fields]:
    """The fields of the signatures of one side, by protocol."""
    path = Path(side) if len(side) < 4096 and "|" not in side else None
    if path is not None and Run.is_run(path):
        results = load_results(Run.open(path))
        if not results:
            raise MissingData(f"{path}: not scored yet; gcg-bench score {path}")
        return {result.protocol.name: _fields(result) for result in results}
    if path is not None and path.suffix == ".json" and path.is_file():
        scores = read_scores(path)
        result = from_json(scores, path)
        refuse_edited(scores, path)
        return {result.protocol.name: _fields(result)}
    fields = _taken_apart(side)
    if "protocol" not in fields:
        raise _nothing(side)
    return {fields["protocol"].rpartition("-")[0]: fields}


def _nothing(side: str) -> BadOption:
    """The error for a side without a signature."""
    if _HASH.fullmatch(side):
        return BadOption(
            f"{side} is the hash of a signature, from which no field can be read: give the run"
            " folder, its scores.json, or the whole signature (gcg-bench score RUN --signature)"
        )
    return BadOption(
        f"{side:.80} is no run folder, no scores.json and no signature (protocol:...|dataset:...)"
    )


def _fields(result: Result) -> Fields:
    return signature.ordered(
        result.measurement, result.answered, result.confidences, result.evaluator
    )


def _taken_apart(line: str) -> dict[str, str]:
    """The fields of a line `field:value|field:value`."""
    parts = (part.partition(":") for part in line.strip().split("|"))
    return {name: value for name, _, value in parts if value}


def _explained(a: Fields, b: Fields) -> Explained:
    differences = [
        difference
        for name in dict.fromkeys((*a, *b))
        for difference in _differences(name, a.get(name, ""), b.get(name, ""))
    ]
    order: Sequence[Decides] = ("measurement", "answers", "program")
    return Explained(
        protocol=a["protocol"],
        hashes=(signature.short(signature.line(a)), signature.short(signature.line(b))),
        differences=tuple(sorted(differences, key=lambda d: order.index(d.decides))),
    )


def _differences(name: str, a: str, b: str) -> Iterator[FieldDifference]:
    if a == b:
        return
    if name != "metrics":
        yield FieldDifference(name, a, b, _decided_by(name), MEANINGS.get(name, _SETTING))
        return
    first, second = (dict(_metrics(text)) for text in (a, b))
    for metric in dict.fromkeys((*first, *second)):
        if first.get(metric) != second.get(metric):
            values = first.get(metric, ""), second.get(metric, "")
            meaning = "a metric and its parameters"
            yield FieldDifference(f"metrics: {metric}", *values, "measurement", meaning)


def _decided_by(name: str) -> Decides:
    if name in signature.MEASUREMENT:
        return "measurement"
    return "program" if name in signature.MEASURED_TOO else "answers"


def _metrics(text: str) -> Iterator[tuple[str, str]]:
    """The metrics of a signature and their parameters; a `+` in brackets is no separator."""
    depth, start = 0, 0
    for position, sign in enumerate(f"{text}+"):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "+" and depth == 0:
            name, _, parameters = text[start:position].partition("(")
            yield name, parameters.removesuffix(")") or "present"
            start = position + 1
