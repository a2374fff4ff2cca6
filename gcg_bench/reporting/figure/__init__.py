"""Figure: one image for a paper, reference and prediction side by side, words below.

`layout` places pictures, words and numbers; `outlines` traces the edge of a mask; `pixels` and
`writing` produce PNG and SVG files. Numbers, colours and pieces of captions are the same as in the
report's records.
"""

from gcg_bench.reporting.figure.layout import Figure, laid_out
from gcg_bench.reporting.figure.writing import SUFFIXES, write_figure

__all__ = ["SUFFIXES", "Figure", "laid_out", "write_figure"]
