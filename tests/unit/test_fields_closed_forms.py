"""The diffusion grid against solutions known in closed form."""

import numpy as np
import pytest
from scipy.special import lambertw

from tumorabm.fields import Field, Grid

MMHG_MM = 1.3e-3  # oxygen, mM per mmHg
PIN_PER_MIN = 1e9  # an exchange this strong holds a voxel at the plasma value


def centres(n, voxel_um):
    return (np.arange(n) + 0.5) * voxel_um


def test_strip_between_two_walls_with_decay_follows_cosh():
    length, diffusion, decay, wall = 1000.0, 2000.0, 0.05, 0.3
    grid = Grid.from_size((length, 50.0), 10.0)
    field = Field("drug", grid, diffusion, decay, faces={"x_low": wall, "x_high": wall})
    field.relax_to_steady_state()
    reach = np.sqrt(diffusion / decay)
    expected = wall * np.cosh((centres(100, 10.0) - length / 2) / reach) / np.cosh(length / 2 / reach)
    np.testing.assert_allclose(field.concentration_mM, np.broadcast_to(expected, grid.shape), rtol=2e-3)


def test_a_step_long_enough_reaches_the_steady_state():
    grid = Grid((1, 5, 31), 20.0)
    faces = {"x_low": 0.1, "y_high": 0.02}
    steady, marched = (Field("x", grid, 3000.0, 0.2, faces=faces) for _ in range(2))
    steady.relax_to_steady_state()
    for _ in range(40):
        marched.advance(60.0)
    np.testing.assert_allclose(marched.concentration_mM, steady.concentration_mM, rtol=1e-6)


@pytest.mark.parametrize(
    ("thiele", "centre", "effectiveness"),
    [(1.0, 0.85092, 0.93911), (2.0, 0.55144, 0.80597), (5.0, 0.06738, 0.48005)],
)
def test_sphere_with_first_order_uptake(thiele, centre, effectiveness):
    """One octant. The surface is a staircase of held voxels, whose centres lie 3/8 voxel outside it on the average
    over directions, weighted with the flux; so voxels are held from 3/8 inside the radius on."""
    n, voxel, diffusion, value = 48, 5.0, 2000.0, 0.1
    radius = 44.25 * voxel
    x = centres(n, voxel)
    distance = np.sqrt(x[:, None, None] ** 2 + x[:, None] ** 2 + x**2)
    field = Field("x", Grid((n, n, n), voxel), diffusion)
    field.plasma_mM = value
    field.vessel_exchange_per_min[distance > radius - 0.375 * voxel] = PIN_PER_MIN
    km = 1e6  # mM, far above the concentration: first order
    uptake = np.where(distance < radius, thiele**2 * diffusion / radius**2 * km, 0.0)
    field.relax_to_steady_state(uptake_mM_per_min=uptake, uptake_km_mM=km)
    assert field.concentration_mM[0, 0, 0] / value == pytest.approx(centre, rel=0.01)
    assert field.concentration_mM[distance < radius].mean() / value == pytest.approx(effectiveness, rel=0.01)


@pytest.mark.parametrize(("tissue_um", "edge_mmHg"), [(60, 29.0), (80, 17.6), (100, 1.6)])
def test_krogh_cylinder(tissue_um, edge_mmHg):
    """A quarter of the cross-section, held within the capillary; nothing is consumed beyond the tissue radius. The
    staircase of the capillary's wall lies 4/(3 pi) voxel outside it on the average; 1 % is of the drop from it."""
    capillary, voxel, diffusion, consumption, inflow = 5.0, 0.5, 1.2e5, 0.48, 40.0
    n = round(tissue_um / voxel)
    x = centres(n, voxel)
    distance = np.hypot(x[:, None], x)[None]
    field = Field("oxygen", Grid((1, n, n), voxel), diffusion, initial_mM=inflow * MMHG_MM)
    field.plasma_mM = inflow * MMHG_MM
    field.vessel_exchange_per_min[distance < capillary + 4 / (3 * np.pi) * voxel] = PIN_PER_MIN
    uptake = np.where((distance > capillary) & (distance < tissue_um), consumption, 0.0)
    field.relax_to_steady_state(uptake_mM_per_min=uptake, uptake_km_mM=1e-7)
    edge = field.concentration_mM[(distance > tissue_um - voxel) & (distance < tissue_um)].mean() / MMHG_MM
    assert edge == pytest.approx(edge_mmHg, abs=0.01 * (inflow - edge_mmHg))


def filling(x, time_min, length, diffusion):
    """Empty slab, both faces held at 1 from time 0."""
    odd = np.arange(1, 200, 2)[:, None]
    decay = np.exp(-diffusion * (odd * np.pi / length) ** 2 * time_min)
    return 1.0 - (4.0 / (np.pi * odd) * decay * np.sin(odd * np.pi * x / length)).sum(axis=0)


def test_filling_of_a_square_from_its_sides():
    length, voxel, diffusion, wall = 800.0, 10.0, 600.0, 0.5
    grid = Grid.from_size((length, length), voxel)
    field = Field("drug", grid, diffusion, faces=dict.fromkeys(("x_low", "x_high", "y_low", "y_high"), wall))
    x = centres(80, voxel)
    inflow = 0.0
    for step in range(1, 41):
        inflow += field.advance(6.0).through_faces_amol
        if step in (10, 20, 40):
            empty = 1.0 - filling(x, 6.0 * step, length, diffusion)
            expected = wall * (1.0 - np.outer(empty, empty))
            np.testing.assert_allclose(field.concentration_mM[0], expected, atol=0.002 * wall, rtol=0)
            assert inflow == pytest.approx(expected.sum() * grid.voxel_volume_um3, rel=0.002)


@pytest.mark.parametrize("shape", [(1, 40, 40), (24, 24, 24)])
def test_a_cosine_mode_decays_exponentially(shape):
    diffusion, voxel = 600.0, 20.0
    field = Field("x", Grid(shape, voxel), diffusion, tolerance=1e-5)
    mode, decay = np.ones(shape), 0.0
    for axis, n in enumerate(shape):
        if n > 1:
            profile = np.cos(np.pi * centres(n, voxel) / (n * voxel))
            mode *= profile.reshape([-1 if a == axis else 1 for a in range(3)])
            decay += diffusion * (np.pi / (n * voxel)) ** 2
    field.concentration_mM[:] = 1.0 + 0.5 * mode
    for step in range(1, 11):
        field.advance(0.1 / decay)
        expected = 0.5 * mode * np.exp(-0.1 * step)
        np.testing.assert_allclose(field.concentration_mM - 1.0, expected, atol=0.002 * np.abs(expected).max(), rtol=0)


def test_an_enzyme_empties_a_closed_well_along_lambert_w():
    km, velocity, start = 0.015, 0.010, 0.378  # mM, mM/min, mM
    grid = Grid.well_mixed(1e11)
    enzyme = np.full(grid.shape, velocity)
    for time, known in ((10.0, 0.282375), (30.0, 0.098216), (45.0, 0.002613)):
        exact = km * lambertw(start / km * np.exp((start - velocity * time) / km)).real
        assert exact == pytest.approx(known, abs=1e-6)
        field = Field("asparagine", grid, 2000.0, initial_mM=start)
        for dt in [6.0] * int(time // 6.0) + [time % 6.0] * (time % 6.0 > 0):
            field.advance(dt, enzyme_mM_per_min=enzyme, enzyme_km_mM=km)
        assert field.concentration_mM.item() == pytest.approx(exact, rel=0.01)
