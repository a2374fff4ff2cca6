"""Report: a scored run as one page that opens without a network.

`material` gathers what the page shows, `images` turns every image into a record, `plots` draws,
`page` writes one self-contained HTML file: style, script, data and thumbnails are inside, and the
page loads no other file.
"""

from gcg_bench.reporting.report.material import Material, Mistakes, of_images, of_run
from gcg_bench.reporting.report.page import Written, write_page

__all__ = ["Material", "Mistakes", "Written", "of_images", "of_run", "write_page"]
