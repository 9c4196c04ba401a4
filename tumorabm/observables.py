"""What is read off a model: a row of the time series, and the table of cells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tumorabm.biology import states as s
from tumorabm.biology.clock import CLOCK_COLUMNS
from tumorabm.biology.parameters import PARAMETERS
from tumorabm.biology.transport import MMHG_PER_MM
from tumorabm.outline import outline_diameter
from tumorabm.sums import sum_in_any_order

if TYPE_CHECKING:
    from tumorabm.model import TumorModel

HYPOXIC_MMHG = 8.0
"""Oxygen below which a live cell counts as hypoxic (PhysiCell's hypoxic response [V])."""


def observe(model: TumorModel) -> dict[str, float]:
    """Return one row of ``timeseries.parquet``.

    Counts of live cells and of dead bodies not yet cleared, by type; births and deaths since the start; diameter of the
    tissue (`tumorabm.outline.outline_diameter` of all cells and bodies, unless the domain is well mixed); plasma, where
    there are the fields that the enzyme changes; share of live cells below 8 mmHg; means over live cells of ASNS
    (copies relative to a solid tumour's basal expression), ATF4, mTORC1 and translation, by type (NaN without cells or
    without a metabolism); means of the fields over the tissue; the ledger's relative error.
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
    row |= _plasma(model)
    row["hypoxic_fraction"] = _mean(oxygen_mmHg[alive] < HYPOXIC_MMHG)
    has_readouts = dict(zip(model.cell_types, model.parameters["metabolic"], strict=True))
    for readout, values in (
        ("asns", relative_asns(model)),
        ("atf4", data["atf4"]),
        ("mtorc1", data["mtorc1"]),
        ("translation", data["translation"]),
    ):
        row |= {
            f"{readout}_mean_{name}": _mean(values[members]) if has_readouts[name] else math.nan
            for name, members in live.items()
        }
    for name, field in model.fields.items():
        scale, unit = (1.0, "iu_per_mL") if name == "asparaginase" else (1000.0, "uM")
        row[f"tissue_{name}_{unit}"] = scale * float(field.concentration_mM.mean())
    row["ledger_relative_error"] = model.ledger.relative_error
    return row


def _plasma(model: TumorModel) -> dict[str, float]:
    if "asparaginase" not in model.fields:  # then there is none of what reacts with it either
        return {}
    reacting = ("asparagine", "glutamine", "aspartate", "glutamate", "ammonia")
    return {
        **{f"plasma_{name}_uM": 1000.0 * model.plasma.concentrations[name] for name in reacting},
        "plasma_asparaginase_iu_per_mL": model.plasma.asparaginase_iu_per_mL,
    }


def cell_columns(model: TumorModel) -> dict[str, np.ndarray]:
    """Return the columns of ``cells.parquet`` for now, one row a cell: identity, place, phase and every state."""
    data = model.population.data
    types, phases = np.array(model.cell_types, dtype=object), np.array(s.PHASES, dtype=object)
    columns = {
        "uid": data["uid"],
        "parent_uid": data["parent_uid"],
        "type": types[data["cell_type"]],
        "x_um": data["x_um"],
        "y_um": data["y_um"],
        "z_um": data["z_um"],
        "radius_um": data["radius_um"],
        "phase": phases[data["phase"]],
        "asns_relative": relative_asns(model),
        "oxygen_mmHg": oxygen_at_cells_mmHg(model),
    }
    kept = (
        *s.METABOLIC_STATES,
        *s.SIGNALS,
        "asns_basal",
        "speed_um_per_min",
        "contact_asparagine_amol",
        "body_age_min",
        *(CLOCK_COLUMNS if model.clock_cells else ()),
    )
    return {name: np.array(values) for name, values in {**columns, **{name: data[name] for name in kept}}.items()}


def relative_asns(model: TumorModel) -> np.ndarray:
    """ASNS copies over those of a solid-tumour cell of the same volume at basal expression, shape (n,).

    NaN in cells without a metabolism.
    """
    data = model.population.data
    copies_of_solid = PARAMETERS["asns_copies_per_pL"].value * model.parameters["volume_pL"]
    copies_of_solid[~model.parameters["metabolic"]] = math.nan
    return data["asns_copies"] / (copies_of_solid[data["cell_type"]] * data["biomass"])


def oxygen_at_cells_mmHg(model: TumorModel) -> np.ndarray:
    """Oxygen at each cell, shape (n,), mmHg."""
    voxel = model.grid.voxel_index(model.population.block("position_um"))
    return model.fields["oxygen"].concentration_mM.ravel()[voxel] * MMHG_PER_MM


def _mean(values: np.ndarray) -> float:
    return sum_in_any_order(values) / values.size if values.size else math.nan
