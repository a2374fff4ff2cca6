"""BibTeX of the works that a run uses: this software, its data, its metrics, its models."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gcg_bench import __version__
from gcg_bench.data.cards import DataCard, load_card
from gcg_bench.errors import BadOption, MissingData, UnknownName
from gcg_bench.execution.models import describe_model
from gcg_bench.runs import Run
from gcg_bench.scoring.storage import load_results
from gcg_bench.text import encoder_citations

SOFTWARE = f"""@software{{gcg_bench,
  title = {{gcg-bench: benchmark and evaluation toolkit for grounded conversation generation}},
  author = {{{{The gcg-bench authors}}}},
  version = {{{__version__}}}
}}"""

_ORDER = ("this software", "data set", "metric", "encoder", "model")
"""The first words of the uses of a citation, in the order of the bibliography."""


@dataclass(frozen=True, slots=True)
class Citation:
    """One BibTeX entry.

    Attributes:
        key: its key.
        bibtex: the entry.
        used: the things that it is cited for, e.g. `metric ap50`.
    """

    key: str
    bibtex: str
    used: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bibliography:
    """The citations of some runs.

    Attributes:
        citations: software first, then data, metrics, encoders, models; each key once.
        unknown: a sentence for each thing that was used and has no known citation.
    """

    citations: tuple[Citation, ...]
    unknown: tuple[str, ...]

    def bibtex(self) -> str:
        """A `.bib` file; a line before each entry states what it is cited for."""
        parts = [
            f"{_comment(', '.join(citation.used))}\n{citation.bibtex}\n"
            for citation in self.citations
        ]
        return "\n".join([*parts, *(f"{_comment(sentence)}\n" for sentence in self.unknown)])


def bibliography(runs: Sequence[Run], *, card: DataCard | None = None) -> Bibliography:
    """The BibTeX of exactly what some scored runs used.

    Args:
        runs: at least one.
        card: the data card; by default the card of the runs' data set that the package contains.

    Raises:
        MissingData: a run has not been scored.
        BadData: scores, rows and predictions of a run do not fit together.
    """
    cited: dict[str, tuple[str, dict[str, None]]] = {}
    unknown: dict[str, None] = {}
    uses: list[tuple[str, tuple[str, ...]]] = [("this software", (SOFTWARE,))]
    for run in runs:
        uses += _uses(run, card)
    # in the order of kinds, not of the runs
    for used, works in sorted(uses, key=lambda use: _place(use[0])):
        if not works:
            unknown.setdefault(f"no citation is known here for {used}")
        for key, bibtex in (entry for work in works for entry in entries(work)):
            cited.setdefault(key, (bibtex, {}))[1].setdefault(used)
    return Bibliography(
        tuple(Citation(key, bibtex, tuple(used)) for key, (bibtex, used) in cited.items()),
        tuple(unknown),
    )


def entries(bibtex: str) -> Iterator[tuple[str, str]]:
    """The entries of some BibTeX with their keys; indentation before them is dropped.

    Raises:
        BadOption: braces that do not close.
    """
    for start in re.finditer(r"^[ \t]*@\w+\s*\{\s*([^,\s]+)\s*,", bibtex, re.MULTILINE):
        depth, at = 0, bibtex.index("{", start.start())
        for position in range(at, len(bibtex)):
            depth += {"{": 1, "}": -1}.get(bibtex[position], 0)
            if depth == 0:
                yield start[1], bibtex[start.start() : position + 1].strip()
                break
        else:
            raise BadOption(f"the BibTeX entry {start[1]} has no end: a brace does not close")


def _uses(run: Run, card: DataCard | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each thing that a run used, with its BibTeX entries; () when they are not known."""
    results = load_results(run)
    if not results:
        raise MissingData(f"{run.folder}: not scored yet; gcg-bench score {run.folder}")
    yield _data(run, card)
    for result in results:
        for metric in result.metrics:
            if metric.citation:
                yield f"metric {metric.name}", metric.citation
        if result.encoder is not None:
            name, _ = result.encoder
            yield f"encoder {name}", encoder_citations.CITATIONS.get(name.rpartition("/")[2], ())
    model = str(run.settings.get("model") or "unnamed")
    description = describe_model(model)
    if description is None or not (description.needs.baseline or description.needs.oracle):
        yield f"model {model}", () if description is None else description.citation


def _data(run: Run, card: DataCard | None) -> tuple[str, tuple[str, ...]]:
    name = str(run.settings.get("dataset", "unnamed"))
    try:
        used = card or load_card(name, shipped=True)
    except (UnknownName, MissingData):  # the user's own, given by its path
        return f"data set {name}, whose card is not here (give it with --dataset)", ()
    return f"data set {used.name}", (used.citation,) if used.citation else ()


def _place(used: str) -> int:
    return next(position for position, start in enumerate(_ORDER) if used.startswith(start))


def _comment(text: str) -> str:
    """A line that BibTeX ignores: BibTeX continues reading at the next @."""
    return f"% {' '.join(text.split())}".replace("@", "(at)")
