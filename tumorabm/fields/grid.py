"""The geometry that the fields share: equal voxels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tumorabm.kernels import kernel

_WHOLE_VOXELS = 1e-6  # relative; lengths written in decimal are not exact in binary


@dataclass(frozen=True)
class Grid:
    """A box of equal voxels, its corner at the origin: cubes, or squares of a slab.

    Parameters
    ----------
    shape
        Numbers of voxels (nz, ny, nx). A grid with nz = 1 is two-dimensional: a slab one voxel thick.
    voxel_um
        Edge of a voxel along x and y, and in three dimensions along z, µm.
    thickness_um
        Thickness of the slab of a two-dimensional grid, µm; by default one edge. The volume of its voxels, and with it
        what a cell takes out of them, depends on it, and not on the resolution alone.

    Raises
    ------
    ValueError
        If a number of voxels is not a positive integer, or a length is not positive and finite, or a thickness is given
        in three dimensions.
    """

    shape: tuple[int, int, int]
    voxel_um: float
    thickness_um: float | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.shape)
        if len(shape) != 3 or not all(isinstance(n, int | np.integer) and n >= 1 for n in shape):
            raise ValueError(f"grid shape: expected three positive integers (nz, ny, nx), got {self.shape}")
        if not (math.isfinite(self.voxel_um) and self.voxel_um > 0):
            raise ValueError(f"voxel_um: expected a positive length in µm, got {self.voxel_um}")
        object.__setattr__(self, "shape", tuple(int(n) for n in shape))
        object.__setattr__(self, "voxel_um", float(self.voxel_um))
        if self.thickness_um is not None:
            if shape[0] > 1:
                raise ValueError(f"thickness_um: expected none on a grid of {shape[0]} layers, got {self.thickness_um}")
            if not (math.isfinite(self.thickness_um) and self.thickness_um > 0):
                raise ValueError(f"thickness_um: expected a positive length in µm, got {self.thickness_um}")

    @classmethod
    def from_size(cls, size_um: Sequence[float], voxel_um: float, thickness_um: float | None = None) -> Grid:
        """Return the grid of a slab with sides ``size_um`` (x, y) or of a box with sides (x, y, z), µm.

        Raises
        ------
        ValueError
            If a side is not a whole number of voxels; the message gives the nearest lengths that are.
        """
        if len(size_um) not in (2, 3):
            raise ValueError(f"size_um: expected 2 or 3 lengths in µm, got {len(size_um)}")
        if not (math.isfinite(voxel_um) and voxel_um > 0):
            raise ValueError(f"voxel_um: expected a positive length in µm, got {voxel_um}")
        counts = [_whole_voxels(axis, side, voxel_um) for axis, side in zip("xyz", size_um, strict=False)]
        return cls(tuple(reversed(counts + [1] * (3 - len(counts)))), voxel_um, thickness_um)

    @classmethod
    def well_mixed(cls, volume_um3: float, wells: int = 1) -> Grid:
        """Return a row of voxels of ``volume_um3`` each, for compartments without gradients (and without diffusion)."""
        if not (math.isfinite(volume_um3) and volume_um3 > 0):
            raise ValueError(f"volume_um3: expected a positive volume in µm³, got {volume_um3}")
        return cls((1, 1, wells), volume_um3 ** (1 / 3))

    @property
    def voxel_volume_um3(self) -> float:
        """Volume of a voxel, µm³."""
        return self.voxel_um**2 * self.depth_um

    @property
    def depth_um(self) -> float:
        """Edge of a voxel along z, µm."""
        return self.voxel_um if self.thickness_um is None else self.thickness_um

    @property
    def size_um(self) -> tuple[float, float, float]:
        """Sides of the box in the order x, y, z, µm."""
        nz, ny, nx = self.shape
        return nx * self.voxel_um, ny * self.voxel_um, nz * self.depth_um

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        """2 for a grid one voxel thick along z, else 3."""
        return 2 if self.shape[0] == 1 else 3

    def voxel_index(self, positions_um: np.ndarray) -> np.ndarray:
        """Return the flat index of the voxel that holds each position.

        Parameters
        ----------
        positions_um
            (n, 3) float64, µm, x, y, z. A position outside the box counts to the nearest border voxel.

        Returns
        -------
        numpy.ndarray
            (n,) int64 index into a field's ``ravel()``.
        """
        index = np.empty(len(positions_um), dtype=np.int64)
        _locate(positions_um, *self.shape, self.voxel_um, index)
        return index


def _whole_voxels(axis: str, side_um: float, voxel_um: float) -> int:
    """Return the number of voxels along a side, or raise where it is not whole."""
    count = side_um / voxel_um
    if not (math.isfinite(count) and count >= 1 - _WHOLE_VOXELS):
        raise ValueError(f"size_um: side {axis} = {side_um:g} µm is shorter than one voxel of {voxel_um:g} µm")
    if abs(count - round(count)) > _WHOLE_VOXELS * count:
        below, above = math.floor(count) * voxel_um, math.ceil(count) * voxel_um
        raise ValueError(
            f"size_um: side {axis} = {side_um:g} µm is not a whole number of voxels of {voxel_um:g} µm; "
            f"nearest valid lengths are {below:g} and {above:g} µm"
        )
    return round(count)


@kernel
def _locate(positions, nz, ny, nx, voxel, index):
    """Write the flat index of the voxel around each position, clamped to the box."""
    for row in range(len(positions)):
        i = min(max(int(np.floor(positions[row, 0] / voxel)), 0), nx - 1)
        j = min(max(int(np.floor(positions[row, 1] / voxel)), 0), ny - 1)
        k = min(max(int(np.floor(positions[row, 2] / voxel)), 0), nz - 1)
        index[row] = (k * ny + j) * nx + i
