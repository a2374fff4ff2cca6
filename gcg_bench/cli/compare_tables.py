"""Two runs side by side as a terminal shows them."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gcg_bench.analysis.run_comparison import Contrast, ImageChange, ScoreChange
from gcg_bench.cli.console import table
from gcg_bench.reporting.compare_page import p_shown, times
from gcg_bench.scoring.results import short_labels

_NUMERIC = ("A", "B", "B - A", "p", "p (Holm)")
_STYLES = {"better": "green", "worse": "red", "no difference shown": "dim", "equal": "dim"}


def print_contrast(console: Console, contrast: Contrast, top: int) -> None:
    """Scores, then images, then phrases, then what qualifies them."""
    names = short_labels([contrast.a.model, contrast.b.model])
    for letter, name, side in zip("AB", names, (contrast.a, contrast.b), strict=True):
        console.print(Text(f"{letter}: {name} ({side.folder})"))
    for key in contrast.protocols:
        name, _, version = key.rpartition("-")
        of = f"{contrast.dataset} {contrast.split}, {contrast.n} images"
        console.print(Text(f"{name} v{version} on {of}", "bold"))
        made = table(
            "",
            ["", "A", "B", "B - A", "95% interval", "p", "p (Holm)", "B is"],
            numeric=_NUMERIC,
        )
        for one in contrast.scores:
            if one.protocol == key:
                made.add_row(*_cells(one), Text(one.verdict, _STYLES.get(one.verdict, "")))
        console.print(made)
    console.print(
        Text(
            f"Scores x 100, words as they are. Paired bootstrap and randomisation test,"
            f" {contrast.draws} draws, Holm over {len(contrast.scores)} tests; called below .05.",
            "dim",
        )
    )
    for note in contrast.notes:
        console.print(Text(f"{note}.", "dim"))
    for name, was, now in contrast.answered:
        console.print(Text(f"{name}: {was} for A, {now} for B", "dim"), soft_wrap=True)
    _print_images(console, contrast, top)
    _print_phrases(console, contrast, top)


def _print_images(console: Console, contrast: Contrast, top: int) -> None:
    images = contrast.images
    if not images.changed:
        console.print(Text(f"No image changed in {images.score}.", "dim"))
        return
    title = (
        f"Images that changed most, by {images.score} of the image alone ({images.protocol});"
        f" {len(images.changed)} of {contrast.n} changed"
    )
    console.print(Text(title, "bold"))
    console.print(_listed(images.changed[:top], times(images.score), 1))


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
        console.print(_listed(phrases.images[:top], 1, 0))


def _listed(images: Sequence[ImageChange], factor: int, digits: int) -> Table:
    made = table("", ["image", "A", "B", "B - A"], numeric=_NUMERIC)
    for image in images:
        made.add_row(
            Text(image.id),
            f"{factor * image.a:.{digits}f}",
            f"{factor * image.b:.{digits}f}",
            _signed(factor * image.difference, digits),
        )
    return made


def _cells(one: ScoreChange) -> list[str]:
    factor, found = times(one.score), one.difference
    name = f"{one.score} (lower is better)" if one.lower_is_better else one.score
    return [
        name,
        f"{factor * one.a:.1f}",
        f"{factor * one.b:.1f}",
        _signed(factor * found.value),
        rf"\[{_signed(factor * found.low)}, {_signed(factor * found.high)}]",
        p_shown(found.p),
        p_shown(one.holm),
    ]


def _signed(value: float, digits: int = 1) -> str:
    return f"{value:+.{digits}f}" if value else f"{0:.{digits}f}"
