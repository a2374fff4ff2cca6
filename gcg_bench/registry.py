"""A name becomes a module, on demand: the folder is the registry.

A metric, data set format or adapter is one file in its package, imported only when named. Adapters
may also come from an installed entry point, `package.module:attribute`, or a `./file.py` the user
names on the command line.
"""

import importlib
import importlib.util
import pkgutil
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from gcg_bench.errors import BadOption, GcgBenchError, MissingData, UnknownName

ENTRY_POINT_GROUP = "gcg_bench.adapters"


class Loading:
    """Whatever somebody's code raises before it is asked becomes one error of ours, its cause kept.

    `sys.exit` included; our own errors and Ctrl-C pass as they are.

    Args:
        what: what is done, for the message, e.g. `import ./model.py`.

    Raises:
        MissingData: a module is not there.
        BadOption: anything else went wrong.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, (GcgBenchError, KeyboardInterrupt)):
            return
        if isinstance(error, ModuleNotFoundError):
            said = f"cannot {self._what}: {error}. Is that package installed?"
            raise MissingData(said) from error
        words = " ".join(str(error).split())  # a syntax error says itself in which line
        said = f"{type(error).__name__}: {words}" if words else type(error).__name__
        raise BadOption(f"cannot {self._what}: {said}; --debug shows where") from error


def names(package: str) -> tuple[str, ...]:
    """The plug-ins in a package, sorted, as file names without `.py`; no plug-in is imported.

    A package that is imported already is searched in all folders of its `__path__`.

    Args:
        package: e.g. `metrics`, `data.formats` or `adapters`.
    """
    imported = sys.modules.get(f"gcg_bench.{package}")
    own = [str(Path(__file__).parent.joinpath(*package.split(".")))]
    folders = own if imported is None else list(imported.__path__)
    return tuple(sorted({module.name for module in pkgutil.iter_modules(folders)}))


def module(package: str, name: str, kind: str) -> ModuleType:
    """The plug-in module of that name.

    Args:
        package: `metrics`, `data.formats` or `adapters`.
        name: file name without `.py`; dashes count as underscores.
        kind: what to call it in an error, e.g. `metric`.

    Raises:
        UnknownName: when there is no such file.
    """
    spelt = name.replace("-", "_")
    if spelt not in names(package):
        raise UnknownName(kind, name, (known.replace("_", "-") for known in names(package)))
    return importlib.import_module(f"gcg_bench.{package}.{spelt}")


def plugged(name: str) -> Any | None:
    """What an installed package registered under that name for adapters, or None.

    Raises:
        MissingData, BadOption: it cannot be loaded.
    """
    found = entry_points(group=ENTRY_POINT_GROUP)
    if name not in found.names:
        return None
    with Loading(f"load the plug-in {name}"):
        return found[name].load()


def attribute(path: str) -> Any:
    """The object behind `package.module:attribute` or `./file.py[:attribute]`.

    The attribute defaults to `load`.

    Raises:
        MissingData: the file or module is not there.
        UnknownName: the module has no such attribute.
        BadOption: the file or module cannot be imported, whatever it raises.
    """
    where, _, wanted = path.rpartition(":") if ":" in path else (path, "", "load")
    loaded = _from_file(Path(where)) if where.endswith(".py") else _from_package(where)
    if not hasattr(loaded, wanted):
        public = [known for known in vars(loaded) if not known.startswith("_")]
        raise UnknownName(f"attribute of {where}", wanted, public)
    return getattr(loaded, wanted)


def _from_package(where: str) -> ModuleType:
    with Loading(f"import {where}"):
        return importlib.import_module(where)


def _from_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise MissingData(f"{file}: no such file to load a model from")
    spec = importlib.util.spec_from_file_location(f"gcg_bench_user_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise BadOption(f"{file}: not a Python file that can be imported")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses and pickle look for a class's module there
    with Loading(f"import {file}"):
        spec.loader.exec_module(loaded)
    return loaded
