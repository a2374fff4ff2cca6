"""Options that would have no effect are refused by name."""

import click
from click.core import ParameterSource

from gcg_bench.errors import BadOption


def given(*names: str) -> list[str]:
    """The options that the user gave, among some parameters of the current command."""
    context = click.get_current_context()
    return [
        max(param.opts, key=len)
        for param in context.command.params
        if param.name in names
        and context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]


def refuse_without_effect(why: str, *names: str) -> None:
    """Raises BadOption when the user gave an option that would have no effect.

    Args:
        why: completes the message: "--x has no effect WHY".
        names: the parameters of the current command that have no effect.
    """
    if options := given(*names):
        have, them = ("has", "it") if len(options) == 1 else ("have", "them")
        raise BadOption(f"{' and '.join(options)} {have} no effect {why}: drop {them}")
