"""Several data sets in one evaluation, named by a list or a suite, with a summary of all."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from gcg_bench.cli.console import print_json, stdout, table
from gcg_bench.cli.options import OutputOptions
from gcg_bench.data import Dataset, annotation_files
from gcg_bench.data.cards import data_folder, load_card
from gcg_bench.errors import BadOption
from gcg_bench.pipeline.evaluated import Evaluated
from gcg_bench.pipeline.spec import EvaluationSpec
from gcg_bench.scoring.results import Result

SUITES = {
    "paper": (
        ("refcoco", "val"),
        ("refcoco", "testA"),
        ("refcoco", "testB"),
        ("refcoco_plus", "val"),
        ("refcoco_plus", "testA"),
        ("refcoco_plus", "testB"),
        ("refcocog", "val"),
        ("refcocog", "test"),
        ("refcocog_region", "val"),
        ("vg_region", "test"),
    )
}
"""Name -> data sets with splits. `paper` has the data sets of GLaMM's evaluation except its own."""


def chosen(dataset: str, split: str | None) -> list[tuple[str, str]]:
    """The data sets and splits that `--dataset` and `--split` name.

    Each option is one name or several names with commas. A suite has its own splits; `--split` then
    chooses some of them.

    Raises:
        BadOption: no split is given, or a suite has none of the splits.
    """
    wanted = [] if split is None else [name.strip() for name in split.split(",") if name.strip()]
    if dataset in SUITES:
        pairs = [pair for pair in SUITES[dataset] if not wanted or pair[1] in wanted]
        if not pairs:
            raise BadOption(f"the suite {dataset} has no split {split}")
        return list(pairs)
    if not wanted:
        raise BadOption("give the --split of the data set, e.g. val")
    names = [dataset]
    if "," in dataset and not Path(dataset).exists():
        names = [name.strip() for name in dataset.split(",") if name.strip()]
    return [(name, one) for name in names for one in wanted]


def refuse_missing(specifications: Sequence[EvaluationSpec]) -> None:
    """Raises the error of the first missing data set, before a model works for hours."""
    for specification in specifications:
        data = specification.data
        if not isinstance(data.dataset, Dataset):
            card = load_card(data.dataset, split=data.split)
            annotation_files(card, data.split, data.root or data_folder())


def show_all(everything: Sequence[Evaluated], output: OutputOptions) -> None:
    """Shows the ranking score of every data set and protocol; as JSON, the scores of all."""
    if output.as_json:
        print_json([part.to_json() for evaluated in everything for part in evaluated.stated])
        return
    headings = ["data set", "split", "task", "queries", "protocol", "score", "value"]
    rows = table("All data sets", headings, numeric=["queries", "value"])
    for evaluated in everything:
        for result in evaluated.results:
            rows.add_row(*map(Text, _cells(result)))
    stdout().print(rows)
    stdout().print(Text("Each row is the score that its protocol ranks by.", "dim"))


def _cells(result: Result) -> tuple[str, ...]:
    protocol, data = result.protocol, result.data
    score = result[protocol.ranked_by]
    return (
        data.dataset,
        data.split,
        protocol.task,
        str(result.n),
        protocol.key,
        score.name,
        str(score),
    )
