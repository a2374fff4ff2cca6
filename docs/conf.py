"""How the pages are built: `python -m sphinx -W -b html docs docs/_build`, without network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import gcg_bench

project = "gcg-bench"
author = "the gcg-bench contributors"
copyright = author  # noqa: A001  # Sphinx's name for it
version = release = gcg_bench.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"gcg-bench {release}"
html_show_copyright = False
html_copy_source = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# docstrings: Google's sections, Markdown's single backticks
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = "code"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 80
