"""A name becomes a model: what --model takes, and what `load_model` accepts.

    NAME[:CHECKPOINT]          a file in gcg_bench/adapters, or an entry point of that group
    predictions:PATH           somebody's prediction files
    ./file.py[:ATTRIBUTE]      a file of the user's; the attribute is `load` by default
    package.module:ATTRIBUTE   anything that can be imported

An attribute may be a model, or a class or function that gives one.
"""

import importlib.util
import inspect
import re
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from gcg_bench.adapters import Needs
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.registry import ENTRY_POINT_GROUP, Loading, attribute, module, names, plugged
from gcg_bench.types import Model

_NAMES: "weakref.WeakKeyDictionary[Model, str]" = weakref.WeakKeyDictionary()
_SHORT = {"predictions": "predictions-file"}
_FILE = re.compile(r"(?P<file>.+\.py)(?::(?P<attribute>[^:/\\]+))?")
_DOTTED = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<attribute>[A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Description:
    """One model that --model takes.

    Attributes:
        name: as users type it.
        needs: what it needs.
        origin: the package it comes from; empty for our own.
    """

    name: str
    needs: Needs
    origin: str = ""


def load_model(
    spec: object,
    *,
    device: str = "auto",
    batch_size: int | str = "auto",
    workers: int | None = None,
    seed: int = 0,
    **options: Any,
) -> Model:
    """The model of a name, or made from an object, class or function.

    Args:
        spec: text as above, something that has `answer`, or something that gives it when called.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        batch_size: images at a time, for models that can.
        workers: processes that read images ahead, for models that can.
        seed: for models that draw.
        options: of the model's own; those that are None count as not given.

    Raises:
        UnknownName: no such model; offers close spellings.
        MissingData: a file, module or checkpoint is not there.
        BadOption: the model does not take the checkpoint or an option, it is not a model, or it
            raises while it is made; what it raised is the cause.
    """
    hints = {"device": device, "batch_size": batch_size, "workers": workers, "seed": seed}
    given = {name: value for name, value in options.items() if value is not None}
    if not isinstance(spec, str):
        return _made(spec, getattr(spec, "__name__", type(spec).__name__), given, hints)
    name, found, checkpoint = _found(spec)
    if checkpoint is not None:
        given["checkpoint"] = checkpoint
    model = _made(found, name, given, hints)
    with suppress(TypeError):  # a class with slots and no __weakref__ keeps its class's name
        _NAMES[model] = spec
    return model


def name_of(model: Model) -> str:
    """The name that a model was loaded by; that of its class when it was made otherwise."""
    with suppress(TypeError):  # not hashable
        if model in _NAMES:
            return _NAMES[model]
    return type(model).__name__


def describe_models() -> list[Description]:
    """Every model with a name, ours first, each sorted; no weights, no heavy package loaded."""
    ours = [
        Description(name, module("adapters", _SHORT.get(name, name), "model").NEEDS)
        for name in _own_names()
    ]
    theirs = [
        Description(point.name, Needs(point.value), point.dist.name if point.dist else "")
        for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda one: one.name)
    ]
    return [*ours, *theirs]


def _own_names() -> list[str]:
    """The names of our own models as users type them, sorted."""
    short = {full: name for name, full in _SHORT.items()}
    spelt = [known.replace("_", "-") for known in names("adapters")]
    return sorted(short.get(name, name) for name in spelt)


def _found(spec: str) -> tuple[str, Any, str | None]:
    """A name for messages, what stands behind the text, and the checkpoint."""
    head, colon, rest = spec.partition(":")
    checkpoint = rest if colon else None
    full = _SHORT.get(head, head)
    if full.replace("-", "_") in names("adapters"):
        return head, module("adapters", full, "model").load, checkpoint
    plug_in = plugged(head)
    if plug_in is not None:
        return head, plug_in, checkpoint
    if match := _FILE.fullmatch(spec):
        return spec, attribute(f"{match['file']}:{match['attribute'] or 'load'}"), None
    if (match := _DOTTED.fullmatch(spec)) and _importable(match["module"]):
        return spec, attribute(spec), None
    raise UnknownName(
        "model",
        head,
        [*_own_names(), *entry_points(group=ENTRY_POINT_GROUP).names],
        "(or give predictions:PATH, ./file.py or package.module:attribute)",
    )


def _importable(dotted: str) -> bool:
    """Whether a dotted name may be one of Python's: all with a dot, else only if it is there."""
    return "." in dotted or importlib.util.find_spec(dotted) is not None


def _made(found: Any, name: str, given: Mapping[str, Any], hints: Mapping[str, Any]) -> Model:
    """The model that was found, or that comes of calling it.

    Args:
        found: what stands behind the name.
        name: for messages.
        given: options that must be taken.
        hints: options that are passed if they are taken.
    """
    ready = not isinstance(found, type) and hasattr(found, "answer")
    if ready and given:
        raise BadOption(f"model {name} takes no {' or '.join(given)}: it is made already")
    made = found if ready else _called(found, name, given, hints)
    if isinstance(made, type) or not callable(getattr(made, "answer", None)):
        raise BadOption(
            f"{name} is not a model: it has no answer(queries), and gives nothing that has"
        )
    model: Model = made
    return model


def _called(found: Any, name: str, given: Mapping[str, Any], hints: Mapping[str, Any]) -> Any:
    if not callable(found):
        raise BadOption(f"{name} is not a model: {found!r:.80}")
    parameters = _parameters(found)
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    refused = [] if takes_all else [option for option in given if option not in parameters]
    if refused:
        raise BadOption(f"model {name} takes no {' or '.join(refused)}")
    passed = {
        **{hint: value for hint, value in hints.items() if takes_all or hint in parameters},
        **given,
    }
    lacking = [
        one.name
        for one in parameters.values()
        if one.default is one.empty
        and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY, one.POSITIONAL_ONLY)
        and one.name not in passed
    ]
    if lacking == ["checkpoint"]:
        raise BadOption(f"model {name} needs a checkpoint: --model {name}:CHECKPOINT")
    if lacking:
        raise BadOption(f"model {name} cannot be made without {', '.join(lacking)}")
    with Loading(f"make model {name}"):
        return found(**passed)


def _parameters(found: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(found).parameters
    except ValueError as error:  # some built-in types do not tell
        raise BadOption(f"{found!r} cannot be made a model: {error}") from error
