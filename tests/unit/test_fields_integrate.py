"""Time integration, balances, positivity and the interface of a field."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.fields import FACES, Field, Grid
from tumorabm.microenvironment import FIELD_TOLERANCE
from tumorabm.threads import Threads

ANY = 1e9  # a tolerance that accepts every time step, so that the step sizes are those asked for
GAMMA = 1 - 1 / np.sqrt(2)
SHAPES = st.one_of(
    st.tuples(st.just(1), st.integers(1, 12), st.integers(1, 12)),
    st.tuples(st.integers(2, 5), st.integers(1, 5), st.integers(1, 5)),
)


def random_case(shape, seed, **options):
    """Return a field with every term, and the terms of a step."""
    rng = np.random.default_rng(seed)
    faces = {face: rng.random() for face in FACES if rng.random() < 0.3 and not (shape[0] == 1 and face[0] == "z")}
    start = rng.random(shape) * rng.choice([1.0, 1e-4], shape)
    field = Field("x", Grid(shape, 20.0), rng.choice([0.0, 600.0, 1e5]), 0.01, faces, concentration_mM=start, **options)
    field.plasma_mM = 0.4
    field.vessel_exchange_per_min[:] = 100.0 * (rng.random(shape) < 0.1)
    terms = {
        "source_mM_per_min": 0.01 * rng.random(shape),
        "uptake_mM_per_min": 0.3 * rng.random(shape) * (rng.random(shape) < 0.5),
        "uptake_km_mM": 0.02,
        "enzyme_mM_per_min": 0.05 * rng.random(shape),
        "enzyme_km_mM": 0.015,
    }
    return field, terms


def naive_rate(field, terms, c):
    """Return F(c), written as sums over faces."""
    rate = terms["source_mM_per_min"] - field.decay_per_min * c
    rate = rate + field.vessel_exchange_per_min * (field.plasma_mM - c)
    rate -= terms["uptake_mM_per_min"] * c / (c + terms["uptake_km_mM"])
    rate -= terms["enzyme_mM_per_min"] * c / (c + terms["enzyme_km_mM"])
    coupling = field.diffusion_um2_per_min / field.grid.voxel_um**2
    for axis, name in enumerate("zyx"):
        flux = coupling * np.diff(c, axis=axis)
        inner = [slice(None)] * 3
        inner[axis] = slice(None, -1)
        rate[tuple(inner)] += flux
        inner[axis] = slice(1, None)
        rate[tuple(inner)] -= flux
        for end, place in (("low", 0), ("high", -1)):
            if f"{name}_{end}" in field.faces:
                inner[axis] = place
                rate[tuple(inner)] += 2 * coupling * (field.faces[f"{name}_{end}"] - c[tuple(inner)])
    return rate


def naive_stage(field, terms, reference, tau):
    """Solve (c - reference) / tau = F(c) by damped Newton with a dense Jacobian built column by column."""
    shape = reference.shape

    def residual(c):
        return ((c.reshape(shape) - reference) / tau - naive_rate(field, terms, c.reshape(shape))).ravel()

    linear = dict(terms, uptake_mM_per_min=0.0, enzyme_mM_per_min=0.0, source_mM_per_min=0.0)
    zero = naive_rate(field, linear, np.zeros(shape)).ravel()
    columns = [naive_rate(field, linear, unit.reshape(shape)).ravel() - zero for unit in np.eye(reference.size)]
    constant = np.eye(reference.size) / tau - np.array(columns).T
    c = reference.ravel().copy()
    for _ in range(60):
        slope = sum(
            (terms[f"{sink}_mM_per_min"] * terms[f"{sink}_km_mM"]).ravel() / (c + terms[f"{sink}_km_mM"]) ** 2
            for sink in ("uptake", "enzyme")
        )
        change = np.linalg.solve(constant + np.diag(slope), -residual(c))
        c = np.maximum(c + change, 0.1 * c)
        if np.abs(change).max() < 1e-13:
            return c.reshape(shape)
    raise AssertionError("the twin did not converge")


@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_backward_euler_agrees_with_a_dense_newton_solver(shape, seed):
    field, terms = random_case(shape, seed, tolerance=ANY)
    expected = naive_stage(field, terms, field.concentration_mM.copy(), 6.0)
    exchange = field.advance(6.0, **terms)
    assert exchange.substeps == 1
    np.testing.assert_allclose(field.concentration_mM, expected, rtol=0, atol=1e-6 * expected.max())
    saturation = 6.0 * expected / (expected + terms["uptake_km_mM"])
    np.testing.assert_allclose(exchange.uptake_saturation_min, saturation, rtol=0, atol=1e-4)


@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_substeps_agree_with_the_scheme_written_out(shape, seed):
    field, terms = random_case(shape, seed, tolerance=ANY)
    c, h, saturation = field.concentration_mM.copy(), 2e-4, 0.0
    for _ in range(4):
        first = naive_stage(field, terms, c, GAMMA * h)
        second = naive_stage(field, terms, c + (1 - GAMMA) / GAMMA * (first - c), GAMMA * h)
        for weight, stage in ((1 - GAMMA, first), (GAMMA, second)):
            saturation = saturation + weight * h * stage / (stage + terms["enzyme_km_mM"])
        c = second
    exchange = field.advance(4 * h, **terms, max_substep_min=h)
    assert exchange.substeps == 4
    np.testing.assert_allclose(field.concentration_mM, c, rtol=0, atol=1e-6 * c.max())
    np.testing.assert_allclose(exchange.enzyme_saturation_min, saturation, rtol=1e-5, atol=1e-6 * h)


@pytest.mark.parametrize("shape", [(1, 16, 16), (8, 8, 8)])
def test_halving_forced_substeps_quarters_the_error(shape):
    mode = np.ones(shape)
    for axis, waves in enumerate((1, 1, 2)):
        across = np.cos(np.pi * waves * (np.arange(shape[axis]) + 0.5) / shape[axis]) if shape[axis] > 1 else np.ones(1)
        mode *= across.reshape([-1 if a == axis else 1 for a in range(3)])
    terms = {"uptake_mM_per_min": np.full(shape, 0.02), "uptake_km_mM": 0.3}

    def after(substeps):
        field = Field("x", Grid(shape, 20.0), 600.0, 0.02, tolerance=ANY)
        field.concentration_mM[:] = 1.0 + 0.5 * mode
        assert field.advance(24.0, **terms, max_substep_min=24.0 / substeps * (1 - 1e-12)).substeps == substeps
        return field.concentration_mM

    counts, exact = (8, 16, 32), after(512)
    errors = [np.abs(after(n) - exact).max() for n in counts]
    ratios = np.divide(errors[:-1], errors[1:])
    table = "\n".join(
        f"{n:4d} sub-steps: error {error:.3e} mM, ratio {ratio:.3f}"
        for n, error, ratio in zip(counts, errors, [np.nan, *ratios], strict=True)
    )
    assert np.all((ratios > 3.6) & (ratios < 4.4)), table


def test_error_control_keeps_what_it_promises_over_a_step():
    """A plasma jump; against the same field in 600 forced sub-steps."""
    fine, controlled = (Field("x", Grid((1, 15, 15), 20.0), 2000.0, 0.01, initial_mM=0.05) for _ in range(2))
    for field, longest in ((fine, 0.01), (controlled, np.inf)):
        field.vessel_exchange_per_min[0, 3, 4] = field.vessel_exchange_per_min[0, 11, 9] = 10.0
        field.plasma_mM = 0.5
        field.advance(6.0, max_substep_min=longest)
    np.testing.assert_allclose(controlled.concentration_mM, fine.concentration_mM, rtol=0, atol=5e-3 * 0.5)
    quiet = Field("x", Grid((1, 15, 15), 20.0), 2000.0, 0.01, faces={"x_low": 0.3})
    quiet.relax_to_steady_state()
    assert quiet.advance(6.0).substeps == 1


def test_what_the_drug_leaves_of_asparagine_decays_as_exactly_as_plenty_does():
    for start_mM in (2.4e-5, 0.05):
        field = Field("asparagine", Grid((1, 4, 4), 20.0), 1e5, 0.02, initial_mM=start_mM, tolerance=FIELD_TOLERANCE)
        for _ in range(10):
            field.advance(6.0)
        np.testing.assert_allclose(field.concentration_mM, start_mM * np.exp(-1.2), rtol=2e-3)


@given(
    shape=SHAPES,
    seed=st.integers(0, 2**32 - 1),
    longest=st.sampled_from([np.inf, 2.0]),
    tolerance=st.sampled_from([ANY, 5e-4]),
)
@settings(max_examples=40, deadline=None)
def test_the_amounts_account_for_every_change(shape, seed, longest, tolerance):
    field, terms = random_case(shape, seed, tolerance=tolerance)
    volume = field.grid.voxel_volume_um3
    for _ in range(3):
        before = field.concentration_mM.sum() * volume
        exchange = field.advance(6.0, **terms, max_substep_min=longest)
        amounts = [
            before,
            exchange.from_vessels_amol,
            exchange.through_faces_amol,
            -exchange.decayed_amol,
            6.0 * terms["source_mM_per_min"].sum() * volume,
            -(terms["uptake_mM_per_min"] * exchange.uptake_saturation_min).sum() * volume,
            -(terms["enzyme_mM_per_min"] * exchange.enzyme_saturation_min).sum() * volume,
        ]
        after = field.concentration_mM.sum() * volume
        assert after - sum(amounts) == pytest.approx(0.0, abs=2e-13 * np.abs(amounts).sum())
        assert exchange.balance_correction < 1e-6
        assert field.concentration_mM.min() >= 0.0


@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1), diffusion=st.sampled_from([10.0, 600.0, 1e5]))
@settings(max_examples=30, deadline=None)
def test_diffusion_alone_makes_no_new_extrema(shape, seed, diffusion):
    rng = np.random.default_rng(seed)
    start = rng.random(shape) * (rng.random(shape) < 0.3)
    field = Field("x", Grid(shape, 20.0), diffusion, concentration_mM=start.copy(), tolerance=ANY)
    field.advance(6.0)
    assert field.concentration_mM.min() >= start.min() * (1 - 1e-6)
    assert field.concentration_mM.max() <= start.max() * (1 + 1e-6)
    assert field.concentration_mM.sum() == pytest.approx(start.sum(), rel=1e-13)


def test_a_field_stays_positive_while_a_strong_sink_empties_it():
    grid = Grid((1, 9, 9), 20.0)
    field = Field("x", grid, 600.0, initial_mM=1.0)
    uptake = np.zeros(grid.shape)
    uptake[0, 4, 4], uptake[0, 0, 0] = 50.0, 5.0
    for _ in range(200):
        field.advance(6.0, uptake_mM_per_min=uptake, uptake_km_mM=0.001)
        assert field.concentration_mM.min() > 0.0
    assert field.concentration_mM.max() < 1e-6


def test_an_empty_field_stays_empty_and_a_washed_one_never_fails():
    empty = Field("x", Grid((1, 4, 5), 20.0), 600.0, 0.1)
    empty.advance(6.0)
    assert not empty.concentration_mM.any()
    washed = Field("x", Grid((1, 4, 5), 20.0), 600.0, initial_mM=1.0)
    washed.vessel_exchange_per_min[:] = 100.0
    for _ in range(400):
        washed.advance(6.0)
    assert washed.concentration_mM.max() < 1e-190


def test_well_mixed_compartment_washes_out_exponentially():
    field = Field("x", Grid.well_mixed(1e9), 2000.0, decay_per_min=0.01, initial_mM=2.0, tolerance=1e-5)
    assert field.grid.voxel_volume_um3 == pytest.approx(1e9)
    taken = sum(field.advance(6.0).decayed_amol for _ in range(20))
    assert field.concentration_mM.item() == pytest.approx(2.0 * np.exp(-1.2), rel=1e-3)
    assert taken == pytest.approx((2.0 - field.concentration_mM.item()) * 1e9, rel=1e-12)


def test_fields_advanced_in_threads_give_the_same_bits():
    results = []
    for count in (1, 3):
        cases = [random_case((1, 33, 29), seed) for seed in range(4)]
        threads = Threads(count)
        threads.run([lambda case=case: case[0].advance(6.0, **case[1]) for case in cases])
        results.append(np.array([field.concentration_mM for field, _ in cases]))
    assert results[0].tobytes() == results[1].tobytes()


def test_the_given_memory_is_used_and_kept():
    memory = np.full((1, 3, 3), 0.5)
    field = Field("x", Grid((1, 3, 3), 20.0), 600.0, 0.1, concentration_mM=memory)
    field.advance(6.0)
    field.advance(6.0, max_substep_min=1.0)
    field.relax_to_steady_state()
    assert field.concentration_mM is memory
    assert memory.max() < 1e-9


def test_no_steady_state_in_a_closed_box_without_sinks():
    field = Field("asparagine", Grid((1, 3, 3), 20.0), 600.0, initial_mM=0.5)
    with pytest.raises(ValueError, match=r"field asparagine: no unique steady state.*closed"):
        field.relax_to_steady_state(source_mM_per_min=np.ones((1, 3, 3)))


def test_a_source_beyond_the_saturable_sink_raises_instead_of_stopping_early():
    field = Field("asparagine", Grid((1, 3, 3), 20.0), 600.0, initial_mM=0.5)
    ones = np.ones((1, 3, 3))
    with pytest.raises(FloatingPointError, match=r"field asparagine: .* in the steady state"):
        field.relax_to_steady_state(source_mM_per_min=2.0 * ones, uptake_mM_per_min=ones)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda g: Field("o2", g, -1.0), r"o2: diffusion_um2_per_min.*-1"),
        (lambda g: Field("o2", g, 1.0, np.nan), "o2: decay_per_min"),
        (lambda g: Field("o2", g, 1.0, faces={"left": 1.0}), "unknown face 'left', expected one of x_low"),
        (lambda g: Field("o2", g, 1.0, faces={"z_low": 1.0}), "z_low must stay closed"),
        (lambda g: Field("o2", g, 1.0, faces={"x_low": -1.0}), r"faces.x_low"),
        (lambda g: Field("o2", g, 1.0, concentration_mM=np.zeros((1, 4, 3))), r"concentration_mM.*\(1, 3, 4\)"),
        (lambda g: Field("o2", g, 1.0, concentration_mM=np.zeros(g.shape, np.float32)), "float64"),
        (lambda g: Field("o2", g, 1.0).advance(0.0), "dt_min"),
        (lambda g: Field("o2", g, 1.0).advance(1.0, uptake_km_mM=0.0), "uptake_km_mM"),
        (lambda g: Field("o2", g, 1.0).advance(1.0, uptake_mM_per_min=np.zeros(3)), "uptake_mM_per_min"),
        (lambda g: Field("o2", g, 1.0).advance(1.0, max_substep_min=-1.0), "max_substep_min"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make(Grid((1, 3, 4), 20.0))


@pytest.mark.parametrize("value", [-1e-9, np.nan, np.inf])
def test_bad_values_are_named_with_their_voxel(value):
    field = Field("o2", Grid((1, 3, 4), 20.0), 600.0)
    uptake = np.zeros((1, 3, 4))
    uptake[0, 2, 1] = value
    with pytest.raises(ValueError, match=r"o2: uptake_mM_per_min: .* voxel x=1, y=2, z=0"):
        field.advance(6.0, uptake_mM_per_min=uptake)
    field.concentration_mM[0, 1, 3] = value
    with pytest.raises(ValueError, match=r"o2: concentration_mM: .* voxel x=3, y=1, z=0"):
        field.advance(6.0)


def test_grid_geometry():
    grid = Grid.from_size((1500.0, 1000.0), 20.0)
    assert (grid.shape, grid.ndim, grid.n_voxels) == ((1, 50, 75), 2, 3750)
    assert grid.size_um == (1500.0, 1000.0, 20.0)
    assert Grid.from_size((60.0, 40.0, 80.0), 20.0).shape == (4, 2, 3)
    assert Grid.from_size((0.3, 0.6), 0.1).shape == (1, 6, 3)
    with pytest.raises(ValueError, match=r"side y = 1010 µm .* 1000 and 1020 µm"):
        Grid.from_size((1500.0, 1010.0), 20.0)
    with pytest.raises(ValueError, match="side x = 5 µm is shorter than one voxel"):
        Grid.from_size((5.0, 20.0), 20.0)
    for bad in ((1, 0, 3), (2, 3), (1.0, 2, 3)):
        with pytest.raises(ValueError, match="three positive integers"):
            Grid(bad, 20.0)


@given(
    shape=SHAPES,
    positions=st.lists(st.tuples(*[st.floats(-300.0, 600.0)] * 3), max_size=20),
)
@settings(max_examples=50, deadline=None)
def test_voxel_index_finds_the_voxel_around_a_position(shape, positions):
    grid = Grid(shape, 20.0)
    index = grid.voxel_index(np.array(positions, dtype=float).reshape(-1, 3))
    expected = [
        np.ravel_multi_index([int(np.clip(p[2 - a] // 20.0, 0, shape[a] - 1)) for a in range(3)], shape)
        for p in positions
    ]
    assert index.dtype == np.int64
    assert index.tolist() == expected
