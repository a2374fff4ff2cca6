"""GranD's release on the command line: rows of objects and expressions; export to its format."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import click

from gcg_bench.cli.console import say, shown, stdout
from gcg_bench.cli.options import quiet
from gcg_bench.cli.outputs import OutputFile, is_stdout, to_stdout
from gcg_bench.errors import BadOption, MissingData

TABLES = ("objects", "expressions")


@click.command("grand-table")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=OutputFile(stdout=True))
@click.option(
    "--what",
    type=click.Choice(TABLES),
    default="objects",
    show_default=True,
    help="objects: a row each; expressions: referring expressions by the published rule.",
)
@quiet
def grand_table(source: Path, out: Path, what: str, *, quiet: bool) -> None:
    """Write rows of GranD's annotation files in SOURCE to OUT, as lines of JSON; - is stdout.

    SOURCE is a folder with annotation files or archives, such as DIR/grand of an annotation.
    """
    from gcg_bench.data.grand.files import annotations, has_documents
    from gcg_bench.files.atomic import replace_with

    if not has_documents([source]):
        raise MissingData(f"{source}: no *.json or *.tar.gz under it")
    if out.exists() and not is_stdout(out):
        raise BadOption(f"{out} is there already; nothing is written over")
    rows = _rows(annotations([source]), what)
    count = 0
    if is_stdout(out):
        for row in rows:
            to_stdout(_line(row).encode("utf-8"))
            count += 1
        say(f"{count} {what}", quiet=quiet)
        return

    def fill(draft: Path) -> None:
        nonlocal count
        with draft.open("w", encoding="utf-8", newline="\n") as stream:
            for row in rows:
                stream.write(_line(row))
                count += 1

    replace_with(out, fill)
    stdout().print(shown(out), soft_wrap=True, markup=False)
    say(f"{count} {what}", quiet=quiet)


def export_grand(samples: Iterable[Any], out: Path) -> int:
    """Writes samples as GranD's annotation files to a new folder or archive; returns how many.

    Raises:
        BadOption: `out` exists, or the format cannot store a sample.
    """
    from gcg_bench.data.grand.files import write_annotations
    from gcg_bench.data.grand.table import annotation_of

    return write_annotations((annotation_of(one, _file_name(one)) for one in samples), out)


def _file_name(sample: Any) -> str:
    path = sample.query.image.path
    return path.name if path is not None else f"{sample.query.image_id}.png"


def _rows(annotated: Iterable[Any], what: str) -> Iterator[dict[str, Any]]:
    from gcg_bench.data.grand.table import object_rows
    from gcg_bench.data.grand.training import expression_json, referring_expressions

    if what == "objects":
        yield from object_rows(annotated)
        return
    for annotation in annotated:
        image = PurePosixPath(annotation.file_name).stem
        for expression in referring_expressions(annotation.objects):
            yield {"image": image, "file_name": annotation.file_name, **expression_json(expression)}


def _line(row: dict[str, Any]) -> str:
    import json

    return json.dumps(row) + "\n"
