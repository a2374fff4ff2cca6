"""The code of a user's model as settings: which files decide its answers, each with its sha256.

The files are found in the syntax trees of the sources. Nothing is imported or run. They are

- the model's own file, or the files of its module;
- every module that these files import, directly or through other modules, unless it belongs to
  Python, to an installed package or to gcg-bench; relative imports and imports inside functions
  count;
- every file in the same folder that a string in the code names, e.g. `prompt.txt` or
  `weights/last.pt`.

A name is relative to the folder in which the search for it began, so that no path of a user enters
a run.
"""

import ast
import hashlib
import inspect
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gcg_bench.files.checkpoints import files_digest
from gcg_bench.files.digests import file_sha256
from gcg_bench.files.paths import anchored, file_name_problem

_OWN = Path(__file__).resolve().parent.parent
_WRITTEN = (".log", ".out", ".pid", ".lock", ".tmp")  # files that a program writes
_LONGEST = 200  # characters of a text that may name a file
_MOST = 2000  # files of one model
_WRITING = ("write_text", "write_bytes", "touch", "save", "savez", "to_csv", "FileHandler")
_DYNAMIC = ("import_module", "__import__")


def of_file(file: Path) -> dict[str, str]:
    """The code of `./file.py`: name -> sha256, hexadecimal; empty when there is no such file."""
    return _Search((file.resolve().parent, *_user_folders())).of([file])


def of_module(dotted: str) -> dict[str, str]:
    """The code of `package.module`: name -> sha256; empty when the module has no source.

    The modules of the same package count as the model's own, even where the package is installed.
    """
    folders, package = _user_folders(), dotted.partition(".")[0]
    with suppress(ImportError, ValueError, AttributeError):
        spec = find_spec(package)  # the spec of the top package, so that nothing is imported
        locations = list(spec.submodule_search_locations or ()) if spec else []
        origin = [spec.origin] if spec and spec.origin and not locations else []
        roots = tuple(Path(path).resolve().parent for path in (*locations, *origin))
        search = _Search((*roots, *folders), package=package)
        return search.of(list(search.modules(dotted)))
    return {}


def of_object(source: object) -> dict[str, str]:
    """The code of a model that was made in Python: the text of its class or function.

    Empty for an object without source code, and for an object of gcg-bench.
    """
    kind = source if inspect.isclass(source) or inspect.isroutine(source) else type(source)
    if str(getattr(kind, "__module__", "")).partition(".")[0] in ("gcg_bench", "builtins"):
        return {}
    try:
        text = inspect.getsource(kind)
    except (OSError, TypeError):
        return {}
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return {str(getattr(kind, "__qualname__", "model")): digest}


def of_entry_point(point: EntryPoint) -> dict[str, str]:
    """The code of an entry point, and the name and version of its distribution."""
    code = of_module(point.module)
    if point.dist is not None:
        code = {"distribution": f"{point.dist.name} {point.dist.version}", **code}
    return code


@dataclass
class _Search:
    """A search for the files of a model.

    Attributes:
        folders: the folders that are searched for modules of the user, in this order.
        package: a package that counts as the user's, even when it is installed.
        found: name -> sha256.
    """

    folders: Sequence[Path]
    package: str = ""
    found: dict[str, str] = field(default_factory=dict)

    def of(self, files: Sequence[Path]) -> dict[str, str]:
        """The files, and all files that they import or name, by name."""
        waiting, seen = [file.resolve() for file in files], set[Path]()
        while waiting and len(self.found) < _MOST:
            file = waiting.pop()
            if file in seen or not file.is_file():
                continue
            seen.add(file)
            self.found[self._name(file)] = file_sha256(file)
            tree = _tree(file)
            if tree is not None:
                waiting += [*self._imported(tree, file), *_named_sources(tree, file)]
                self._add_data(tree, file)
        return dict(sorted(self.found.items()))

    def modules(self, dotted: str) -> Iterator[Path]:
        """The sources of a module and its parent packages, from the first folder that has them."""
        parts = dotted.split(".")
        for folder in self.folders:
            files = list(_sources(folder, parts))
            if files:
                if parts[0] == self.package or self._is_users(files[0]):
                    yield from files
                return

    def _imported(self, tree: ast.AST, file: Path) -> Iterator[Path]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self.modules(alias.name)
            elif isinstance(node, ast.ImportFrom):
                names = [alias.name for alias in node.names]
                if node.level:
                    yield from _relative(file, node, names)
                else:
                    for name in names:
                        yield from self.modules(f"{node.module}.{name}")
            elif isinstance(node, ast.Call) and _called(node) in _DYNAMIC:
                yield from self._dynamic(node)

    def _dynamic(self, call: ast.Call) -> Iterator[Path]:
        """The module that a call of import_module names, where it is a plain text."""
        for argument in call.args[:1]:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield from self.modules(argument.value.lstrip("."))

    def _add_data(self, tree: ast.AST, file: Path) -> None:
        """Adds the files that texts of the code name, next to the code or in the current folder."""
        written = set(_written(tree))
        for text in sorted(_texts(tree) - written):
            for folder in (file.parent, anchored(Path())):
                with suppress(OSError, ValueError):
                    data = (folder / text).resolve()
                    if data.is_file() and data.suffix != ".py" and data.suffix not in _WRITTEN:
                        self.found[self._name(data)] = files_digest([data])
                        break

    def _name(self, file: Path) -> str:
        for folder in self.folders:
            if file.is_relative_to(folder):
                return file.relative_to(folder).as_posix()
        return file.name

    def _is_users(self, file: Path) -> bool:
        """Whether a source is the user's: not part of Python, an installed package or gcg-bench."""
        path = file.resolve()
        return not any(path.is_relative_to(folder) for folder in (_OWN, *_installed()))


def _tree(file: Path) -> ast.AST | None:
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # loading it says what is wrong
        return None


def _sources(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    """The files that importing a dotted name would run, from the outermost package inwards."""
    for depth, part in enumerate(parts):
        if not part.isidentifier() or file_name_problem(part):
            return
        module, package = folder / f"{part}.py", folder / part / "__init__.py"
        if package.is_file():
            yield package
        elif module.is_file():
            yield module
            return
        elif not (folder / part).is_dir() or depth == len(parts) - 1:
            return
        folder = folder / part


def _named_sources(tree: ast.AST, file: Path) -> Iterator[Path]:
    """The sources next to the code that its texts name, as in `exec(open("part.py").read())`."""
    for text in sorted(_texts(tree)):
        if text.endswith(".py"):
            with suppress(OSError, ValueError):
                source = file.parent / text
                if source.is_file():
                    yield source.resolve()


def _relative(file: Path, node: ast.ImportFrom, names: Sequence[str]) -> Iterator[Path]:
    """The files of a relative import; level 1 is the folder of the importing file."""
    folder = file.parent
    for _ in range(node.level - 1):
        folder = folder.parent
    module = node.module.split(".") if node.module else []
    if (folder / "__init__.py").is_file():
        yield folder / "__init__.py"
    for name in names:
        yield from _sources(folder, [*module, name])


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _texts(tree: ast.AST) -> set[str]:
    """The texts of the code that may name a file."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and 0 < len(node.value) <= _LONGEST
        and node.value.isprintable()
    }


def _written(tree: ast.AST) -> Iterator[str]:
    """The texts that the code opens for writing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in ("open", *_WRITING):
            texts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
            words = [text for text in texts if isinstance(text, str)]
            if _called(node) in _WRITING or any(
                set(word) <= set("rwaxbt+") and set(word) & set("wax+") for word in words
            ):
                yield from words


def _user_folders() -> tuple[Path, ...]:
    """The folders of sys.path that hold no installed packages."""
    folders = (anchored(Path(path)).resolve() for path in sys.path)
    installed = _installed()
    return tuple(
        folder
        for folder in dict.fromkeys(folders)
        if folder.is_dir() and not any(folder.is_relative_to(other) for other in installed)
    )


def _installed() -> tuple[Path, ...]:
    """The folders of Python's own modules and of installed packages."""
    paths: Mapping[str, Any] = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple(dict.fromkeys(Path(paths[name]).resolve() for name in names if name in paths))
