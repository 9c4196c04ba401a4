"""What the built pages load: nothing from elsewhere, so that the site works without a network."""

import re
from pathlib import Path

_LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc\s*=\s*[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|<link\b(?=[^>]*\brel\s*=\s*[\"']?(?:stylesheet|preload|preconnect|icon|shortcut|modulepreload))"
    r"[^>]*?\bhref\s*=\s*[\"']?((?:https?:)?//[^\"'\s>]+)",
    re.IGNORECASE,
)
_LOADED_BY_CSS = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s;]+)", re.IGNORECASE)


def setup(app) -> dict[str, bool]:
    """Look at the pages once they are built."""
    app.connect("build-finished", require_offline)
    return {"parallel_read_safe": True}


def loaded_from_elsewhere(folder: Path) -> list[tuple[Path, str]]:
    """Return each address on another host that a page or style sheet below ``folder`` loads, with the file."""
    found = []
    for pattern, suffixes in ((_LOADED, (".html",)), (_LOADED_BY_CSS, (".html", ".css"))):
        for path in sorted(path for path in folder.rglob("*") if path.suffix in suffixes):
            text = path.read_text(encoding="utf-8")
            found += [(path, next(filter(None, match.groups()))) for match in pattern.finditer(text)]
    return found


def require_offline(app, exception: Exception | None) -> None:
    """Warn of what the built pages load from elsewhere; with ``-W`` that fails the build."""
    from sphinx.util import logging

    if exception is None:
        for path, address in loaded_from_elsewhere(Path(app.outdir)):
            logging.getLogger(__name__).warning("%s loads %s, expected nothing from elsewhere", path, address)
