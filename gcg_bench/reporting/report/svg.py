"""Writes SVG as text: elements with escaped attributes and words."""

from html import escape

from gcg_bench.files.display import visible


class Svg(str):
    """Markup that `element` wrote; any other text is escaped when it becomes a child."""

    __slots__ = ()

    def __html__(self) -> str:
        """The text itself: for Jinja this is markup already."""
        return str(self)


def element(name: str, *children: str, **attributes: object) -> Svg:
    """An element; `class_` becomes `class`, other underscores become dashes, None is omitted.

    Coordinates are written with two decimals.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(visible(_written(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(
        child if isinstance(child, Svg) else escape(visible(child)) for child in children
    )
    return Svg(f"<{name}{written}>{inner}</{name}>")


def drawing(width: float, height: float, label: str, *children: str) -> Svg:
    """An `svg` element, with a label for readers who cannot see it."""
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {_written(width)} {_written(height)}",
        role="img",
        aria_label=label,
    )


def words(x: float, y: float, text: str, kind: str = "", *, anchor: str = "start") -> Svg:
    """A line of text; `anchor` is start, middle or end."""
    return element("text", text, x=x, y=y, class_=kind or None, text_anchor=anchor)


def line(x0: float, y0: float, x1: float, y1: float, kind: str) -> Svg:
    """A straight line."""
    return element("line", x1=x0, y1=y0, x2=x1, y2=y1, class_=kind)


def box(
    x: float, y: float, width: float, height: float, kind: str, *children: str, **more: object
) -> Svg:
    """A rectangle; its `title` child is the tooltip."""
    return element("rect", *children, x=x, y=y, width=width, height=height, class_=kind, **more)


def hint(text: str) -> Svg:
    """A `title` element: the tooltip of its parent."""
    return element("title", text)


def _written(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
