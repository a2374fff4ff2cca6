"""The table of laws by scores, with a legend and the broken laws."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from gcg_bench.analysis.invariants import LawReport, LawResult
from gcg_bench.cli.console import table
from gcg_bench.tasks import EvalProtocol

Column = tuple[str, str]
"""A metric and one of its scores."""

_STYLES = {
    "holds": "green",
    "BROKEN": "bold red",
    "known": "magenta",
    "no claim": "dim",
    "nothing to change": "dim",
}
_SHORT = {"no claim": "-", "nothing to change": "."}
_LEGEND = (
    "holds: moved as the law says, or not at all; known: broken, as the metric declares; -: the law"
    " makes no claim; .: nothing to change in this data. Moves x 100"
)


def print_law_report(console: Console, title: str, report: LawReport) -> None:
    """Prints a table for each protocol, then the known and the broken laws, and the counts."""
    for protocol in report.protocols:
        heading = f"{protocol.name} v{protocol.version} on {title}"
        if protocol.encoder is not None:
            heading += f", encoder {protocol.encoder}"
        _print_protocol(console, heading, protocol, report)
    console.print(Text(f"{_LEGEND}{_plain_scores(report)}.", "dim"))
    for verdict, heading in (("known", "Known to be broken"), ("BROKEN", "Broken")):
        results = [result for result in report.results if result.verdict == verdict]
        if results:
            console.print(Text(f"{heading}:", _STYLES[verdict]))
        for result in results:
            console.print(Text(f"  {_sentence(result)}"), soft_wrap=True)
    console.print(Text(_outcome(report)))


def _print_protocol(
    console: Console, heading: str, protocol: EvalProtocol, report: LawReport
) -> None:
    results = [result for result in report.results if result.protocol == protocol.name]
    scores = list(dict.fromkeys((result.metric, result.score) for result in results))
    cells = {(result.law, result.metric, result.score): _cell(result) for result in results}
    widths = {}
    for metric, score in scores:
        lines = [line for law in report.laws for line in cells[law.name, metric, score].split()]
        widths[metric, score] = max(len(score), *map(len, lines))
    laws = max(len(law.name) for law in report.laws)
    room = console.width - laws - len("images") - 3  # borders of these two columns
    for number, part in enumerate(_side_by_side(widths, room)):
        headings = ["law", "images", *(score for _, score in part)]
        rows = table("" if number else heading, headings, numeric=["images"])
        rows.padding = (0, 0, 0, 0)  # many columns
        rows.columns[0].no_wrap = True
        for law in report.laws:
            row = [cells[law.name, metric, score] for metric, score in part]
            rows.add_row(Text(law.name), str(report.changed[law.name]), *row)
        console.print(rows)


def _plain_scores(report: LawReport) -> str:
    """Text that names the scores without the factor 100; empty when there are none."""
    specs = [spec for protocol in report.protocols for spec in protocol.scores]
    names = list(dict.fromkeys(spec.name for spec in specs if spec.factor == 1))
    return f", {', '.join(names)} as they are" if names else ""


def _side_by_side(widths: Mapping[Column, int], room: int) -> Iterator[list[Column]]:
    """Splits columns into tables that fit `room` characters; each column has a border."""
    part: list[Column] = []
    used = 0
    for column, width in widths.items():
        if part and used + width + 1 > room:
            yield part
            part, used = [], 0
        part.append(column)
        used += width + 1
    if part:
        yield part


def _cell(result: LawResult) -> Text:
    text = _SHORT.get(result.verdict, result.verdict)
    if result.verdict in ("known", "BROKEN"):
        text = f"{text}\n{_move(result)}"
    return Text(text, _STYLES[result.verdict])


def _move(result: LawResult) -> str:
    """The difference of a score as text, with two digits when it is below 1; 0 for no change."""
    move = (result.after - result.before) * result.spec.factor
    if abs(move) < 1e-7:
        return "0"
    return f"{move:+.1f}" if abs(move) >= 1 else f"{move:+.2g}"


def _sentence(result: LawResult) -> str:
    claim = result.claim
    text = (
        f"{result.law}: {result.protocol} {result.score} moved by {_move(result)}; it must move"
        f" {claim.direction}, since {claim.reason}"
    )
    return text if result.known is None else f"{text}. But here {result.known}"


def _outcome(report: LawReport) -> str:
    counts: Sequence[tuple[int, str]] = (
        (len(report.with_verdict("holds")), "hold"),
        (len(report.with_verdict("known")), "known to be broken"),
        (len(report.with_verdict("BROKEN")), "broken"),
    )
    summary = ", ".join(f"{count} {word}" for count, word in counts)
    images = f"{report.images} images" + (
        f", {report.left_out} not usable" if report.left_out else ""
    )
    return f"{len(report.laws)} laws on {images}, seed {report.seed}: {summary}"
