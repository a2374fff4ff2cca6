"""annotate measure: how good an annotation's objects are, and how reliable its confidences."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gcg_bench.cli.console import print_json, say, stdout, table
from gcg_bench.cli.options import as_json, data_root
from gcg_bench.errors import BadOption


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--dataset", default=None, help="The data set, by name or path. [default: DIR's]")
@click.option("--words", default="", help="nouns, same_head or shapes. [default: the recipe's]")
@click.option("--fit", is_flag=True, help="Also fit the weights of votes and masks.")
@data_root
@as_json
def measure(
    folder: Path,
    dataset: str | None,
    words: str,
    data_root: Path | None,
    *,
    fit: bool,
    as_json: bool,
) -> None:
    """Measure the objects of DIR, an annotation of a data set, against its references.

    An object is right when its mask overlaps a reference mask by IoU .5 and the words agree. Shares
    have 95% intervals of Wilson, as if objects were independent.
    """
    from gcg_bench.annotate.continuing import unfinished
    from gcg_bench.annotate.folder import AnnotationFolder
    from gcg_bench.annotate.measuring import fitted
    from gcg_bench.annotate.measuring import measure as measured_of
    from gcg_bench.data import load_dataset

    annotation = AnnotationFolder(folder)
    source = annotation.recipe["source"]
    if dataset is None and source.get("kind") != "dataset":
        raise BadOption(f"{folder}: not an annotation of a data set; name its --dataset")
    data = load_dataset(
        dataset or str(source["dataset"]),
        annotation.split,
        data_root,
        limit=source.get("limit"),
        shipped=dataset is None,
    )
    measured = measured_of(annotation, data, words)
    if rest := unfinished(annotation):
        say(f"measured on {measured.images} images: {rest}")
    weights = fitted(measured) if fit else {}
    shown = measured.as_json()
    if fit:
        shown["weights"] = {model: asdict(one) for model, one in weights.items()}
    if as_json:
        print_json(shown)
        return
    rows = table("", ("what", "share", "of", "95% interval"), numeric=("share", "of"))
    for name, share in _rows(shown):
        rows.add_row(name, _percent(share["share"]), str(share["n"]),
                     f"{share['low']:.1%} to {share['high']:.1%}")  # fmt: skip
    stdout().print(rows)
    for line in _lines(shown):
        stdout().print(line, markup=False, soft_wrap=True)


def _rows(shown: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "objects that are right", shown["right"]
    for votes, share in shown["by_votes"].items():
        yield f"  with {votes} vote{'' if votes == '1' else 's'}", share
    for models, share in shown["by_models"].items():
        yield f"  of {models}", share
    yield "references with an object in their place", shown["placed"]
    yield "references found", shown["found"]
    yield "references found and captioned", shown["captioned"]
    yield "relations that hold", shown["relations"]


def _lines(shown: dict[str, Any]) -> Iterator[str]:
    error, risk = shown["calibration_error"], shown["mean_risk"]
    if error is not None:
        yield f"calibration error {error:.3f}, mean risk over coverage {risk:.3f}"
    for model, one in shown.get("weights", {}).items():
        yield (
            f"fitted: {model} weight {one['weight']:.3f}, silence {one['silence']:.3f},"
            f" tightness {one['tightness']:.3f}"
        )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
