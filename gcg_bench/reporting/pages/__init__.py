"""Small HTML pages that consist of one file each.

A page contains its own style and script and loads nothing over the network. Its content-security
policy allows exactly that style and script, by their hashes. Text of models, files and images is
shown as text: everything is escaped, except text that this package marks as markup.
"""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.files.atomic import replace_with
from gcg_bench.files.display import visible

_PACKAGE = "gcg_bench.reporting.pages"


def render(
    package: str, template: str, content: Mapping[str, Any], *, style: str = "", script: str = ""
) -> str:
    """Renders a page; returns its HTML text.

    Args:
        package: the package with the template in its folder `templates`; the template extends
            `page.html` of this package.
        template: the file's name.
        content: the values of the template's names; a name without a value is an error.
        style: CSS of this page, added to the style of all pages; a text of this package.
        script: the script of this page; a text of this package.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(_PACKAGE)]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = files(_PACKAGE) / "templates"
    style = (folder / "page.css").read_text(encoding="utf-8") + style
    script = (folder / "page.js").read_text(encoding="utf-8") + script
    return environment.get_template(template).render(
        **content,
        # both are files of this package and hold no text from outside
        page_style=Markup(style),  # noqa: S704
        page_script=Markup(script),  # noqa: S704
        page_style_hash=_hash(style),
        page_script_hash=_hash(script),
    )


def visible_text(value: Any) -> Any:
    """A value for a template: a text with escapes for invisible characters; markup unchanged."""
    return visible(value, breaks=True) if type(value) is str else value


def write(file: Path, text: str) -> int:
    """Writes a text file as UTF-8, completely or not at all; returns the number of bytes.

    A missing folder is created. Half a surrogate pair becomes `?`.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    data = text.encode("utf-8", "replace")

    def fill(draft: Path) -> None:
        draft.write_bytes(data)

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"{file}: cannot be written ({error})") from error
    replace_with(file, fill)
    return len(data)


def _hash(text: str) -> str:
    """The hash by which a content-security policy allows an inline element."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
