r"""A board as LaTeX: one booktabs table for each section, with models and their scores.

The best value of a column is bold, the second underlined. The command `\gcgci` sets a value with
its interval; `\gcgfit` shrinks a table that is wider than the text. The file defines both unless
the document defines them. It needs the packages booktabs and graphicx, and works with any engine: a
character that plain LaTeX cannot set is written as its code point. Comments contain the details
that do not fit in a paper's table (how rows are ranked, the whole signatures).
"""

from collections.abc import Iterable, Sequence

from gcg_bench.files.display import visible
from gcg_bench.reporting.leaderboard.entries import Entry
from gcg_bench.reporting.leaderboard.layout import Part, Section
from gcg_bench.reporting.leaderboard.shown import BEST, SECOND, Figure
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
# letters that LaTeX can set since 2018 without packages: Latin-1 and Latin Extended-A
_LETTERS = range(0xC0, 0x180)

_HEAD = r"""% written by gcg-bench; needs \usepackage{booktabs,graphicx}
\providecommand{\gcgci}[3]{\begin{tabular}[t]{@{}r@{}}#1\\[-2pt]{\tiny [#2, #3]}\end{tabular}}
\providecommand{\gcgfit}[1]{\sbox0{#1}%
  \ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi}
"""
_WIDE = 8  # a table with more columns is as wide as a page of two columns


def escaped(text: str) -> str:
    """LaTeX source that shows exactly this text, on one line."""
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
    columns = "l" + "r" * len(headings)
    width = len(columns)
    environment = "table*" if width > _WIDE else "table"
    lines = [
        *(f"% {_comment(note)}" for note in section.notes),
        rf"\begin{{{environment}}}",
        r"\centering",
        rf"\caption{{{_caption(section)}}}",
        r"\par\smallskip",
        r"\gcgfit{%",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        _row(["Model", *headings]),
        *(line for k, part in enumerate(section.parts) for line in _part(part, width, k)),
        r"\bottomrule",
        r"\end{tabular}}",
        *_below(section),
        rf"\end{{{environment}}}",
        *(f"% {entry.hash}: {_comment(entry.signature)}" for entry in _signed(section)),
        "",
    ]
    return "\n".join(lines)


def _caption(section: Section) -> str:
    """The title, the scale of numbers, and the meaning of marks and of gaps between rows."""
    sentences = [f"{section.title}.", section.scale]
    figures = [figure for entry in section.entries for figure in entry.figures if figure]
    if section.marks:
        second = any(figure.mark == SECOND for figure in figures)
        sentences.append(f"Best in bold{', second underlined' if second else ''}.")
    if any(entry.leads for entry in section.entries):
        sentences.append(f"Rows between two gaps share a rank by {section.by}.")
    return " ".join(map(escaped, sentences))


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
    signed = _signed(section)
    if signed:
        listed = "; ".join(rf"{escaped(entry.name)}~\texttt{{{entry.hash}}}" for entry in signed)
        lines.append(rf"\par\smallskip{{\scriptsize Signatures: {listed}.\par}}")
    return lines


def _signed(section: Section) -> list[Entry]:
    return [entry for entry in section.entries if entry.signature]


def _heading(spec: ScoreSpec) -> str:
    return rf"{escaped(spec.name)} $\downarrow$" if spec.lower_is_better else escaped(spec.name)


def _cells(entry: Entry) -> list[str]:
    source = rf"\textsuperscript{{[{entry.source}]}}" if entry.source else ""
    return [f"{escaped(entry.name)}{source}", *(_number(figure) for figure in entry.figures)]


def _number(figure: Figure | None) -> str:
    if figure is None:
        return "--"
    commands = {BEST: rf"\textbf{{{figure.value}}}", SECOND: rf"\underline{{{figure.value}}}"}
    value = commands.get(figure.mark, figure.value)
    return rf"\gcgci{{{value}}}{{{figure.low}}}{{{figure.high}}}" if figure.low else value


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _comment(text: str) -> str:
    """Text as one line of a comment without commands: a backslash becomes `%5C`, a dollar `%24`."""
    return visible(" ".join(text.split())).replace("\\", "%5C").replace("$", "%24")
