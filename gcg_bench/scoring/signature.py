"""Signatures: their fields, what they say of answers, and the metrics that they spell.

What decided a measurement must agree before rows are ranked; how the answers were made may differ.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from gcg_bench import metrics
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.tasks.protocols import spelling
from gcg_bench.types import Metric

# the fields that must agree before two verdicts are held against each other
MEASUREMENT = (
    "protocol",
    "dataset",
    "card",
    "split",
    "truth",
    "n",
    "missing",
    "encoder",
    "equal_phrases",
    "metrics",
)
# and those that say what the measurement found or was made by
MEASURED_TOO = ("confidences", "by")


def fields_of(signature: str) -> dict[str, str]:
    """A signature's fields by name."""
    return dict(part.split(":", 1) for part in signature.split("|") if ":" in part)


def spelt(text: str) -> tuple[Metric, ...]:
    """The metrics that a signature spells, e.g. `meteor+miou(match=greedy,divide_by=taken)`.

    Raises:
        BadOption: a spelling that this version does not make of any of its metrics.
    """
    made = []
    for word in re.split(r"\+(?![^()]*\))", text) if text else []:
        name, _, given = word.rstrip(")").partition("(")
        try:
            metric = _with(metrics.load(name), dict(re.findall(r"(\w+)=([^,]*)", given)))
        except UnknownName as error:
            raise BadOption(f"{error}; its stored rows cannot be read by this version") from error
        if spelling(metric) != word:
            raise BadOption(
                f"the signature's {word} is spelt {spelling(metric)} in this version of gcg-bench:"
                " score the run again"
            )
        made.append(metric)
    return tuple(made)


def answered_by(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a signature that say how the answers were made.

    A model's own setting never takes the place of a field that says how they were measured: it is
    then called `model_NAME`. What would end a field is spelt, as in `a%7Cb`.
    """
    taken = {*MEASUREMENT, *MEASURED_TOO, "prompt"}
    own = {}
    for name, value in sorted(settings.get("decoding", {}).items()):
        field = _inert(name).replace(":", "%3A")
        own[f"model_{field}" if field in taken else field] = _inert(value)
    return {"prompt": _prompt(settings), **own}


def _prompt(settings: Mapping[str, Any]) -> str:
    """A prompt as signatures name it: by its hash."""
    if "prompt" not in settings:  # made from Python
        return "unknown"
    prompt = settings["prompt"]
    spelt = prompt if isinstance(prompt, str) else "\n".join(prompt)
    if not spelt:
        return "none"
    return hashlib.sha256(spelt.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _inert(value: object) -> str:
    """Text that ends neither a field of a signature nor its line."""
    return re.sub(r"[|\r\n]", lambda found: f"%{ord(found[0]):02X}", str(value))


def _with(metric: Any, given: Mapping[str, str]) -> Metric:
    """The metric with parameters from text, each of the type of its default."""
    wanted = {}
    for field in fields(metric) if is_dataclass(metric) else ():
        default = getattr(metric, field.name)
        text = given.get(field.name, str(default))
        try:
            wanted[field.name] = _parsed(text, default)
        except (TypeError, ValueError) as error:
            problem = f"the signature's {metric.name} has {field.name}={text}"
            raise BadOption(f"{problem}, which is no {type(default).__name__}") from error
    made: Metric = type(metric)(**wanted)
    return made


def _parsed(text: str, default: Any) -> Any:
    return text == "True" if isinstance(default, bool) else type(default)(text)
