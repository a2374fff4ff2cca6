"""The specification of a model: a value that can be sent to where the model is built."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gcg_bench.errors import BadOption
from gcg_bench.execution.models import load_model
from gcg_bench.types import Model


@dataclass(frozen=True)
class ModelSpec:
    """What is needed to build a model, here or in another process.

    Attributes:
        source: what --model takes, or an object, class or function of the user.
        options: arguments of `load_model` by name.
    """

    source: object
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> Model:
        """The model; errors as in `load_model`."""
        return load_model(self.source, **self.options)

    def on_device(self, device: str) -> "ModelSpec":
        """The same model on another device."""
        return ModelSpec(self.source, {**self.options, "device": device})

    def packed(self) -> dict[str, Any]:
        """The specification as JSON values, for another process of this package.

        Raises:
            BadOption: the model is an object that only this process has, or an option is no JSON
                value.
        """
        source = self.source if isinstance(self.source, str) else _importable(self.source)
        try:
            options = json.loads(json.dumps(dict(self.options)))
        except (TypeError, ValueError) as error:
            raise BadOption(_only_here(f"an argument cannot be sent: {error}")) from error
        return {"source": source, "options": options}


def unpacked(value: Mapping[str, Any]) -> ModelSpec:
    """The specification of `packed`."""
    return ModelSpec(value["source"], value["options"])


def _importable(source: object) -> str:
    """The name by which another process can import a class or function; see `packed`."""
    if not (inspect.isclass(source) or inspect.isfunction(source)):
        raise BadOption(_only_here("it is an object that is made already"))
    module, name = source.__module__, source.__qualname__
    if module == "__main__" or not name.isidentifier():
        raise BadOption(_only_here("it is defined in the main script or within a function"))
    return f"{module}:{name}"


def _only_here(reason: str) -> str:
    return (
        f"the model cannot be built in a process of its own ({reason}). Put it into a file and"
        " give ./file.py:ATTRIBUTE, or leave out the timeout and the devices"
    )
