"""Figure: one image for a paper, reference and prediction beside each other, words below.

`layout` places pictures, words and numbers, `outlines` follows the edge of a mask, `svg` and `png`
write what was placed. Numbers, colours and pieces of captions are those of the report's records.
"""

from gcg_bench.reporting.figure.layout import Figure, laid_out
from gcg_bench.reporting.figure.writing import SUFFIXES, write_figure

__all__ = ["SUFFIXES", "Figure", "laid_out", "write_figure"]
