"""The protocols of stored results, as this version of gcg-bench defines them."""

import hashlib
import re
from dataclasses import replace

from gcg_bench import tasks
from gcg_bench.errors import BadOption
from gcg_bench.scoring.results import Result
from gcg_bench.tasks import EvalProtocol
from gcg_bench.text.encoders import is_folder

_CHANGED = re.compile(r"(\w+)_([0-9a-f]{8})", re.ASCII)  # see pipeline.changing


def defined(task: str, key: str) -> EvalProtocol:
    """The protocol of a task with a name and version, e.g. `strict-2`.

    Raises:
        UnknownName: the task does not exist.
        BadOption: the task lacks the protocol, or has it in another version.
    """
    protocols = tasks.load(task).protocols
    for protocol in protocols:
        if protocol.key == key:
            return protocol
    known = ", ".join(protocol.key for protocol in protocols)
    raise BadOption(f"it was scored with {key}, and this gcg-bench has {known}")


def as_stored(known: EvalProtocol, stored: Result) -> EvalProtocol:
    """A protocol of this gcg-bench, with the encoder and the optional metrics of a stored result.

    Raises:
        UnknownName: the result has a metric that is neither the protocol's nor optional.
        BadOption: the encoder is a folder.
    """
    own = {metric.name for metric in known.metrics}
    also = [metric.name for metric in stored.metrics if metric.name not in own]
    return known.using(encoder=encoder_of(stored) or None, also=also)


def other_definition(stored: Result) -> str:
    """How a protocol with the name of one of the task differs from it; empty if it does not.

    Args:
        stored: a stored result; its rows are not read.
    """
    protocol = stored.protocol
    known = {own.name: own for own in tasks.load(protocol.task).protocols}.get(protocol.name)
    if known is None:
        return ""
    if known.key != protocol.key:
        return f"{protocol.key} is another version than that of this gcg-bench, {known.key}"
    own = protocol.metrics[: len(known.metrics)]
    added = {metric.name for metric in protocol.metrics[len(known.metrics) :]}
    if own != known.metrics or not added <= set(tasks.optional_metrics()):
        return f"{protocol.key} was measured with other metrics than this gcg-bench gives it"
    return ""


def encoder_of(stored: Result) -> str:
    """The name of the encoder of a stored result; empty without one.

    Raises:
        BadOption: it is a folder.
    """
    encoder = "" if stored.encoder is None else stored.encoder[0]
    if encoder and is_folder(encoder):
        raise BadOption(f"its encoder is the folder {encoder!r:.80}; a board's are not loaded")
    return encoder


def definition_of(stored: Result) -> EvalProtocol | None:
    """The protocol that a stored result must be of; None for a protocol of somebody's own.

    A protocol that `--metrics` or `--set` changed has the hash of its metrics in its name.

    Raises:
        UnknownName, BadOption: see `defined` and `as_stored`; or the metrics of a changed protocol
            do not fit its name.
    """
    protocol = stored.protocol
    names = [known.name for known in tasks.load(protocol.task).protocols]
    if protocol.name in names:
        return as_stored(defined(protocol.task, protocol.key), stored)
    match = _CHANGED.fullmatch(protocol.name)
    if match is None or match[1] not in names:
        return None
    signatures = "+".join(metric.signature for metric in protocol.metrics)
    if hashlib.sha256(signatures.encode()).hexdigest()[:8] != match[2]:
        raise BadOption(f"the name {protocol.name} does not fit the metrics that it is given")
    base = defined(protocol.task, f"{match[1]}-{protocol.version}")
    kept = {spec.name for spec in protocol.scores}
    return replace(
        base.using(encoder=encoder_of(stored) or None),
        name=protocol.name,
        metrics=protocol.metrics,
        ranked_by=base.ranked_by if base.ranked_by in kept else "",
        images_by=base.images_by if base.images_by in kept else "",
    )
