"""The cells and vessels that a run starts with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from tumorabm.biology import states as s
from tumorabm.biology.clock import CLOCK_DTYPE, INHIBITIONS
from tumorabm.biology.parameters import GROUP_KEYS, PARAMETERS, PERTURBATIONS
from tumorabm.cell_types import CELL_TYPES
from tumorabm.fields import Grid
from tumorabm.scenario import CellGroup, Clock, Scenario, VesselCore, Vessels

LN2 = math.log(2.0)


def perturbations_at(source: Scenario | CellGroup, time_h: float) -> dict[str, float]:
    """Return the perturbations of a scenario or a group that hold at ``time_h``, those of its schedule included."""
    changes = sorted((c for c in source.perturbation_schedule if c.at_h <= time_h), key=lambda change: change.at_h)
    return {**source.perturbations, **{change.perturbation: change.value for change in changes}}


def group_parameters(
    scenario: Scenario, group: CellGroup, time_h: float = 0.0, levers: Mapping[str, float] = MappingProxyType({})
) -> dict[str, float]:
    """Return the values in which a group of cells differs from the solid-tumour cell, perturbations of now applied.

    ``levers`` are perturbations that small molecules bring about besides.
    """
    values = {**CELL_TYPES[group.type].parameters, **group.parameters}
    for key in GROUP_KEYS:
        if getattr(group, key) is not None:
            values[key] = getattr(group, key)
    for source in (scenario, group) if group.metabolic else ():
        for name, value in perturbations_at(source, time_h).items():
            PERTURBATIONS[name].applied_to(values, value)
    for name, value in levers.items() if group.metabolic else ():
        PERTURBATIONS[name].applied_to(values, value)
    if group.clock and not group.clock.oxygen_dependent:
        values["necrosis_per_min"] = 0.0
    return values


def group_clock(group: CellGroup) -> dict[str, object]:
    """Return the constants of a group's clock, as `tumorabm.biology.clock.clock_table` takes them; none without one."""
    clock = group.clock
    if clock is None:
        return {}
    return {
        "cycling": clock.cycling,
        "linear_growth": clock.growth == "linear",
        "inhibition": INHIBITIONS.index(clock.contact_inhibition),
        "phase_min": [60.0 * hours for hours in (clock.g1_h, clock.s_h, clock.g2_h, clock.m_h)],
        **{name: getattr(clock, name) for name in CLOCK_DTYPE.names if name in type(clock).model_fields},
    }


def rates_by_type(fields: Sequence[str], rates: Sequence[Mapping[str, float]]) -> dict[str, np.ndarray]:
    """Return for each of ``fields`` the rate of each type, shape (n_types,), 0 where ``rates`` of a type name none."""
    return {name: np.array([of_type.get(name, 0.0) for of_type in rates]) for name in fields}


def vessel_positions(vessels: Vessels | None, grid: Grid, generator: np.random.Generator) -> np.ndarray:
    """Return the positions of the vessels, shape (m, 3), µm: as given, or seeded with the scenario's density.

    A core takes vessels away and moves none.
    """
    if not vessels:
        return np.empty((0, 3))
    if vessels.positions_um is not None:
        return _in_space(np.array(vessels.positions_um, dtype=float).reshape(-1, grid.ndim), grid)
    size_mm = np.array(grid.size_um[: grid.ndim]) / 1000.0
    density = vessels.density_per_mm2 if grid.ndim == 2 else vessels.density_per_mm3
    number = round(density * float(np.prod(size_mm)))
    positions_um = generator.random((number, grid.ndim)) * size_mm * 1000.0
    return _in_space(positions_um if vessels.core is None else _left_by(vessels.core, positions_um), grid)


def _left_by(core: VesselCore, positions_um: np.ndarray) -> np.ndarray:
    """Return the vessels, (m, ndim), that a core leaves: inside, the first of them, which lie at random as all do."""
    inside = np.flatnonzero(np.linalg.norm(positions_um - np.array(core.center_um), axis=1) < core.radius_um)
    return np.delete(positions_um, inside[round(core.density_factor * len(inside)) :], axis=0)


def cell_positions(group: CellGroup, grid: Grid, well_mixed: bool, generator: np.random.Generator) -> np.ndarray:
    """Return the starting positions of a group's cells, shape (n, 3), µm; with wells, ``count`` cells in each."""
    if group.positions_um is not None:
        return _in_space(np.array(group.positions_um, dtype=float).reshape(-1, grid.ndim), grid)
    number = group.count or 0
    if well_mixed:
        return _in_wells(range(grid.n_voxels) if group.wells is None else group.wells, number, grid, generator)
    size_um = np.array(grid.size_um[: grid.ndim])
    if group.placement.shape == "uniform":
        return _in_space(generator.random((number, grid.ndim)) * size_um, grid)
    direction = generator.standard_normal((number, grid.ndim))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    distance = group.placement.radius_um * generator.random((number, 1)) ** (1.0 / grid.ndim)
    return _in_space(np.clip(np.array(group.placement.center_um) + distance * direction, 0.0, size_um), grid)


def _in_wells(wells: Sequence[int], number: int, grid: Grid, generator: np.random.Generator) -> np.ndarray:
    """Return places of ``number`` cells in each of ``wells``, a row of voxels along x."""
    positions = generator.random((len(wells) * number, 2))
    positions[:, 0] += np.repeat(np.asarray(wells, dtype=float), number)
    return _in_space(positions * grid.voxel_um, grid)


def _in_space(positions_um: np.ndarray, grid: Grid) -> np.ndarray:
    """Give 2-D positions the middle of the slab as z."""
    if grid.ndim == 3:
        return positions_um
    middle = np.full((len(positions_um), 1), 0.5 * grid.depth_um)
    return np.concatenate([positions_um, middle], axis=1)


def founding_states(
    group: CellGroup, parameters: np.void, number: int, step_min: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return states (n, 14) and basal ASNS expression (n,) of the first cells of a group with a metabolism.

    Cells start in the steady state of their type in plasma. Cycling types have the ages of an exponentially growing
    population, ``B = 1/(1 - u/2)`` [D], and the ASNS that growth leaves them, ``lambda/(lambda + µ)`` of that without
    growth [D]; quiescent ones lie in G0/G1. Expression is log-normal.
    """
    cell_type = CELL_TYPES[group.type]
    spread = generator.standard_normal(number)
    basal = parameters["asns_relative"] * np.exp(parameters["asns_sigma"] * spread)
    u = generator.random(number)
    biomass = 1.0 + 0.2 * u if cell_type.quiescent else 1.0 / (1.0 - 0.5 * u)

    rest = cell_type.resting_state
    volume_pL = parameters["volume_pL"] * biomass
    expression = basal / cell_type.parameters.get("asns_relative", 1.0)
    states = np.zeros((number, len(s.METABOLIC_STATES)))
    for state, key in (
        (s.ASN, "asparagine_uM"),
        (s.ASP, "aspartate_uM"),
        (s.GLN, "glutamine_uM"),
        (s.GLU, "glutamate_uM"),
    ):
        states[:, state] = rest[key] * volume_pL
    states[:, s.EXCHANGE] = rest["exchange_index"] * s.EXCHANGE_UM_PER_INDEX * volume_pL
    for state, key in ((s.ER_LOAD, "er_load"), (s.ATF4, "atf4"), (s.MTORC1, "mtorc1")):
        states[:, state] = rest[key]
    states[:, s.ASNS_MRNA] = rest["asns_mrna"] * expression
    volume_of_preset = cell_type.parameters.get("volume_pL", PARAMETERS["volume_pL"].value)
    states[:, s.ASNS] = rest["asns_copies"] * expression * volume_pL / volume_of_preset
    if not cell_type.quiescent:
        decay = LN2 / parameters["asns_half_life_min"]
        proteolysis = parameters["proteolysis_fraction"] - parameters["proteolysis_mtorc1_cut"]
        growth = parameters["translation_amol_per_min"] * (1.0 - proteolysis) / parameters["protein_residues_amol"]
        states[:, s.ASNS] *= decay / (decay + growth)
    states[:, s.BIOMASS] = biomass
    states[:, s.SUBSTEP] = step_min
    return states, basal


def founding_methylation(parameters: np.void, number: int, generator: np.random.Generator) -> np.ndarray:
    """Return 1 for each first cell whose ASNS promoter is methylated, else 0, int8 (n,)."""
    return (generator.random(number) < parameters["asns_methylated_fraction"]).astype(np.int8)


def founding_phases(parameters: np.void, biomass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cycle phase that fits each cell's biomass, int8 (n,), and the progress in it, 0 to 1, (n,).

    Growth is exponential: from the end of G0/G1 to biomass 2 the cell passes S, G2 and M, each for its length.
    """
    lengths_min = np.array([parameters["s_length_min"], parameters["g2_length_min"], parameters["m_length_min"]])
    ends_min = np.cumsum(lengths_min)
    grown = np.log(biomass / parameters["g1_end_biomass"]) / np.log(2.0 / parameters["g1_end_biomass"])
    past_g1_min = grown * ends_min[-1]
    later = np.minimum(np.searchsorted(ends_min, past_g1_min, side="right"), 2)
    progress = 1.0 - (ends_min[later] - past_g1_min) / lengths_min[later]
    cycling = grown >= 0.0
    phase = np.where(cycling, later + s.S_PHASE, s.G1).astype(np.int8)
    return phase, np.where(cycling, np.clip(progress, 0.0, 1.0), 0.0)


def founding_ages(clock: Clock, cycle_min: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the ages (min) of a clock group's first cells, whose own first cycles last ``cycle_min``, both (n,).

    All at the clock's ``start_at_h``, or where that is absent as in an exponentially growing population: a share
    ``-log2(1 - u/2)`` of the cycle, u uniform [D]. Cells whose clock does not run start newborn.
    """
    if clock.start_at_h is not None:
        return np.full(len(cycle_min), 60.0 * clock.start_at_h)
    if not clock.cycling:
        return np.zeros(len(cycle_min))
    return -np.log2(1.0 - 0.5 * generator.random(len(cycle_min))) * cycle_min
