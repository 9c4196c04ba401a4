"""A stirred medium holds its concentrations wherever no cells are, and tissue lives on what diffuses in from there."""

import numpy as np
import pytest

from tumorabm import TumorModel
from tumorabm.biology.transport import MMHG_PER_MM
from tumorabm.scenario import ScenarioError, scenario_from_dict

MEDIUM_MMHG = 38.0


def scenario(**changes: object):
    """A square frame of fixed cells, one in each voxel, around a hollow voxel."""
    frame = [[x, y] for x in (90.0, 110.0, 130.0) for y in (90.0, 110.0, 130.0) if (x, y) != (110.0, 110.0)]
    return scenario_from_dict(
        {
            "hours": 1.0,
            "domain": {"size_um": [220.0, 220.0]},
            "medium": {},
            "mechanics": {"enabled": False},
            "fields": {"oxygen": {"plasma_mmHg": MEDIUM_MMHG, "diffusion_um2_per_min": 2000.0}},
            "cells": {
                "frame": {
                    "type": "clock_cell",
                    "positions_um": frame,
                    "clock": {"cycling": False},
                    "uptake_amol_per_min": {"oxygen": 100.0},
                }
            },
            **changes,
        }
    )


def test_voxels_outside_the_tissue_hold_the_medium_and_a_hollow_does_not() -> None:
    model = TumorModel(scenario(), threads=1).run(hours=1.0)
    oxygen_mmHg = model.fields["oxygen"].concentration_mM[0] * MMHG_PER_MM
    tissue = np.zeros(oxygen_mmHg.shape, dtype=bool)
    tissue[4:7, 4:7] = True
    assert oxygen_mmHg[~tissue] == pytest.approx(np.full((~tissue).sum(), MEDIUM_MMHG), rel=2e-3)
    assert oxygen_mmHg[tissue].max() < 0.98 * MEDIUM_MMHG
    # Nothing in the hollow takes up oxygen: at the steady state it has that of the four voxels at its sides.
    around = np.mean([oxygen_mmHg[4, 5], oxygen_mmHg[6, 5], oxygen_mmHg[5, 4], oxygen_mmHg[5, 6]])
    assert oxygen_mmHg[5, 5] == pytest.approx(around, rel=1e-3)


def test_the_medium_fills_the_place_of_cells_that_are_gone() -> None:
    model = TumorModel(scenario(), threads=1).run(hours=0.5)
    for cell in list(model.agents):
        cell.remove()
    model.run(hours=0.5)
    oxygen_mmHg = model.fields["oxygen"].concentration_mM * MMHG_PER_MM
    assert oxygen_mmHg == pytest.approx(np.full(oxygen_mmHg.shape, MEDIUM_MMHG), rel=1e-6)


def test_a_tissue_that_leaves_no_room_for_medium_starts_with_the_mediums_concentrations() -> None:
    lone = {"type": "clock_cell", "positions_um": [[10.0, 10.0]], "clock": {"cycling": False}}
    full = scenario(domain={"size_um": [20.0, 20.0]}, cells={"lone": lone})
    model = TumorModel(full, threads=1).run(hours=0.1)
    assert model.fields["oxygen"].concentration_mM.item() * MMHG_PER_MM == pytest.approx(MEDIUM_MMHG, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"vessels": {"density_per_mm2": 60.0}}, "expected no medium beside"),
        ({"domain": {"mode": "well_mixed", "volume_uL": 1.0}, "cells": {}}, "the domain is well mixed"),
        ({"medium": {"exchange_per_min": 0.0}}, "exchange_per_min"),
    ],
)
def test_a_medium_is_for_spatial_domains_without_vessels(changes: dict, expected: str) -> None:
    with pytest.raises(ScenarioError, match=expected):
        scenario(**changes)
