"""The table of laws by scores, and what qualifies it."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from gcg_bench.analysis.invariants import Finding, Trial
from gcg_bench.cli.console import table
from gcg_bench.tasks.protocols import EvalProtocol

Column = tuple[str, str]
"""A metric and one of its scores."""

_STYLES = {
    "holds": "green",
    "BROKEN": "bold red",
    "known": "yellow",
    "no claim": "dim",
    "nothing to change": "dim",
}
_SHORT = {"no claim": "-", "nothing to change": "."}
_LEGEND = (
    "holds: moved as the law says, or not at all; known: broken, as the metric says itself; -: the"
    " law says nothing; .: nothing to change in this data. Moves x 100, words as they are."
)


def print_trial(console: Console, title: str, trial: Trial) -> None:
    """A table a protocol; below, every law that is broken or known to be, and the outcome."""
    for protocol in trial.protocols:
        heading = f"{protocol.name} v{protocol.version} on {title}, encoder {protocol.encoder}"
        _print_protocol(console, heading, protocol, trial)
    console.print(Text(_LEGEND, "dim"))
    for verdict, said in (("known", "Known to be broken"), ("BROKEN", "Broken")):
        found = [finding for finding in trial.findings if finding.verdict == verdict]
        if found:
            console.print(Text(f"{said}:", _STYLES[verdict]))
        for finding in found:
            console.print(Text(f"  {_told(finding)}"), soft_wrap=True)
    console.print(Text(_outcome(trial)))


def _print_protocol(console: Console, heading: str, protocol: EvalProtocol, trial: Trial) -> None:
    own = [finding for finding in trial.findings if finding.protocol == protocol.name]
    scores = list(dict.fromkeys((finding.metric, finding.score) for finding in own))
    cells = {(f.law, f.metric, f.score): _cell(f) for f in own}
    widths = {}
    for metric, score in scores:
        lines = [line for law in trial.laws for line in cells[law.name, metric, score].split()]
        widths[metric, score] = max(len(score), *map(len, lines))
    laws = max(len(law.name) for law in trial.laws)
    room = console.width - laws - len("images") - 3  # their borders
    for place, part in enumerate(_side_by_side(widths, room)):
        headings = ["law", "images", *(score for _, score in part)]
        made = table("" if place else heading, headings, numeric=["images"])
        made.padding = (0, 0, 0, 0)  # many columns
        made.columns[0].no_wrap = True
        for law in trial.laws:
            row = [cells[law.name, metric, score] for metric, score in part]
            made.add_row(Text(law.name), str(trial.changed[law.name]), *row)
        console.print(made)


def _side_by_side(widths: Mapping[Column, int], room: int) -> Iterator[list[Column]]:
    """Columns in as few tables as a line has room for; each has a border."""
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


def _cell(finding: Finding) -> Text:
    said = _SHORT.get(finding.verdict, finding.verdict)
    if finding.verdict in ("known", "BROKEN"):
        said = f"{said}\n{_move(finding)}"
    return Text(said, _STYLES[finding.verdict])


def _move(finding: Finding) -> str:
    """How far a score moved, small moves too; a plain 0 where it did not."""
    move = (finding.after - finding.before) * (1 if finding.score == "Words" else 100)
    if abs(move) < 1e-7:
        return "0"
    return f"{move:+.1f}" if abs(move) >= 1 else f"{move:+.2g}"


def _told(finding: Finding) -> str:
    claim = finding.claim
    said = (
        f"{finding.law}: {finding.protocol} {finding.score} moved by {_move(finding)}; it must move"
        f" {claim.direction}, since {claim.why}"
    )
    return said if finding.known is None else f"{said}. But here {finding.known}"


def _outcome(trial: Trial) -> str:
    counts: Sequence[tuple[int, str]] = (
        (len(trial.of("holds")), "hold"),
        (len(trial.of("known")), "known to be broken"),
        (len(trial.of("BROKEN")), "broken"),
    )
    said = ", ".join(f"{count} {what}" for count, what in counts)
    fit = f"{trial.images} images" + (f", {trial.left_out} unfit" if trial.left_out else "")
    return f"{len(trial.laws)} laws on {fit}, seed {trial.seed}: {said}"
