"""Run the example notebook again and keep its outputs, with pictures of few colours so that the file stays small.

Usage, from the top of the repository: ``python -m docs.figures.notebook docs/example.ipynb``.
"""

from __future__ import annotations

import argparse
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import nbclient
import nbformat
from PIL import Image

_COLOURS = 64


def renew(path: Path) -> None:
    """Execute a notebook in its folder and write it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": path.parent}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources, record_timing=False).execute()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]  # warnings of libraries
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = _smaller(data["image/png"])
            if len(data) > 1:
                data.pop("text/plain", None)  # the same in words, with names of temporary folders
    nbformat.write(notebook, path)


def _smaller(png: str) -> str:
    picture = Image.open(BytesIO(b64decode(png))).convert("RGB")
    content = BytesIO()
    picture.quantize(_COLOURS, kmeans=1).save(content, "PNG", optimize=True)
    return b64encode(content.getvalue()).decode("ascii")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    renew(parser.parse_args().notebook)
