"""Combines options into one decorator."""

from collections.abc import Callable
from typing import Any, TypeVar

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]


def stacked(*decorators: Decorator) -> Callable[[Command], Command]:
    """Combines decorators; --help lists their options in this order."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate
