r"""A board as LaTeX: one booktabs table a section.

The command `\gcgci` sets a value with its interval. The file defines it unless the document has
done so; a document that defines it as `#1` leaves intervals out. The file needs the packages
booktabs and graphicx, and works with any engine: a character that plain LaTeX cannot set is written
as its code point.
"""

from collections.abc import Iterable, Sequence

from gcg_bench.files.display import visible
from gcg_bench.reporting.leaderboard.layout import Entry, Figure, Part, Section
from gcg_bench.types import ScoreSpec

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\symbol{34}",
    "†": r"\textdagger{}",
    "×": r"$\times$",
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\ldots{}",
}
# letters that LaTeX sets without help since 2018: Latin-1 and Latin Extended-A, letters alone
_LETTERS = range(0xC0, 0x180)

_HEAD = r"""% written by gcg-bench; needs \usepackage{booktabs,graphicx}
\providecommand{\gcgci}[3]{\shortstack{#1\\{\tiny [#2, #3]}}}
"""


def escaped(text: str) -> str:
    """Text as LaTeX source that shows exactly this text, on one line."""
    return "".join(map(_letter, visible(" ".join(text.split())))).replace("--", "-{-}")


def latex(sections: Sequence[Section]) -> str:
    """The sections as tables, for a document that inputs the file."""
    return "\n".join([_HEAD, *(_table(section) for section in sections)])


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter.isascii():
        return letter if letter.isprintable() else " "
    supported = ord(letter) in _LETTERS and letter.isalpha()
    return letter if supported else f"[U+{ord(letter):04X}]"


def _table(section: Section) -> str:
    headings = [_heading(spec) for spec in section.scores]
    columns = "rl" + "r" * len(headings) + "rrlll"
    width = len(columns)
    texts = [
        "",
        "Model",
        *headings,
        section.noun.capitalize(),
        "Failed",
        "Protocol",
        "Evaluator",
        "Provenance",
    ]
    lines = [
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{escaped(section.title)}. {' '.join(map(escaped, section.notes))}}}",
        r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        _row(texts),
        *(line for k, part in enumerate(section.parts) for line in _part(part, width, k)),
        r"\bottomrule",
        r"\end{tabular}}",
        *_below(section),
        r"\end{table*}",
        "",
    ]
    return "\n".join(lines)


def _part(part: Part, width: int, index: int) -> Iterable[str]:
    yield r"\midrule"
    if part.title:
        yield rf"\multicolumn{{{width}}}{{@{{}}l@{{}}}}{{\emph{{{escaped(part.title)}}}}} \\"
    for entry in part.entries:
        if entry.leads and index == 0:
            yield r"\addlinespace"
        yield _row(_cells(entry))


def _below(section: Section) -> list[str]:
    lines = []
    if section.sources:
        listed = " ".join(
            rf"[{k}]~{escaped(source)}." for k, source in enumerate(section.sources, 1)
        )
        lines.append(rf"\par\smallskip{{\footnotesize Sources of reported values: {listed}\par}}")
    if section.signature:
        lines.append(rf"\par\smallskip{{\tiny\ttfamily {_signature(section.signature)}\par}}")
    return lines


def _heading(spec: ScoreSpec) -> str:
    return rf"{escaped(spec.name)} $\downarrow$" if spec.lower_is_better else escaped(spec.name)


def _cells(entry: Entry) -> list[str]:
    model = f"{entry.model} ({entry.split})" if entry.split else entry.model
    source = rf"\textsuperscript{{[{entry.source}]}}" if entry.source else ""
    return [
        entry.rank,
        f"{escaped(model)}{source}",
        *(_number(figure) for figure in entry.figures),
        entry.images.replace(",", "{,}"),
        entry.failed.replace(",", "{,}"),
        escaped(entry.protocol),
        escaped(entry.evaluator),
        escaped(entry.provenance),
    ]


def _number(figure: Figure | None) -> str:
    if figure is None:
        return ""
    if not figure.low:
        return figure.value
    return rf"\gcgci{{{figure.value}}}{{{figure.low}}}{{{figure.high}}}"


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _signature(text: str) -> str:
    """A signature that LaTeX may break after its bars, pluses and commas."""
    for sign in ("|", "+", ","):
        text = text.replace(sign, f"{sign}\0")
    return r"\allowbreak{}".join(map(escaped, text.split("\0")))
