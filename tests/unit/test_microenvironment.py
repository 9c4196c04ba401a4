"""The dissolved substances of a site against closed forms: vessels, enzyme, uptake and efflux of one voxel."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.biology.parameters import UPTAKE_KM_UM
from tumorabm.biology.states import EFFLUXES, UPTAKES
from tumorabm.fields import Field, Grid
from tumorabm.microenvironment import Microenvironment, exchange_on_grid, vessels_by_voxel
from tumorabm.scenario import scenario_from_dict
from tumorabm.threads import Threads

ASPARAGINE_KM_MM, GLUTAMINE_KM_MM, GLUTAMINASE_RATIO = ENZYME = (0.02, 0.9, 0.1)
STEP_MIN = 6.0
EXCHANGE_PER_MIN = 0.5
ACTIVITY_IU_PER_ML = 0.04
PLASMA_MM = {
    "oxygen": 0.052,
    "glucose": 5.0,
    "glutamine": 0.6,
    "asparagine": 0.05,
    "aspartate": 0.01,
    "glutamate": 0.05,
    "ammonia": 0.03,
    "exchange_amino_acids": 0.3,
}
SLOW_VESSELS = {name: {"vessel_exchange_per_min": EXCHANGE_PER_MIN} for name in PLASMA_MM}
CONSTANT_ENZYME = {"asparaginase": {"vessel_exchange_per_min": 0.0, "initial_iu_per_mL": ACTIVITY_IU_PER_ML}}


def tissue(
    fields: dict[str, dict[str, float]],
    size_um: tuple[float, ...] = (20.0, 20.0),
    voxel_um: float = 20.0,
    vessels: int = 1,
    threads: int = 1,
) -> Microenvironment:
    """Return a site without cells whose vessels all lie in the middle of its first voxel."""
    domain = {"size_um": list(size_um), "voxel_um": voxel_um}
    positions = [[0.5 * voxel_um] * len(size_um)] * vessels
    scenario = scenario_from_dict(
        {"hours": 1.0, "domain": domain, "fields": fields, "vessels": {"positions_um": positions}}
    )
    grid = Grid.from_size(size_um, voxel_um, scenario.domain.slab_um)
    middle = np.full((vessels, 3), 0.5 * voxel_um)
    return Microenvironment(scenario, grid, middle, Threads(threads))


def uptake_of(site: Microenvironment, **amol_per_min: float) -> Callable[[str], np.ndarray]:
    """Return the greatest uptake in each voxel, by substrate; 0 of those that are not named."""
    return lambda name: np.full(site.grid.n_voxels, amol_per_min.get(name, 0.0))


def advance(site: Microenvironment, steps: int, **amol_per_min: float) -> None:
    """Advance, with the efflux that is pending now before each step."""
    given_off = {name: pending.copy() for name, pending in site.pending_amol.items()}
    for _ in range(steps):
        for name, pending in given_off.items():
            site.pending_amol[name][:] = pending
        site.advance(STEP_MIN, uptake_of(site, **amol_per_min), ENZYME)


def concentration(site: Microenvironment, name: str) -> float:
    return site.fields[name].concentration_mM.item()


def amount(site: Microenvironment, name: str) -> float:
    return float(site.fields[name].concentration_mM.sum()) * site.grid.voxel_volume_um3


def balanced(plasma_mM: float, exchange_per_min: float, velocity_mM_per_min: float, km_mM: float) -> float:
    """Return c with ``p (plasma - c) = v c/(K + c)``."""
    middle = plasma_mM - km_mM - velocity_mM_per_min / exchange_per_min
    return 0.5 * (middle + math.sqrt(middle * middle + 4.0 * plasma_mM * km_mM))


# ------------------------------------------------------------------ the enzyme


def test_substrates_stand_where_vessels_bring_what_the_enzyme_splits() -> None:
    site = tissue(SLOW_VESSELS | CONSTANT_ENZYME)
    advance(site, steps=30)
    asparagine = balanced(PLASMA_MM["asparagine"], EXCHANGE_PER_MIN, ACTIVITY_IU_PER_ML, ASPARAGINE_KM_MM)
    of_glutamine = ACTIVITY_IU_PER_ML * GLUTAMINASE_RATIO
    glutamine = balanced(PLASMA_MM["glutamine"], EXCHANGE_PER_MIN, of_glutamine, GLUTAMINE_KM_MM)
    assert asparagine < 0.5 * PLASMA_MM["asparagine"]  # so that the two Km and the ratio matter
    assert glutamine < 0.999 * PLASMA_MM["glutamine"]
    assert concentration(site, "asparagine") == pytest.approx(asparagine, rel=1e-4)
    assert PLASMA_MM["glutamine"] - concentration(site, "glutamine") == pytest.approx(
        PLASMA_MM["glutamine"] - glutamine, rel=1e-3
    )


def test_products_stand_above_plasma_by_what_is_split_over_what_vessels_carry_away() -> None:
    site = tissue(SLOW_VESSELS | CONSTANT_ENZYME)
    advance(site, steps=30)
    rise = {name: concentration(site, name) - plasma for name, plasma in PLASMA_MM.items()}
    assert rise["aspartate"] == pytest.approx(-rise["asparagine"], rel=1e-4)
    assert rise["glutamate"] == pytest.approx(-rise["glutamine"], rel=1e-4)
    assert rise["ammonia"] == pytest.approx(-rise["asparagine"] - rise["glutamine"], rel=1e-4)


def test_in_a_closed_tissue_hydrolysis_turns_amount_into_equal_amount() -> None:
    sealed = {name: {"vessel_exchange_per_min": 0.0} for name in PLASMA_MM}
    site = tissue(sealed | CONSTANT_ENZYME, size_um=(60.0, 40.0))
    before = {name: amount(site, name) for name in PLASMA_MM}
    nitrogen = site.nitrogen_amol()["fields"]
    advance(site, steps=5)
    change = {name: amount(site, name) - before[name] for name in PLASMA_MM}
    assert change["asparagine"] < -0.9 * before["asparagine"]
    assert change["glutamine"] < 0.0
    assert change["aspartate"] == pytest.approx(-change["asparagine"], rel=1e-9)
    assert change["glutamate"] == pytest.approx(-change["glutamine"], rel=1e-9)
    assert change["ammonia"] == pytest.approx(-change["asparagine"] - change["glutamine"], rel=1e-9)
    assert site.nitrogen_amol()["fields"] == pytest.approx(nitrogen, rel=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_enzyme_that_comes_in_during_a_step_splits_in_that_step(threads: int) -> None:
    quick = {"asparaginase": {"vessel_exchange_per_min": 10.0, "plasma_fraction": 1.0}}
    site = tissue(SLOW_VESSELS | quick, threads=threads)
    site.see_plasma({"asparaginase": ACTIVITY_IU_PER_ML})
    advance(site, steps=1)
    assert concentration(site, "asparagine") < 0.8 * PLASMA_MM["asparagine"]
    for product in ("aspartate", "ammonia"):
        assert concentration(site, product) > PLASMA_MM[product] + 0.2 * PLASMA_MM["asparagine"]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["asparaginase", "glutamine", "ammonia", "oxygen"])
def test_a_field_that_fails_is_named_and_no_thread_waits_for_ever(name: str, threads: int) -> None:
    site = tissue(SLOW_VESSELS | CONSTANT_ENZYME, threads=threads)
    site.fields[name].concentration_mM[...] = np.nan
    with pytest.raises(ValueError, match=f"field {name}: concentration_mM"):
        advance(site, steps=1)


def test_without_enzyme_nothing_is_split() -> None:
    site = tissue(SLOW_VESSELS)
    advance(site, steps=5)
    for name, plasma in PLASMA_MM.items():
        assert concentration(site, name) == pytest.approx(plasma, rel=1e-9)


# ----------------------------------------------------------------- the vessels


def test_tissue_comes_to_the_plasma_fraction_of_what_vessels_carry() -> None:
    entry = {"plasma_iu_per_mL": 2.0, "plasma_fraction": 0.3, "vessel_exchange_per_min": EXCHANGE_PER_MIN}
    site = tissue({"asparaginase": entry, "glucose": {"plasma_uM": 1000.0, "plasma_fraction": 0.5}})
    site.start_from_steady_state(uptake_of(site), STEP_MIN)
    assert concentration(site, "asparaginase") == pytest.approx(0.3 * 2.0, rel=1e-6)
    assert concentration(site, "glucose") == pytest.approx(0.5 * 1.0, rel=1e-6)
    site.see_plasma({"asparaginase": 5.0, "glucose": 8.0})
    advance(site, steps=10)
    assert concentration(site, "asparaginase") == pytest.approx(0.3 * 5.0, rel=1e-4)
    assert concentration(site, "glucose") == pytest.approx(0.5 * 8.0, rel=1e-4)


@pytest.mark.parametrize("size_um", [(80.0, 80.0), (80.0, 80.0, 80.0)])
@pytest.mark.parametrize("voxel_um", [10.0, 20.0, 40.0])
def test_a_vessel_brings_the_same_amount_into_voxels_of_any_edge(size_um: tuple[float, ...], voxel_um: float) -> None:
    empty = {"vessel_exchange_per_min": 1e-3, "initial_uM": 0.0}
    site = tissue({"glutamine": empty}, size_um=size_um, voxel_um=voxel_um)
    site.advance(0.01, uptake_of(site), ENZYME)
    brought = 1e-3 * PLASMA_MM["glutamine"] * 20.0**3 * 0.01  # exchange is given for a voxel of 20 µm
    assert amount(site, "glutamine") == pytest.approx(brought, rel=1e-3)


def test_two_vessels_in_a_voxel_bring_twice_as_much_as_one_and_none_elsewhere() -> None:
    one, two = (tissue(SLOW_VESSELS, size_um=(60.0, 40.0), vessels=number) for number in (1, 2))
    expected = np.zeros((1, 2, 3))
    expected[0, 0, 0] = EXCHANGE_PER_MIN
    for name in PLASMA_MM:
        np.testing.assert_allclose(one.fields[name].vessel_exchange_per_min, expected, rtol=1e-12)
        np.testing.assert_allclose(two.fields[name].vessel_exchange_per_min, 2.0 * expected, rtol=1e-12)


def naive_vessels(grid: Grid, positions_um: np.ndarray) -> np.ndarray:
    """Parts of vessels in each voxel, counted voxel by voxel in the block of at least 20 µm that holds the vessel."""
    per_side = next(n for n in range(1, 100) if n * grid.voxel_um > 20.0 - 1e-6)
    parts = np.zeros(grid.shape)
    for position in positions_um:
        home = np.array(np.unravel_index(grid.voxel_index(position[None])[0], grid.shape)) // per_side
        block = [place for place in np.ndindex(*grid.shape) if (np.array(place) // per_side == home).all()]
        for place in block:
            parts[place] += 1.0 / len(block)
    return parts


@st.composite
def vessels_on_grids(draw: st.DrawFn) -> tuple[Grid, np.ndarray]:
    """Draw a grid, fine or coarse, of whole blocks of 20 µm or not, and vessels in it, some on edges and walls."""
    voxel_um = draw(st.sampled_from([4.0, 20.0 / 3.0, 7.0, 10.0, 15.0, 20.0, 33.0]))
    shape = draw(st.tuples(*[st.integers(1, 6)] * 3))
    grid = Grid(draw(st.sampled_from([(1, *shape[1:]), shape])), voxel_um)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    positions = random.random((draw(st.integers(0, 4)), 3)) * grid.size_um
    if draw(st.booleans()):
        positions = np.minimum(20.0 * np.round(positions / 20.0), grid.size_um)
    return grid, positions


@settings(max_examples=60, deadline=None)
@given(vessels_on_grids())
def test_a_vessel_is_shared_evenly_by_the_voxels_of_its_block(drawn: tuple[Grid, np.ndarray]) -> None:
    grid, positions = drawn
    parts = vessels_by_voxel(grid, positions)
    assert parts.flags.c_contiguous
    np.testing.assert_allclose(parts, naive_vessels(grid, positions), rtol=1e-12)
    assert parts.sum() == pytest.approx(len(positions), rel=1e-12)


def test_on_voxels_of_20_um_a_vessel_counts_as_one_and_exchanges_as_given_to_the_bit() -> None:
    positions = np.random.default_rng(3).random((200, 3)) * [1500.0, 1500.0, 20.0]
    slab = Grid.from_size((1500.0, 1500.0), 20.0, 20.0)
    counted = np.bincount(slab.voxel_index(positions), minlength=slab.n_voxels).reshape(slab.shape)
    assert (vessels_by_voxel(slab, positions) == counted).all()
    for grid in (slab, Grid((3, 3, 3), 20.0)):
        assert exchange_on_grid(grid, 2400.1, 1.2e5) == 2400.1


def resistance_of_block(ndim: int, per_side: int, n: int) -> float:
    """Mean concentration in a block of a periodic lattice of n voxels a side that gives off 1 evenly; h = D = 1."""
    wave = 2.0 * np.pi * np.fft.fftfreq(n)
    slowness = sum(np.meshgrid(*[2.0 - 2.0 * np.cos(wave)] * ndim, indexing="ij"))
    block = np.zeros(n)
    block[:per_side] = 1.0 / per_side
    along = abs(np.fft.fft(block)) ** 2
    power = math.prod(np.meshgrid(*[along] * ndim, indexing="ij"))
    return float((power.ravel()[1:] / slowness.ravel()[1:]).sum() / n**ndim)


@pytest.mark.parametrize("per_side", [2, 3, 4])
@pytest.mark.parametrize(("ndim", "blocks"), [(2, 40), (3, 16)])
def test_a_block_and_its_exchange_resist_as_much_as_one_voxel_of_20_um_with_its_own(
    ndim: int, blocks: int, per_side: int
) -> None:
    voxel_um, diffusion, exchange = 20.0 / per_side, 1.2e5, 2400.0
    grid = Grid((1, 1, 1) if ndim == 2 else (2, 1, 1), voxel_um, 20.0 if ndim == 2 else None)
    own = 1.0 / (exchange_on_grid(grid, exchange, diffusion) * voxel_um**ndim)
    behind = resistance_of_block(ndim, per_side, blocks * per_side) / (diffusion * voxel_um ** (ndim - 2))
    own_of_one = 1.0 / (exchange * 20.0**ndim)
    behind_one = resistance_of_block(ndim, 1, blocks) / (diffusion * 20.0 ** (ndim - 2))
    assert abs(behind / behind_one - 1.0) > 0.1
    assert own + behind == pytest.approx(own_of_one + behind_one, rel=3e-3)


@pytest.mark.parametrize("voxel_um", [5.0, 10.0, 15.0, 40.0])
@pytest.mark.parametrize(("exchange_per_min", "diffusion"), [(2400.0, 1.2e5), (100.0, 2.5e4), (1.0, 150.0)])
def test_what_a_vessel_brings_into_tissue_does_not_depend_on_the_voxel(
    exchange_per_min: float, diffusion: float, voxel_um: float
) -> None:
    def brought(voxel_um: float, adapted: bool) -> float:
        grid = Grid.from_size((600.0, 600.0), voxel_um, 20.0)
        field = Field("eaten", grid, diffusion, decay_per_min=diffusion / 75.0**2)
        exchange = exchange_per_min * (20.0 / voxel_um) ** 2
        if adapted:
            exchange = exchange_on_grid(grid, exchange_per_min, diffusion)
        field.vessel_exchange_per_min[...] = exchange * vessels_by_voxel(grid, np.array([[303.0, 303.0, 10.0]]))
        field.plasma_mM = 1.0
        field.relax_to_steady_state()
        return float(field.concentration_mM.sum()) * voxel_um**2

    assert brought(voxel_um, adapted=True) == pytest.approx(brought(20.0, adapted=True), rel=0.012)
    unadapted = brought(voxel_um, adapted=False) / brought(20.0, adapted=False)
    assert abs(unadapted - 1.0) > 0.07  # or the test shows nothing


def test_nitrogen_from_vessels_is_the_nitrogen_that_the_tissue_gained() -> None:
    empty = {name: entry | {"initial_uM": 0.0} for name, entry in SLOW_VESSELS.items() if name != "oxygen"}
    site = tissue(empty | CONSTANT_ENZYME, size_um=(60.0, 40.0))
    flows = site.advance(STEP_MIN, uptake_of(site), ENZYME)
    volume = site.grid.voxel_volume_um3
    held = {name: volume * field.concentration_mM.sum() for name, field in site.fields.items()}
    nitrogen = 2.0 * (held["asparagine"] + held["glutamine"]) + held["aspartate"] + held["glutamate"] + held["ammonia"]
    assert nitrogen > 0.0
    assert flows["vessels"] == pytest.approx(nitrogen, rel=1e-9)
    assert (flows["faces"], flows["decay"]) == (0.0, 0.0)


# --------------------------------------------------------------- uptake, efflux


@pytest.mark.parametrize("name", UPTAKES)
def test_cells_take_up_what_vessels_bring_at_the_half_saturation_of_the_substrate(name: str) -> None:
    site = tissue(SLOW_VESSELS)
    km_mM, volume = UPTAKE_KM_UM[name].value / 1000.0, site.grid.voxel_volume_um3
    velocity = 0.5 * PLASMA_MM[name] * EXCHANGE_PER_MIN
    site.start_from_steady_state(uptake_of(site, **{name: velocity * volume}), STEP_MIN)
    stands = balanced(PLASMA_MM[name], EXCHANGE_PER_MIN, velocity, km_mM)
    assert concentration(site, name) == pytest.approx(stands, rel=1e-4)
    advance(site, steps=1, **{name: velocity * volume})
    taken = velocity * volume * site.saturation_min[UPTAKES.index(name)].item()
    assert taken == pytest.approx(EXCHANGE_PER_MIN * (PLASMA_MM[name] - stands) * volume * STEP_MIN, rel=1e-3)
    for other in set(PLASMA_MM) - {name}:
        assert concentration(site, other) == pytest.approx(PLASMA_MM[other], rel=1e-6)


@pytest.mark.parametrize("name", EFFLUXES)
def test_what_cells_give_off_enters_their_own_field(name: str) -> None:
    sealed = {field: {"vessel_exchange_per_min": 0.0} for field in PLASMA_MM}
    site = tissue(sealed, size_um=(60.0, 40.0))
    before = {field: amount(site, field) for field in PLASMA_MM}
    site.pending_amol[name][:] = np.linspace(10.0, 60.0, site.grid.n_voxels)
    given_off = site.pending_amol[name].sum()
    advance(site, steps=1)
    assert not site.pending_amol[name].any()
    for field in PLASMA_MM:
        given = given_off if field == name else 0.0
        assert amount(site, field) - before[field] == pytest.approx(given, rel=1e-8, abs=1e-8 * before[field])


@pytest.mark.parametrize("name", EFFLUXES)
def test_steady_efflux_stands_above_plasma_by_efflux_over_exchange(name: str) -> None:
    site = tissue(SLOW_VESSELS)
    given_off = 40.0
    site.pending_amol[name][:] = given_off
    site.start_from_steady_state(uptake_of(site), STEP_MIN)
    started = concentration(site, name)
    advance(site, steps=20)
    rise = given_off / (site.grid.voxel_volume_um3 * STEP_MIN * EXCHANGE_PER_MIN)
    assert started - PLASMA_MM[name] == pytest.approx(rise, rel=1e-3)
    assert concentration(site, name) - PLASMA_MM[name] == pytest.approx(rise, rel=1e-3)


def test_efflux_and_hydrolysis_add_up_in_one_field() -> None:
    site = tissue(SLOW_VESSELS | CONSTANT_ENZYME)
    site.pending_amol["ammonia"][:] = 40.0
    advance(site, steps=30)
    split = EXCHANGE_PER_MIN * sum(PLASMA_MM[name] - concentration(site, name) for name in ("asparagine", "glutamine"))
    given_off = 40.0 / (site.grid.voxel_volume_um3 * STEP_MIN)
    rise = (split + given_off) / EXCHANGE_PER_MIN
    assert concentration(site, "ammonia") - PLASMA_MM["ammonia"] == pytest.approx(rise, rel=1e-4)


def test_nitrogen_on_its_way_from_cells_is_counted() -> None:
    site = tissue(SLOW_VESSELS)
    for number, name in enumerate(EFFLUXES, start=1):
        site.pending_amol[name][:] = 10.0**number
    asparagine, aspartate, glutamine, glutamate, ammonia, _ = (10.0**number for number in range(1, 7))
    expected = 2.0 * (asparagine + glutamine) + aspartate + glutamate + ammonia
    assert site.nitrogen_amol()["given_off"] == pytest.approx(expected, rel=1e-12)
