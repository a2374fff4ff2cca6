"""A protocol with other metrics or other parameters, under another name."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from gcg_bench import metrics, registry
from gcg_bench.errors import BadOption, UnknownName, shortened
from gcg_bench.pipeline.arguments import typed_value
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Metric

_LONGEST = 50  # characters kept of a protocol's name; a stored name has at most 64


def changed(
    protocol: EvalProtocol, chosen: Sequence[str] = (), parameters: Iterable[str] = ()
) -> EvalProtocol:
    """The protocol with chosen metrics and parameters, and with a name of its own.

    The new name is the name of the protocol, `_`, and eight digits of the sha256 of its metrics. So
    equal changes have the same name, and a changed protocol is never confused with the original. If
    the metrics and parameters are equal to the protocol's, the name stays the same.

    Args:
        protocol: the protocol to change.
        chosen: names of metrics, in the order of tables; those of the protocol by default. A metric
            that the protocol lacks has its default parameters.
        parameters: texts `METRIC.PARAMETER=VALUE`; values are typed as those of `--model-arg`.

    Raises:
        UnknownName: there is no such metric, or no such parameter of it.
        BadOption: a text has another form, the parameter cannot have the value, or the metrics
            cannot form a protocol.
    """
    have = {metric.name: metric for metric in protocol.metrics}
    names = [name.lower().replace("-", "_") for name in chosen] or list(have)
    known = registry.names("metrics")
    for name in names:
        if name not in have and name not in known:
            raise UnknownName("metric", name, tuple(dict.fromkeys((*have, *known))))
    measured = {name: have.get(name) or metrics.load(name) for name in dict.fromkeys(names)}
    for text in parameters:
        _set(measured, text)
    made = tuple(measured.values())
    if made == protocol.metrics:
        return protocol
    signatures = "+".join(metric.signature for metric in made)
    digest = hashlib.sha256(signatures.encode()).hexdigest()[:8]
    kept = {spec.name for metric in made for spec in metric.scores}
    return replace(
        protocol,
        name=f"{protocol.name[:_LONGEST]}_{digest}",
        metrics=made,
        ranked_by=protocol.ranked_by if protocol.ranked_by in kept else "",
        images_by=protocol.images_by if protocol.images_by in kept else "",
    )


def _set(measured: dict[str, Metric], text: str) -> None:
    """Changes the parameter that a text `METRIC.PARAMETER=VALUE` names."""
    owner = f"--set {shortened(text, 80)}"
    target, equals, value = text.partition("=")
    name, dot, parameter = target.strip().partition(".")
    if not equals or not dot:
        raise BadOption(f"{owner}: give METRIC.PARAMETER=VALUE, e.g. miou.match=greedy")
    name = name.lower().replace("-", "_")
    if name not in measured:
        raise UnknownName("metric of the protocol", name, tuple(measured))
    metric = measured[name]
    known = tuple(field.name for field in fields(metric) if field.init)  # type: ignore[arg-type]
    if parameter not in known:
        remedy = "" if known else f"({name} has no parameters)"
        raise UnknownName(f"parameter of {name}", parameter, known, remedy=remedy)
    typed = _fitting(metric, parameter, value.strip(), owner)
    measured[name] = replace(metric, **{parameter: typed})  # type: ignore[type-var]


def _fitting(metric: Metric, parameter: str, text: str, owner: str) -> Any:
    """The value of a parameter that a text gives; raises BadOption for an invalid value."""
    hint = get_type_hints(type(metric))[parameter]
    if get_origin(hint) is Literal:
        for value in get_args(hint):
            if text == str(value):
                return value
        raise BadOption(f"{owner}: {parameter} is one of {', '.join(map(str, get_args(hint)))}")
    value, before = typed_value(text, owner), getattr(metric, parameter)
    if type(before) is float and type(value) is int:
        return float(value)
    if type(value) is not type(before):
        raise BadOption(f"{owner}: {parameter} is a {type(before).__name__}, e.g. {before}")
    return value
