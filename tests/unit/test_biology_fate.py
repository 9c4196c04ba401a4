"""Fate and contact transfer, against plain twins, and what division must keep."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.biology import states as s
from tumorabm.biology.cell_types import CELL_TYPES
from tumorabm.biology.contact_transfer import count_receivers, deliver
from tumorabm.biology.fate import (
    BECOMES_APOPTOTIC,
    BECOMES_NECROTIC,
    DIVIDES,
    IS_CLEARED,
    NOTHING,
    decide_fates,
    next_phase,
    split_states,
    write_radii,
    write_speeds,
)
from tumorabm.biology.parameters import parameter_table
from tumorabm.philox import Stream, uniform_pairs

STEP_MIN = 6.0
TABLE = parameter_table(
    [cell_type.parameters for cell_type in CELL_TYPES.values()],
    [cell_type.metabolic for cell_type in CELL_TYPES.values()],
)
KEY = 12345


def random_tissue(n: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    states = np.zeros((n, len(s.METABOLIC_STATES)))
    states[:, s.ASN] = random.uniform(1.0, 400.0, n)
    states[:, s.BIOMASS] = random.uniform(0.6, 2.2, n)
    states[:, s.MTORC1] = random.uniform(0.0, 1.0, n)
    states[:, s.DEATH] = random.choice([0.0, 0.5, 1.0, 3.0], n)
    signals = np.zeros((n, len(s.SIGNALS)))
    signals[:, s.CHARGED_TRNA] = random.uniform(0.0, 1.0, n)
    return {
        "cell_type": random.integers(0, len(TABLE), n).astype(np.int16),
        "phase": random.integers(0, 6, n).astype(np.int8),
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
        0, n, dt_min, np.uint64(KEY), tick, TABLE, tissue["cell_type"], tissue["phase"], tissue["voxel"],
        tissue["uids"], tissue["oxygen_mM"], tissue["states"], tissue["signals"], tissue["body_age_min"], fate,
    )  # fmt: skip
    return fate


def naive_fate(p, phase, oxygen_mmHg, state, charged, age_min, draw) -> tuple[int, int]:
    """Fate and phase of one cell, written out."""
    if phase in (s.APOPTOTIC, s.NECROTIC):
        lasts = p["clearance_apoptotic_min"] if phase == s.APOPTOTIC else p["clearance_necrotic_min"]
        return (IS_CLEARED if age_min + STEP_MIN >= lasts else NOTHING), phase
    c4 = state[s.DEATH] ** 4
    apoptosis = p["apoptosis_per_min"] * c4 / (c4 + p["death_signal_half4"])
    necrosis = p["necrosis_per_min"] * float(np.clip((5.0 - oxygen_mmHg) / 2.5, 0.0, 1.0))
    hazard = (apoptosis + necrosis) * STEP_MIN
    if hazard > 0.0 and draw[0] < 1.0 - math.exp(-hazard):
        if draw[1] < apoptosis / (apoptosis + necrosis):
            return BECOMES_APOPTOTIC, s.APOPTOTIC
        return BECOMES_NECROTIC, s.NECROTIC
    after = phase
    if not p["metabolic"]:  # a clock sees to its phases
        return NOTHING, phase
    if phase == s.G1 and state[s.BIOMASS] >= p["g1_end_biomass"]:
        after = s.S_PHASE if state[s.MTORC1] >= 0.3 and charged >= 0.5 else s.G1
    elif phase == s.S_PHASE and state[s.BIOMASS] >= p["s_end_biomass"]:
        after = s.G2
    elif phase == s.G2 and state[s.BIOMASS] >= p["g2_end_biomass"]:
        after = s.MITOSIS
    return (DIVIDES if phase == s.MITOSIS and state[s.BIOMASS] >= 2.0 else NOTHING), after


def test_fates_are_those_of_the_plain_twin() -> None:
    tissue = random_tissue(3000, seed=1)
    before = {name: values.copy() for name, values in tissue.items()}
    draws = uniform_pairs(KEY, tissue["uids"], 7, Stream.DEATH)
    fate = decide(tissue)
    assert set(fate) == {NOTHING, DIVIDES, BECOMES_APOPTOTIC, BECOMES_NECROTIC, IS_CLEARED}
    for row in range(len(fate)):
        expected = naive_fate(
            TABLE[before["cell_type"][row]], before["phase"][row],
            before["oxygen_mM"][before["voxel"][row]] * 1000.0 / 1.3, before["states"][row],
            before["signals"][row, s.CHARGED_TRNA], before["body_age_min"][row], draws[row],
        )  # fmt: skip
        assert (fate[row], tissue["phase"][row]) == expected


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


def test_a_well_fed_cell_passes_all_phases_in_order_and_a_starved_one_stays_in_g1() -> None:
    p = TABLE[0]
    phases, phase = [], s.G1
    for biomass in np.linspace(1.0, 2.0, 200):
        phase = next_phase(p, phase, biomass, 0.9, 0.9)
        phases.append(phase)
    assert phases == sorted(phases)
    assert set(phases) == {s.G1, s.S_PHASE, s.G2, s.MITOSIS}
    assert next_phase(p, s.G1, 1.9, 0.9, 0.2) == s.G1
    assert next_phase(p, s.G1, 1.9, 0.1, 0.9) == s.G1


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
