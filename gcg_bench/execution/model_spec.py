"""The specification of a model: a value that can be sent to where the model is built."""

import base64
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gcg_bench.errors import BadOption
from gcg_bench.execution.models import code_of, load_model
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

    def code(self) -> dict[str, str]:
        """The files of the model's code, each with its sha256; see `code_of`."""
        return code_of(self.source)

    def on_device(self, device: str) -> "ModelSpec":
        """The same model on another device."""
        return ModelSpec(self.source, {**self.options, "device": device})

    def packed(self) -> str:
        """The specification as text, for another process of this package.

        Raises:
            BadOption: the model is an object that only this process can hold.
        """
        try:
            content = pickle.dumps(self)
            pickle.loads(content)  # noqa: S301 - our own bytes
        except (pickle.PickleError, TypeError, AttributeError, ImportError) as error:
            raise BadOption(_only_here(error)) from error
        main = b"__main__" in content and not isinstance(self.source, str)
        if main:
            raise BadOption(_only_here("it is defined in the main script"))
        return base64.b64encode(content).decode("ascii")


def unpacked(text: str) -> ModelSpec:
    """The specification of `packed`; the text comes from the process that started this one.

    Raises:
        BadOption: the model is an object of a module that this process does not find.
    """
    try:
        spec = pickle.loads(base64.b64decode(text))  # noqa: S301 - from the parent process
    except (pickle.PickleError, TypeError, AttributeError, ImportError) as error:
        raise BadOption(_only_here(error)) from error
    assert isinstance(spec, ModelSpec)
    return spec


def _only_here(reason: object) -> str:
    return (
        f"the model cannot be built in a process of its own ({reason}). Put it into a file and"
        " give ./file.py:ATTRIBUTE, or leave out the timeout and the devices"
    )
