"""Cells and fields as pixels: a hundred thousand discs are one image, not as many marks."""

from __future__ import annotations

import numpy as np

from tumorabm.kernels import kernel


def background(values: np.ndarray, highest: float, levels: int, shape: tuple[int, int]) -> np.ndarray:
    """Return a field as an image of levels, the nearest voxel in each pixel.

    Parameters
    ----------
    values
        Shape (rows, columns) of voxels.
    highest
        Value of the last level; that of the first is 0.
    levels
        Number of levels, at most 256.
    shape
        Rows and columns of pixels.

    Returns
    -------
    numpy.ndarray
        Shape (rows, columns), uint8.
    """
    level = values / max(highest, 1e-300) * (levels - 1)
    of_voxel = np.clip(np.nan_to_num(level), 0, levels - 1).astype(np.uint8)
    rows, columns = (np.arange(n) * voxels // n for n, voxels in zip(shape, values.shape, strict=True))
    return np.take(np.take(of_voxel, rows, axis=0), columns, axis=1)


@kernel
def paint_discs(image, x_px, y_px, radius_px, colours):
    """Paint discs over an image in place, later ones over earlier ones, each of at least the pixel of its middle.

    Parameters
    ----------
    image
        Shape (rows, columns), uint8, numbers of colours; row 0 is at y = 0.
    x_px, y_px, radius_px
        Middles and radii, pixels, shape (n,), float64.
    colours
        Shape (n,), uint8.
    """
    rows, columns = image.shape
    for cell in range(x_px.size):
        x, y, radius = x_px[cell], y_px[cell], radius_px[cell]
        first_row, last_row = max(int(np.floor(y - radius)), 0), min(int(np.floor(y + radius)), rows - 1)
        first_column, last_column = max(int(np.floor(x - radius)), 0), min(int(np.floor(x + radius)), columns - 1)
        middle_row, middle_column = int(np.floor(y)), int(np.floor(x))
        for row in range(first_row, last_row + 1):
            for column in range(first_column, last_column + 1):
                away = (row + 0.5 - y) ** 2 + (column + 0.5 - x) ** 2
                if away <= radius * radius or (row == middle_row and column == middle_column):
                    image[row, column] = colours[cell]
