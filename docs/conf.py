"""How Sphinx builds the site: the Markdown of this folder, and references made from the code.

    sphinx-build -W --keep-going -n -b html docs OUT

brings Python for the browser once (docs/_ext/try_page.py); without, ``-D try_page_runtime=0``, it
needs no network. Nothing of the pages comes from elsewhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

from harness import __version__  # noqa: E402

project = "gai-harness"
author = "gai-harness contributors"
copyright = "gai-harness contributors, MIT licence"  # noqa: A001
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "catalogue",
    "command_line",
    "inline_svg",
    "lexers",
    "schema_fields",
    "try_page",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_ext", "_static", "examples", "upstream"]
root_doc = "index"
smartquotes = False  # they would make – of --
default_role = "literal"
suppress_warnings: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3  # the anchors GitHub gives

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
add_module_names = False
# every reference to this project has to lead somewhere; the standard library's are not looked up
nitpicky = True
nitpick_ignore = [("py:class", "harness.model.order.T")]  # a type variable
nitpick_ignore_regex = [("py:.*", r"(?!harness\.).*")]

html_theme = "furo"
html_title = "gai-harness"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None  # two builds of one commit are the same
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {
        "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif",
        "font-stack--monospace": "ui-monospace, 'SFMono-Regular', Menlo, 'DejaVu Sans Mono',"
        " 'Liberation Mono', monospace",
    },
}
