"""Report: a scored run as one page that opens from a USB stick.

`material` gathers what the page is about, `images` turns every image into a record, `plots` draws,
`page` writes one self-contained HTML file: style, script, data and thumbnails inside, no request to
anywhere.
"""

from gcg_bench.reporting.report.material import Judged, Material, of_run
from gcg_bench.reporting.report.page import Written, write_page

__all__ = ["Judged", "Material", "Written", "of_run", "write_page"]
