"""The package's readme and addresses, made when it is built (hatchling's metadata hook).

A package index shows README.md away from its repository, where relative links and pictures lead
nowhere. The hook makes them absolute when pyproject.toml names the repository. As long as it names
none, links keep their words and lose their target, and pictures are left out.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE)
_LINK = re.compile(r"(?P<picture>!?)\[(?P<words>[^\]]*)\]\((?P<target>[^)\s]+)\)")
_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


class Metadata(MetadataHookInterface):
    """Fills the dynamic fields `readme` and `urls`.

    Settings in pyproject.toml: `repository`, the address of the published repository without a
    slash at its end, or an empty string; `urls`, addresses that are none of the repository.
    """

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        root = Path(self.root)
        repository = self.config.get("repository", "")
        init = (root / "gcg_bench/__init__.py").read_text(encoding="utf-8")
        (version,) = _VERSION.findall(init)
        text = (root / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": rendered(text, repository=repository, version=version),
        }
        metadata["urls"] = {**addresses(repository, version), **self.config.get("urls", {})}


def addresses(repository: str, version: str) -> dict[str, str]:
    """The names and addresses of the repository's pages at a version; none without repository."""
    if not repository:
        return {}
    tree = f"{repository}/blob/v{version}"
    return {
        "Repository": repository,
        "Issues": f"{repository}/issues",
        "Documentation": f"{tree}/docs/index.md",
        "Changelog": f"{tree}/CHANGELOG.md",
    }


def rendered(text: str, *, repository: str, version: str) -> str:
    """A page of the repository's root as a package index can show it.

    Args:
        text: the page in Markdown. What stands in fenced blocks stays as it is.
        repository: its address, or an empty string.
        version: the version whose tag `v...` the links lead to.
    """

    def moved(link: re.Match[str]) -> str:
        picture, words, target = link["picture"], link["words"], link["target"]
        if re.match(r"https?://|#", target):
            return link[0]
        if not repository:
            return "" if picture else words
        kind = "raw" if picture else "blob"
        return f"{picture}[{words}]({repository}/{kind}/v{version}/{target})"

    parts = _FENCE.split(_COMMENT.sub("", text))
    shown = [part if part.startswith("```") else _LINK.sub(moved, part) for part in parts]
    return re.sub(r"\n{3,}", "\n\n", "".join(shown))
