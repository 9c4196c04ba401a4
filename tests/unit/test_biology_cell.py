"""One cell over a step and over a day against a plain twin integrated by a stiff solver, and its nitrogen balance.

The twin is written from the equations of the 12-state cell, not from the kernels: it holds amounts, writes every term
out once, and carries what crosses the membrane as further states. LSODA integrates it at a relative tolerance of 1e-8.
"""

import math

import numba
import numpy as np
import pytest
from scipy.integrate import odeint

from tumorabm.biology import states as s
from tumorabm.biology.cell import Outside, advance_cells
from tumorabm.biology.parameters import PERTURBATIONS, UPTAKE_KM_UM, parameter_table
from tumorabm.biology.transport import uptake_capacities
from tumorabm.cell_types import CELL_TYPES as ALL_CELL_TYPES

STEP_MIN = 6.0
UM_PER_MMHG = 1.3

PLASMA_UM = {
    "oxygen": 52.0,
    "glucose": 5000.0,
    "asparagine": 50.0,
    "glutamine": 600.0,
    "aspartate": 10.0,
    "ammonia": 30.0,
    "exchange_amino_acids": 300.0,
}
NO_AMINO_ACIDS = {"asparagine": 0.0, "glutamine": 0.0, "aspartate": 0.0, "exchange_amino_acids": 0.0}
RPMI_UM = {
    "oxygen": 195.0,
    "glucose": 11100.0,
    "asparagine": 378.0,
    "glutamine": 2050.0,
    "aspartate": 150.0,
    "ammonia": 50.0,
    "exchange_amino_acids": 1000.0,
}
SURROUNDINGS = {
    "plasma": PLASMA_UM,
    "without asparagine": PLASMA_UM | {"asparagine": 0.0},
    "without glutamine": PLASMA_UM | {"glutamine": 0.0},
    "anoxia": PLASMA_UM | {"oxygen": 0.0},
    "without glucose": PLASMA_UM | {"glucose": 0.0},
    "without amino acids": PLASMA_UM | NO_AMINO_ACIDS,
    "RPMI": RPMI_UM,
    "high ammonia": PLASMA_UM | {"ammonia": 3000.0},
}

# each preset as it is, and with the mechanisms that presets leave out
CELL_TYPES = {name: preset for name, preset in ALL_CELL_TYPES.items() if preset.metabolic}
TYPES = [cell_type.parameters for cell_type in CELL_TYPES.values()]
TYPES += [
    row
    | {
        "cytosolic_asparaginase_uM_per_min": 20.0,
        "contact_transfer_pL_per_min": 0.1,
        "tunicamycin": 0.5,
        "mtorc1": 0.3,
        "mdh": 0.4,
        "rapamycin": 0.6,
        "cisplatin": 0.2,
        "thermogenic_gain": 1.5,
        "urea_amol_per_min": 400.0,
    }
    for row in TYPES
]
TABLE = parameter_table(TYPES)

# what the twin knows of a cell's surroundings in one step, as columns of one row of numbers
(OXYGEN_MMHG, GLUCOSE_UM, AMMONIA_UM, CROWDING, BASAL_ASNS) = range(5)
(GIVEN_ASN, GIVEN_ASP, GIVEN_GLN, GIVEN_AMMONIA, GIVEN_EXCHANGE) = range(5, 10)
(GLUTAMATE_AT_START_UM, RECEIVERS, RECEIVERS_UM, EXCHANGE_UM) = range(10, 14)
(METHYLATED, IN_S, ENERGY, SIZE_ALLOWANCE) = range(14, 18)
N_TWIN_STATES = 13
(TWIN_OUT, TWIN_DONATED, TWIN_TRANSAMINATED) = (13, 19, 20)


@numba.njit(error_model="numpy")
def twin_gates(y, p, e):
    """Translation in space, proteolysis, charging, p-eIF2a, energy, nucleotide gate, respiration of one cell."""
    volume = p.volume_pL * y[11]
    n, d, q, g, x = y[0] / volume, y[1] / volume, y[2] / volume, y[3] / volume, y[4] / volume / 1000.0
    er, k, biomass = y[5], y[9], y[11]
    r = p.respiration * e[OXYGEN_MMHG] / (e[OXYGEN_MMHG] + p.oxygen_half_mmHg)
    a = e[ENERGY]
    theta = min(1.0, 1.12 * x / (x + p.trna_exchange_half))
    theta = min(theta, n / (n + p.trna_km_asparagine_uM))
    for other in (d, q, g):
        theta = min(theta, other / (other + p.trna_km_other_uM))
    z = p.gcn2 * ((1.0 - theta) / p.gcn2_half_uncharged) ** 3 + p.perk * (er / p.perk_half_load) ** 3
    eif2a = z / (1.0 + z)
    h = min(1.0, 1.15 * q / (q + p.nucleotide_km_glutamine_uM)) * min(1.0, 1.1 * d / (d + p.nucleotide_km_aspartate_uM))
    t = p.translation_spare * theta * (1.0 - p.translation_eif2a_block * eif2a) * a
    t *= p.translation_without_mtorc1 + (1.0 - p.translation_without_mtorc1) * k
    t *= p.translation_without_nucleotides + (1.0 - p.translation_without_nucleotides) * h
    t = min(1.0, t)
    rec = p.proteolysis_fraction - p.proteolysis_mtorc1_cut * min(1.0, 1.15 * k)
    rec *= min(1.0, max(0.0, (biomass - p.proteolysis_biomass_floor) / 0.1))
    room = (p.crowding_growth_zero - e[CROWDING]) / (p.crowding_growth_zero - p.crowding_growth_full)
    if t > rec:
        t = rec + min(1.0, max(0.0, room)) * e[SIZE_ALLOWANCE] * (t - rec)
    return t, rec, theta, eif2a, a, h, r


@numba.njit(error_model="numpy")
def twin_synthetase(p, g, q, a, biomass):
    """Glutamine synthetase with ammonia in excess, amol/min."""
    return (
        p.glutamine_synthetase_amol_per_min
        * biomass
        * g
        / (g + p.glutamine_synthetase_km_uM)
        * a
        * (1.0 + 400.0 / (200.0 + q))
    )


@numba.njit(error_model="numpy")
def twin_rates(y, t_min, table, which, e):
    """Time derivatives of the 13 states, then of 6 effluxes, of Asn donated and of nitrogen taken from elsewhere."""
    p = table[which]
    copies, k, biomass, atf4 = y[8], y[9], y[11], y[6]
    volume = p.volume_pL * biomass
    n, d, q, g, x = y[0] / volume, y[1] / volume, y[2] / volume, y[3] / volume, y[4] / volume / 1000.0
    t, rec, theta, eif2a, a, h, r = twin_gates(y, p, e)

    v = p.asns_turnover_amol_per_min * copies * d / (d + p.asns_km_aspartate_uM) * q / (q + p.asns_km_glutamine_uM)
    v *= a / (a + p.asns_energy_half) / (1.0 + n / p.asns_ki_asparagine_uM)
    built = p.translation_amol_per_min * biomass * t
    digested = p.translation_amol_per_min * biomass * rec
    gls = p.glutaminase_amol_per_min * biomass * q / (q + p.glutaminase_km_uM)
    start = e[GLUTAMATE_AT_START_UM] / (e[GLUTAMATE_AT_START_UM] + p.glutamine_synthetase_km_uM)
    fixed = 0.0
    if start > 0.0:
        fixed = e[GIVEN_AMMONIA] * min(1.0, g / (g + p.glutamine_synthetase_km_uM) / start)
    w = e[AMMONIA_UM] / (e[AMMONIA_UM] + 200.0)
    internal = 0.3 * twin_synthetase(p, g, q, a, biomass) * (1.0 - w) * g / (g + 500.0)
    anaplerosis = 0.25 + 0.75 * gls / (gls + p.got_anaplerosis_half_amol_per_min * biomass)
    got = p.got2_amol_per_min * p.mdh * (0.02 + 0.98 * r) * anaplerosis + p.got1_amol_per_min
    got *= biomass * g / (g + p.got_km_glutamate_uM)
    nuc = p.nucleotide_amol_per_min * biomass * k * a
    nuc *= p.nucleotide_weight_in_s if e[IN_S] == 1.0 else p.nucleotide_weight_outside_s
    nuc *= q / (q + p.nucleotide_km_glutamine_uM) * d / (d + p.nucleotide_km_aspartate_uM)
    tra = p.other_nitrogen_amol_per_min * biomass * r
    cyt = p.cytosolic_asparaginase_uM_per_min * volume * n / (n + 100.0)
    antiport = p.antiport_per_min * y[0] * e[EXCHANGE_UM] / (e[EXCHANGE_UM] + p.antiport_km_uM)
    out_n = p.asparagine_leak_per_min * y[0] + antiport
    out_d = p.aspartate_leak_per_min * y[1]
    out_q = p.glutamine_leak_per_min * y[2]
    out_g = p.glutamate_leak_per_min * y[3]
    out_x = p.exchange_leak_per_min * y[4]
    donated = p.contact_transfer_pL_per_min * max(0.0, e[RECEIVERS] * n - e[RECEIVERS_UM])

    dy = np.zeros(21)
    dy[0] = e[GIVEN_ASN] + v + digested - built - out_n - cyt - donated
    dy[1] = e[GIVEN_ASP] + got + digested + cyt - v - nuc - built - out_d
    dy[2] = e[GIVEN_GLN] + fixed + internal + digested - gls - v - 2.0 * nuc - built - out_q
    dy[3] = gls + v + 2.0 * nuc + tra + digested - got - fixed - 2.0 * internal - built - out_g
    dy[4] = e[GIVEN_EXCHANGE] - p.exchange_use_per_min * y[4] * (0.15 + t) - out_x
    load = p.er_load_basal + p.tunicamycin
    load += p.er_load_anoxia / (1.0 + (e[OXYGEN_MMHG] / p.er_anoxia_half_mmHg) ** 2)
    load += p.er_load_glucose / (1.0 + (e[GLUCOSE_UM] / p.er_glucose_half_uM) ** 2)
    dy[5] = (load * (0.25 + 0.75 * t) - y[5]) / p.er_time_min
    made = p.atf4 * (0.3 + 12.0 * eif2a**2 / (eif2a**2 + 0.12)) * (0.4 + 0.6 * min(1.0, k * (1.0 - p.rapamycin) / 0.9))
    dy[6] = (made - atf4) * math.log(2.0) / p.atf4_half_life_min
    care, care_unstressed = atf4**2 / (atf4**2 + 9.0), 0.09 / 9.09
    induced = (1.0 + p.asns_induction * care) / (1.0 + p.asns_induction * care_unstressed)
    induced = 1.0 if e[METHYLATED] == 1.0 else induced
    dy[7] = (e[BASAL_ASNS] * induced - y[7]) * math.log(2.0) / p.asns_mrna_half_life_min
    target = p.asns_copies_per_pL * volume * y[7] * (0.15 + 0.85 * theta)
    dy[8] = (target - copies) * math.log(2.0) / p.asns_half_life_min
    w3 = (n / p.mtorc1_arf_asparagine_uM) ** 3 + (q / p.mtorc1_arf_glutamine_uM) ** 3
    arms = 0.03 + 0.62 * p.rag * x**3 / (x**3 + p.mtorc1_rag_half**3) + 0.45 * p.arf1 * w3 / (1.0 + w3)
    arms *= 1.0 - 0.3 * p.rapamycin
    dy[9] = (p.mtorc1 * a * (1.0 - 0.3 * eif2a) * (0.6 + 0.4 * h) * arms - k) / p.mtorc1_time_min
    threshold = p.death_uncharged_threshold
    joint = n / (n + p.trna_km_asparagine_uM)
    for other in (d, q, g):
        joint *= other / (other + p.trna_km_other_uM)
    stress = max(0.0, 1.0 - joint - threshold) / (1.0 - threshold) + 2.0 * max(0.0, y[5] - 1.0)
    stress += p.cisplatin * (1.5 - t)
    if rec > 0.0:
        stress += p.death_atrophy * max(0.0, rec - t) / rec
    dy[10] = p.death_signal_per_min * stress - y[10] / p.death_signal_time_min
    dy[11] = (built - digested) / p.protein_residues_amol
    dy[12] = 3.0 * nuc
    dy[13], dy[14], dy[15], dy[16] = out_n, out_d, out_q, out_g
    dy[17] = gls + cyt + e[GIVEN_AMMONIA] - fixed
    dy[18] = out_x
    dy[19], dy[20] = donated, tra
    return dy


@numba.njit(error_model="numpy")
def twin_signals(y, table, which, e):
    """Translation, charging, p-eIF2a, energy and EMT, in the order of `states.SIGNALS`."""
    p = table[which]
    t, _, theta, eif2a, a, _, _ = twin_gates(y, p, e)
    n = y[0] / (p.volume_pL * y[11])
    return t, theta, eif2a, a, n**2 / (n**2 + p.emt_half_asparagine_uM**2)


def twin_energy(p, y, surroundings):
    """Energy state at the start of a step: what oxygen and glucose supply, less what ASNS spends."""
    volume, oxygen_mmhg = p["volume_pL"] * y[s.BIOMASS], surroundings["oxygen"] / UM_PER_MMHG
    n, d, q = y[s.ASN] / volume, y[s.ASP] / volume, y[s.GLN] / volume
    r = p["respiration"] * oxygen_mmhg / (oxygen_mmhg + p["oxygen_half_mmHg"])
    glycolysis = surroundings["glucose"] / (surroundings["glucose"] + p["glucose_half_uM"])
    supply = p["energy_from_respiration"] * r + p["energy_from_glycolysis"] * glycolysis
    a = min(1.0, supply)
    v = (
        p["asns_turnover_amol_per_min"]
        * y[s.ASNS]
        * d
        / (d + p["asns_km_aspartate_uM"])
        * a
        / (a + p["asns_energy_half"])
    )
    v *= q / (q + p["asns_km_glutamine_uM"]) / (1.0 + n / p["asns_ki_asparagine_uM"])
    atp = (5.0 * p["oxygen_import_amol_per_min"] + 2.0 * p["glucose_import_amol_per_min"]) * y[s.BIOMASS]
    spent = 2.0 * v / atp * (p["energy_from_respiration"] + p["energy_from_glycolysis"]) if atp > 0.0 else 0.0
    return max(0.0, min(1.0, supply - spent))


def twin_capacities(p, y, surroundings):
    """Greatest uptakes of one cell at the start of a step, amol/min, in the order of `states.UPTAKES`."""
    biomass = y[s.BIOMASS]
    volume = p["volume_pL"] * biomass
    n, q, g = y[s.ASN] / volume, y[s.GLN] / volume, y[s.GLU] / volume
    outside, a = surroundings["exchange_amino_acids"], twin_energy(p, y, surroundings)
    burning = 1.0 + p["thermogenic_gain"] * y[s.MTORC1]
    antiport = p["antiport_per_min"] * n * outside / (outside + p["antiport_km_uM"])
    gain = p["exchange_antiport_gain_per_min"] * antiport / (p["exchange_antiport_half_uM_per_min"] + antiport)
    synthetase = p["glutamine_synthetase_amol_per_min"] * g / (g + p["glutamine_synthetase_km_uM"]) * a
    return [
        p["oxygen_import_amol_per_min"] * p["respiration"] * burning * biomass,
        p["glucose_import_amol_per_min"] * burning * biomass,
        p["asparagine_import_amol_per_min"] * biomass,
        p["glutamine_import_amol_per_min"] * biomass,
        p["aspartate_import_amol_per_min"] * biomass,
        (synthetase * (1.0 + 400.0 / (200.0 + q)) + p["urea_amol_per_min"] * a) * biomass,
        (p["exchange_import_per_min"] + gain) * 1000.0 * volume,
    ]


def saturations(surroundings):
    """Uptake over its capacity, in the order of `states.UPTAKES`."""
    return np.array([surroundings[key] / (surroundings[key] + UPTAKE_KM_UM[key].value) for key in s.UPTAKES])


class Cells:
    """Rows of cells in constant surroundings of their own, with all that the kernels want to know about them."""

    def __init__(self, states, types, places, crowding, basal, contact, receivers, receivers_um, table=TABLE):
        n = len(states)
        self.table = table
        self.states, self.types, self.places = states, types, places
        self.crowding, self.basal, self.contact = crowding, basal, contact
        self.receivers, self.receivers_um = receivers, receivers_um
        self.surroundings = list(SURROUNDINGS.values())
        self.capacities, self.signals, self.efflux = np.zeros((n, 7)), np.zeros((n, 5)), np.zeros((n, 6))
        self.donated, self.transaminated, self.urea = np.zeros(n), np.zeros(n), np.zeros(n)
        self.phase, self.voxel = (np.arange(n) % 2).astype(np.int8), np.arange(n)  # G0/G1 and S
        self.methylated = (np.arange(n) % 3 == 0).astype(np.int8)
        by_cell = [self.surroundings[place] for place in places]
        column = {key: np.array([row[key] / 1000.0 for row in by_cell]) for key in PLASMA_UM}
        self.uptake_min = STEP_MIN * np.array([saturations(row) for row in by_cell]).T.copy()
        self.outside = Outside(
            column["oxygen"],
            column["glucose"],
            column["ammonia"],
            column["exchange_amino_acids"],
            crowding,
            self.uptake_min,
        )

    def __len__(self):
        return len(self.states)

    def volume_of(self, states):
        return self.table["volume_pL"][self.types] * states[:, s.BIOMASS]

    def advance(self, rows=None):
        """One step of the kernels under test, over pieces of rows."""
        for piece in rows or [(0, len(self))]:
            uptake_capacities(
                *(*piece, self.table, self.types, self.phase, self.voxel),
                *(self.states, self.outside, self.capacities),
            )
            advance_cells(
                *(*piece, STEP_MIN, self.table, self.types, self.phase, self.voxel),
                *(self.basal, self.methylated, self.outside, self.capacities, self.contact, self.receivers),
                *(self.receivers_um, self.states, self.signals, self.efflux, self.donated, self.transaminated),
                self.urea,
            )

    def setting_of(self, row, y):
        """What the twin of this row is told about a step that starts from state ``y``."""
        here, which = self.surroundings[self.places[row]], self.types[row]
        given = np.array(twin_capacities(self.table[which], y, here)) * saturations(here)
        p = self.table[which]
        e = np.zeros(18)
        e[METHYLATED], e[IN_S], e[ENERGY] = self.methylated[row], self.phase[row] == s.S_PHASE, twin_energy(p, y, here)
        e[OXYGEN_MMHG], e[GLUCOSE_UM], e[AMMONIA_UM] = here["oxygen"] / UM_PER_MMHG, here["glucose"], here["ammonia"]
        e[CROWDING], e[BASAL_ASNS], e[EXCHANGE_UM] = self.crowding[row], self.basal[row], here["exchange_amino_acids"]
        e[GIVEN_ASN] = given[s.UP_ASN] + self.contact[row] / STEP_MIN
        e[GIVEN_ASP], e[GIVEN_GLN] = given[s.UP_ASP], given[s.UP_GLN]
        e[SIZE_ALLOWANCE] = min(1.0, max(0.0, (3.0 - y[s.BIOMASS]) / 0.5))
        urea = p["urea_amol_per_min"] * y[s.BIOMASS] * e[ENERGY]
        fixed = 1.0 - urea / twin_capacities(p, y, here)[s.UP_AMMONIA] if urea > 0.0 else 1.0
        e[GIVEN_AMMONIA], e[GIVEN_EXCHANGE] = fixed * given[s.UP_AMMONIA], given[s.UP_EXCHANGE]
        e[GLUTAMATE_AT_START_UM] = y[s.GLU] / (self.table["volume_pL"][which] * y[s.BIOMASS])
        e[RECEIVERS], e[RECEIVERS_UM] = self.receivers[row], self.receivers_um[row]
        return e

    def twin_step(self, states):
        """One step of the twin from ``states``: (n, 21), states and what crossed the membrane."""
        tolerance = np.concatenate([np.full(5, 1e-6), np.full(3, 1e-9), [1e-3], np.full(3, 1e-9), np.full(9, 1e-6)])
        result = np.zeros((len(self), 21))
        for row, y in enumerate(states):
            start = np.concatenate([y[:N_TWIN_STATES], np.zeros(8)])
            arguments = (self.table, self.types[row], self.setting_of(row, y))
            times = [0.0, STEP_MIN]
            result[row] = odeint(twin_rates, start, times, arguments, rtol=1e-8, atol=tolerance, mxstep=20000)[-1]
        return result


def random_cells(n, seed):
    """Cells far from any steady state: pools over four decades or next to nothing, in all surroundings."""
    rng = np.random.default_rng(seed)
    types = rng.integers(0, len(TABLE), n)
    biomass = np.where(rng.random(n) < 0.9, rng.uniform(1, 2, n), rng.uniform(0.4, 0.7, n))  # some starved
    biomass = np.where(rng.random(n) < 0.05, rng.uniform(2.4, 3.2, n), biomass)  # some held in their cycle
    volume = TABLE["volume_pL"][types] * biomass
    states = np.zeros((n, 14))
    pools_um = 10 ** rng.uniform(-0.3, 3.7, (n, 5))
    empty = rng.random((n, 5)) < 0.1
    pools_um[empty] = rng.choice([0.0, 1e-9, 1e-3], empty.sum())
    states[:, :5] = pools_um * volume[:, None]
    states[:, s.ER_LOAD] = rng.uniform(0, 3, n)
    states[:, s.ATF4] = rng.uniform(0, 12, n)
    states[:, s.ASNS_MRNA] = 10 ** rng.uniform(-2.5, 1.2, n)
    states[:, s.ASNS] = 4.8e5 * volume * 10 ** rng.uniform(-2.5, 1.2, n)
    states[:, s.MTORC1] = rng.uniform(0, 1.1, n)
    states[:, s.DEATH] = rng.uniform(0, 3, n)
    states[:, s.BIOMASS] = biomass
    states[:, s.NUCLEOTIDE_N] = rng.uniform(0, 1e4, n)
    states[:, s.SUBSTEP] = np.where(rng.random(n) < 0.5, STEP_MIN, 10 ** rng.uniform(-4, 1.2, n))
    receivers = rng.integers(0, 4, n).astype(float)
    return Cells(
        states,
        types,
        np.arange(n) % len(SURROUNDINGS),
        rng.uniform(0, 1.3, n),
        10 ** rng.uniform(-2, 0.7, n),
        np.where(rng.random(n) < 0.3, rng.uniform(0, 60, n), 0.0),
        receivers,
        receivers * 10 ** rng.uniform(0, 3, n),
    )


def resting_cells(types, places, table=TABLE):
    """Cells at their presets' steady states in plasma, biomass 1, put into other surroundings."""
    presets = list(CELL_TYPES.values())
    states = np.zeros((len(types), 14))
    for row, which in enumerate(types):
        rest, volume = presets[which % len(presets)].resting_state, table["volume_pL"][which]
        pools = ("asparagine_uM", "aspartate_uM", "glutamine_uM", "glutamate_uM")
        states[row, :4] = [rest[name] * volume for name in pools]
        states[row, s.EXCHANGE] = rest["exchange_index"] * 1000.0 * volume
        states[row, 5:10] = [rest[name] for name in ("er_load", "atf4", "asns_mrna", "asns_copies", "mtorc1")]
    states[:, s.BIOMASS], states[:, s.SUBSTEP] = 1.0, STEP_MIN
    zero = np.zeros(len(types))
    return Cells(states, types, places, zero, table["asns_relative"][types], zero, zero, zero, table)


def floors(cells, states):
    """Below these values an error counts against the floor: 1 µM for pools, 1 % of ordinary values for the rest."""
    volume = cells.volume_of(states)
    floor = np.empty((len(states), N_TWIN_STATES))
    floor[:, [s.ASN, s.ASP, s.GLN, s.GLU, s.EXCHANGE, s.NUCLEOTIDE_N]] = volume[:, None]
    floor[:, [s.ER_LOAD, s.ATF4, s.MTORC1, s.DEATH, s.BIOMASS]] = 0.01
    floor[:, s.ASNS_MRNA] = 0.001
    floor[:, s.ASNS] = 500.0 * volume
    return floor


def relative_errors(value, expected, floor):
    return np.abs(value - expected) / np.maximum(np.abs(expected), floor)


@pytest.fixture(scope="module")
def random_step():
    """2,400 random cells after one step of the kernels, the states before it, and the twin's step."""
    cells = random_cells(2400, seed=1)
    before = cells.states.copy()
    expected = cells.twin_step(before)
    cells.advance()
    return cells, before, expected


def test_the_greatest_uptakes_are_those_of_the_equations(random_step):
    cells, before, _ = random_step
    expected = [
        twin_capacities(TABLE[which], y, cells.surroundings[place])
        for which, y, place in zip(cells.types, before, cells.places, strict=True)
    ]
    np.testing.assert_allclose(cells.capacities, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("place", range(len(SURROUNDINGS)), ids=list(SURROUNDINGS))
def test_states_after_one_step_from_anywhere_are_within_one_percent(random_step, place):
    cells, before, expected = random_step
    here = cells.places == place
    error = relative_errors(
        cells.states[here, :N_TWIN_STATES], expected[here, :N_TWIN_STATES], floors(cells, before)[here]
    )
    worst = dict(zip(s.METABOLIC_STATES, error.max(axis=0), strict=False))
    assert here.sum() >= 250
    assert max(worst.values()) < 0.01, worst


def test_growth_in_one_step_is_within_one_percent_of_full_translation(random_step):
    cells, before, expected = random_step
    full = (TABLE["translation_amol_per_min"] / TABLE["protein_residues_amol"])[cells.types] * STEP_MIN
    error = np.abs(cells.states[:, s.BIOMASS] - expected[:, s.BIOMASS]) / (full * before[:, s.BIOMASS])
    assert error.max() < 0.01


def test_what_leaves_a_cell_in_one_step_is_within_one_percent(random_step):
    cells, before, expected = random_step
    one_uM = cells.volume_of(before)[:, None]
    assert relative_errors(cells.efflux, expected[:, TWIN_OUT:TWIN_DONATED], one_uM).max() < 0.01
    assert relative_errors(cells.transaminated, expected[:, TWIN_TRANSAMINATED], one_uM[:, 0]).max() < 0.01
    # a donor that starts or stops giving within the step is held to one percent of its pool
    pool = np.maximum(before[:, s.ASN], expected[:, s.ASN])
    assert relative_errors(cells.donated, expected[:, TWIN_DONATED], pool).max() < 0.01
    assert (cells.donated > 0).sum() > 100


def test_nothing_is_ever_negative(random_step):
    cells, _, _ = random_step
    for values in (cells.states, cells.efflux, cells.donated, cells.transaminated, cells.urea, cells.signals):
        assert np.isfinite(values).all()
        assert values.min() >= 0.0


def test_twenty_four_hours_are_within_one_percent():
    number = len(CELL_TYPES) * len(SURROUNDINGS)
    cells = resting_cells(np.arange(number) % len(CELL_TYPES), np.arange(number) // len(CELL_TYPES))
    twin = cells.states[:, :N_TWIN_STATES].copy()
    worst = np.zeros(N_TWIN_STATES)
    for _ in range(240):
        twin = cells.twin_step(twin)[:, :N_TWIN_STATES]
        cells.advance()
        error = relative_errors(cells.states[:, :N_TWIN_STATES], twin, floors(cells, twin))
        worst = np.maximum(worst, error.max(axis=0))
        assert cells.states.min() >= 0.0
    assert worst.max() < 0.01, dict(zip(s.METABOLIC_STATES, worst, strict=False))
    # the surroundings must have told the cells apart: some grew by a division, some shrank
    assert twin[:, s.BIOMASS].max() > 2.0
    assert twin[:, s.BIOMASS].min() < 0.9

    signals = np.array(
        [
            twin_signals(y, TABLE, which, cells.setting_of(row, y))
            for row, (y, which) in enumerate(zip(twin, cells.types, strict=True))
        ]
    )
    assert relative_errors(cells.signals, signals, 0.05).max() < 0.02


def nitrogen_amol(states, residues_amol):
    """All nitrogen that a cell holds in its four pools, its protein and its nucleotides."""
    pools = 2 * states[:, s.ASN] + states[:, s.ASP] + 2 * states[:, s.GLN] + states[:, s.GLU]
    return pools + states[:, s.NUCLEOTIDE_N] + 6 * residues_amol * states[:, s.BIOMASS]


def nitrogen_gained_amol(cells):
    """Nitrogen that crossed the membranes in the last step, as the kernels report it."""
    taken = cells.capacities * cells.uptake_min.T
    gained = 2 * taken[:, s.UP_ASN] + 2 * taken[:, s.UP_GLN] + taken[:, s.UP_ASP] + taken[:, s.UP_AMMONIA]
    gained += 2 * cells.contact + cells.transaminated - 2 * cells.donated - cells.urea
    lost = cells.efflux @ np.array([2, 1, 2, 1, 1, 0])  # Asn, Asp, Gln, Glu, NH3, exchange amino acids
    return gained - lost


def test_nitrogen_balances_to_rounding_in_one_step(random_step):
    cells, before, _ = random_step
    residues = TABLE["protein_residues_amol"][cells.types]
    total = nitrogen_amol(before, residues)
    residual = nitrogen_amol(cells.states, residues) - total - nitrogen_gained_amol(cells)
    assert np.abs(residual / total).max() < 1e-14


def test_nitrogen_balances_to_rounding_over_a_day():
    number = len(TABLE) * len(SURROUNDINGS)
    cells = resting_cells(np.arange(number) % len(TABLE), np.arange(number) // len(TABLE))
    residues = TABLE["protein_residues_amol"][cells.types]
    before, gained = nitrogen_amol(cells.states, residues), np.zeros(number)
    for _ in range(240):
        cells.advance()
        gained += nitrogen_gained_amol(cells)
    assert np.abs(gained / before).max() > 0.1
    residual = nitrogen_amol(cells.states, residues) - before - gained
    assert np.abs(residual / before).max() < 1e-12


def test_every_knock_out_and_over_expression_can_be_integrated_in_all_surroundings():
    presets = [preset.parameters for preset in CELL_TYPES.values()]
    levers = [
        (lever, min(value, lever.highest))
        for lever in PERTURBATIONS.values()
        for value in (0.0, 3.0)
        if lever.parameters
    ]
    perturbed = [dict(preset) for _ in levers for preset in presets]
    for position, (lever, value) in enumerate(levers):
        for row in perturbed[position * len(presets) : (position + 1) * len(presets)]:
            lever.applied_to(row, value)
    table = parameter_table(perturbed)
    n = len(table) * len(SURROUNDINGS)
    cells = resting_cells(np.arange(n) % len(table), np.arange(n) // len(table), table)
    residues = table["protein_residues_amol"][cells.types]
    before, gained = nitrogen_amol(cells.states, residues), np.zeros(n)
    for _ in range(60):
        cells.advance()
        gained += nitrogen_gained_amol(cells)
        assert np.isfinite(cells.donated).all()
        assert cells.states.min() >= 0.0
        assert cells.efflux.min() >= 0.0
    assert np.abs((nitrogen_amol(cells.states, residues) - before - gained) / before).max() < 1e-12


def test_rows_do_not_depend_on_the_piece_in_which_they_are_computed():
    whole, pieces = random_cells(64, seed=2), random_cells(64, seed=2)
    whole.advance()
    pieces.advance(rows=[(40, 64), (0, 7), (7, 40)])
    for name in ("capacities", "states", "signals", "efflux", "donated", "transaminated", "urea"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))


@pytest.mark.parametrize("phase", [s.APOPTOTIC, s.NECROTIC])
def test_dead_cells_take_nothing_give_nothing_and_stay_as_they_are(phase):
    cells = random_cells(16, seed=3)
    cells.phase[::2] = phase
    before = cells.states.copy()
    cells.advance()
    for values in (cells.capacities, cells.efflux, cells.donated, cells.transaminated, cells.urea):
        assert (values[::2] == 0).all()
    np.testing.assert_array_equal(cells.states[::2], before[::2])
    assert (cells.states[1::2, s.MTORC1] != before[1::2, s.MTORC1]).all()


def test_a_cell_that_cannot_be_integrated_is_reported_and_harms_no_other():
    cells, sound = random_cells(16, seed=4), random_cells(16, seed=4)
    cells.states[5, s.GLN] = np.nan
    cells.advance()
    sound.advance()
    assert np.isnan(cells.donated[5])
    others = np.arange(16) != 5
    np.testing.assert_array_equal(cells.states[others], sound.states[others])
    assert np.isfinite(cells.donated[others]).all()


def test_a_cell_without_a_known_sub_step_starts_with_the_whole_step():
    fresh, known = random_cells(32, seed=5), random_cells(32, seed=5)
    fresh.states[:, s.SUBSTEP], known.states[:, s.SUBSTEP] = 0.0, STEP_MIN
    fresh.advance()
    known.advance()
    np.testing.assert_array_equal(fresh.states, known.states)


def test_a_cell_without_any_source_of_aspartate_decays_for_a_week_without_fault():
    """Below half the biomass nothing is digested: Asp falls to 1e-300 amol, where rounding can go below zero."""
    lacking = {"got1_amol_per_min": 0.0, "got2_amol_per_min": 0.0, "aspartate_import_amol_per_min": 0.0}
    table = parameter_table([preset.parameters | lacking for preset in CELL_TYPES.values()])
    number = len(table) * 2
    cells = resting_cells(np.arange(number) % len(table), np.where(np.arange(number) < len(table), 0, 6), table)
    cells.states[:, s.BIOMASS] = 0.45
    for _ in range(7 * 240):
        cells.advance()
        assert np.isfinite(cells.donated).all()
        assert cells.states.min() >= 0.0
    assert cells.states[:, s.ASP].min() < 1e-100
