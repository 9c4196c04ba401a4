"""One cell over one step: the mechanisms together, integrated implicitly, positive, and exact in nitrogen.

The integrator is the two-stage Rosenbrock-W method ROS2 (Verwer et al., SIAM J. Sci. Comput. 20:1456, 1999), order 2
with any approximate Jacobian, L-stable for ``gamma = 1 - 1/sqrt 2``, with the embedded order-1 solution as error
estimate, which for the pools one more solve filters (Hosea and Shampine, Appl. Numer. Math. 20:21, 1996 [M]), and the
sub-step kept per cell. Asn, Asp, Gln and Glu share a 4 x 4 Jacobian of the reactions' leading slopes; the other states
enter with their own decay rate. The pools are updated from reaction extents, so nitrogen balances to rounding.
"""

import math
from collections import namedtuple

import numpy as np

from tumorabm.biology import states as s
from tumorabm.biology.asparagine import (
    antiport_per_min,
    asns_rate,
    cytosolic_asparaginase_rate,
    donation_rate,
)
from tumorabm.biology.aspartate import transaminase_rate
from tumorabm.biology.death import death_signal_gain
from tumorabm.biology.energy import energy_of_cell, respiration
from tumorabm.biology.glutamine import (
    fixation_rate,
    glutamate_saturation,
    glutaminase_rate,
    internal_synthesis_rate,
    synthetase_capacity,
)
from tumorabm.biology.growth import (
    growth_allowance,
    nucleotide_gate,
    nucleotide_rate,
    nucleotide_weight,
    proteolysis_level,
    size_allowance,
    translation_in_space,
    translation_level,
)
from tumorabm.biology.motility import emt_state
from tumorabm.biology.mtorc1 import mtorc1_target, s6k1_phosphorylation
from tumorabm.biology.parameters import UPTAKE_KM_UM
from tumorabm.biology.stress import (
    asns_mrna_target,
    asns_protein_target,
    atf4_target,
    eif2a_phosphorylation,
    er_load_target,
    er_stressors,
    joint_charging,
    trna_charging,
)
from tumorabm.biology.transport import MMHG_PER_MM
from tumorabm.biology.urea import share_into_urea, urea_capacity
from tumorabm.kernels import kernel

LN2 = math.log(2.0)
GAMMA = 1.0 - 0.5**0.5
TOLERANCE = 0.005
GLUTAMINE_WEIGHT = 0.4  # a pool that glutaminase drains in minutes, smoothly: its order-1 estimate exaggerates most
AMMONIA_KM_UM = UPTAKE_KM_UM["ammonia"].value
FLOOR_UM = 0.2  # error below this concentration does not count; tRNA charging feels Asn at 15 µM
SMALLEST_SUBSTEP_MIN = 1e-6
NOTHING = 1e-30  # a state that decays for days comes to numbers that rounding can turn just below 0

Outside = namedtuple("Outside", "oxygen_mM glucose_mM ammonia_mM exchange_mM crowding saturation_min")
"""What the cells meet: by voxel four concentrations (n_voxels,) in mM; by cell the share of space taken around it (n,);
by voxel ``integral c/(c+km) dt`` over the step (min), a sequence of seven arrays (n_voxels,), one for each uptake."""

Setting = namedtuple(
    "Setting",
    "respiration energy stressors ammonia_saturation antiport_per_min allowance basal_asns methylated "
    "nucleotide_weight asparagine aspartate glutamine ammonia exchange contact glutamate_saturation receivers "
    "receivers_asparagine_uM",
)
"""What stays constant for one cell during one step; what it is given is in amol/min."""

Rates = namedtuple(
    "Rates",
    "asns translation proteolysis glutaminase fixation internal_synthesis transaminase nucleotide transamination "
    "cytosolic out_asparagine out_aspartate out_glutamine out_glutamate donation",
)
"""Reaction rates of one cell, amol/min."""

Slopes = namedtuple(
    "Slopes",
    "asns_n asns_d asns_q translation_n translation_d translation_q translation_g glutaminase_q "
    "internal_g transaminase_g nucleotide_d nucleotide_q cytosolic_n out_n out_d out_q out_g donation_n",
)
"""Their derivatives by the amounts of Asn (n), Asp (d), Gln (q), Glu (g), 1/min."""

Slow = namedtuple("Slow", "exchange exchange_use er_load atf4 mrna asns mtorc1 death translation charged p_eif2a")
"""Rates of the states outside the nitrogen pools (1/min, or amol/min, or copies/min), and three signals."""


Decays = namedtuple("Decays", "er_load atf4 mrna asns mtorc1 death")
"""How fast the slow states forget, 1/min."""


@kernel
def decays(p):
    """Return `Decays` from half-lives and times of the parameters."""
    return Decays(
        1.0 / p.er_time_min,
        LN2 / p.atf4_half_life_min,
        LN2 / p.asns_mrna_half_life_min,
        LN2 / p.asns_half_life_min,
        1.0 / p.mtorc1_time_min,
        1.0 / p.death_signal_time_min,
    )


@kernel(inlined=True)  # the second stage needs no slopes
def _evaluate(p, e, decay, n, d, q, g, x, er_load, atf4, mrna, copies, mtorc1, death, biomass):
    """Rates, slopes and slow rates of one cell at one state (pools in amol)."""
    volume = p.volume_pL * biomass
    per_volume = 1.0 / volume
    N, D, Q, G = n * per_volume, d * per_volume, q * per_volume, g * per_volume
    X = x * per_volume * (1.0 / s.EXCHANGE_UM_PER_INDEX)

    charged, charged_n, charged_d, charged_q, charged_g = trna_charging(p, N, D, Q, G, X)
    p_eif2a, p_by_charged = eif2a_phosphorylation(p, charged, er_load)
    gate, gate_d, gate_q = nucleotide_gate(p, Q, D)
    free = translation_level(p, charged, p_eif2a, mtorc1, e.energy, gate)
    proteolysis = proteolysis_level(p, mtorc1, biomass)
    level = translation_in_space(free, proteolysis, e.allowance)
    by_charged = by_gate = 0.0
    if free < 1.0 and charged > NOTHING:
        share = 1.0 if free <= proteolysis else e.allowance
        block = p.translation_eif2a_block
        by_charged = share * free * (1.0 / charged - block * p_by_charged / (1.0 - block * p_eif2a))
        supply = 1.0 - p.translation_without_nucleotides
        by_gate = share * free * supply / (p.translation_without_nucleotides + supply * gate)
    capacity = p.translation_amol_per_min * biomass
    per_pool = capacity * per_volume

    asns, asns_n, asns_d, asns_q = asns_rate(p, copies, N, D, Q, e.energy)
    glutaminase, glutaminase_q = glutaminase_rate(p, Q, biomass)
    fixation = fixation_rate(p, e.ammonia, G, e.glutamate_saturation)
    synthetase = synthetase_capacity(p, G, Q, e.energy, biomass)
    internal, internal_g = internal_synthesis_rate(p, G, synthetase, e.ammonia_saturation)
    transaminase, transaminase_g = transaminase_rate(p, G, e.respiration, glutaminase, biomass)
    nucleotide, nucleotide_d, nucleotide_q = nucleotide_rate(p, Q, D, mtorc1, e.energy, biomass, e.nucleotide_weight)
    cytosolic, cytosolic_n = cytosolic_asparaginase_rate(p, N, volume)
    donation, donation_n = donation_rate(p, N, e.receivers, e.receivers_asparagine_uM)
    out_n = p.asparagine_leak_per_min + e.antiport_per_min

    rates = Rates(
        asns,
        capacity * level,
        capacity * proteolysis,
        glutaminase,
        fixation,
        internal,
        transaminase,
        nucleotide,
        p.other_nitrogen_amol_per_min * biomass * e.respiration,
        cytosolic,
        out_n * n,
        p.aspartate_leak_per_min * d,
        p.glutamine_leak_per_min * q,
        p.glutamate_leak_per_min * g,
        donation,
    )
    slopes = Slopes(
        asns_n * per_volume,
        asns_d * per_volume,
        asns_q * per_volume,
        per_pool * by_charged * charged_n,
        per_pool * (by_charged * charged_d + by_gate * gate_d),
        per_pool * (by_charged * charged_q + by_gate * gate_q),
        per_pool * by_charged * charged_g,
        glutaminase_q * per_volume,
        internal_g * per_volume,
        transaminase_g * per_volume,
        nucleotide_d * per_volume,
        nucleotide_q * per_volume,
        cytosolic_n * per_volume,
        out_n,
        p.aspartate_leak_per_min,
        p.glutamine_leak_per_min,
        p.glutamate_leak_per_min,
        donation_n * per_volume,
    )
    use = p.exchange_use_per_min * (0.15 + level) + p.exchange_leak_per_min
    slow = Slow(
        e.exchange - use * x,
        use,
        decay.er_load * (er_load_target(e.stressors, level) - er_load),
        decay.atf4 * (atf4_target(p, p_eif2a, s6k1_phosphorylation(p, mtorc1)) - atf4),
        decay.mrna * (asns_mrna_target(p, atf4, e.basal_asns, e.methylated) - mrna),
        decay.asns * (asns_protein_target(p, mrna, charged, volume) - copies),
        decay.mtorc1 * (mtorc1_target(p, N, Q, X, p_eif2a, gate, e.energy) - mtorc1),
        death_signal_gain(p, joint_charging(p, N, D, Q, G), er_load, level, proteolysis) - decay.death * death,
        level,
        charged,
        p_eif2a,
    )
    return rates, slopes, slow


@kernel
def _pool_rates(e, r):
    """Net rates of Asn, Asp, Gln, Glu from the reaction rates: the stoichiometry, once."""
    n = e.asparagine + e.contact + r.asns + r.proteolysis - r.translation - r.cytosolic - r.out_asparagine - r.donation
    d = (
        e.aspartate + r.transaminase + r.proteolysis + r.cytosolic
        - r.asns - r.nucleotide - r.translation - r.out_aspartate
    )  # fmt: skip
    q = (
        e.glutamine + r.fixation + r.internal_synthesis + r.proteolysis
        - r.glutaminase - r.asns - 2.0 * r.nucleotide - r.translation - r.out_glutamine
    )  # fmt: skip
    g = (
        r.glutaminase + r.asns + 2.0 * r.nucleotide + r.transamination + r.proteolysis
        - r.transaminase - r.fixation - 2.0 * r.internal_synthesis - r.translation - r.out_glutamate
    )  # fmt: skip
    return n, d, q, g


@kernel
def _eliminate(slopes, step, matrix):
    """Write the LU factors of ``1 - step * J`` for the four pools into ``matrix`` (4, 4), with inverse pivots."""
    c = slopes
    matrix[0, 0] = 1.0 - step * (c.asns_n - c.translation_n - c.cytosolic_n - c.out_n - c.donation_n)
    matrix[0, 1] = -step * (c.asns_d - c.translation_d)
    matrix[0, 2] = -step * (c.asns_q - c.translation_q)
    matrix[0, 3] = step * c.translation_g
    matrix[1, 0] = -step * (c.cytosolic_n - c.asns_n - c.translation_n)
    matrix[1, 1] = 1.0 + step * (c.asns_d + c.nucleotide_d + c.translation_d + c.out_d)
    matrix[1, 2] = step * (c.asns_q + c.nucleotide_q + c.translation_q)
    matrix[1, 3] = -step * (c.transaminase_g - c.translation_g)
    matrix[2, 0] = step * (c.asns_n + c.translation_n)
    matrix[2, 1] = step * (c.asns_d + 2.0 * c.nucleotide_d + c.translation_d)
    matrix[2, 2] = 1.0 + step * (c.glutaminase_q + c.asns_q + 2.0 * c.nucleotide_q + c.translation_q + c.out_q)
    matrix[2, 3] = -step * (c.internal_g - c.translation_g)
    matrix[3, 0] = -step * (c.asns_n - c.translation_n)
    matrix[3, 1] = -step * (c.asns_d + 2.0 * c.nucleotide_d - c.translation_d)
    matrix[3, 2] = -step * (c.glutaminase_q + c.asns_q + 2.0 * c.nucleotide_q - c.translation_q)
    matrix[3, 3] = 1.0 + step * (c.transaminase_g + 2.0 * c.internal_g + c.translation_g + c.out_g)
    for pivot in range(4):
        matrix[pivot, pivot] = 1.0 / matrix[pivot, pivot]
        for row in range(pivot + 1, 4):
            factor = matrix[row, pivot] * matrix[pivot, pivot]
            matrix[row, pivot] = factor
            for column in range(pivot + 1, 4):
                matrix[row, column] -= factor * matrix[pivot, column]


@kernel
def _substitute(matrix, n, d, q, g):
    """Solve with the factors of `_eliminate`."""
    d = d - matrix[1, 0] * n
    q = q - matrix[2, 0] * n - matrix[2, 1] * d
    g = g - matrix[3, 0] * n - matrix[3, 1] * d - matrix[3, 2] * q
    g = g * matrix[3, 3]
    q = (q - matrix[2, 3] * g) * matrix[2, 2]
    d = (d - matrix[1, 2] * q - matrix[1, 3] * g) * matrix[1, 1]
    n = (n - matrix[0, 1] * d - matrix[0, 2] * q - matrix[0, 3] * g) * matrix[0, 0]
    return n, d, q, g


@kernel
def _implicit(r, c, step, n, d, q, g):
    """Reaction rates made implicit: each rate plus ``step`` times its slopes times the pools' stage increments."""
    return Rates(
        r.asns + step * (c.asns_n * n + c.asns_d * d + c.asns_q * q),
        r.translation + step * (c.translation_n * n + c.translation_d * d + c.translation_q * q + c.translation_g * g),
        r.proteolysis,
        r.glutaminase + step * c.glutaminase_q * q,
        r.fixation,
        r.internal_synthesis + step * c.internal_g * g,
        r.transaminase + step * c.transaminase_g * g,
        r.nucleotide + step * (c.nucleotide_d * d + c.nucleotide_q * q),
        r.transamination,
        r.cytosolic + step * c.cytosolic_n * n,
        r.out_asparagine + step * c.out_n * n,
        r.out_aspartate + step * c.out_d * d,
        r.out_glutamine + step * c.out_q * q,
        r.out_glutamate + step * c.out_g * g,
        r.donation + step * c.donation_n * n,
    )


@kernel
def _combine(weight_1, first, weight_2, second):
    """Weighted sum of two sets of reaction rates."""
    return Rates(
        weight_1 * first.asns + weight_2 * second.asns,
        weight_1 * first.translation + weight_2 * second.translation,
        weight_1 * first.proteolysis + weight_2 * second.proteolysis,
        weight_1 * first.glutaminase + weight_2 * second.glutaminase,
        weight_1 * first.fixation + weight_2 * second.fixation,
        weight_1 * first.internal_synthesis + weight_2 * second.internal_synthesis,
        weight_1 * first.transaminase + weight_2 * second.transaminase,
        weight_1 * first.nucleotide + weight_2 * second.nucleotide,
        weight_1 * first.transamination + weight_2 * second.transamination,
        weight_1 * first.cytosolic + weight_2 * second.cytosolic,
        weight_1 * first.out_asparagine + weight_2 * second.out_asparagine,
        weight_1 * first.out_aspartate + weight_2 * second.out_aspartate,
        weight_1 * first.out_glutamine + weight_2 * second.out_glutamine,
        weight_1 * first.out_glutamate + weight_2 * second.out_glutamate,
        weight_1 * first.donation + weight_2 * second.donation,
    )


@kernel
def _share(change, before, after, floor):
    """Error of one state over what is tolerated."""
    return abs(change) / (TOLERANCE * max(abs(before), abs(after)) + floor)


@kernel
def _advance_cell(p, e, state, dt_min, matrix, efflux, signals):
    """Advance one cell by ``dt_min``; return (Asn donated, other-amino-acid N taken up) in amol, or NaN on failure.

    On failure the cell's row holds sub-steps in part: the caller must stop.
    """
    n, d, q, g, x = state[s.ASN], state[s.ASP], state[s.GLN], state[s.GLU], state[s.EXCHANGE]
    er_load, atf4, mrna, copies = state[s.ER_LOAD], state[s.ATF4], state[s.ASNS_MRNA], state[s.ASNS]
    mtorc1, death, biomass = state[s.MTORC1], state[s.DEATH], state[s.BIOMASS]
    residues = p.protein_residues_amol
    decay = decays(p)
    donated = transaminated = exchange_out = 0.0
    elapsed = 0.0
    step = min(state[s.SUBSTEP], dt_min) if state[s.SUBSTEP] > SMALLEST_SUBSTEP_MIN else dt_min
    rates, slopes, slow = _evaluate(p, e, decay, n, d, q, g, x, er_load, atf4, mrna, copies, mtorc1, death, biomass)
    while elapsed < dt_min:
        last = step >= (dt_min - elapsed) * (1.0 - 1e-9)
        if last:
            step = dt_min - elapsed
        implicit = GAMMA * step
        _eliminate(slopes, implicit, matrix)

        n1, d1, q1, g1 = _pool_rates(e, rates)
        n1, d1, q1, g1 = _substitute(matrix, n1, d1, q1, g1)
        first = _implicit(rates, slopes, implicit, n1, d1, q1, g1)
        damp_x = 1.0 / (1.0 + implicit * slow.exchange_use)
        damp_u = 1.0 / (1.0 + implicit * decay.er_load)
        damp_a = 1.0 / (1.0 + implicit * decay.atf4)
        damp_m = 1.0 / (1.0 + implicit * decay.mrna)
        damp_s = 1.0 / (1.0 + implicit * decay.asns)
        damp_k = 1.0 / (1.0 + implicit * decay.mtorc1)
        damp_c = 1.0 / (1.0 + implicit * decay.death)
        x1, u1, a1, m1 = damp_x * slow.exchange, damp_u * slow.er_load, damp_a * slow.atf4, damp_m * slow.mrna
        s1, k1, c1 = damp_s * slow.asns, damp_k * slow.mtorc1, damp_c * slow.death
        b1 = (first.translation - first.proteolysis) / residues

        middle, _, middle_slow = _evaluate(
            p, e, decay,
            max(n + step * n1, 0.0), max(d + step * d1, 0.0), max(q + step * q1, 0.0), max(g + step * g1, 0.0),
            max(x + step * x1, 0.0), max(er_load + step * u1, 0.0), max(atf4 + step * a1, 0.0),
            max(mrna + step * m1, 0.0), max(copies + step * s1, 0.0), max(mtorc1 + step * k1, 0.0),
            max(death + step * c1, 0.0), biomass + step * b1,
        )  # fmt: skip
        n2, d2, q2, g2 = _pool_rates(e, middle)
        n2, d2, q2, g2 = _substitute(matrix, n2 - 2.0 * n1, d2 - 2.0 * d1, q2 - 2.0 * q1, g2 - 2.0 * g1)
        second = _combine(1.0, _implicit(middle, slopes, implicit, n2, d2, q2, g2), -2.0, first)
        x2, u2 = damp_x * (middle_slow.exchange - 2.0 * x1), damp_u * (middle_slow.er_load - 2.0 * u1)
        a2, m2 = damp_a * (middle_slow.atf4 - 2.0 * a1), damp_m * (middle_slow.mrna - 2.0 * m1)
        s2, k2 = damp_s * (middle_slow.asns - 2.0 * s1), damp_k * (middle_slow.mtorc1 - 2.0 * k1)
        c2 = damp_c * (middle_slow.death - 2.0 * c1)

        extent = _combine(1.5 * step, first, 0.5 * step, second)
        half = 0.5 * step
        n_new = n + step * 1.5 * n1 + half * n2
        d_new = d + step * 1.5 * d1 + half * d2
        q_new = q + step * 1.5 * q1 + half * q2
        g_new = g + step * 1.5 * g1 + half * g2
        x_new = x + step * 1.5 * x1 + half * x2
        er_new = er_load + step * 1.5 * u1 + half * u2
        atf4_new = atf4 + step * 1.5 * a1 + half * a2
        mrna_new = mrna + step * 1.5 * m1 + half * m2
        copies_new = copies + step * 1.5 * s1 + half * s2
        mtorc1_new = mtorc1 + step * 1.5 * k1 + half * k2
        death_new = death + step * 1.5 * c1 + half * c2
        biomass_new = biomass + (extent.translation - extent.proteolysis) / residues

        floor = FLOOR_UM * TOLERANCE * p.volume_pL * biomass
        n_off, d_off, q_off, g_off = _substitute(matrix, n1 + n2, d1 + d2, q1 + q2, g1 + g2)
        error = max(
            _share(half * n_off, n, n_new, floor),
            _share(half * d_off, d, d_new, floor),
            GLUTAMINE_WEIGHT * _share(half * q_off, q, q_new, floor),
            _share(half * g_off, g, g_new, floor),
            _share(half * (x1 + x2), x, x_new, floor),
            _share(half * (u1 + u2), er_load, er_new, 1e-4),
            _share(half * (a1 + a2), atf4, atf4_new, 1e-3),
            _share(half * (m1 + m2), mrna, mrna_new, 1e-5),
            _share(half * (s1 + s2), copies, copies_new, 1.0),
            _share(half * (k1 + k2), mtorc1, mtorc1_new, 1e-4),
            _share(half * (c1 + c2), death, death_new, 1e-4),
        )
        ammonia_out = extent.glutaminase + extent.cytosolic + step * e.ammonia - extent.fixation
        smallest = min(n_new, d_new, q_new, g_new, x_new, er_new, atf4_new, mrna_new, copies_new, mtorc1_new, death_new)
        smallest = min(smallest, ammonia_out + 1e-9 * step * e.ammonia)
        if not (error <= 1.0 and smallest >= -NOTHING and biomass_new > 0.0):
            step *= max(0.2, 0.9 / error**0.5) if error > 1.0 else 0.25
            if not step > SMALLEST_SUBSTEP_MIN:
                return np.nan, np.nan
            continue

        efflux[s.OUT_ASN] += extent.out_asparagine
        efflux[s.OUT_ASP] += extent.out_aspartate
        efflux[s.OUT_GLN] += extent.out_glutamine
        efflux[s.OUT_GLU] += extent.out_glutamate
        efflux[s.OUT_AMMONIA] += max(ammonia_out, 0.0)
        exchange_out += step * p.exchange_leak_per_min * 0.5 * (x + x_new)
        donated += extent.donation
        transaminated += extent.transamination
        state[s.NUCLEOTIDE_N] += 3.0 * extent.nucleotide
        n, d, q, g, x = max(n_new, 0.0), max(d_new, 0.0), max(q_new, 0.0), max(g_new, 0.0), max(x_new, 0.0)
        er_load, atf4, mrna, copies = max(er_new, 0.0), max(atf4_new, 0.0), max(mrna_new, 0.0), max(copies_new, 0.0)
        mtorc1, death, biomass = max(mtorc1_new, 0.0), max(death_new, 0.0), biomass_new
        elapsed += step
        growth = min(3.0, 0.9 / (error + 1e-12) ** 0.5)
        if not last or growth < 1.0:
            state[s.SUBSTEP] = step * growth
        else:
            state[s.SUBSTEP] = max(state[s.SUBSTEP], step * growth)
        if last:
            break
        step = state[s.SUBSTEP]
        rates, slopes, slow = _evaluate(p, e, decay, n, d, q, g, x, er_load, atf4, mrna, copies, mtorc1, death, biomass)

    state[s.ASN], state[s.ASP], state[s.GLN], state[s.GLU], state[s.EXCHANGE] = n, d, q, g, x
    state[s.ER_LOAD], state[s.ATF4], state[s.ASNS_MRNA], state[s.ASNS] = er_load, atf4, mrna, copies
    state[s.MTORC1], state[s.DEATH], state[s.BIOMASS] = mtorc1, death, biomass
    efflux[s.OUT_EXCHANGE] += exchange_out
    signals[s.TRANSLATION] = slow.translation
    signals[s.CHARGED_TRNA] = slow.charged
    signals[s.P_EIF2A] = slow.p_eif2a
    signals[s.ENERGY] = e.energy
    signals[s.EMT] = emt_state(p, n / (p.volume_pL * biomass))
    return donated, transaminated


@kernel
def advance_cells(
    start, stop, dt_min, table, cell_type, phase, voxel, basal_asns, methylated, outside, capacities, contact,
    receivers, receivers_asparagine_uM, states, signals, efflux, donated, transaminated, urea,
):  # fmt: skip
    """Advance the metabolism of rows ``start..stop-1`` by one step; dead cells and those without one are left alone.

    Parameters
    ----------
    dt_min
        Length of the step.
    table, cell_type, phase, voxel, capacities
        As in `tumorabm.biology.transport.uptake_capacities`, which filled ``capacities`` at the start of the step.
    basal_asns, methylated
        Shape (n,): basal ASNS expression of each cell relative to solid tumours; 1 where its promoter is methylated,
        else 0.
    outside
        `Outside`: a cell is given ``capacity * saturation`` of each substrate, at a constant rate.
    contact
        Shape (n,), Asn that touching cells handed over in the step before (amol).
    receivers, receivers_asparagine_uM
        Shape (n,): number of touching cells that a donor gives to, and the sum of their Asn, at the start of the step.
    states, signals
        Shapes (n, 14) and (n, 5), updated; signals but EMT are those at the start of the last sub-step.
    efflux, donated, transaminated, urea
        Outputs in amol: what a cell gave to the fields (n, 6), to its neighbours (n,), and the nitrogen that it took
        from other amino acids (n,) and sent away as urea (n,). ``donated`` is NaN where the integrator failed.
    """
    matrix = np.empty((4, 4))
    per_step = 1.0 / dt_min
    for row in range(start, stop):
        efflux[row, :] = 0.0
        donated[row] = 0.0
        transaminated[row] = 0.0
        urea[row] = 0.0
        p = table[cell_type[row]]
        if phase[row] > s.MITOSIS or not p.metabolic:
            continue
        where = voxel[row]
        oxygen_mmHg = outside.oxygen_mM[where] * MMHG_PER_MM
        glucose_uM = outside.glucose_mM[where] * 1000.0
        ammonia_uM = outside.ammonia_mM[where] * 1000.0
        biomass = states[row, s.BIOMASS]
        volume_pL = p.volume_pL * biomass
        glutamate_uM, glutamine_uM = states[row, s.GLU] / volume_pL, states[row, s.GLN] / volume_pL
        respiring = respiration(p, oxygen_mmHg)
        energy = energy_of_cell(p, states[row], respiring, glucose_uM)
        into_urea = share_into_urea(
            urea_capacity(p, energy, biomass), synthetase_capacity(p, glutamate_uM, glutamine_uM, energy, biomass)
        )
        ammonia = capacities[row, s.UP_AMMONIA] * outside.saturation_min[s.UP_AMMONIA][where] * per_step
        urea[row] = into_urea * ammonia * dt_min
        setting = Setting(
            respiring,
            energy,
            er_stressors(p, oxygen_mmHg, glucose_uM),
            ammonia_uM / (ammonia_uM + AMMONIA_KM_UM),
            antiport_per_min(p, outside.exchange_mM[where] * 1000.0),
            growth_allowance(p, outside.crowding[row]) * size_allowance(p, biomass),
            basal_asns[row],
            methylated[row],
            nucleotide_weight(p, phase[row]),
            capacities[row, s.UP_ASN] * outside.saturation_min[s.UP_ASN][where] * per_step,
            capacities[row, s.UP_ASP] * outside.saturation_min[s.UP_ASP][where] * per_step,
            capacities[row, s.UP_GLN] * outside.saturation_min[s.UP_GLN][where] * per_step,
            ammonia - into_urea * ammonia,
            capacities[row, s.UP_EXCHANGE] * outside.saturation_min[s.UP_EXCHANGE][where] * per_step,
            contact[row] * per_step,
            glutamate_saturation(p, glutamate_uM),
            receivers[row],
            receivers_asparagine_uM[row],
        )
        donated[row], transaminated[row] = _advance_cell(
            p, setting, states[row], dt_min, matrix, efflux[row], signals[row]
        )
