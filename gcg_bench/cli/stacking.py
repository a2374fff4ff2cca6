"""Combines options into one decorator; creates options of frequent kinds."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]


def stacked(*decorators: Decorator) -> Callable[[Command], Command]:
    """Combines decorators; --help lists their options in this order."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def whole_number(name: str, help_text: str) -> Decorator:
    """An option `--NAME N` that takes a whole number from 1; None when it is not given."""
    kind = click.IntRange(min=1)
    return click.option(name, type=kind, default=None, metavar="N", help=help_text)


def seconds(name: str, help_text: str, default: float | None = None) -> Decorator:
    """An option `--NAME SECONDS` that takes a time above 0."""
    return click.option(
        name,
        type=click.FloatRange(min=0, min_open=True),
        default=default,
        show_default=default is not None,
        metavar="SECONDS",
        help=help_text,
    )
