"""Settings of Sphinx for the web site: the pages of this repository, and the reference of the API.

The source is the whole repository, so that links between its pages are the same here, in an editor
and on a web page of the repository. `python docs/build.py` builds it.
"""

import sys
from pathlib import Path

import fastbp

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # for the extensions beside this file

project = "fastbp"
author = "the authors of fastbp"
version = release = fastbp.__version__
project_copyright = author

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "api",
              "docstrings", "mathml", "menu"]  # fmt: skip
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/api/*.rst",
    "benchmarks/*.md",
    "fastbp/data/*.md",
    "*.md",
]
suppress_warnings = ["ref.python", "misc.highlighting_failure"]  # a name may mean several things

# Pages are Markdown as repositories show it: anchors of headings, and mathematics between $.
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
math_renderer = html_math_renderer = "mathml"

# Docstrings are NumPy's sort; what is between single backquotes is a name.
default_role = "py:obj"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"fastbp {version}"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # which would need a server
highlight_language = "none"  # of docstrings; the blocks of pages say theirs
pygments_style = "default"
pygments_dark_style = "github-dark"
