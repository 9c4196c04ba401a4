"""Cells driven by a clock: volumes against SciPy, phases against a plain schedule, lengths and paces as stated."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from tumorabm.biology import states as s
from tumorabm.biology.clock import (
    CLOCK_COLUMNS,
    CLOCK_DTYPE,
    INHIBITED_BY_AREA,
    INHIBITED_BY_CONTACT,
    INHIBITED_BY_CROWDING,
    LEFT,
    SOLID,
    advance_clocks,
    begin_cycles,
    clock_table,
    phase_length,
    relaxed_volume,
    start_clocks,
    write_cycle_lengths,
    write_paces,
)
from tumorabm.biology.fate import DIVIDES, NOTHING
from tumorabm.biology.parameters import parameter_table
from tumorabm.biology.transport import prescribed_amounts

KEY = np.uint64(2024)
COMMUNITY = {
    "cycling": True,
    "phase_min": [420.0, 360.0, 180.0, 120.0],
    "area_limit": 0.8,
    "contact_limit": 0.5,
    "oxygen_full_mmHg": 38.0,
    "oxygen_none_mmHg": 5.0,
    "solid_growth_per_min": 0.0047,
    "fluid_change_per_min": 0.05,
    "fluid_fraction": 0.75,
}


def clocks(**changes) -> np.ndarray:
    return clock_table([COMMUNITY | changes])


class Cells:
    """Newborn cells of one clock, stepped as the model steps them; a mother's daughter is not followed."""

    def __init__(self, n: int = 1, age_min: float = 0.0, **changes) -> None:
        self.clocks, self.table = clocks(**changes), parameter_table([{}], [False])
        self.n, self.time_min = n, 0.0
        self.type, self.phase, self.uid = np.zeros(n, np.int16), np.zeros(n, np.int8), np.arange(1, n + 1)
        self.cycles, self.fate = np.zeros(n, np.int32), np.zeros(n, np.int8)
        self.states, self.clock = np.zeros((n, len(s.METABOLIC_STATES))), np.zeros((n, len(CLOCK_COLUMNS)))
        self.divided_min: list[float] = []
        start_clocks(
            self.clocks[0], KEY, self.uid, np.full(n, age_min), self.phase, self.states[:, s.BIOMASS],
            self.clock[:, SOLID], self.clock[:, LEFT],
        )  # fmt: skip

    @property
    def volume(self) -> np.ndarray:
        return self.states[:, s.BIOMASS]

    def step(self, dt_min: float, pace: float = 1.0) -> None:
        self.fate[:] = NOTHING
        paces = np.full(self.n, pace)
        advance_clocks(
            0, self.n, dt_min, KEY, self.table, self.clocks, self.type, self.phase, self.uid, self.cycles, paces,
            self.states, self.clock, self.fate,
        )  # fmt: skip
        self.time_min += dt_min
        parents = np.flatnonzero(self.fate == DIVIDES)
        self.divided_min += [self.time_min + late for late in self.clock[parents, LEFT]]
        self.volume[parents] *= 0.5
        self.clock[parents, SOLID] *= 0.5
        self.cycles[parents] += 1
        begin_cycles(
            parents, KEY, self.table, self.clocks, self.type, self.phase, self.uid, self.cycles, paces[parents],
            self.states, self.clock,
        )  # fmt: skip

    def run(self, minutes: float, dt_min: float, pace: float = 1.0) -> "Cells":
        for _ in range(round(minutes / dt_min)):
            self.step(dt_min, pace)
        return self


# -- volume -----------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.floats(1e-4, 0.3), st.floats(1e-4, 0.3) | st.none(), st.floats(0.0, 0.95), st.floats(0.5, 2.0),
    st.floats(0.5, 2.0), st.floats(0.1, 500.0),
)  # fmt: skip
def test_volume_follows_its_equations(solid_rate, fluid_rate, fraction, volume, solid, minutes) -> None:
    if fluid_rate is None:  # both rates the same, where the general solution divides by zero
        fluid_rate = solid_rate / (1.0 - fraction)
    record = clocks(solid_growth_per_min=solid_rate, fluid_change_per_min=fluid_rate, fluid_fraction=fraction)[0]

    def rates(_, y):
        total = y[0] + (1.0 - fraction) * y[1]
        return [fluid_rate * (fraction * total - y[0]), solid_rate * (2.0 - y[1])]

    start = [volume - (1.0 - fraction) * solid, solid]
    fluid_after, solid_after = solve_ivp(rates, (0.0, minutes), start, rtol=1e-10, atol=1e-12).y[:, -1]
    expected = fluid_after + (1.0 - fraction) * solid_after, solid_after
    assert relaxed_volume(record, volume, solid, 2.0, minutes) == pytest.approx(expected, rel=1e-7)


def test_a_fed_cell_doubles_and_fluid_keeps_its_share() -> None:
    volume, solid = relaxed_volume(clocks()[0], 1.0, 1.0, 2.0, 1e4)
    assert (volume, solid) == pytest.approx((2.0, 2.0), rel=1e-12)


def test_volume_after_s_to_m_is_that_of_the_default_rates() -> None:
    """660 min of growth at 0.0047/min leave a solid volume of 2 - exp(-3.1)."""
    cells = Cells().run(1080.0 - 6.0, 6.0)
    assert cells.clock[0, SOLID] == pytest.approx(2.0 - math.exp(-0.0047 * 654.0), rel=1e-12)
    assert 1.9 < cells.volume[0] < cells.clock[0, SOLID]  # fluid comes after


def test_linear_growth_is_a_straight_line_from_1_to_2_over_the_cycle() -> None:
    cells = Cells(linear_growth=True)
    for n in range(1, 180):
        cells.step(6.0)
        assert cells.volume[0] == pytest.approx(1.0 + 6.0 * n / 1080.0, rel=1e-12)
    cells.step(6.0)
    assert cells.divided_min == [1080.0]
    assert cells.volume[0] == 1.0


# -- phases -----------------------------------------------------------------------------------------------------------


def schedule(record, uid: int, horizon_min: float, g1_pace: float) -> list[tuple[float, int]]:
    """When each phase begins, written out: (min, phase), with G0/G1 stretched by its pace."""
    begins, now, cycle = [], 0.0, 0
    while now <= horizon_min:
        for phase in range(4):
            begins.append((now, phase))
            now += phase_length(record, phase, KEY, uid, cycle) / (g1_pace if phase == 0 else 1.0)
        cycle += 1
    return [*begins, (now, 0)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0.05, 60.0), min_size=1, max_size=60), st.floats(0.0, 0.5), st.floats(0.2, 1.0),
    st.lists(st.floats(1.0, 90.0), min_size=4, max_size=4),
)  # fmt: skip
def test_phases_and_divisions_are_those_of_the_plain_schedule_whatever_the_steps(steps, variation, pace, lengths):
    cells = Cells(3, variation=variation, phase_min=lengths)
    for dt_min in steps:
        cells.step(dt_min, pace)
    for row in range(3):
        plan = schedule(cells.clocks[0], row + 1, cells.time_min + 1.0, pace)
        on_an_edge = min(abs(begin - cells.time_min) for begin, _ in plan[1:]) < 1e-6
        shortest_cycle = np.diff([begin for begin, _ in plan[::4]]).min()
        if on_an_edge or shortest_cycle < max(steps):  # a second division in a step falls into the next
            continue
        past = [phase for begin, phase in plan if begin <= cells.time_min]
        left = next(begin for begin, _ in plan if begin > cells.time_min) - cells.time_min
        assert cells.phase[row] == past[-1]
        assert cells.cycles[row] == past.count(0) - 1
        assert cells.clock[row, LEFT] == pytest.approx(left * (pace if past[-1] == 0 else 1.0), rel=1e-9, abs=1e-8)


def test_divisions_and_volumes_do_not_depend_on_the_step() -> None:
    changes = {"variation": 0.1, "phase_min": [61.3, 47.7, 11.1, 7.9]}
    fine, coarse = (Cells(20, **changes).run(720.0, dt_min) for dt_min in (1.0, 6.0))
    assert len(fine.divided_min) > 80
    assert sorted(coarse.divided_min) == pytest.approx(sorted(fine.divided_min), abs=1e-8)
    np.testing.assert_allclose(coarse.volume, fine.volume, rtol=1e-10)
    np.testing.assert_allclose(coarse.clock, fine.clock, rtol=1e-8, atol=1e-8)


def test_cycles_shorter_than_the_step_lose_no_time() -> None:
    cells = Cells(phase_min=[0.5, 0.0, 0.25, 0.25], linear_growth=True)
    cells.run(60.0, 6.0)
    # one division a step, each taking 1 min of what the clock has run
    assert cells.cycles[0] == 10
    assert cells.phase[0] == s.MITOSIS
    assert cells.clock[0, LEFT] == pytest.approx(-(60.0 - 11.0), abs=1e-9)


def test_a_cell_in_the_middle_of_its_cycle_is_where_a_newborn_one_comes_to() -> None:
    aged = Cells(30, age_min=700.0, variation=0.1)
    grown = Cells(30, variation=0.1).run(700.0, 0.5)
    np.testing.assert_array_equal(aged.phase, grown.phase)
    np.testing.assert_allclose(aged.clock, grown.clock, rtol=1e-9)
    np.testing.assert_allclose(aged.volume, grown.volume, rtol=1e-9)


def test_phase_lengths_have_the_mean_and_spread_of_the_clock_and_are_independent() -> None:
    n, record = 40_000, clocks(variation=0.1)[0]
    lengths = np.array([[phase_length(record, phase, KEY, uid, 3) for phase in range(4)] for uid in range(1, n + 1)])
    means = np.array(COMMUNITY["phase_min"])
    np.testing.assert_allclose(lengths.mean(axis=0), means, rtol=4.0 * 0.1 / math.sqrt(n))
    np.testing.assert_allclose(lengths.std(axis=0), 0.1 * means, rtol=4.0 / math.sqrt(2 * n) + 0.002)  # 0.1 %: the cut
    assert (abs(lengths / means - 1.0) <= 0.3 + 1e-12).all()
    correlation = np.corrcoef(lengths.T) - np.eye(4)
    assert abs(correlation).max() < 5.0 / math.sqrt(n)
    other_cycle = [phase_length(record, 0, KEY, uid, 4) for uid in range(1, n + 1)]
    assert abs(np.corrcoef(lengths[:, 0], other_cycle)[0, 1]) < 5.0 / math.sqrt(n)


def test_a_wide_spread_gives_no_negative_length_and_none_gives_the_mean() -> None:
    wide = clocks(variation=1.0)[0]
    lengths = [phase_length(wide, 2, KEY, uid, 0) for uid in range(1000)]
    assert min(lengths) == 0.0
    assert phase_length(clocks()[0], 2, KEY, 5, 0) == 180.0


def test_first_cycle_is_the_sum_of_its_phases() -> None:
    uids, total = np.arange(5, 9), np.empty(4)
    record = clocks(variation=0.2)[0]
    write_cycle_lengths(record, KEY, uids, total)
    assert total == pytest.approx([sum(phase_length(record, p, KEY, uid, 0) for p in range(4)) for uid in uids])


def test_a_held_clock_stops_g1_alone_or_with_linear_growth_every_phase() -> None:
    for age_min, phase in ((100.0, s.G1), (500.0, s.S_PHASE), (800.0, s.G2), (1000.0, s.MITOSIS)):
        relaxing, linear = Cells(age_min=age_min), Cells(age_min=age_min, linear_growth=True)
        before = linear.volume[0]
        for cells in (relaxing, linear):
            assert cells.phase[0] == phase
            cells.run(1080.0, 6.0, pace=0.0)
        assert linear.phase[0] == phase
        assert linear.volume[0] == before
        assert relaxing.phase[0] == s.G1
        assert len(relaxing.divided_min) == (0 if phase == s.G1 else 1)


def test_cells_with_a_metabolism_and_bodies_have_no_clock() -> None:
    for metabolic, phase in ((True, s.G1), (False, s.NECROTIC)):
        cells = Cells(age_min=300.0)
        cells.table, cells.phase[:] = parameter_table([{}], [metabolic]), phase
        before = cells.clock.copy(), cells.states.copy()
        cells.run(600.0, 6.0)
        np.testing.assert_array_equal(cells.clock, before[0])
        np.testing.assert_array_equal(cells.states, before[1])


# -- pace -------------------------------------------------------------------------------------------------------------


def paces(oxygen_mmHg=40.0, crowding=0.0, area=1.0, contact=0.0, metabolic=False, **changes) -> np.ndarray:
    columns = [np.atleast_1d(np.asarray(values, float)) for values in (oxygen_mmHg, crowding, area, contact)]
    n = max(map(len, columns))
    oxygen, crowded, own, touching = (np.resize(values, n) for values in columns)
    out, table = np.empty(n), parameter_table([{}], [metabolic])
    write_paces(
        0,
        n,
        table,
        clocks(**changes),
        np.zeros(n, np.int16),
        np.arange(n),
        oxygen * 1.3e-3,
        crowded,
        own,
        touching,
        out,
    )
    return out


def test_oxygen_sets_the_pace_linearly_between_its_two_limits_where_it_counts() -> None:
    oxygen = [0.0, 5.0, 21.5, 38.0, 60.0]
    assert paces(oxygen, oxygen_dependent=True) == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.0], abs=1e-12)
    assert paces(oxygen).tolist() == [1.0] * 5


def test_crowding_slows_the_clock_between_the_limits_of_the_type() -> None:
    crowding = [0.5, 0.75, 0.875, 1.0, 1.3]
    assert paces(crowding=crowding, inhibition=INHIBITED_BY_CROWDING) == pytest.approx([1.0, 1.0, 0.5, 0.0, 0.0])
    assert paces(crowding=crowding).tolist() == [1.0] * 5


def test_area_and_contact_stop_the_clock_at_their_limits() -> None:
    assert paces(area=[0.79, 0.81], inhibition=INHIBITED_BY_AREA).tolist() == [0.0, 1.0]
    assert paces(contact=[0.49, 0.51], inhibition=INHIBITED_BY_CONTACT).tolist() == [1.0, 0.0]
    assert paces(area=[0.5], inhibition=INHIBITED_BY_AREA, area_limit=0.4).tolist() == [1.0]


def test_lack_of_oxygen_and_of_space_multiply_and_only_clocks_that_run_have_a_pace() -> None:
    both = paces(21.5, 0.875, inhibition=INHIBITED_BY_CROWDING, oxygen_dependent=True)
    assert both == pytest.approx([0.25], rel=1e-9)
    assert paces(cycling=False).tolist() == [0.0]
    assert paces(metabolic=True).tolist() == [0.0]


# -- the rest ---------------------------------------------------------------------------------------------------------


def test_a_table_of_clocks_has_a_record_for_every_type() -> None:
    table = clock_table([{}, COMMUNITY])
    assert table.dtype == CLOCK_DTYPE
    assert not table["cycling"][0]
    assert table["phase_min"][1].tolist() == [420.0, 360.0, 180.0, 120.0]


def test_prescribed_amounts_are_in_proportion_to_volume_and_none_of_bodies() -> None:
    amounts = np.empty(4)
    types, phases = np.array([0, 1, 1, 1], np.int16), np.array([s.G1, s.MITOSIS, s.G1, s.NECROTIC], np.int8)
    prescribed_amounts(0, 4, np.array([2.0, 10.0]), types, phases, np.array([1.0, 1.5, 1.0, 1.0]), amounts)
    assert amounts.tolist() == [2.0, 15.0, 10.0, 0.0]
