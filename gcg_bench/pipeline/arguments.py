"""Arguments of a model: `--model-arg KEY=VALUE` as typed values, and as settings of a run."""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from gcg_bench.errors import BadOption, shortened
from gcg_bench.files import paths

_OPTIONS = {
    "batch_size": "--batch-size",
    "checkpoint": "--model NAME:CHECKPOINT",
    "device": "--device",
    "max_new_tokens": "--max-new-tokens",
    "seed": "--seed",
    "workers": "--workers",
}
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "none": None}
_INTEGER = re.compile(r"[+-]?[0-9]{1,400}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_SECRET = re.compile(r"(?:.*_)?(?:key|token|secret|password)", re.IGNORECASE)
_QUOTED = re.compile(r"""(?P<quote>["'])(?P<text>.*)(?P=quote)""", re.DOTALL)


def parsed(arguments: Iterable[str]) -> dict[str, Any]:
    """The arguments of a model by name, in the order given.

    An integer becomes an int, another decimal number a float, `true`, `false` and `none` (in any
    case) become True, False and None. Everything else is text; quotes around a value force text.

    Args:
        arguments: texts `KEY=VALUE`; the first `=` ends the key.

    Raises:
        BadOption: there is no `=`; the key is empty, not a valid parameter name, given twice, or
            has an option of its own; the value is a number too large for a float, or not valid
            text.
    """
    values: dict[str, Any] = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        key = key.strip()
        shown = shortened(argument, 80)
        if not equals:
            raise BadOption(f"--model-arg {shown}: give KEY=VALUE")
        if not key.isidentifier():
            problem = "the key is empty" if not key else "the key is no name of a parameter"
            raise BadOption(
                f"--model-arg {shown}: {problem}; it has letters, digits and _, and begins with no"
                " digit"
            )
        if key in _OPTIONS:
            raise BadOption(f"--model-arg {shown}: there is an option for {key}: {_OPTIONS[key]}")
        if key in values:
            raise BadOption(f"--model-arg {shown}: {key} is given twice; give it once")
        values[key] = typed_value(text, f"--model-arg {shown}")
    return values


def as_settings(arguments: Mapping[str, Any], undeciding: Collection[str] = ()) -> dict[str, Any]:
    """The setting `arguments`: the arguments that decide a model's answers; often empty.

    A run contains no absolute path: a text that is an absolute path becomes its last part. A run
    contains no secret: for a text whose argument is called `key`, `api_key`, `hf_token` and so on,
    only its presence is recorded. A value that is not a number, text, boolean or None is recorded
    by the name of its type.

    Args:
        arguments: by name.
        undeciding: the names of arguments that change no answer.
    """
    settings = dict(map(_setting, arguments.items()))
    deciding = {name: value for name, value in settings.items() if name not in undeciding}
    return {"arguments": deciding} if deciding else {}


def _setting(argument: tuple[str, Any]) -> tuple[str, Any]:
    name, value = argument
    if isinstance(value, str) and value and _SECRET.fullmatch(name):
        return name, "hidden"
    if isinstance(value, str):
        return name, paths.private_name(value)
    if value is None or isinstance(value, bool | int):
        return name, value
    if isinstance(value, float):
        return name, value if math.isfinite(value) else str(value)
    return name, f"an object of type {type(value).__qualname__}"


def typed_value(text: str, owner: str) -> Any:
    """A number, True, False, None or text, see `parsed`.

    Args:
        text: as the user typed it.
        owner: the option and its argument, for messages.

    Raises:
        BadOption: the value is a number too large for a float, or not valid text.
    """
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise BadOption(f"{owner}: the value is not valid UTF-8")
    if match := _QUOTED.fullmatch(text):
        return match["text"]
    plain = text.strip()
    if plain.lower() in _WORDS:
        return _WORDS[plain.lower()]
    if _INTEGER.fullmatch(plain):
        return int(plain)
    if not _FLOAT.fullmatch(plain):
        return text
    number = float(plain)
    if math.isinf(number):
        raise BadOption(f"{owner}: the number is too large; in quotes it is given as text")
    return number
