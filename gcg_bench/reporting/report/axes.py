"""The square area for plots of shares, from 0 to 1 on both axes."""

from gcg_bench.reporting.report.svg import Svg, element, line, words

WIDTH, HEIGHT = 360.0, 300.0
LEFT, TOP, RIGHT, BOTTOM = 50.0, 14.0, 12.0, 42.0


def across(x: float) -> float:
    """The horizontal position of a share."""
    return LEFT + x * (WIDTH - LEFT - RIGHT)


def up(y: float) -> float:
    """The vertical position of a share; 1 is at the top."""
    return HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM)


def frame(below: str, beside: str) -> list[Svg]:
    """Grid, ticks and labels."""
    ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
    return [
        *(line(across(t), up(0), across(t), up(1), "grid") for t in ticks),
        *(line(across(0), up(t), across(1), up(t), "grid") for t in ticks),
        *(words(across(t), up(0) + 14, f"{t:g}", "tick", anchor="middle") for t in ticks),
        *(words(LEFT - 6, up(t) + 3.5, f"{t:g}", "tick", anchor="end") for t in ticks),
        *labels(below, beside),
    ]


def labels(below: str, beside: str) -> list[Svg]:
    """The labels of the two axes."""
    turned = f"translate(12 {up(0.5):.0f}) rotate(-90)"
    return [
        words(across(0.5), HEIGHT - 8, below, "label", anchor="middle"),
        element("text", beside, class_="label", text_anchor="middle", transform=turned),
    ]
