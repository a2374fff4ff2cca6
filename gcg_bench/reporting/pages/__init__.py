"""Small pages and tables of HTML that need nothing beside themselves.

A page holds its style and its script, asks the network for nothing, and its content-security policy
allows that style and script by their hashes alone. Text of models, files and images reaches the
reader as text: everything is escaped that is not marked as markup here.
"""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.files.atomic import replace_with

_PACKAGE = "gcg_bench.reporting.pages"


def render(package: str, template: str, content: Mapping[str, Any]) -> str:
    """A page as text.

    Args:
        package: whose folder `templates` has the template; it extends `page.html` of this package.
        template: the file's name.
        content: what the template asks for; a name it does not get is an error.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(_PACKAGE)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = files(_PACKAGE) / "templates"
    own = {name: (folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")}
    return environment.get_template(template).render(
        **content,
        # both are files of this package and hold nothing from outside
        page_style=Markup(own["page.css"]),  # noqa: S704
        page_script=Markup(own["page.js"]),  # noqa: S704
        page_style_hash=_hash(own["page.css"]),
        page_script_hash=_hash(own["page.js"]),
    )


def write(file: Path, text: str) -> int:
    """Writes a text file as UTF-8, whole or not at all, and returns its bytes.

    Its folder is made if it is not there; half a surrogate pair becomes `?`.

    Raises:
        EnvironmentProblem: it cannot be written.
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
    """The hash by which a content-security policy knows an inline element."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
