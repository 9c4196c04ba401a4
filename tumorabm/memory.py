"""Memory: refusing, before it begins, a run that the machine cannot hold, and giving back what is free."""

from __future__ import annotations

import ctypes
import math
import os

from tumorabm.scenario import Scenario

BYTES_PER_CELL = 400
"""Least that a cell takes at the peak of a step, its columns, neighbours and temporary arrays."""
BYTES_PER_VOXEL, BYTES_PER_SOLVED_VOXEL = 12, 46
"""Least that each field takes for a voxel (concentration and rate), and that the solver takes once."""
_GB = 1e9

_GLIBC_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of <malloc.h>
_LARGE_ARRAY_BYTES = 4 * 1024 * 1024


def give_back_large_arrays() -> None:
    """Let the memory of large arrays go back to the system once they are freed; for the whole process.

    glibc keeps freed arrays of up to 32 MB for later use, in pieces that fit less and less: 100 MB of a run of a
    million cells. Other C libraries are left as they are.
    """
    try:
        ctypes.CDLL(None).mallopt(_GLIBC_MMAP_THRESHOLD, _LARGE_ARRAY_BYTES)
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return


def require_memory(scenario: Scenario) -> None:
    """Raise MemoryError, in words, where the first cells and the voxels need more than the machine's whole memory."""
    needed, present = needed_bytes(scenario), memory_bytes()
    if needed > present:
        cells, voxels = _counts(scenario)
        raise MemoryError(
            f"the scenario needs at least {needed / _GB:.0f} GB for {voxels:.3g} voxels of {len(scenario.field_names)} "
            f"fields and {cells:.3g} cells; this machine has {present / _GB:.0f} GB"
        )


def needed_bytes(scenario: Scenario) -> float:
    """Return the least memory that a run of a scenario takes, bytes."""
    cells, voxels = _counts(scenario)
    return BYTES_PER_CELL * cells + voxels * (BYTES_PER_SOLVED_VOXEL + BYTES_PER_VOXEL * len(scenario.field_names))


def memory_bytes() -> float:
    """Return the size of the machine's memory in bytes; infinite where the system does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return math.inf


def _counts(scenario: Scenario) -> tuple[int, float]:
    domain = scenario.domain
    if domain.mode == "well_mixed":
        in_wells = ((group.count or 0, group.wells) for group in scenario.cells.values())
        return sum(n * (domain.wells if wells is None else len(wells)) for n, wells in in_wells), domain.wells
    cells = sum(
        len(group.positions_um) if group.positions_um is not None else group.count or 0
        for group in scenario.cells.values()
    )
    return cells, math.prod(side / domain.voxel_um for side in domain.size_um)
