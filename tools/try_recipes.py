"""Runs the recipes of docs/training.md against the installed loggers, without network.

    python tools/try_recipes.py [wandb] [mlflow] [tensorboard]

Each recipe runs in an empty folder of its own. What it logged is read back from its files by the
logger itself: the F1 of perfect predictions must be there as 1. Prints the version of each package;
one that is not installed is named and left out. The exit code is 1 when a recipe fails.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/training.md"
_RECIPE = re.compile(r"^<!-- recipe: (\w+) -->\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)

READ_BACK = {
    "wandb": """
import json, pathlib
from wandb.proto import wandb_internal_pb2

# a log of LevelDB: blocks of 32 KiB after a head of 7 bytes; each part has checksum, length, kind
(file,) = pathlib.Path("wandb").glob("offline-run-*/*.wandb")
log, position, content, found = file.read_bytes(), 7, b"", {}
while position + 7 <= len(log):
    if 32768 - position % 32768 < 7:
        position += 32768 - position % 32768
        continue
    length, kind = int.from_bytes(log[position + 4 : position + 6], "little"), log[position + 6]
    content += log[position + 7 : position + 7 + length]
    position += 7 + length
    if kind in (1, 4):  # the whole, or its last part
        record = wandb_internal_pb2.Record.FromString(content)
        content = b""
        for item in record.history.item:
            found[item.key or "/".join(item.nested_key)] = item.value_json
assert json.loads(found["val/strict/F1"]) == 1.0, found
assert found["val/images/nrows"] == "3", found
""",
    "mlflow": """
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
(run,) = mlflow.MlflowClient().search_runs(["0"])
assert run.data.metrics["val/strict/F1"] == 1.0, run.data.metrics
""",
    "tensorboard": """
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator("tensorboard")
events.Reload()
(event,) = events.Scalars("val/strict/F1")
assert (event.step, event.value) == (0, 1.0), event
""",
}
PACKAGES = {"mlflow": ("mlflow", "mlflow-skinny")}


def main(names: list[str]) -> int:
    """Runs the named recipes, or all; returns the exit code."""
    recipes = dict(_RECIPE.findall(PAGE.read_text(encoding="utf-8")))
    failed = 0
    for name in names or recipes:
        if importlib.util.find_spec(name) is None:
            print(f"{name}: not installed")
            continue
        problem = _problem(recipes[name], READ_BACK[name])
        failed += bool(problem)
        print(f"{name} {_version(name)}: {problem or 'ran, and its log was read back'}")
    return 1 if failed else 0


def _problem(recipe: str, read_back: str) -> str:
    """What goes wrong in a recipe, or when its log is read; empty when nothing does."""
    offline = {**os.environ, "WANDB_MODE": "offline", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with tempfile.TemporaryDirectory() as folder:
        for program in (recipe, read_back):
            done = subprocess.run(
                [sys.executable, "-c", program],
                cwd=folder, env=offline, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                return done.stderr.strip()[-2000:]
    return ""


def _version(name: str) -> str:
    for package in PACKAGES.get(name, (name,)):
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return "of unknown version"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
