"""The dissolved substances of a site against closed forms: vessels, enzyme, uptake and efflux of one voxel."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tumorabm.biology.parameters import UPTAKE_KM_UM
from tumorabm.biology.states import EFFLUXES, UPTAKES
from tumorabm.fields import Grid
from tumorabm.microenvironment import Microenvironment
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
) -> Microenvironment:
    """Return a site without cells whose vessels all lie in the middle of its first voxel."""
    domain = {"size_um": list(size_um), "voxel_um": voxel_um}
    positions = [[0.5 * voxel_um] * len(size_um)] * vessels
    scenario = scenario_from_dict(
        {"hours": 1.0, "domain": domain, "fields": fields, "vessels": {"positions_um": positions}}
    )
    grid = Grid.from_size(size_um, voxel_um, scenario.domain.slab_um)
    middle = np.full((vessels, 3), 0.5 * voxel_um)
    return Microenvironment(scenario, grid, middle, Threads(1))


def uptake_of(site: Microenvironment, **amol_per_min: float) -> Callable[[str], np.ndarray]:
    """Return the greatest uptake in each voxel, by substrate; 0 of those that are not named."""
    return lambda name: np.full(site.grid.n_voxels, amol_per_min.get(name, 0.0))


def advance(site: Microenvironment, steps: int, **amol_per_min: float) -> None:
    for _ in range(steps):
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
    advance(site, steps=1)
    for field in PLASMA_MM:
        given = site.pending_amol[name].sum() if field == name else 0.0
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
