"""Builds wheel and sdist, checks them, and uses each from a bare environment outside this checkout.

    python tools/try_release.py [--out FOLDER] [--only wheel,lean,extras,sdist]

Everything happens in a temporary folder. `build` and `twine` get an environment of their own there.
Each other environment holds only what pip installs for the package, with `constraints.txt`:

- wheel: the quick start of the README, through a link in another folder as pipx makes one. Its
  table must be the README's, digit for digit.
- lean: the installation without torch of docs/start.md. It scores the README's predictions: with
  protocol strict, and with the vectors that the environment of the wheel left in the cache.
- extras: what each extra adds to the environment of the wheel.
- sdist: as the wheel.

Prints seconds and megabytes (10^6 bytes) of every step; the rows of environments are those of the
table in docs/start.md. The exit code is 1 when a step fails. Seconds of an installation depend on
the network and on pip's cache.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("wheel", "lean", "extras", "sdist")
# variables through which this checkout, its environment or its caches would be found
HIDDEN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "GCG_BENCH_CACHE", "HF_HOME")


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and a folder with a link to its command."""

    folder: Path
    empty: int  # bytes before anything was installed

    @property
    def python(self) -> Path:
        return self.folder / "bin/python"

    def megabytes(self) -> int:
        """What was installed, in 10^6 bytes."""
        return round((size(self.folder) - self.empty) / 1e6)

    def pip(self, *arguments: str | Path) -> None:
        call([self.python, "-m", "pip", "install", "-q", *arguments])

    def linked(self) -> Path:
        """A link to gcg-bench in a folder that holds nothing else, as pipx makes one."""
        link = self.folder.parent / f"{self.folder.name}-bin" / "gcg-bench"
        link.parent.mkdir(exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(self.folder / "bin/gcg-bench")
        return link


class Trial:
    """The steps, in a temporary folder.

    Attributes:
        work: the folder.
        wheel: the built wheel.
        sdist: the built source archive.
    """

    def __init__(self, work: Path) -> None:
        self.work = work
        self.wheel = self.sdist = work / "nothing"
        self._environments: dict[str, Environment] = {}

    def build(self) -> None:
        """Builds both archives and has twine check them."""
        tools = self.environment("tools", "build", "twine", "readme-renderer[md]")
        dist = self.work / "dist"
        seconds = timed(lambda: call([tools.python, "-m", "build", "-q", "-o", dist, ROOT]))
        (self.wheel,) = dist.glob("*.whl")
        (self.sdist,) = dist.glob("*.tar.gz")
        row("build of both", seconds, None)
        for file in (self.wheel, self.sdist):
            row(file.name, None, file.stat().st_size / 1e6)
        call([tools.python, "-m", "twine", "check", "--strict", self.wheel, self.sdist])

    def environment(self, name: str, *packages: str | Path) -> Environment:
        """An environment with these packages; a row says how long and how large."""
        if name not in self._environments:
            folder = self.work / name
            call([sys.executable, "-m", "venv", folder])
            made = Environment(folder, size(folder))
            constraints = ROOT / "constraints.txt"
            seconds = timed(lambda: made.pip("-c", constraints, *packages) if packages else None)
            if packages:
                row(f"install {name}", seconds, made.megabytes())
            self._environments[name] = made
        return self._environments[name]

    def quick_start(self, name: str, archive: Path) -> None:
        """The quick start from an archive; its table must be the README's."""
        link = self.environment(name, archive).linked()
        command = block("README.md", "quick-start").strip().split(" && ")[-1].split()[1:]
        printed: list[str] = []
        folder = self.folder(f"{name}-quick-start")
        seconds = timed(lambda: printed.append(call([link, *command], folder, f"{name}-cache")))
        row(f"quick start from the {name}", seconds, None)
        shown = block("README.md", "table").splitlines()
        lines = [line.rstrip() for line in printed[0].splitlines()][: len(shown)]
        if lines != shown:
            raise SystemExit(f"the table of the {name} is not the README's:\n" + "\n".join(lines))

    def score_lean(self) -> None:
        """The installation without torch, and scores without it."""
        full = self.environment("wheel", self.wheel).linked()
        lean = self.environment("lean")
        seconds = timed(lambda: self._install_lean(lean))
        row("install lean", seconds, lean.megabytes())
        without = "import importlib.util as u, sys; sys.exit(bool(u.find_spec('torch')))"
        call([lean.python, "-c", without])
        folder, link = self.folder("lean-files"), lean.linked()
        file = folder / "predictions.jsonl"
        file.write_text(block("README.md", "file: predictions.jsonl"), encoding="utf-8")
        score = ["score", file.name, "--dataset", "shapes", "--split", "val", "--limit", "2"]
        strict: list[str | Path] = [link, *score, "--protocol", "strict", "--out", "run"]
        row("score strict, lean", timed(lambda: call(strict, folder, "lean-cache")), None)
        call([link, "report", "run", "-o", "run.html"], folder, "lean-cache")
        call([link, "leaderboard", "run", "-o", "run.csv"], folder, "lean-cache")
        both = [*score, "--encoder", "minilm"]
        there = call([full, *both], folder, "shared-cache")
        if call([link, *both], folder, "shared-cache") != there:
            raise SystemExit("with the vectors in the cache, lean prints another table")

    def _install_lean(self, lean: Environment) -> None:
        for line in block("docs/start.md", "lean").replace("\\\n", " ").splitlines():
            pip, install, *packages = line.split()
            if (pip, install) != ("pip", "install"):
                raise SystemExit(f"docs/start.md: not an installation: {line}")
            names = [str(self.wheel) if name == "gcg-bench" else name for name in packages]
            lean.pip("-c", ROOT / "constraints.txt", *names)

    def add_extras(self) -> None:
        """What each extra adds to the environment of the wheel, one after the other."""
        full = self.environment("wheel", self.wheel)
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for extra in project["optional-dependencies"]:
            before = full.megabytes()
            install = ("-c", ROOT / "constraints.txt", f"{self.wheel}[{extra}]")
            seconds = timed(partial(full.pip, *install))
            row(f"extra {extra}", seconds, full.megabytes() - before)

    def folder(self, name: str) -> Path:
        """A new folder."""
        made = self.work / name
        made.mkdir()
        return made


def block(page: str, mark: str) -> str:
    """The fenced block of a page after the comment with this mark."""
    text = (ROOT / page).read_text(encoding="utf-8")
    pattern = rf"^<!-- {re.escape(mark)} -->\n```[^\n]*\n(.*?)^```$"
    (found,) = re.findall(pattern, text, re.MULTILINE | re.DOTALL)
    return str(found)


def call(command: Sequence[str | Path], folder: Path | None = None, cache: str = "cache") -> str:
    """The stdout of a command that must succeed, run where this checkout is not found."""
    here = folder or Path(tempfile.gettempdir())
    environment = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    own = {"GCG_BENCH_CACHE": str(here.parent / cache), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=here, env=environment | own, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout


def timed(step: Callable[[], object]) -> float:
    """The seconds that a step takes."""
    start = time.monotonic()
    step()
    return time.monotonic() - start


def size(folder: Path) -> int:
    """The bytes of all files below a folder, without links."""
    return sum(
        file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink()
    )


def row(what: str, seconds: float | None, megabytes: float | None) -> None:
    """Prints a row."""
    took = "" if seconds is None else f"{seconds:.1f} s"
    large = "" if megabytes is None else f"{megabytes:,.1f} MB".replace(".0 MB", " MB")
    print(f"| {what} | {took} | {large} |", flush=True)


def main() -> None:
    """Runs the parts in order."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="keep wheel and sdist in this folder")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    given = parser.parse_args()
    parts = given.only.split(",")
    if not set(parts) <= set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as work:
        trial = Trial(Path(work))
        steps = {
            "wheel": lambda: trial.quick_start("wheel", trial.wheel),
            "lean": trial.score_lean,
            "extras": trial.add_extras,
            "sdist": lambda: trial.quick_start("sdist", trial.sdist),
        }
        trial.build()
        for part in PARTS:
            if part in parts:
                steps[part]()
        if given.out:
            given.out.mkdir(parents=True, exist_ok=True)
            for file in (trial.wheel, trial.sdist):
                shutil.copy2(file, given.out)


if __name__ == "__main__":
    main()
