"""One image's whole reckoning as tables: both sides, the overlaps, and every decision."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gcg_bench.analysis.errors import Explanation, Reckoning
from gcg_bench.analysis.errors.explanation import Side
from gcg_bench.cli.console import table
from gcg_bench.types import FloatArray

_LONGEST = 48  # characters of a phrase in a cell


def print_explanation(console: Console, explanation: Explanation) -> None:
    """Everything there is to say about one image; text of files is never read as markup."""
    console.print(Text(f"image {explanation.id}", "bold"))
    if explanation.error is not None:
        console.print(Text(f"failed: {explanation.error}", "red"))
    _print_side(console, "reference", "R", explanation.reference)
    _print_side(console, "prediction", "P", explanation.predicted)
    if explanation.unpaired:
        told = f"<p> or </p> tags without a partner in the model's text: {explanation.unpaired}"
        console.print(Text(told, "dim"))
    if explanation.iou.size:
        console.print(_numbers("IoU of the masks", explanation.iou))
    for reckoning in explanation.reckonings:
        _print_reckoning(console, reckoning, explanation)


def _print_side(console: Console, name: str, letter: str, side: Side) -> None:
    console.print(Text(f"{name}: {side.caption or '(no caption)'}"))
    if not side.phrases:
        console.print(Text("  no phrases", "dim"))
        return
    headings = ["", "phrase", "masks", "pixels", "confidence"]
    made = table("", headings, numeric=headings[2:])
    for k, (text, masks, area, score) in enumerate(
        zip(side.phrases, side.masks, side.areas, side.scores, strict=True), 1
    ):
        said = _named(text)
        made.add_row(
            f"{letter}{k}", said, str(masks), str(area), "" if score is None else f"{score:.3f}"
        )
    console.print(made)


def _print_reckoning(console: Console, reckoning: Reckoning, explanation: Explanation) -> None:
    console.print()
    console.print(Text(reckoning.protocol, "bold underline"))
    if reckoning.scores:
        told = "  ".join(f"{name} {value:.3f}" for name, value in reckoning.scores.items())
        console.print(Text(f"this image alone: {told}"))
    if reckoning.similarity.size:
        console.print(_numbers("similarity of the words", reckoning.similarity))
    if not reckoning.lines:
        return
    made = table("", ["score", "reference", "prediction", "counts", "why"])
    before = None
    for line in reckoning.lines:
        if before not in (None, line.metric):
            made.add_section()
        made.add_row(
            line.metric if line.metric != before else "",
            _place("R", line.reference, explanation.reference.phrases),
            _place("P", line.predicted, explanation.predicted.phrases),
            Text("yes", "green") if line.counted else "",
            Text(line.why),
        )
        before = line.metric
    console.print(made)


def _numbers(title: str, numbers: FloatArray) -> Table:
    """References down, predictions across; what reaches 0.5 is bold, NaN is a dash."""
    across = [f"P{k}" for k in range(1, numbers.shape[1] + 1)]
    made = table(title, ["", *across], numeric=across)
    for k, row in enumerate(numbers.tolist(), 1):
        made.add_row(f"R{k}", *(_number(value) for value in row))
    return made


def _number(value: float) -> Text:
    if math.isnan(value):
        return Text("–", "dim")
    return Text(f"{value:.3f}", "bold" if value >= 0.5 else "dim" if value == 0 else "")


def _place(letter: str, position: int | None, phrases: Sequence[str | None]) -> Text:
    if position is None:
        return Text("")
    return Text(f"{letter}{position + 1} ").append(_named(phrases[position]))


def _named(text: str | None) -> Text:
    if text is None:
        return Text("(no words)", "italic dim")
    return Text(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
