"""Loads a model by name: the values of --model, which `load_model` accepts too.

    http://HOST:PORT           a server with the chat interface of OpenAI; https:// too
    NAME[:CHECKPOINT]          a file in gcg_bench/adapters, or an entry point of that group
    predictions:PATH           prediction files
    ./file.py[:ATTRIBUTE]      a file of the user; the attribute is `load` by default
    package.module:ATTRIBUTE   any module that can be imported

An attribute may be a model, or a class or function that returns one. A checkpoint may follow it:
`./file.py:ATTRIBUTE:CHECKPOINT`, `./file.py::CHECKPOINT`, `package.module:ATTRIBUTE:CHECKPOINT`.
"""

import importlib.util
import inspect
import re
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from gcg_bench.adapters import Needs
from gcg_bench.errors import BadOption, UnknownName
from gcg_bench.execution import model_code
from gcg_bench.execution.exits import contained
from gcg_bench.files.paths import WEB, anchored, anchored_source, private_name
from gcg_bench.registry import (
    ENTRY_POINT_GROUP,
    Loading,
    attribute,
    load_entry_point,
    module,
    names,
)
from gcg_bench.types import Model

_NAMES: "weakref.WeakKeyDictionary[Model, str]" = weakref.WeakKeyDictionary()
_ALIASES = {"predictions": "predictions-file"}
_SERVER = "chat-server"
_FILE = re.compile(
    r"(?P<file>.+?\.py)(?::(?P<attribute>[^:/\\]+|(?=:))(?::(?P<checkpoint>.+))?)?", re.DOTALL
)
_DOTTED = re.compile(
    r"(?P<module>[A-Za-z_][\w.]*):(?P<attribute>[A-Za-z_]\w*)(?::(?P<checkpoint>.+))?", re.DOTALL
)
_OWN_OPTIONS = ("checkpoint", "max_new_tokens")  # given by options of the command, like the hints


@dataclass(frozen=True, slots=True)
class Description:
    """A named model that --model accepts.

    Attributes:
        name: the name as users type it.
        needs: what the model needs.
        origin: the package that provides the model; empty for the built-in models.
        citation: BibTeX entries of what the model implements; empty when none is known.
    """

    name: str
    needs: Needs
    origin: str = ""
    citation: tuple[str, ...] = ()


def load_model(
    spec: object,
    /,
    *,
    device: str = "auto",
    batch_size: int | str = "auto",
    workers: int | None = None,
    seed: int = 0,
    max_new_tokens: int | None = None,
    **options: Any,
) -> Model:
    """The model of a name, or a model built from an object, class or function.

    Args:
        spec: a text as above, an object with `answer`, or a callable that returns one.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        batch_size: number of images at a time, for models that support batches.
        workers: number of processes that read images ahead, for models that support it.
        seed: seed of random draws, for models that draw.
        max_new_tokens: the maximum length of a reply in tokens; None for the model's default.
        options: arguments of this model; a value may be None. The model must accept all of them.

    Raises:
        UnknownName: no model has this name; the message offers close spellings.
        MissingData: a file, module or checkpoint does not exist.
        BadOption: the model does not take the checkpoint or an option, the object is not a model,
            or building the model raises; the original error is the cause.
    """
    hints = {"device": device, "batch_size": batch_size, "workers": workers, "seed": seed}
    required = dict(options)
    if max_new_tokens is not None:
        required["max_new_tokens"] = max_new_tokens
    if not isinstance(spec, str):
        return _build(spec, getattr(spec, "__name__", type(spec).__name__), required, hints)
    with contained():
        name, source, checkpoint = _resolve(spec)
    if checkpoint is not None:
        required["checkpoint"] = checkpoint
    model = _build(source, name, required, hints)
    with suppress(TypeError):  # a class with slots and no __weakref__ keeps its class's name
        _NAMES[model] = spec
    return model


def name_of(model: Model) -> str:
    """The name that a model was loaded by; that of its class when it was made otherwise."""
    with suppress(TypeError):  # not hashable
        if model in _NAMES:
            return _NAMES[model]
    return type(model).__name__


def code_of(spec: object) -> dict[str, str]:
    """The files of the code that a model is made by, each with its sha256; see `model_code`.

    Empty for built-in models, which the version of gcg-bench names. Nothing is imported or run.

    Args:
        spec: as `load_model` takes it.
    """
    if not isinstance(spec, str):
        return model_code.of_object(spec)
    head = spec.partition(":")[0]
    if spec.startswith(WEB) or _ALIASES.get(head, head).replace("-", "_") in names("adapters"):
        return {}
    points = entry_points(group=ENTRY_POINT_GROUP)
    if head in points.names:
        return model_code.of_entry_point(points[head])
    if match := _FILE.fullmatch(spec):
        return model_code.of_file(anchored(Path(match["file"])))
    if match := _DOTTED.fullmatch(spec):
        return model_code.of_module(match["module"])
    return {}


def describe_models() -> list[Description]:
    """Every named model: first the built-in ones, then those of entry points, each sorted by name.

    No weights and no heavy package are loaded.
    """
    built_in = [_describe(name) for name in _built_in_names()]
    external = [
        Description(point.name, Needs(point.value), point.dist.name if point.dist else "")
        for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)
    ]
    return [*built_in, *external]


def describe_model(spec: str) -> Description | None:
    """The description of a built-in model by what --model takes, e.g. `glamm:CHECKPOINT`.

    None for every other model: an entry point, a file, an import path.
    """
    name = _SERVER if spec.startswith(WEB) else spec.partition(":")[0].replace("_", "-")
    return _describe(name) if name in _built_in_names() else None


def refuse_task(spec: object, task: str) -> None:
    """Raises BadOption when `spec` is a built-in model that cannot answer a task."""
    described = describe_model(spec) if isinstance(spec, str) else None
    if described is not None and described.needs.tasks and task not in described.needs.tasks:
        raise BadOption(
            f"the model {described.name} does not answer the task {task}; it answers"
            f" {', '.join(described.needs.tasks)}. Choose another --task or --model"
        )


def _describe(name: str) -> Description:
    adapter = module("adapters", _ALIASES.get(name, name), "model")
    return Description(name, adapter.NEEDS, citation=getattr(adapter, "CITATION", ()))


def _built_in_names() -> list[str]:
    """The names of the built-in models as users type them, sorted."""
    aliases = {full: alias for alias, full in _ALIASES.items()}
    full_names = [name.replace("_", "-") for name in names("adapters")]
    return sorted(aliases.get(name, name) for name in full_names)


def _resolve(spec: str) -> tuple[str, Any, str | None]:
    """A name for messages, the object that the text names, and the checkpoint or None."""
    if spec.startswith(WEB):
        return private_name(spec), module("adapters", _SERVER, "model").load, spec
    head, colon, rest = spec.partition(":")
    checkpoint = rest if colon else None
    full = _ALIASES.get(head, head)
    if full.replace("-", "_") in names("adapters"):
        return head, module("adapters", full, "model").load, checkpoint
    plug_in = load_entry_point(head)
    if plug_in is not None:
        return head, plug_in, checkpoint
    if match := _FILE.fullmatch(spec):
        source = f"{match['file']}:{match['attribute'] or 'load'}"
        return spec, attribute(anchored_source(source)), match["checkpoint"]
    if (match := _DOTTED.fullmatch(spec)) and _importable(match["module"]):
        return spec, attribute(f"{match['module']}:{match['attribute']}"), match["checkpoint"]
    raise UnknownName(
        "model",
        head,
        [*_built_in_names(), *entry_points(group=ENTRY_POINT_GROUP).names],
        "(or give predictions:PATH, ./file.py or package.module:attribute)",
    )


def _importable(dotted: str) -> bool:
    """Whether a dotted name may be a module: with a dot always, without one only if it exists."""
    return "." in dotted or importlib.util.find_spec(dotted) is not None


def _build(source: Any, name: str, required: Mapping[str, Any], hints: Mapping[str, Any]) -> Model:
    """The source itself when it is a model, else the result of calling it.

    Args:
        source: the object that the name stands for.
        name: the name, for messages.
        required: options that the model must accept.
        hints: options that are passed only if the model has such a parameter.
    """
    is_model = not isinstance(source, type) and hasattr(source, "answer")
    if is_model and required:
        raise BadOption(
            f"model {name} takes no {' or '.join(required)}: it is an object, not a class or"
            " function"
        )
    result = source if is_model else _call(source, name, required, hints)
    if isinstance(result, type) or not callable(getattr(result, "answer", None)):
        raise BadOption(
            f"{name} is not a model: it has no method answer(queries), and does not return an"
            " object that has one"
        )
    model: Model = result
    return model


def _call(source: Any, name: str, required: Mapping[str, Any], hints: Mapping[str, Any]) -> Any:
    """The result of calling a source with the required options and those hints it accepts."""
    if not callable(source):
        raise BadOption(f"{name} is not a model: {source!r:.80}")
    parameters = _parameters(source)
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    refused = [] if takes_all else [option for option in required if option not in parameters]
    if refused:
        raise BadOption(
            f"model {name} takes no {' or '.join(refused)}"
            f"{_taken(parameters, {*hints, *_OWN_OPTIONS}, refused)}"
        )
    arguments = {
        **{hint: value for hint, value in hints.items() if takes_all or hint in parameters},
        **required,
    }
    missing = [
        p.name
        for p in parameters.values()
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY, p.POSITIONAL_ONLY)
        and p.name not in arguments
    ]
    if missing == ["checkpoint"]:
        place = f"{name}:" if name.endswith(".py") else name
        raise BadOption(f"model {name} needs a checkpoint: --model {place}:CHECKPOINT")
    if missing:
        first = next(name for name in missing if name != "checkpoint")
        raise BadOption(
            f"model {name} cannot be built without {', '.join(missing)}: --model-arg {first}=VALUE"
        )
    with Loading(f"build model {name}"), contained():
        return source(**arguments)


def _taken(
    parameters: Mapping[str, inspect.Parameter], options: set[str], refused: Sequence[str]
) -> str:
    """The arguments that a model does take, as the end of a message; empty when none is refused.

    Args:
        parameters: the parameters of the function or class that builds the model.
        options: the parameters that options of the command give.
        refused: the names that the model does not take.
    """
    if options.issuperset(refused):
        return ""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    own = [p.name for p in parameters.values() if p.kind in kinds and p.name not in options]
    return f"; it takes {', '.join(own)}" if own else "; it takes no argument of its own"


def _parameters(source: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(source).parameters
    except ValueError as error:  # some built-in types have no signature
        raise BadOption(f"a model cannot be built from {source!r}: {error}") from error
