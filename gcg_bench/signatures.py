"""A signature read back: its fields, and the metrics that it spells with all their parameters."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from gcg_bench import metrics
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.protocols import spelling
from gcg_bench.types import Metric


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
