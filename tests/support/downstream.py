"""The golden cases of the downstream benchmarks, where they are on this machine."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.fences import ROOT

_BESIDE = [parent / "shared" for parent in ROOT.parents[:2]]
_SHARED = [Path(os.environ["GCG_BENCH_SHARED"])] if "GCG_BENCH_SHARED" in os.environ else _BESIDE
FOLDERS = [folder / "goldens" / "downstream" for folder in _SHARED]

needed = pytest.mark.skipif(
    not any(folder.is_dir() for folder in FOLDERS), reason="the golden cases are not here"
)


def golden(name: str) -> Any:
    """The content of a golden file."""
    folder = next(folder for folder in FOLDERS if folder.is_dir())
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
