"""The options of a page that a command writes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PageOptions:
    """The page that is written: `--output`, `--force`, `--pictures`."""

    output: Path | None
    force: bool
    pictures: bool
