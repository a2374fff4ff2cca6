"""Values that readers stumble over: wrong types, huge and odd numbers, paths, markup, formulas."""

from copy import deepcopy
from random import Random
from typing import Any

# what json.dumps cannot write is put in afterwards, by its mark
DEEP, DEEPER, DIGITS = "@deep@", "@deeper@", "@digits@"
MARKS = {
    f'"{DEEP}"': "[" * 60 + "]" * 60,
    f'"{DEEPER}"': '{"a":[' * 1500 + "]}" * 1500,
    f'"{DIGITS}"': "9" * 5000,
}

NUMBERS: tuple[Any, ...] = (
    0, 1, -1, 2, 3, 255, 256, 2**15, 2**26, 2**26 + 1, 2**31 - 1, 2**31, 2**32, 2**53 + 1,
    2**63 - 1, 2**63, 2**64, -(2**63), 10**18, 10**19, 10**400, -(10**4000), 0.5, 3.0, -0.0,
    1e-320, 1e308, -1e308, 2.0**40, float("inf"), float("-inf"), float("nan"), True, False,
    DIGITS,
)  # fmt: skip

TEXTS = (
    "", " ", "a", "b", "a cat", "\0", "a\0b", "\n", "a\nb", "\r", "\u2028", "\x1b[31m", "\x7f",
    "\x9b", "\ud800", "a\udfffb", "\ufeff", "é", "𝔘", "../../x", "..", ".", "/etc/passwd",
    "\\\\host\\share", "C:\\x", "C:/x", "~/x", "a/../../b", "a" * 300, "b" * 5000, "=1+1", "+1",
    "-1", "@SUM(A1)", "'quoted", "\t=1", "<script>alert(1)</script>", "</script>", "[red]x[/red]",
    "[/]", "{{ 7*7 }}", "\\input{/etc/passwd}", "$x$", "`x`", "|", "%s", "{0}", "b''", "b'0'",
    "NaN", "null", "1e5", "<p> a </p> [SEG]", "</p><p>[SEG][SEG]", "CON", "nul.txt", ".hidden",
    "x.py", "./evil.py", "os:system", "gcg_bench.execution.models:load_model", "https://example.org/x",
    "file:///etc/passwd",
)  # fmt: skip

ODD: tuple[Any, ...] = (None, [], {}, [[]], [None], {"a": 1}, {"": ""}, [0] * 50, DEEP, DEEPER)


def value(rng: Random) -> Any:
    """Anything."""
    kind = rng.random()
    if kind < 0.45:
        return rng.choice(NUMBERS)
    return rng.choice(TEXTS) if kind < 0.8 else deepcopy(rng.choice(ODD))


def number(rng: Random) -> Any:
    """A number, whole or not, which may be none."""
    return rng.choice(NUMBERS)


def text(rng: Random) -> str:
    """A text."""
    return rng.choice(TEXTS)
