"""Required packages that are not installed in this environment."""

import re
from importlib import metadata

_NAME = re.compile(r"[\w.-]+")


def is_left_out(module: str | None) -> bool:
    """Whether a missing module belongs to a package in gcg-bench's requirements."""
    if module is None:
        return False
    try:
        requirements = metadata.requires("gcg-bench") or ()
    except metadata.PackageNotFoundError:
        return False
    names = (_NAME.match(requirement) for requirement in requirements)
    return _top(module) in {name[0].replace("-", "_").lower() for name in names if name}


def remedy(module: str) -> str:
    """The message for a command that needs the missing module of a required package."""
    package = _top(module).replace("_", "-")
    return (
        f"this command needs the package {package}, which is not installed here."
        f" `pip install {package}` adds it; `pip install gcg-bench` installs all that is required"
    )


def _top(module: str) -> str:
    return module.partition(".")[0]
