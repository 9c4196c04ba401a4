"""Fate and contact transfer, against plain twins, and what division must keep."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.biology import states as s
from tumorabm.biology.contact_transfer import count_receivers, deliver
from tumorabm.biology.fate import (
    BECOMES_APOPTOTIC,
    BECOMES_NECROTIC,
    DIVIDES,
    IS_CLEARED,
    NOTHING,
    advance_cycle,
    decide_fates,
    split_states,
    write_radii,
    write_speeds,
)
from tumorabm.biology.parameters import parameter_table
from tumorabm.cell_types import CELL_TYPES
from tumorabm.philox import Stream, uniform_pairs

STEP_MIN = 6.0
TABLE = parameter_table(
    [cell_type.parameters for cell_type in CELL_TYPES.values()],
    [cell_type.metabolic for cell_type in CELL_TYPES.values()],
)
SOLID = TABLE[list(CELL_TYPES).index("solid_tumour")]
KEY = 12345


def random_tissue(n: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    states = np.zeros((n, len(s.METABOLIC_STATES)))
    states[:, s.ASN] = random.uniform(1.0, 400.0, n)
    states[:, s.ASP], states[:, s.GLN] = random.uniform(0.0, 2000.0, n), random.uniform(0.0, 1000.0, n)
    states[:, s.BIOMASS] = random.uniform(0.6, 2.2, n)
    states[:, s.MTORC1] = random.uniform(0.0, 1.0, n)
    states[:, s.DEATH] = random.choice([0.0, 0.5, 1.0, 3.0], n)
    signals = np.zeros((n, len(s.SIGNALS)))
    signals[:, s.CHARGED_TRNA], signals[:, s.ENERGY] = random.uniform(0.0, 1.0, n), random.uniform(0.0, 1.0, n)
    return {
        "cell_type": random.integers(0, len(TABLE), n).astype(np.int16),
        "phase": random.integers(0, 6, n).astype(np.int8),
        "phase_progress": random.choice([0.0, 0.5, 0.99], n).astype(np.float32),
        "voxel": random.integers(0, 4, n),
        "uids": random.permutation(n) + 1,
        "states": states,
        "signals": signals,
        "body_age_min": random.uniform(0.0, 9000.0, n),
        "oxygen_mM": np.array([0.0, 3.0, 4.0, 40.0]) * 1.3e-3,
    }


def decide(tissue: dict[str, np.ndarray], dt_min: float = STEP_MIN, tick: int = 7) -> np.ndarray:
    n = len(tissue["uids"])
    fate = np.empty(n, np.int8)
    decide_fates(
        0, n, dt_min, np.uint64(KEY), tick, TABLE, tissue["cell_type"], tissue["phase"], tissue["phase_progress"],
        tissue["voxel"], tissue["uids"], tissue["oxygen_mM"], tissue["states"], tissue["signals"],
        tissue["body_age_min"], fate,
    )  # fmt: skip
    return fate


def naive_cycle(p, phase, progress, state, charged, energy) -> tuple[int, int, float]:
    """Fate, phase and progress of one live cell, minute by hundredth of a minute."""
    if phase == s.G1:
        ready = state[s.BIOMASS] >= p["g1_end_biomass"] and state[s.MTORC1] >= 0.3 and charged >= 0.5
        return NOTHING, s.S_PHASE if ready else s.G1, 0.0
    volume = p["volume_pL"] * state[s.BIOMASS]
    q, d = state[s.GLN] / volume, state[s.ASP] / volume
    nucleotides = state[s.MTORC1] * energy * q / (q + p["nucleotide_km_glutamine_uM"])
    nucleotides *= d / (d + p["nucleotide_km_aspartate_uM"])
    lengths = {s.S_PHASE: p["s_length_min"], s.G2: p["g2_length_min"], s.MITOSIS: p["m_length_min"]}
    for _ in range(600):
        pace = min(1.0, nucleotides / p["nucleotide_supply_full"]) if phase == s.S_PHASE else energy
        progress += pace * 0.01 / lengths[phase]
        if progress >= 1.0 and phase == s.MITOSIS:
            return DIVIDES, phase, 1.0
        if progress >= 1.0:
            phase, progress = phase + 1, 0.0
    return NOTHING, phase, progress


def naive_fate(p, phase, progress, oxygen_mmHg, state, charged, energy, age_min, draw) -> tuple[int, int, float]:
    """Fate, phase and progress of one cell, written out."""
    if phase in (s.APOPTOTIC, s.NECROTIC):
        lasts = p["clearance_apoptotic_min"] if phase == s.APOPTOTIC else p["clearance_necrotic_min"]
        return (IS_CLEARED if age_min + STEP_MIN >= lasts else NOTHING), phase, progress
    c4 = state[s.DEATH] ** 4
    apoptosis = p["apoptosis_per_min"] * c4 / (c4 + p["death_signal_half4"])
    necrosis = p["necrosis_per_min"] * float(np.clip((5.0 - oxygen_mmHg) / 2.5, 0.0, 1.0))
    hazard = (apoptosis + necrosis) * STEP_MIN
    if hazard > 0.0 and draw[0] < 1.0 - math.exp(-hazard):
        if draw[1] < apoptosis / (apoptosis + necrosis):
            return BECOMES_APOPTOTIC, s.APOPTOTIC, progress
        return BECOMES_NECROTIC, s.NECROTIC, progress
    if not p["metabolic"]:  # a clock sees to its phases
        return NOTHING, phase, progress
    return naive_cycle(p, phase, progress, state, charged, energy)


def test_fates_are_those_of_the_plain_twin() -> None:
    tissue = random_tissue(3000, seed=1)
    before = {name: values.copy() for name, values in tissue.items()}
    draws = uniform_pairs(KEY, tissue["uids"], 7, Stream.DEATH)
    fate = decide(tissue)
    assert set(fate) == {NOTHING, DIVIDES, BECOMES_APOPTOTIC, BECOMES_NECROTIC, IS_CLEARED}
    for row in range(len(fate)):
        expected = naive_fate(
            TABLE[before["cell_type"][row]], before["phase"][row], before["phase_progress"][row],
            before["oxygen_mM"][before["voxel"][row]] * 1000.0 / 1.3, before["states"][row],
            before["signals"][row, s.CHARGED_TRNA], before["signals"][row, s.ENERGY], before["body_age_min"][row],
            draws[row],
        )  # fmt: skip
        assert (fate[row], tissue["phase"][row]) == expected[:2]
        assert tissue["phase_progress"][row] == pytest.approx(expected[2], abs=2e-4)


def test_share_of_deaths_follows_the_hazard() -> None:
    tissue = random_tissue(40_000, seed=2)
    tissue["phase"][:] = s.G1
    tissue["voxel"][:] = 0  # anoxia: necrosis at its greatest rate
    tissue["states"][:, s.DEATH] = 0.0
    fate = decide(tissue)
    expected = 1.0 - math.exp(-STEP_MIN / 360.0)
    error = math.sqrt(expected * (1.0 - expected) / len(fate))
    assert (fate == BECOMES_NECROTIC).mean() == pytest.approx(expected, abs=4.0 * error)
    assert not (fate == BECOMES_APOPTOTIC).any()


def cell_with(biomass: float = 1.5, mtorc1: float = 0.9, glutamine_uM: float = 1300.0) -> np.ndarray:
    state = np.zeros(len(s.METABOLIC_STATES))
    state[s.BIOMASS], state[s.MTORC1] = biomass, mtorc1
    state[s.GLN], state[s.ASP] = np.array([glutamine_uM, 1200.0]) * SOLID["volume_pL"] * biomass
    return state


def hours_through_the_cycle(state: np.ndarray, phase: int = s.S_PHASE, energy: float = 1.0) -> dict[int, float]:
    """Hours that a cell of a constant state spends in each phase until it divides."""
    spent, progress, divides = dict.fromkeys((s.S_PHASE, s.G2, s.MITOSIS), 0.0), 0.0, False
    while not divides:
        spent[phase] += STEP_MIN / 60.0
        phase, progress, divides = advance_cycle(SOLID, STEP_MIN, phase, progress, state, energy, 1.0)
    return spent


def test_a_well_fed_cell_passes_s_g2_and_m_in_8_4_and_1_h_and_divides() -> None:
    assert hours_through_the_cycle(cell_with()) == pytest.approx({s.S_PHASE: 8.0, s.G2: 4.0, s.MITOSIS: 1.0}, abs=0.11)


def test_s_takes_longer_where_nucleotides_lack_and_g2_and_m_where_energy_lacks() -> None:
    # without growth the nucleotides that mTORC1 and Gln allow are 0.45 and 0.5 of the supply at which S takes 8 h
    assert hours_through_the_cycle(cell_with(mtorc1=0.4))[s.S_PHASE] == pytest.approx(17.4, rel=0.02)
    assert hours_through_the_cycle(cell_with(glutamine_uM=80.0))[s.S_PHASE] == pytest.approx(16.2, rel=0.02)
    assert hours_through_the_cycle(cell_with(), s.G2, energy=0.5)[s.G2] == pytest.approx(8.0, rel=0.02)


def test_a_cell_enters_s_only_when_grown_charged_and_with_mtorc1() -> None:
    def after(biomass: float, mtorc1: float, charged: float) -> int:
        return advance_cycle(SOLID, STEP_MIN, s.G1, 0.0, cell_with(biomass, mtorc1), 1.0, charged)[0]

    assert after(1.4, 0.9, 0.9) == s.S_PHASE
    assert after(1.3, 0.9, 0.9) == s.G1
    assert after(1.9, 0.1, 0.9) == s.G1
    assert after(1.9, 0.9, 0.2) == s.G1


def test_a_starved_cell_past_g1_still_divides_so_that_starvation_gathers_cells_in_g1() -> None:
    _, _, divides = advance_cycle(SOLID, STEP_MIN, s.MITOSIS, 0.95, cell_with(1.4, 0.6), 1.0, 0.1)
    assert divides


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_division_shares_every_amount_and_copies_every_level(k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    states = random.lognormal(0.0, 3.0, (2 * k, len(s.METABOLIC_STATES)))
    parents = random.permutation(k)
    states[k:] = states[parents]
    before = states.copy()
    split_states(k, parents, random.uniform(0.3, 0.7, k), states)
    for state in range(len(s.METABOLIC_STATES)):
        mothers, daughters = states[parents, state], states[k:, state]
        if state in s.EXTENSIVE_STATES:
            np.testing.assert_allclose(mothers + daughters, before[parents, state], rtol=1e-15)
            assert (mothers > 0.0).all()
            assert (daughters > 0.0).all()
        else:
            np.testing.assert_array_equal(daughters, before[parents, state])


def test_radius_is_that_of_a_sphere_and_dead_bodies_shrink() -> None:
    n = len(TABLE)
    cell_type, radii = np.arange(n, dtype=np.int16), np.empty(n)
    alive, dead = np.zeros(n, np.int8), np.full(n, s.APOPTOTIC, np.int8)
    write_radii(0, n, TABLE, cell_type, alive, np.zeros(n), np.full(n, 1.5), radii)
    np.testing.assert_allclose(4.0 / 3.0 * math.pi * radii**3, 1500.0 * TABLE["volume_pL"])
    shrunk = np.empty(n)
    write_radii(0, n, TABLE, cell_type, dead, np.full(n, 258.0), np.full(n, 1.5), shrunk)
    np.testing.assert_allclose((shrunk / radii) ** 3, 0.5)


def test_only_live_cells_walk_and_mesenchymal_ones_faster() -> None:
    n = 3
    speed, phase = np.empty(n), np.array([s.G1, s.G1, s.NECROTIC], np.int8)
    write_speeds(0, n, TABLE, np.zeros(n, np.int16), phase, np.array([0.0, 1.0, 1.0]), speed)
    np.testing.assert_allclose(speed, [0.2, 0.8, 0.0])


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_contact_transfer_gives_to_poorer_cells_of_other_types_and_loses_nothing(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    tissue = random_tissue(n, seed)
    touches = np.triu(random.random((n, n)) < 0.3, 1)
    touches |= touches.T
    donates = TABLE["contact_transfer_pL_per_min"][tissue["cell_type"]] > 0.0
    donors = np.flatnonzero(donates & (tissue["phase"] <= s.MITOSIS))
    lists = [np.flatnonzero(touches[donor]) for donor in donors]
    start = np.concatenate([[0], np.cumsum([len(near) for near in lists])]).astype(np.int64)
    contact = np.concatenate([*lists, np.empty(0)]).astype(np.int64)
    excess, receivers, sums, received = np.empty(len(contact)), np.zeros(n), np.zeros(n), np.zeros(n)
    count_receivers(
        TABLE, tissue["cell_type"], tissue["phase"], tissue["states"], donors, start, contact, excess, receivers, sums
    )
    donated = np.where(receivers > 0.0, random.uniform(1.0, 20.0, n), 0.0)
    deliver(donors, start, contact, excess, donated, received)

    asparagine_uM = tissue["states"][:, s.ASN] / (
        TABLE["volume_pL"][tissue["cell_type"]] * tissue["states"][:, s.BIOMASS]
    )
    expected = np.zeros(n)
    for donor, near in zip(donors, lists, strict=True):
        poorer = [
            other
            for other in near
            if tissue["phase"][other] <= s.MITOSIS
            and tissue["cell_type"][other] != tissue["cell_type"][donor]
            and TABLE["metabolic"][tissue["cell_type"][other]]
            and asparagine_uM[other] < asparagine_uM[donor]
        ]
        assert receivers[donor] == len(poorer)
        assert sums[donor] == pytest.approx(sum(asparagine_uM[other] for other in poorer), rel=1e-12)
        steps = np.array([asparagine_uM[donor] - asparagine_uM[other] for other in poorer])
        for other, part in zip(poorer, steps / steps.sum() if poorer else [], strict=True):
            expected[other] += donated[donor] * part
    np.testing.assert_allclose(received, expected, rtol=1e-9)
    assert received.sum() == pytest.approx(donated.sum(), rel=1e-12)
