"""Animated GIF, a frame at a time: Pillow itself keeps all frames until it writes them."""

from __future__ import annotations

from io import BytesIO
from typing import IO

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

_SCREEN_BYTES = 13  # signature and logical screen, before the table of colours
_TRAILER = b";"
_STEP = 4
"""Colours are told apart by so much of 255 in each of red, green and blue."""


class GifWriter:
    """Writes frames of equal size in one table of colours, repeated for ever; closed by the end of a ``with``.

    Parameters
    ----------
    file
        Binary file to write to.
    palette
        Up to 256 colours, shape (n, 3), uint8.
    fps
        Frames a second, up to 100; a frame is shown for a whole number of hundredths of a second.
    """

    def __init__(self, file: IO[bytes], palette: np.ndarray, fps: float) -> None:
        self._file = file
        self._palette = palette.tobytes()
        self._nearest = _nearest_colours(palette)
        self._duration_ms = 10 * max(round(100.0 / fps), 1)
        self._table: bytes | None = None

    def __enter__(self) -> GifWriter:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        if kind is None:
            self._file.write(_TRAILER)

    def append(self, frame: np.ndarray) -> None:
        """Write a frame of shape (height, width, 3), uint8; each dot takes the nearest colour of the table."""
        red, green, blue = np.moveaxis(frame // _STEP, -1, 0)
        indexed = Image.fromarray(self._nearest[red, green, blue])
        indexed.putpalette(self._palette)  # which makes it an image of colours by number
        alone = BytesIO()
        indexed.save(alone, "GIF", optimize=False, loop=0, duration=self._duration_ms)
        content = alone.getvalue()
        end_of_table = _SCREEN_BYTES + 3 * 2 ** ((content[10] & 7) + 1)
        if self._table is None:
            self._table = content[_SCREEN_BYTES:end_of_table]
            self._file.write(content[: -len(_TRAILER)])
            return
        assert content[_SCREEN_BYTES:end_of_table] == self._table, "all frames share the table of the first"
        blocks = content[end_of_table : -len(_TRAILER)]
        self._file.write(blocks[blocks.index(b"!\xf9") :])  # without the note of how often to repeat


def _nearest_colours(palette: np.ndarray) -> np.ndarray:
    """Return the number of the nearest colour for each red, green and blue in steps; white and black stay exact."""
    n = 256 // _STEP
    levels = np.linspace(0.0, 255.0, n)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    return cKDTree(palette.astype(float)).query(colours.reshape(-1, 3))[1].reshape(n, n, n).astype(np.uint8)
