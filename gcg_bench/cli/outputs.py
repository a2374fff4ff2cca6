"""Where commands write: `-` is stdout for a command that writes one document, and refused else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from gcg_bench.cli import streams

DASH = "-"
_STDOUT = Path("/dev/stdout")


class OutputFile(click.Path):
    """A file that a command writes.

    Args:
        stdout: whether the file is all that the command writes to stdout, so that `-` can be
            stdout; by default `-` is refused.
    """

    def __init__(self, *, stdout: bool = False) -> None:
        super().__init__(path_type=Path, dir_okay=False)
        self.stdout = stdout

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path of the file; that of stdout for `-`."""
        if str(value) == DASH and not isinstance(value, Path):
            if self.stdout:
                return _STDOUT
            self.fail(
                "'-' is no file here, as stdout has the command's own result: give the name of a"
                " file (./- for one that is called -)",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


class OutputFolder(click.Path):
    """A folder that a command writes; `-` is refused.

    Args:
        file_okay: whether the path may also be a file, such as an archive.
    """

    def __init__(self, *, file_okay: bool = False) -> None:
        super().__init__(path_type=Path, file_okay=file_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path of the folder."""
        if str(value) == DASH and not isinstance(value, Path):
            self.fail(
                "'-' is no folder, and stdout cannot hold several files: give the name of a folder"
                " (./- for one that is called -)",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


def is_stdout(path: Path | None) -> bool:
    """Whether a path of `OutputFile` is stdout."""
    return path is not None and path in (_STDOUT, streams.path_of_out(_STDOUT))


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """The file to write in the block; for stdout a temporary file, which is copied there."""
    if not is_stdout(path):
        yield path
        return
    with TemporaryDirectory(prefix="gcg-bench-") as folder:
        file = Path(folder) / "document"
        yield file
        to_stdout(file.read_bytes())


def to_stdout(data: bytes) -> None:
    """Writes bytes to stdout unchanged, whatever its encoding is."""
    stream = streams.out()
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        stream.write(data.decode("utf-8"))
        return
    stream.flush()
    buffer.write(data)
    buffer.flush()
