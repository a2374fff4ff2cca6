"""Front matter: the YAML at the head of a card, of which only plain values are read.

A card may come from anybody. So there are no tags (which would name Python's types), no aliases
(which blow a line up to gigabytes), no dates, and no key twice.
"""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits

_REMEDY = "A card starts with YAML between two lines of ---"
_DATE = "tag:yaml.org,2002:timestamp"


class _Plain(yaml.SafeLoader):
    """Texts, numbers, truth values, lists and objects."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and the kind that PyYAML looks for
        first: [one for one in resolvers if one[0] != _DATE]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self._refuse("anchors and aliases (& and *) are not read", event)
        if getattr(event, "tag", None) is not None:
            self._refuse("tags (!) are not read", event)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        made = super().construct_mapping(node, deep=deep)
        if len(made) < len(node.value):
            self._refuse("a key occurs twice in one object", node)
        return made

    def _refuse(self, problem: str, at: Any) -> None:
        raise yaml.composer.ComposerError(None, None, problem, at.start_mark)


def front_matter(file: Path) -> Any:
    """The YAML between the first two lines `---` of a file.

    Raises:
        MissingData: the file cannot be opened.
        BadData: there is none, or it is not plain YAML or not UTF-8, or too long; names the line.
    """
    try:
        limits.refuse_long(file, limits.CARD, "a data card")
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BadData(f"not UTF-8 ({error})", file=file) from error
    except OSError as error:
        raise MissingData(f"{file}: cannot be read ({error})") from error
    if not lines or lines[0].rstrip() != "---" or "---" not in (rest := lines[1:]):
        raise BadData("no front matter", file=file, remedy=_REMEDY)
    try:
        value = yaml.load("\n".join(rest[: rest.index("---")]), _Plain)  # noqa: S506 - SafeLoader's
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f" (line {mark.line + 2})"
        why = getattr(error, "problem", None)
        problem = f"front matter is not YAML{place}" + (f": {why}" if why else "")
        raise BadData(problem, file=file, remedy=_REMEDY) from error
    except (ValueError, RecursionError) as error:  # a number that is none; too many brackets
        raise BadData(f"front matter is not YAML ({error})", file=file, remedy=_REMEDY) from error
    _refuse_half_letters(value, file)
    return value


def _refuse_half_letters(value: Any, file: Path) -> None:
    """Raises BadData for half a surrogate pair, which no file and no path can hold."""
    level = [value]
    while level:
        texts = [one for one in level if isinstance(one, str)]
        if any(0xD800 <= ord(letter) < 0xE000 for text in texts for letter in text):
            raise BadData("a text holds half a surrogate pair", file=file)
        inner = [[*one, *one.values()] if isinstance(one, dict) else one for one in level]
        level = [part for one in inner if isinstance(one, list) for part in one]
