"""Finds and imports plug-ins by name: the files of a package folder are its registry.

A metric, data set format or adapter is one file in its package and is imported only when it is
named. Adapters may also come from an installed entry point, from `package.module:attribute`, or
from a `./file.py` that the user names on the command line.
"""

import errno
import importlib
import importlib.machinery
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any

from gcg_bench.errors import BadOption, GcgBenchError, MissingData, UnknownName

ENTRY_POINT_GROUP = "gcg_bench.adapters"


class Loading:
    """A context manager that turns errors of third-party code into errors of gcg-bench.

    It catches every exception of its block, including SystemExit, and raises BadOption or
    MissingData instead, with the original exception as the cause. Only GcgBenchError and
    KeyboardInterrupt pass unchanged. It is for code that runs while a plug-in is imported or built,
    before a model gets its first query.

    Args:
        what: the action, for the message, e.g. `import ./model.py`.
        folder: a folder of the user that Python may not search, but that may hold the module.

    Raises:
        MissingData: the block raised ModuleNotFoundError.
        BadOption: the block raised anything else.
    """

    def __init__(self, what: str, folder: Path | None = None) -> None:
        self._what, self._folder = what, folder

    def __enter__(self) -> None:
        """Does nothing."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Replaces the exception of the block, if there is one; see the class."""
        if error is None or isinstance(error, (GcgBenchError, KeyboardInterrupt)):
            return
        if isinstance(error, ModuleNotFoundError):
            message = f"cannot {self._what}: {error}. {self._remedy(str(error.name))}"
            raise MissingData(message) from error
        words = " ".join(str(error).split())  # the text of a syntax error includes its line
        text = f"{type(error).__name__}: {words}" if words else type(error).__name__
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            text = f"the path {str(error.filename)[:40]}... is longer than this system allows"
        raise BadOption(f"cannot {self._what}: {text}; --debug shows where") from error

    def _remedy(self, missing: str) -> str:
        """What to do about a module that Python does not find."""
        top = missing.partition(".")[0]
        if self._folder is not None and any(
            (self._folder / name).exists() for name in (top, f"{top}.py")
        ):
            return f"{top} is in the folder {self._folder}: set PYTHONPATH to that folder"
        return "Is that package installed?"


def names(package: str) -> tuple[str, ...]:
    """The plug-ins in a package, sorted, as file names without `.py`; no plug-in is imported.

    A package that is imported already is searched in all folders of its `__path__`.

    Args:
        package: e.g. `metrics`, `data.formats` or `predictions.layouts`.
    """
    imported = sys.modules.get(f"gcg_bench.{package}")
    own = [str(Path(__file__).parent.joinpath(*package.split(".")))]
    folders = own if imported is None else list(imported.__path__)
    return tuple(sorted({module.name for module in pkgutil.iter_modules(folders)}))


def module(package: str, name: str, kind: str) -> ModuleType:
    """The plug-in module with a name.

    Args:
        package: e.g. `metrics`, `data.formats` or `predictions.layouts`.
        name: file name without `.py`; dashes count as underscores.
        kind: what the plug-in is, for the message, e.g. `metric`.

    Raises:
        UnknownName: there is no such file.
    """
    file_name = name.replace("-", "_")
    if file_name not in names(package):
        raise UnknownName(kind, name, (known.replace("_", "-") for known in names(package)))
    return importlib.import_module(f"gcg_bench.{package}.{file_name}")


def load_entry_point(name: str) -> Any | None:
    """The object that an installed package registers as an adapter under a name, or None.

    Raises:
        MissingData, BadOption: the object cannot be loaded.
    """
    points = entry_points(group=ENTRY_POINT_GROUP)
    if name not in points.names:
        return None
    with Loading(f"load the plug-in {name}"):
        return points[name].load()


def attribute(path: str) -> Any:
    """The object that `package.module:attribute` or `./file.py[:attribute]` names.

    The attribute defaults to `load`.

    Raises:
        MissingData: the file or module does not exist.
        UnknownName: the module has no such attribute.
        BadOption: importing the file or module raises an error, of any kind.
    """
    source, _, name = path.rpartition(":") if ":" in path else (path, "", "load")
    loaded = _from_file(Path(source)) if source.endswith(".py") else _from_package(source)
    if not hasattr(loaded, name):
        public = [known for known in vars(loaded) if not known.startswith("_")]
        raise UnknownName(f"attribute of {source}", name, public)
    return getattr(loaded, name)


def _from_package(dotted: str) -> ModuleType:
    with Loading(f"import {dotted}", Path()), _no_bytecode():
        return importlib.import_module(dotted)


class _FromSource(importlib.machinery.SourceFileLoader):
    """Compiles a file each time.

    Python uses cached bytecode when the file has the same size and was changed in the same second.
    Then the running code could differ from the code whose digest is in the run.
    """

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """Writes no bytecode of modules that are imported in the block, for the same reason."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _from_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise MissingData(f"{file}: no such file to load a model from")
    name = f"gcg_bench_user_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file, loader=_FromSource(name, str(file)))
    if spec is None or spec.loader is None:
        raise BadOption(f"{file}: not a Python file that can be imported")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses and pickle look up a class's module here
    with Loading(f"import {file}", file.parent), _no_bytecode():
        spec.loader.exec_module(loaded)
    return loaded
