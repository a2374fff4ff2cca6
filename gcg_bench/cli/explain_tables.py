"""Tables of one image: both sides, the IoU of the masks, and the reasons of every metric."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gcg_bench.analysis.errors import Explanation, ProtocolView, Side
from gcg_bench.cli.console import table
from gcg_bench.types import FloatArray, Parts

_LONGEST = 48  # characters of a phrase in a cell


def print_explanation(console: Console, explanation: Explanation) -> None:
    """Prints the explanation of one image; text from files is not read as markup."""
    console.print(Text(f"{explanation.noun} {explanation.id}", "bold"))
    if explanation.expression is not None:
        console.print(Text(f"expression: {explanation.expression}"))
    for region in explanation.regions:
        box = ", ".join(f"{side:g}" for side in region)
        console.print(Text(f"region (x0, y0, x1, y1 in pixels): {box}"))
    if explanation.error is not None:
        console.print(Text(f"failed: {explanation.error}", "red"))
    _print_side(console, "reference", "R", explanation.reference, explanation.parts)
    for caption in explanation.captions if explanation.parts.captions else ():
        console.print(Text(f"another reference: {caption}"))
    _print_side(console, "prediction", "P", explanation.predicted, explanation.parts)
    if explanation.refused is not None:
        done = "refuses" if explanation.refused else "does not refuse"
        console.print(Text(f"the model {done}"))
    if explanation.unpaired:
        sentence = f"<p> or </p> tags without a partner in the model's text: {explanation.unpaired}"
        console.print(Text(sentence, "dim"))
    if explanation.parts.masks and explanation.iou.size:
        console.print(_numbers("IoU of the masks", explanation.iou))
    for view in explanation.protocols:
        _print_view(console, view, explanation)


def _print_side(console: Console, name: str, letter: str, side: Side, parts: Parts) -> None:
    caption = f": {side.caption or '(no caption)'}" if parts.captions else ""
    console.print(Text(f"{name}{caption}"))
    if not parts.masks:
        return
    if not side.phrases:
        console.print(Text("  no phrases", "dim"))
        return
    headings = ["", "phrase", "masks", "pixels", "confidence"]
    rows = table("", headings, numeric=headings[2:])
    for number, (text, masks, area, score) in enumerate(
        zip(side.phrases, side.masks, side.areas, side.scores, strict=True), 1
    ):
        confidence = "" if score is None else f"{score:.3f}"
        rows.add_row(f"{letter}{number}", _words(text), str(masks), str(area), confidence)
    console.print(rows)


def _print_view(console: Console, view: ProtocolView, explanation: Explanation) -> None:
    console.print()
    console.print(Text(view.protocol, "bold underline"))
    if view.scores:
        scores = "  ".join(
            f"{name} {'–' if math.isnan(value) else f'{value:.3f}'}"
            for name, value in view.scores.items()
        )
        console.print(Text(f"this {explanation.noun} alone: {scores}"))
    if view.similarity is not None and view.similarity.size:
        console.print(_numbers("similarity of the words", view.similarity))
    if view.agreement is not None and view.agreement.size:
        console.print(_numbers("agreement of the words", view.agreement))
        _print_words(console, view, explanation)
    if not view.reasons:
        return
    rows = table("", ["score", "reference", "prediction", "counts", "why"])
    previous = None
    for reason in view.reasons:
        if previous not in (None, reason.score):
            rows.add_section()
        rows.add_row(
            reason.score if reason.score != previous else "",
            _phrase("R", reason.reference, explanation.reference.phrases),
            _phrase("P", reason.predicted, explanation.predicted.phrases),
            Text("yes", "green") if reason.counted else "",
            Text(reason.why),
        )
        previous = reason.score
    console.print(rows)


def _print_words(console: Console, view: ProtocolView, explanation: Explanation) -> None:
    """Prints why the words of every pair agree or not."""
    rows = table("", ["reference", "prediction", "why the words agree"])
    for row, column, why in view.words:
        rows.add_row(
            _phrase("R", row, explanation.reference.phrases),
            _phrase("P", column, explanation.predicted.phrases),
            Text(why),
        )
    console.print(rows)


def _numbers(title: str, numbers: FloatArray) -> Table:
    """A table of references by predictions; values of 0.5 or more are bold, NaN is a dash."""
    across = [f"P{number}" for number in range(1, numbers.shape[1] + 1)]
    rows = table(title, ["", *across], numeric=across)
    rows.min_width = len(title)  # else a narrow table breaks its title
    for number, row in enumerate(numbers.tolist(), 1):
        rows.add_row(f"R{number}", *(_number(value) for value in row))
    return rows


def _number(value: float) -> Text:
    if math.isnan(value):
        return Text("–", "dim")
    return Text(f"{value:.3f}", "bold" if value >= 0.5 else "dim" if value == 0 else "")


def _phrase(letter: str, position: int | None, phrases: Sequence[str | None]) -> Text:
    """The number and the words of a phrase; empty for none."""
    if position is None:
        return Text("")
    return Text(f"{letter}{position + 1} ").append(_words(phrases[position]))


def _words(text: str | None) -> Text:
    """The words of a phrase, cut to `_LONGEST` characters."""
    if text is None:
        return Text("(no words)", "italic dim")
    return Text(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
