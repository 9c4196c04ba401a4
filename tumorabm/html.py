"""HTML from plain values: all text is escaped, only what was made here is taken as HTML."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from numbers import Real

_WITHOUT_CONTENT = ("img", "meta")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: object, **attributes: object) -> Html:
    """Return an element; a ``_`` at the end of an attribute's name, as in ``class_``, is left out.

    Parameters
    ----------
    tag
        Name of the element.
    children
        What it holds: `Html` as it is, all else as text.
    attributes
        Values are text.
    """
    given = "".join(f' {name.rstrip("_")}="{escape(str(value))}"' for name, value in attributes.items())
    if tag in _WITHOUT_CONTENT:
        return Html(f"<{tag}{given}>")
    return Html(f"<{tag}{given}>{together(*children)}</{tag}>")


def together(*children: object) -> Html:
    """Return `Html` as it is, and all else as text, one after the other."""
    return Html("".join(child if isinstance(child, Html) else escape(str(child)) for child in children))


def png_source(png: bytes) -> str:
    """Return a picture as the source of an ``img`` that loads nothing."""
    return "data:image/png;base64," + b64encode(png).decode("ascii")


def table(rows: Iterable[Sequence[object]], headings: Sequence[object] = ()) -> Html:
    """Return a table; numbers stand at the right."""
    head = element("tr", *(element("th", text) for text in headings)) if headings else Html()
    body = (element("tr", *map(_cell, row)) for row in rows)
    return element("table", head, *body)


def pairs(rows: Iterable[tuple[object, object]]) -> Html:
    """Return a table of names and values."""
    left = {"style": "text-align: left; vertical-align: top"}
    return element(
        "table", *(element("tr", element("th", name, **left), element("td", value, **left)) for name, value in rows)
    )


def _cell(value: object) -> Html:
    if isinstance(value, Real) and not isinstance(value, bool):
        return element("td", f"{value:.4g}" if isinstance(value, float) else value, style="text-align: right")
    return element("td", value)
