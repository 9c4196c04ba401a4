"""How Sphinx builds the site: ``docs/build.sh``."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the two extensions of this folder

project = "tumorabm"
author = "The tumorabm founders"
version = release = installed_version("tumorabm")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference_pages", "offline"]
exclude_patterns = ["_build", "_static"]
templates_path = ["_templates"]
myst_heading_anchors = 3  # links to headings, as on the code host
suppress_warnings = ["myst.header"]  # pages that are read on the code host too may skip a level

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"
napoleon_google_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]  # one entry may describe several
napoleon_use_rtype = False
napoleon_preprocess_types = False
default_role = "py:obj"  # single backticks of docstrings link to what has a place on the API page

# Types in docstrings are prose ("float64 (n, 3)"), and other projects' inventories are not read: nothing is fetched.
nitpick_ignore_regex = [(r"py:.*", r".*")]

html_theme = "pydata_sphinx_theme"
html_title = "tumorabm"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "navbar_center": [],  # all pages are in the left sidebar
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"**": ["all-pages"]}
project_copyright = "The tumorabm founders, BSD-3-Clause"
