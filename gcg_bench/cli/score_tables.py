"""The table of scores, with one column for each protocol."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from gcg_bench.cli.console import table
from gcg_bench.scoring.results import Result
from gcg_bench.scoring.spread import Spread
from gcg_bench.types import ScoreSpec, scale_note


def print_scores(
    console: Console, title: str, results: Sequence[Result], *, signatures: bool = False
) -> None:
    """Prints the scores of all protocols as columns, then the notes.

    Args:
        console: the console.
        title: the title of the table.
        results: one result for each protocol.
        signatures: print whole signatures at the end; the table has 12 digits of each.
    """
    specs: dict[str, ScoreSpec] = {}
    for result in results:
        for score in result.scores:
            specs.setdefault(score.name, score.spec)
    headings = ["", *(f"{r.protocol.name} v{r.protocol.version}" for r in results)]
    rows = table(title, headings, numeric=headings[1:])
    for name, spec in specs.items():
        rows.add_row(spec.title, *(_cell(name, result) for result in results))
    rows.add_section()
    noun = results[0].noun if results else "images"
    if noun != "images":
        rows.add_row(noun, *map(_counted, results))
    rows.add_row("images", *(str(len(set(result.images))) for result in results))
    rows.add_row(f"failed {noun}", *map(_failed, results))
    if any(result.words is not None for result in results):
        rows.add_row("words a caption", *map(_words, results))
    if any(result.shows_false_accept for result in results):
        rows.add_row("false-accept rate", *map(_false_accept, results))
    for floor, cells in _floors(results, specs).items():
        rows.add_row(floor, *cells)
    rows.add_row("signature", *(result.signature_hash for result in results))
    console.print(rows)
    drawn = any(score.low is not None for result in results for score in result.scores)
    console.print(Text(scale_note(specs.values(), intervals=drawn, times="x"), "dim"))
    for note, protocols in {**_undefined(results), **_noted(results)}.items():
        console.print(Text(f"{' and '.join(protocols)}: {note}.", "dim"))
    for result in results if signatures else ():
        console.print(Text(f"{result.signature_hash}: {result.signature}", "dim"), soft_wrap=True)


def print_spread(console: Console, result: Result, drawn: Spread) -> None:
    """Prints the scores of draws for one protocol: mean, lowest, highest, and over all queries."""
    headings = ["", "all queries", "mean", "lowest", "highest"]
    seeds = f"seeds {drawn.seeds[0]} to {drawn.seeds[-1]}"
    title = f"{result.protocol.name}: {drawn.most} queries an image at most, {seeds}"
    rows = table(title, headings, numeric=headings[1:])
    for score in result.scores:
        values = drawn.values[score.name]
        shown = [score.spec.text(value) for value in (values.mean(), values.min(), values.max())]
        rows.add_row(score.name, score.spec.text(score.value), *shown)
    console.print(rows)
    console.print(Text("A single draw is no score: published code draws without a seed.", "dim"))


def _floors(results: Sequence[Result], specs: Mapping[str, ScoreSpec]) -> dict[str, list[str]]:
    """Rows of floors: name with scores -> a cell for each protocol, empty without this floor."""
    names = dict.fromkeys(floor.name for result in results for floor in result.floors)
    rows = {}
    for name in names:
        floors = [next((f for f in result.floors if f.name == name), None) for result in results]
        scores = dict.fromkeys(score for floor in floors if floor for score in floor.values)
        rows[f"{' and '.join(scores)} of {name}"] = [
            "" if floor is None else ", ".join(specs[s].text(v) for s, v in floor.values.items())
            for floor in floors
        ]
    return rows


def _undefined(results: Sequence[Result]) -> dict[str, list[str]]:
    """Reason why a score has no value -> the names of the protocols."""
    protocols: dict[str, list[str]] = {}
    for result in results:
        for score in result.scores:
            if note := score.without_value(result.resampling.draws):
                protocols.setdefault(note, []).append(result.protocol.name)
    return protocols


def _noted(results: Sequence[Result]) -> dict[str, list[str]]:
    """Note -> the names of the protocols that have it."""
    protocols: dict[str, list[str]] = {}
    for result in results:
        for note in result.notes:
            protocols.setdefault(note, []).append(result.protocol.name)
    return protocols


def _cell(name: str, result: Result) -> str:
    return next((str(score) for score in result.scores if score.name == name), "")


def _counted(result: Result) -> str:
    """The number of queries; if some do not count, also the number of those that count."""
    counted = next((rows.counted for rows in result.rows.values()), None)
    return str(result.n) if counted is None else f"{int(counted.sum())} of {result.n}"


def _words(result: Result) -> str:
    return "-" if result.words is None else f"{result.words:.1f}"


def _false_accept(result: Result) -> str:
    return "-" if result.false_accept is None else f"{100 * result.false_accept:.1f}%"


def _failed(result: Result) -> str:
    return f"[red]{result.failed}[/red]" if result.failed else "0"
