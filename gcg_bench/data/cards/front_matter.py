"""Front matter: the YAML at the start of a card, restricted to plain values.

A card may come from an unknown author. So there are no tags (which can name Python types), no
aliases (with which a short file can expand to gigabytes), no dates, and no repeated keys.
"""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from gcg_bench.errors import BadData, MissingData
from gcg_bench.files import limits

_REMEDY = "A card starts with YAML between two lines of ---"
_DATE = "tag:yaml.org,2002:timestamp"


class _PlainLoader(yaml.SafeLoader):
    """Accepts texts, numbers, booleans, null, lists and objects."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML requires this name and type
        first: [resolver for resolver in resolvers if resolver[0] != _DATE]
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
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            self._refuse("a key occurs twice in one object", node)
        return mapping

    def _refuse(self, problem: str, node: Any) -> None:
        raise yaml.composer.ComposerError(None, None, problem, node.start_mark)


def front_matter(file: Path) -> Any:
    """The YAML between the first two lines `---` of a file.

    Raises:
        MissingData: the file cannot be opened.
        BadData: there is no front matter, or it is not plain YAML, not UTF-8 or too long; names the
            line.
    """
    try:
        limits.refuse_long(file, limits.CARD, "a data card")
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BadData(f"not UTF-8 ({error})", file=file) from error
    except OSError as error:
        raise MissingData(f"{file}: cannot be read ({error})") from error
    if not lines or lines[0].rstrip() != "---" or "---" not in (after_first := lines[1:]):
        raise BadData("no front matter", file=file, remedy=_REMEDY)
    try:
        value = yaml.load("\n".join(after_first[: after_first.index("---")]), _PlainLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        location = "" if mark is None else f" (line {mark.line + 2})"
        detail = getattr(error, "problem", None)
        problem = f"front matter is not YAML{location}" + (f": {detail}" if detail else "")
        raise BadData(problem, file=file, remedy=_REMEDY) from error
    except (ValueError, RecursionError) as error:  # an invalid number; brackets nested too deeply
        raise BadData(f"front matter is not YAML ({error})", file=file, remedy=_REMEDY) from error
    _refuse_surrogates(value, file)
    return value


def _refuse_surrogates(value: Any, file: Path) -> None:
    """Raises BadData for an unpaired surrogate, which no file and no path can hold."""
    level = [value]
    while level:
        texts = [item for item in level if isinstance(item, str)]
        if any(0xD800 <= ord(letter) < 0xE000 for text in texts for letter in text):
            raise BadData("a text contains half a surrogate pair", file=file)
        inner = [[*item, *item.values()] if isinstance(item, dict) else item for item in level]
        level = [part for item in inner if isinstance(item, list) for part in item]
