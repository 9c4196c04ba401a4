"""What is read off a model: a row of the time series, and the table of cells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from tumorabm.biology import states as s
from tumorabm.biology.clock import CLOCK_COLUMNS
from tumorabm.biology.parameters import PARAMETERS, UPTAKE_KM_UM
from tumorabm.biology.readouts import READOUTS, write_readouts
from tumorabm.biology.transport import MMHG_PER_MM
from tumorabm.circulation import metastatic_burden
from tumorabm.outline import outline_diameter
from tumorabm.sums import sum_in_any_order

if TYPE_CHECKING:
    from tumorabm.model import TumorModel

HYPOXIC_MMHG = 8.0
"""Oxygen below which a live cell counts as hypoxic (PhysiCell's hypoxic response [V])."""


EVERY_ROW = slice(None)


def observe(model: TumorModel) -> dict[str, float]:
    """Return one row of ``timeseries.parquet``.

    Counts of live cells and of dead bodies not yet cleared, by type; births and deaths since the start; diameter of the
    tissue (`tumorabm.outline.outline_diameter` of all cells and bodies, unless the domain is well mixed); plasma, where
    there are the fields that the enzyme changes; share of live cells below 8 mmHg; by type, means over live cells of
    ASNS (copies relative to a solid tumour's basal expression), ATF4, mTORC1, translation, EMT state (the invasive
    score) and each of `READOUTS` (NaN
    without cells or without a metabolism), and the share of live cells in G0/G1; means of the fields over the tissue;
    the ledger's relative error.
    """
    data = model.population.data
    alive = data["phase"] <= s.MITOSIS
    oxygen_mmHg = oxygen_at_cells_mmHg(model)
    of_type = {name: data["cell_type"] == index for index, name in enumerate(model.cell_types)}
    live = {name: members & alive for name, members in of_type.items()}
    row = {"time_h": model.time_h}
    row |= {f"live_{name}": int(members.sum()) for name, members in live.items()}
    row |= {f"dead_{name}": int((members & ~alive).sum()) for name, members in of_type.items()}
    row |= {
        "births": model.births,
        "deaths_apoptosis": model.deaths_apoptosis,
        "deaths_necrosis": model.deaths_necrosis,
    }
    if not model.well_mixed:
        row["diameter_um"] = outline_diameter(model.population.block("position_um"), data["radius_um"], model.grid.ndim)
    if "seed_uid" in data:
        row |= metastatic_burden(model)
    row |= _plasma(model)
    row["hypoxic_fraction"] = _mean(oxygen_mmHg[alive] < HYPOXIC_MMHG)
    readouts = cell_readouts(model)
    has_readouts = dict(zip(model.cell_types, model.parameters["metabolic"], strict=True))
    for readout, values in (
        ("asns", relative_asns(model)),
        ("atf4", data["atf4"]),
        ("mtorc1", data["mtorc1"]),
        ("translation", data["translation"]),
        ("emt", data["emt"]),
        *((name, readouts[:, column]) for column, name in enumerate(READOUTS)),
    ):
        row |= {
            f"{readout}_mean_{name}": _mean(values[members]) if has_readouts[name] else math.nan
            for name, members in live.items()
        }
    row |= {f"g1_fraction_{name}": _mean(data["phase"][members] == s.G1) for name, members in live.items()}
    for name, field in model.fields.items():
        scale, unit = (1.0, "iu_per_mL") if name == "asparaginase" else (1000.0, "uM")
        row[f"tissue_{name}_{unit}"] = scale * float(field.concentration_mM.mean())
    row["ledger_relative_error"] = model.ledger.relative_error
    return row


def _plasma(model: TumorModel) -> dict[str, float]:
    inhibitors = {f"plasma_{name}_uM": value for name, value in model.plasma.inhibitors_uM.items()}
    if "asparaginase" not in model.fields:  # then there is none of what reacts with it either
        return inhibitors
    reacting = ("asparagine", "glutamine", "aspartate", "glutamate", "ammonia")
    return {
        **{f"plasma_{name}_uM": 1000.0 * model.plasma.concentrations[name] for name in reacting},
        "plasma_asparaginase_iu_per_mL": model.plasma.asparaginase_iu_per_mL,
        **inhibitors,
    }


def cell_columns(model: TumorModel, rows: slice = EVERY_ROW) -> dict[str, np.ndarray]:
    """Return the columns of ``cells.parquet`` for now: identity, place, phase, every state and readout of ``rows``."""
    data = {name: column[rows] for name, column in model.population.data.items()}
    readouts = cell_readouts(model, rows)
    types, phases = np.array(model.cell_types, dtype=object), np.array(s.PHASES, dtype=object)
    columns = {
        "uid": data["uid"],
        "parent_uid": data["parent_uid"],
        "founder_uid": data["founder_uid"],
        "type": types[data["cell_type"]],
        "x_um": data["x_um"],
        "y_um": data["y_um"],
        "z_um": data["z_um"],
        "radius_um": data["radius_um"],
        "phase": phases[data["phase"]],
        "asns_relative": relative_asns(model, rows),
        "oxygen_mmHg": oxygen_at_cells_mmHg(model, rows),
        "vessel_distance_um": vessel_distance_um(model, rows),
        **{name: readouts[:, column] for column, name in enumerate(READOUTS)},
    }
    kept = (
        *s.METABOLIC_STATES,
        *s.SIGNALS,
        "asns_basal",
        "asns_methylated",
        "phase_progress",
        "speed_um_per_min",
        "contact_asparagine_amol",
        "body_age_min",
        *(CLOCK_COLUMNS if model.clock_cells else ()),
    )
    return {name: np.array(values) for name, values in {**columns, **{name: data[name] for name in kept}}.items()}


def cell_readouts(model: TumorModel, rows: slice = EVERY_ROW) -> np.ndarray:
    """Return what can be measured on cells now, shape (rows, 8), columns as `tumorabm.biology.readouts.READOUTS`."""
    start, stop, _ = rows.indices(model.population.size)
    readouts = np.full((stop - start, len(READOUTS)), math.nan)
    if model.scenario.metabolic:
        data = model.population.data
        states, signals = (model.population.block(name)[rows] for name in ("states", "signals"))
        model.threads.over_rows(
            write_readouts, stop - start, model.parameters, data["cell_type"][rows], data["phase"][rows],
            _voxels(model, rows), states, signals, model.fields["glucose"].concentration_mM.ravel(),
            UPTAKE_KM_UM["glucose"].value, readouts,
        )  # fmt: skip
    return readouts


def relative_asns(model: TumorModel, rows: slice = EVERY_ROW) -> np.ndarray:
    """ASNS copies over those of a solid-tumour cell of the same volume at basal expression, shape (rows,).

    NaN in cells without a metabolism.
    """
    data = model.population.data
    copies_of_solid = PARAMETERS["asns_copies_per_pL"].value * model.parameters["volume_pL"]
    copies_of_solid[~model.parameters["metabolic"]] = math.nan
    return data["asns_copies"][rows] / (copies_of_solid[data["cell_type"][rows]] * data["biomass"][rows])


def oxygen_at_cells_mmHg(model: TumorModel, rows: slice = EVERY_ROW) -> np.ndarray:
    """Oxygen at the middle of each cell, shape (rows,), mmHg: linear between the middles of voxels.

    With the means of voxels, counts of cells below a limit would depend on the voxel edge (of those below 8 mmHg in the
    leukaemia scenario by some 5 % between 20 and 10 µm). In wells it is the well's.
    """
    field = model.fields["oxygen"].concentration_mM
    if model.well_mixed:
        return field.ravel()[_voxels(model, rows)] * MMHG_PER_MM
    middles = model.population.block("position_um")[rows].T[::-1] / model.grid.voxel_um - 0.5
    return map_coordinates(field, middles, order=1, mode="nearest") * MMHG_PER_MM


def vessel_distance_um(model: TumorModel, rows: slice = EVERY_ROW) -> np.ndarray:
    """Distance from the middle of each cell to the nearest vessel, shape (rows,), µm; NaN without vessels."""
    positions_um = model.population.block("position_um")[rows]
    if not len(model.vessel_positions_um):
        return np.full(len(positions_um), math.nan)
    return cKDTree(model.vessel_positions_um).query(positions_um)[0]


def _voxels(model: TumorModel, rows: slice) -> np.ndarray:
    return model.grid.voxel_index(model.population.block("position_um")[rows])


def _mean(values: np.ndarray) -> float:
    return sum_in_any_order(values) / values.size if values.size else math.nan
