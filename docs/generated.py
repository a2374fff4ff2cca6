"""Pages that follow the package: the help of every command, and every plug-in of a folder."""

from typing import Any

import click
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gcg_bench import registry
from gcg_bench.cli import cli

_ARRAY = "~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~numpy.{}]]"
ARRAYS = {_ARRAY.format("float64"): "FloatArray", _ARRAY.format("uint8"): "Pixels"}


class Commands(SphinxDirective):
    """One section per command with its help; a group's section contains those of its commands."""

    def run(self) -> list[nodes.Node]:
        with click.Context(cli, info_name="gcg-bench") as context:
            return [_section(name, cli, context) for name in cli.list_commands(context)]


def _section(name: str, group: click.Group, parent: click.Context) -> nodes.section:
    command = group.get_command(parent, name)
    assert command is not None
    with click.Context(command, info_name=name, parent=parent) as context:
        title = context.command_path
        section = nodes.section(ids=[nodes.make_id(title)])
        section += nodes.title(text=title)
        section += nodes.literal_block(text=command.get_help(context), language="text")
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                section += _section(inner, command, context)
    return section


class Plugins(SphinxDirective):
    """The documentation of every module of a plug-in folder, e.g. `metrics`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        folder = self.arguments[0]
        lines = StringList()
        for name in registry.names(folder):
            module = f"gcg_bench.{folder}.{name}"
            for line in (name, "-" * len(name), "", f".. automodule:: {module}", ""):
                lines.append(line, source=module)
        node = nodes.Element()
        node.document = self.state.document
        self.state.nested_parse(lines, self.content_offset, node, match_titles=True)
        return list(node.children)


def read_docstring(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Docstrings as they are written: before napoleon reads them.

    Indented lines of a module's docstring are shown literally. A colon in the first line of a
    property is a colon; napoleon takes it for the end of a type unless the first line is empty.
    """
    if what in ("property", "attribute", "data"):
        lines.insert(0, "")
    if what == "module":
        shown: list[str] = []
        for line in lines:
            before = next((text for text in reversed(shown) if text.strip()), "")
            if line.startswith("    ") and shown and not shown[-1] and before[:1].strip():
                shown += ["::", ""]
            shown.append(line)
        lines[:] = shown


def name_arrays(
    app: Sphinx, what: str, name: str, obj: object, options: object, given: str, returned: str
) -> tuple[str | None, str | None]:
    """Types of arrays by the names that the code gives them."""
    for long, short in ARRAYS.items():
        given = given.replace(long, short) if given else given
        returned = returned.replace(long, short) if returned else returned
    return given, returned


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds the directives and the readers of docstrings."""
    app.add_directive("commands", Commands)
    app.add_directive("plugins", Plugins)
    app.connect("autodoc-process-docstring", read_docstring, priority=400)
    app.connect("autodoc-process-signature", name_arrays)
    return {"parallel_read_safe": True}
