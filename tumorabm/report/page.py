"""How a report looks: one page with styles and pictures inside, which loads nothing from anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, metadata

from matplotlib.figure import Figure
from pyarrow import ArrowException

from tumorabm.html import Html, element, pairs, png_source, together
from tumorabm.output import style
from tumorabm.output.run_folder import OutputError, reason

_NOTHING_FROM_ELSEWHERE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_NAMES = {
    "wall_s": "wall time, s",
    "compile_s": "compiling, s",
    "stages_s": "time by stage, s",
    "peak_rss_mb": "peak memory, MB",
    "cells_max": "most cells and bodies",
}
_STYLE = """
body { font-family: sans-serif; color: #222; max-width: 1180px; margin: 1.5em auto; padding: 0 1em; line-height: 1.4 }
h1 { font-size: 1.6em; margin-bottom: 0.2em }
h2 { font-size: 1.2em; margin-top: 1.8em; border-bottom: 1px solid #ccc }
h3 { font-size: 1em; margin-bottom: 0.3em }
table { border-collapse: collapse; font-size: 0.9em; margin: 0.6em 0; display: block; overflow-x: auto }
th, td { padding: 0.15em 0.8em 0.15em 0; border-bottom: 1px solid #eee }
th { text-align: left }
figure { margin: 1em 0 }
figure img { max-width: 100% }
figcaption, .small { font-size: 0.85em; color: #555 }
.note { background: #fff4dc; padding: 0.4em 0.8em; border-left: 4px solid #E69F00 }
pre { background: #f6f6f6; padding: 0.8em; overflow-x: auto; font-size: 0.85em }
summary { cursor: pointer }
"""


def page(title: str, *content: Html) -> str:
    """Return a whole page."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_NOTHING_FROM_ELSEWHERE}">'),
        element("title", title),
        element("style", Html(_STYLE)),
    )
    body = element("body", element("h1", title), *content)
    return "<!DOCTYPE html>\n" + element("html", head, body, lang="en") + "\n"


def section(title: str, *content: Html) -> Html:
    """Return a part of the page under a heading."""
    return together(Html("\n"), element("section", element("h2", title), *content))


def note(text: str) -> Html:
    """Return a line that stands out: what is missing, and why."""
    return element("p", text, class_="note")


def picture(draw: Callable[[], Figure], caption: str) -> Html:
    """Return a picture, or why there is none."""
    try:
        content = style.png(draw())
    except (OutputError, ArrowException) as error:
        return note(f"No picture ({caption}): {error}")
    except OSError as error:
        return note(f"No picture ({caption}): {reason(error)}")
    return element("figure", element("img", src=png_source(content), alt=caption), element("figcaption", caption))


def collapsed(title: str, text: str) -> Html:
    """Return text that is shown when the reader asks for it."""
    return element("details", element("summary", title), element("pre", text))


def plain(values: Mapping[str, object]) -> Html:
    """Return what JSON holds as a table of names and values; what lies deeper as one text."""
    return pairs((_NAMES.get(name, name.replace("_", " ")), _in_words(value)) for name, value in values.items())


def how_to_cite(package_version: object, code_version: object) -> Html:
    """Return how to cite the program in the version that made a result."""
    try:
        about = metadata("tumorabm")
        author, summary = about["Author"] or "The tumorabm founders", about["Summary"]
    except PackageNotFoundError:
        author, summary = "The tumorabm founders", "simulator of asparagine metabolism in the tumour microenvironment"
    code = f", code {code_version}" if code_version and code_version != package_version else ""
    return element("p", f"{author}. tumorabm: {summary[0].lower()}{summary[1:]}. Version {package_version}{code}.")


def _in_words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_in_words(item)}" for name, item in value.items())
    if isinstance(value, float):
        return f"{value:.4g}" if not re.fullmatch(r"\d{5,}\.\d+", repr(value)) else f"{value:.0f}"
    return "yes" if value is True else str(value)
