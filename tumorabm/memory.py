"""Memory: refusing, before it begins, a run that the machine cannot hold, and giving back what is free."""

from __future__ import annotations

import ctypes
import math
import os

from tumorabm.biology.states import EFFLUXES
from tumorabm.scenario import Scenario

# Least that arrays take, measured as growth of the resident set over steps of tissues in 2-D and 3-D and of wells.
BYTES_PER_CELL_WHILE_SOLVING, BYTES_PER_CELL = 300, 480
"""For a cell: its columns, and what it meets while fields are solved; later its neighbours and what it exchanges."""
BYTES_PER_SOLVED_VOXEL = 44
"""For a voxel, once, while the fields are solved: the solver, the cells' order and uptake."""
BYTES_PER_VOXEL, BYTES_PER_AMOUNT = 12, 8
"""For a voxel: of each field, concentration and rate; of each vessel exchange, uptake and efflux."""
_GB = 1e9

_GLIBC_MMAP_THRESHOLD, _GLIBC_TRIM_THRESHOLD = -3, -1  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of <malloc.h>
_LARGE_ARRAY_BYTES = 4 * 1024 * 1024
_KEPT_BYTES = 16 * 1024 * 1024


def give_back_large_arrays() -> None:
    """Let the memory of large arrays go back to the system once they are freed; for the whole process.

    glibc keeps freed arrays of up to 32 MB for later use, in pieces that fit less and less: 100 MB of a run of a
    million cells. Once told of a limit, it would also give back what is free at the end of its heap, and fetch it again
    in each step: a tenth of the time of 100,000 cells. Some of that is kept. Other C libraries are left as they are.
    """
    try:
        glibc = ctypes.CDLL(None)
        glibc.mallopt(_GLIBC_MMAP_THRESHOLD, _LARGE_ARRAY_BYTES)
        glibc.mallopt(_GLIBC_TRIM_THRESHOLD, _KEPT_BYTES)
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
    fields, metabolic = scenario.field_names, scenario.metabolic
    exchanging = len(fields) if scenario.vessels or scenario.medium else 0
    given_off = len(scenario.secreted) + (len(EFFLUXES) if metabolic else 0)
    lasting = BYTES_PER_VOXEL * len(fields) + BYTES_PER_AMOUNT * (exchanging + len(scenario.taken_up) + given_off)
    solving = BYTES_PER_CELL_WHILE_SOLVING * cells + BYTES_PER_SOLVED_VOXEL * voxels
    others = sum(needed_bytes(scenario.at_site(name)) for name in scenario.sites)
    return lasting * voxels + max(solving, BYTES_PER_CELL * cells) + others


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
