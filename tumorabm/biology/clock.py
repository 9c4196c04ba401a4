"""Cells driven by a clock: phases of given lengths, a volume that follows them, and what slows the clock.

They are the cells of the community benchmark and of the OpenVT monolayer. A clock cell has a relative total volume
(`BIOMASS`, 1 after division, 2 before) and no other metabolic state. Phase lengths count from the exact moment at which
a phase begins, not from the end of the step in which it does, so the cycle does not depend on the step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tumorabm.biology import states as s
from tumorabm.biology.fate import DIVIDES
from tumorabm.biology.growth import growth_allowance
from tumorabm.biology.transport import MMHG_PER_MM
from tumorabm.kernels import kernel
from tumorabm.philox import Stream, normal_pair

INHIBITIONS = ("none", "crowding", "area", "contact")
"""What holds back a crowded cell; a clock's ``inhibition`` is the index."""
(INHIBITED_BY_NOTHING, INHIBITED_BY_CROWDING, INHIBITED_BY_AREA, INHIBITED_BY_CONTACT) = range(4)

CLOCK_COLUMNS = ("phase_left_min", "solid_volume")
"""Per cell: time left in its phase (min at full pace; in M 0 or below once division is due), and its solids relative to
those of a cell after division."""
(LEFT, SOLID) = range(2)

CLOCK_DTYPE = np.dtype(
    [
        ("cycling", np.bool_),
        ("linear_growth", np.bool_),
        ("oxygen_dependent", np.bool_),
        ("inhibition", np.int64),
        ("phase_min", np.float64, 4),
        ("variation", np.float64),
        ("area_limit", np.float64),
        ("contact_limit", np.float64),
        ("oxygen_full_mmHg", np.float64),
        ("oxygen_none_mmHg", np.float64),
        ("solid_growth_per_min", np.float64),
        ("fluid_change_per_min", np.float64),
        ("fluid_fraction", np.float64),
    ],
    align=True,
)
"""A type's clock: its switches and its constants, as the keys of ``[cells.<name>.clock]``."""

LARGEST_DEVIATION = 3.0
"""Phase lengths differ from their mean by at most so many standard deviations."""

_PHASE_LENGTH = int(Stream.PHASE_LENGTH)


def clock_table(rows: Sequence[Mapping[str, object]]) -> np.ndarray:
    """Return one record for each cell type.

    Parameters
    ----------
    rows
        For each type the fields of `CLOCK_DTYPE`; none where a metabolism drives the cells.

    Returns
    -------
    numpy.ndarray
        Shape (len(rows),), dtype `CLOCK_DTYPE`.
    """
    table = np.zeros(len(rows), CLOCK_DTYPE)
    for record, row in zip(table, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    return table


@kernel
def phase_length(clock, phase, key, uid, cycle):
    """Length of one phase (min): normal with the clock's mean and ``variation``, cut at 3 s.d. and at 0.

    It is a function of the cell and of how many cycles the cell went through, so it depends on nothing else.
    """
    mean = clock.phase_min[phase]
    if clock.variation == 0.0:
        return mean
    deviation = normal_pair(key, uid, 4 * cycle + phase, _PHASE_LENGTH)[0]
    deviation = min(max(deviation, -LARGEST_DEVIATION), LARGEST_DEVIATION)
    return mean * max(0.0, 1.0 + clock.variation * deviation)


@kernel
def relaxed_volume(clock, volume, solid, target, time_min):
    """Return total and solid volume after ``time_min`` on the way to solids of ``target`` (exact).

    ``s' = a (target - s)``, ``F' = k (f V - F)``, ``V = F + (1 - f) s``: the volume model of PhysiCell (Ghaffarizadeh
    et al., PLoS Comput Biol 14:e1005991, 2018) with one class of solids. In relative volumes, those of a cell after
    division being 1.
    """
    fluid_fraction = clock.fluid_fraction
    solid_rate = clock.solid_growth_per_min
    fluid_rate = clock.fluid_change_per_min * (1.0 - fluid_fraction)
    fluid = volume - (1.0 - fluid_fraction) * solid
    excess = (fluid - fluid_fraction * target) * math.exp(-fluid_rate * time_min)
    # (exp(-a t) - exp(-b t))/(b - a), also where both rates are the same
    x = abs(fluid_rate - solid_rate) * time_min
    mixed = time_min * math.exp(-min(fluid_rate, solid_rate) * time_min) * (-math.expm1(-x) / x if x > 0.0 else 1.0)
    fluid_after = fluid_fraction * (target + fluid_rate * (solid - target) * mixed) + excess
    solid_after = target + (solid - target) * math.exp(-solid_rate * time_min)
    return fluid_after + (1.0 - fluid_fraction) * solid_after, solid_after


@kernel
def volume_at_phase_end(clock, phase):
    """Relative volume at the end of a phase where growth is linear over the cycle: 1 plus the share gone through."""
    cycle_min = gone_min = 0.0
    for index in range(4):
        cycle_min += clock.phase_min[index]
        if index <= phase:
            gone_min += clock.phase_min[index]
    return 1.0 + gone_min / cycle_min


@kernel
def advance_clock(clock, g1_pace, later_pace, phase, left, volume, solid, cycle, key, uid, time_min):
    """Advance one cell by ``time_min``, through as many phases as fall into it, up to its division.

    Parameters
    ----------
    clock
        Record of `CLOCK_DTYPE`.
    g1_pace, later_pace
        Speed of the clock in G0/G1 and in the other phases, 0 to 1.
    phase, left, volume, solid
        Phase; min left in it; relative total and solid volume.
    cycle
        Cycles that the cell went through.

    Returns
    -------
    tuple
        Phase, min left, volume, solid, and whether the cell divides; min left is then minus the time since.
    """
    while True:
        pace = g1_pace if phase == s.G1 else later_pace
        ends = pace > 0.0 and pace * time_min >= left
        spent = time_min
        if ends:
            spent = left / pace if left > 0.0 else left  # a division that is due was due so long ago
        if clock.linear_growth:
            if ends:
                volume = volume_at_phase_end(clock, phase)
            elif pace > 0.0:
                volume += (volume_at_phase_end(clock, phase) - volume) * (pace * spent / left)
            solid = volume
        elif spent > 0.0:
            volume, solid = relaxed_volume(clock, volume, solid, 1.0 if phase == s.G1 else 2.0, spent)
        if not ends:
            return phase, left - pace * spent, volume, solid, False
        time_min -= spent
        if phase == s.MITOSIS:
            return phase, -time_min, volume, solid, True
        phase += 1
        left = phase_length(clock, phase, key, uid, cycle)


@kernel
def _later_pace(clock, g1_pace):
    """Pace of S, G2 and M: they run on where G0/G1 is held, unless growth and cycle stop together."""
    if not clock.cycling:
        return 0.0
    return g1_pace if clock.linear_growth else 1.0


@kernel
def write_paces(
    start, stop, table, clocks, cell_type, voxel, oxygen_mM, crowding, area_fraction, contact_fraction, pace
):
    """Write the pace at which the clocks of rows ``start..stop-1`` run in G0/G1, 0 to 1.

    Oxygen: 0 below ``oxygen_none_mmHg``, 1 above ``oxygen_full_mmHg``, linear between (PhysiCell [V]). It is multiplied
    by what lack of space leaves: `growth_allowance` for crowding, else all or nothing.

    Parameters
    ----------
    table, clocks
        Records by cell type: `tumorabm.biology.parameters.parameter_table` and `clock_table`.
    cell_type, voxel
        Shape (n,).
    oxygen_mM
        By voxel.
    crowding
        Share of space taken around each cell, (n,).
    area_fraction, contact_fraction
        Share of each cell's disc that is its own, and of its circumference inside others: (n,), or (0,) where no type
        asks for them.
    pace
        Output, shape (n,); 0 for cells without a clock.
    """
    for row in range(start, stop):
        pace[row] = 0.0
        p, clock = table[cell_type[row]], clocks[cell_type[row]]
        if p.metabolic:
            continue
        runs = 1.0 if clock.cycling else 0.0
        if clock.oxygen_dependent:
            above = oxygen_mM[voxel[row]] * MMHG_PER_MM - clock.oxygen_none_mmHg
            runs *= min(1.0, max(0.0, above / (clock.oxygen_full_mmHg - clock.oxygen_none_mmHg)))
        if clock.inhibition == INHIBITED_BY_CROWDING:
            runs *= growth_allowance(p, crowding[row])
        elif clock.inhibition == INHIBITED_BY_AREA:
            runs *= 1.0 if area_fraction[row] > clock.area_limit else 0.0
        elif clock.inhibition == INHIBITED_BY_CONTACT:
            runs *= 1.0 if contact_fraction[row] < clock.contact_limit else 0.0
        pace[row] = runs


@kernel
def advance_clocks(
    start, stop, dt_min, key, table, clocks, cell_type, phase, uids, cycles, pace, states, clock_states, fate
):
    """Advance the live clock cells among rows ``start..stop-1`` by one step.

    Parameters
    ----------
    key, uids, cycles
        Random numbers: the run's key, and of each cell its identifier and the cycles that it went through, (n,).
    pace
        From `write_paces`.
    phase, states, clock_states
        Shapes (n,), (n, 14), (n, 2), updated.
    fate
        Shape (n,): `tumorabm.biology.fate.DIVIDES` is written where a cell divides.
    """
    for row in range(start, stop):
        if table[cell_type[row]].metabolic or phase[row] > s.MITOSIS:
            continue
        clock = clocks[cell_type[row]]
        phase[row], clock_states[row, LEFT], states[row, s.BIOMASS], clock_states[row, SOLID], divides = advance_clock(
            clock, pace[row], _later_pace(clock, pace[row]), phase[row], clock_states[row, LEFT],
            states[row, s.BIOMASS], clock_states[row, SOLID], cycles[row], key, uids[row], dt_min,
        )  # fmt: skip
        if divides:
            fate[row] = DIVIDES


@kernel
def begin_cycles(rows, key, table, clocks, cell_type, phase, uids, cycles, pace, states, clock_states):
    """Let the clock cells of ``rows``, just divided, enter G0/G1, and give them the time since their division.

    Arrays as for `advance_clocks`, ``pace`` in the order of ``rows``.
    """
    for place, row in enumerate(rows):
        if table[cell_type[row]].metabolic:
            continue
        clock = clocks[cell_type[row]]
        phase[row], clock_states[row, LEFT], states[row, s.BIOMASS], clock_states[row, SOLID], _ = advance_clock(
            clock, pace[place], _later_pace(clock, pace[place]), s.G1,
            phase_length(clock, s.G1, key, uids[row], cycles[row]), states[row, s.BIOMASS], clock_states[row, SOLID],
            cycles[row], key, uids[row], -clock_states[row, LEFT],
        )  # fmt: skip


@kernel
def write_cycle_lengths(clock, key, uids, length_min):
    """Write the length (min) of the first cycle of each of ``uids``, shape (k,)."""
    for place in range(len(uids)):
        length_min[place] = 0.0
        for phase in range(4):
            length_min[place] += phase_length(clock, phase, key, uids[place], 0)


@kernel
def start_clocks(clock, key, uids, age_min, phase, volume, solid, left):
    """Write phase, volumes and time left of cells that were born ``age_min`` ago and ran at full pace; shapes (k,)."""
    for place in range(len(uids)):
        length = phase_length(clock, s.G1, key, uids[place], 0)
        phase[place], left[place], volume[place], solid[place], _ = advance_clock(
            clock, 1.0, 1.0, s.G1, length, 1.0, 1.0, 0, key, uids[place], age_min[place]
        )
