"""Fate: the cycle's phases, division, the two deaths, and the clearing of dead bodies."""

import math

from tumorabm.biology import states as s
from tumorabm.biology.death import apoptosis_rate, necrosis_rate
from tumorabm.biology.growth import nucleotide_supply
from tumorabm.biology.motility import migration_speed
from tumorabm.biology.transport import MMHG_PER_MM
from tumorabm.kernels import kernel
from tumorabm.philox import Stream, uniform_pair

(NOTHING, DIVIDES, BECOMES_APOPTOTIC, BECOMES_NECROTIC, IS_CLEARED) = range(5)
"""What `decide_fates` reports for each cell."""

_DEATH = int(Stream.DEATH)


@kernel
def enters_s(p, biomass, mtorc1, charged_trna):
    """Whether a cell in G0/G1 begins S: it must have grown, and the checkpoint asks for mTORC1 and charged tRNA."""
    ready = mtorc1 >= p.g1_checkpoint_mtorc1 and charged_trna >= p.g1_checkpoint_charging
    return ready and biomass >= p.g1_end_biomass


@kernel
def phase_pace(p, phase, state, energy):
    """Pace of S, G2 and M, 1 at their nominal lengths: S as its nucleotides are made, G2 and M as energy allows.

    A cell that has entered S goes on to divide although it no longer grows: so starvation leaves cells in G0/G1.
    """
    if phase != s.S_PHASE:
        return energy
    per_volume = 1.0 / (p.volume_pL * state[s.BIOMASS])
    supply = nucleotide_supply(p, state[s.GLN] * per_volume, state[s.ASP] * per_volume, state[s.MTORC1], energy)
    return min(1.0, supply / p.nucleotide_supply_full)


@kernel
def phase_length_min(p, phase):
    """Nominal length of S, G2 or M (min)."""
    if phase == s.S_PHASE:
        return p.s_length_min
    return p.g2_length_min if phase == s.G2 else p.m_length_min


@kernel
def advance_cycle(p, dt_min, phase, progress, state, energy, charged_trna):
    """Return phase, progress in it (0 to 1), and whether the cell divides, after one step.

    Time that is left over when S or G2 ends counts for the next phase.
    """
    if phase == s.G1:
        if enters_s(p, state[s.BIOMASS], state[s.MTORC1], charged_trna):
            return s.S_PHASE, 0.0, False
        return phase, 0.0, False
    left_min = dt_min
    while True:
        pace = phase_pace(p, phase, state, energy) / phase_length_min(p, phase)
        if pace <= 0.0:
            return phase, progress, False
        if progress + pace * left_min < 1.0:
            return phase, progress + pace * left_min, False
        if phase == s.MITOSIS:
            return phase, 1.0, True
        left_min -= (1.0 - progress) / pace
        phase, progress = phase + 1, 0.0


@kernel
def decide_fates(
    start, stop, dt_min, key, tick, table, cell_type, phase, phase_progress, voxel, uids, oxygen_mM, states, signals,
    body_age_min, fate,
):  # fmt: skip
    """Advance phase and age of rows ``start..stop-1`` by one step and write what happens to each into ``fate``.

    Hazards are turned into chances by ``1 - exp(-rate dt)``, drawn from the cell's own random stream. The phases of
    cells without a metabolism are left to `tumorabm.biology.clock.advance_clocks`.

    Parameters
    ----------
    key, tick, uids
        Random stream: the run's key, the step, the cells' identifiers (n,).
    oxygen_mM
        Oxygen by voxel.
    phase, phase_progress, body_age_min
        Shape (n,), updated; progress counts in S, G2 and M, from 0 to 1; the age of a dead body counts from death.
    fate
        Output, shape (n,) int8: `NOTHING`, `DIVIDES`, `BECOMES_APOPTOTIC`, `BECOMES_NECROTIC` or `IS_CLEARED`.
    """
    for row in range(start, stop):
        p = table[cell_type[row]]
        fate[row] = NOTHING
        if phase[row] > s.MITOSIS:
            body_age_min[row] += dt_min
            lasts = p.clearance_apoptotic_min if phase[row] == s.APOPTOTIC else p.clearance_necrotic_min
            if body_age_min[row] >= lasts:
                fate[row] = IS_CLEARED
            continue
        by_apoptosis = apoptosis_rate(p, states[row, s.DEATH]) * dt_min
        by_necrosis = necrosis_rate(p, oxygen_mM[voxel[row]] * MMHG_PER_MM) * dt_min
        if by_apoptosis + by_necrosis > 0.0:
            first, second = uniform_pair(key, uids[row], tick, _DEATH)
            if first < -math.expm1(-by_apoptosis - by_necrosis):
                apoptotic = second * (by_apoptosis + by_necrosis) < by_apoptosis
                fate[row] = BECOMES_APOPTOTIC if apoptotic else BECOMES_NECROTIC
                phase[row] = s.APOPTOTIC if apoptotic else s.NECROTIC
                body_age_min[row] = 0.0
                continue
        if not p.metabolic:
            continue
        phase[row], phase_progress[row], divides = advance_cycle(
            p,
            dt_min,
            phase[row],
            phase_progress[row],
            states[row],
            signals[row, s.ENERGY],
            signals[row, s.CHARGED_TRNA],
        )
        if divides:
            fate[row] = DIVIDES


@kernel
def split_states(first_daughter, parents, share, states):
    """Share the extensive states of dividing cells between parent row and daughter row; nothing is lost or made.

    Parameters
    ----------
    first_daughter
        Row of the first daughter, a copy of ``parents[0]``; the others follow in order.
    parents
        Shape (k,), rows of the parents.
    share
        Shape (k,), part that goes to the daughter.
    states
        Shape (n, 14), updated.
    """
    for k in range(len(parents)):
        parent, daughter = parents[k], first_daughter + k
        for state in s.EXTENSIVE_STATES:
            given = share[k] * states[parent, state]
            states[daughter, state] = given
            states[parent, state] -= given


@kernel
def write_radii(start, stop, table, cell_type, phase, body_age_min, biomass, radii_um):
    """Write the radius (µm) of rows ``start..stop-1``: a sphere of the cell's volume; dead bodies shrink to a tenth."""
    for row in range(start, stop):
        p = table[cell_type[row]]
        volume_um3 = 1000.0 * p.volume_pL * biomass[row]
        if phase[row] > s.MITOSIS:
            lasts = p.clearance_apoptotic_min if phase[row] == s.APOPTOTIC else p.clearance_necrotic_min
            volume_um3 *= max(0.1, 1.0 - body_age_min[row] / lasts)
        radii_um[row] = (0.75 / math.pi * volume_um3) ** (1.0 / 3.0)


@kernel
def write_speeds(start, stop, table, cell_type, phase, emt, speed_um_per_min):
    """Write the speed of rows ``start..stop-1`` (µm/min) from their EMT state; dead bodies do not walk."""
    for row in range(start, stop):
        p = table[cell_type[row]]
        walks = phase[row] <= s.MITOSIS
        speed_um_per_min[row] = migration_speed(p, emt[row]) if walks else 0.0
