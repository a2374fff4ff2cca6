"""Tables that compare two runs in a terminal."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gcg_bench.analysis.run_comparison import Contrast, ImageChange, ScoreChange
from gcg_bench.cli.console import table
from gcg_bench.reporting.compare_page import p_shown
from gcg_bench.runs.labels import short_labels
from gcg_bench.types import one_of, scale_note

_NUMERIC = ("A", "B", "B - A", "visible", "p", "p (Holm)")
_HEADINGS = ("", "A", "B", "B - A", "95% interval", "visible", "p", "p (Holm)", "B is")
_WIDEST = 1000  # characters, more than any table has
_LEFT_OUT = ("visible", "p")  # in a very narrow terminal
_UNSHOWN = "no difference shown"
_STYLES = {"better": "green", "worse": "red", _UNSHOWN: "dim", "equal": "dim"}


def print_contrast(console: Console, contrast: Contrast, top: int) -> None:
    """Prints scores with their notes, then the images and phrases that changed."""
    names = short_labels([contrast.a.model, contrast.b.model])
    for letter, name, side in zip("AB", names, (contrast.a, contrast.b), strict=True):
        console.print(Text(f"{letter}: {name} ({side.folder})"))
    for protocol in contrast.protocols:
        data = f"{contrast.data}, {contrast.size}"
        console.print(Text(f"{protocol.name} v{protocol.version} on {data}", "bold"))
        changes = list(contrast.scores_of(protocol))
        console.print(_fitting(console, changes))
    scale = scale_note([change.spec for change in contrast.scores], times="x")
    console.print(
        Text(
            f"{scale} Paired bootstrap, {contrast.draws:,} draws; paired randomisation test,"
            f" {contrast.tests:,} draws, Holm over {contrast.distinct} distinct scores; a"
            " difference is called below .05. visible: the smallest difference with p < .05 before"
            f" Holm, which is what these {contrast.noun} could have shown.",
            "dim",
        )
    )
    for note in contrast.notes:
        console.print(Text(f"{note}.", "dim"))
    for name, a, b in contrast.answered:
        console.print(Text(f"{name}: {a} for A, {b} for B", "dim"), soft_wrap=True)
    _print_images(console, contrast, top)
    _print_phrases(console, contrast, top)


def _fitting(console: Console, changes: Sequence[ScoreChange]) -> Table:
    """The scores as a table whose words are whole; a narrow terminal has shorter words."""
    layouts = [
        _scores(changes, _HEADINGS, short=False),
        _scores(changes, _HEADINGS, short=True),
        _scores(changes, [name for name in _HEADINGS if name not in _LEFT_OUT], short=True),
    ]
    free = console.options.update(width=_WIDEST)
    widths = [console.measure(rows, options=free).maximum for rows in layouts]
    fitting = (k for k, width in enumerate(widths) if width <= console.width)
    return layouts[next(fitting, -1)]


def _scores(changes: Sequence[ScoreChange], headings: Sequence[str], *, short: bool) -> Table:
    """The scores with the columns of these headings.

    Args:
        changes: the changes, one for each line.
        headings: headings of `_HEADINGS`.
        short: omits the directions after the names, and shows *no difference shown* as a dash, with
            a line that explains the dash.
    """
    rows = table("", headings, numeric=_NUMERIC)
    for change in changes:
        verdict = "–" if short and change.verdict == _UNSHOWN else change.verdict
        cells = [*_cells(change), Text(verdict, _STYLES.get(change.verdict, ""))]
        if short:
            cells[0] = change.spec.name
        rows.add_row(
            *(cell for name, cell in zip(_HEADINGS, cells, strict=True) if name in headings)
        )
    if short:
        left_out = [name for name in _HEADINGS if name not in headings]
        more = f"; {' and '.join(left_out)} need a wider terminal" if left_out else ""
        rows.caption = f"–: {_UNSHOWN}{more}"
        rows.caption_justify = "left"
    return rows


def _print_images(console: Console, contrast: Contrast, top: int) -> None:
    images = contrast.images
    if not images.changed:
        console.print(Text(f"No {one_of(contrast.noun)} changed in {images.score}.", "dim"))
        return
    title = (
        f"{contrast.noun.capitalize()} that changed most, by {images.score} of each alone"
        f" ({images.protocol});"
        f" {len(images.changed)} of {contrast.n} changed"
    )
    console.print(Text(title, "bold"))
    console.print(_listed(images.changed[:top], contrast, images.spec.factor, 1))


def _print_phrases(console: Console, contrast: Contrast, top: int) -> None:
    phrases = contrast.phrases
    if phrases is None:
        return
    console.print(
        Text(
            f"Reference phrases matched ({phrases.protocol}): {phrases.a} of {phrases.reference} by"
            f" A, {phrases.b} by B; {phrases.gained} gained, {phrases.lost} lost, net of each"
            " image."
        )
    )
    if phrases.images:
        title = f"Phrases matched, where most were gained or lost ({len(phrases.images)} images)"
        console.print(Text(title, "bold"))
        console.print(_listed(phrases.images[:top], contrast, 1, 0))


def _listed(images: Sequence[ImageChange], contrast: Contrast, factor: int, digits: int) -> Table:
    rows = table("", [one_of(contrast.noun), "A", "B", "B - A"], numeric=_NUMERIC)
    for image in images:
        rows.add_row(
            Text(image.id),
            f"{factor * image.a:.{digits}f}",
            f"{factor * image.b:.{digits}f}",
            _signed(factor * image.difference, digits),
        )
    return rows


def _interval(low: float, high: float) -> str:
    """An interval as the text of a cell; a dash without an interval."""
    return "–" if math.isnan(low) else rf"\[{_signed(low)}, {_signed(high)}]"


def _cells(change: ScoreChange) -> list[str | Text]:
    factor, difference = change.spec.factor, change.difference
    return [
        change.spec.title,
        change.spec.text(change.a),
        change.spec.text(change.b),
        _signed(factor * difference.value),
        _interval(factor * difference.low, factor * difference.high),
        "–" if math.isnan(difference.visible) else f"{factor * difference.visible:.1f}",
        p_shown(difference.p),
        p_shown(change.holm),
    ]


def _signed(value: float, digits: int = 1) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:+.{digits}f}" if value else f"{0:.{digits}f}"
