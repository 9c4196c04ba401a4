"""The dissolved substances of one site: fields, vessels, uptake and efflux, and their share of the nitrogen ledger."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from tumorabm.biology.parameters import UPTAKE_KM_UM
from tumorabm.biology.states import EFFLUXES, UPTAKES
from tumorabm.fields import Exchange, Field, Grid, Scratch
from tumorabm.ledger import NITROGEN_ATOMS
from tumorabm.scenario import Scenario
from tumorabm.threads import Threads

VESSEL_REFERENCE_UM = 20.0
"""Voxel edge for which a scenario's vessel exchange is given; the same vessel fills a larger voxel more slowly."""

FIELD_TOLERANCE = 5e-3
"""Error allowed in a step of a field. Cells and fields are coupled once a step, which is no more exact than that."""

_HYDROLYSIS = {"asparagine": "aspartate", "glutamine": "glutamate"}
"""What the enzyme makes of its two substrates, beside ammonia."""


UptakeByVoxel = Callable[[str], np.ndarray]


class Microenvironment:
    """Fields of one site, advanced together with the cells' uptake.

    Parameters
    ----------
    scenario
        The scenario.
    grid
        The site's grid.
    vessel_positions_um
        Shape (m, 3), µm; more than one vessel may lie in a voxel.
    threads
        Threads over which the fields are shared.

    Attributes
    ----------
    fields
        `Field` by name.
    saturation_min
        Seven arrays (n_voxels,), as `tumorabm.biology.states.UPTAKES`: integral of c/(c+km) over the last step (min).
        A cell took ``capacity * saturation`` from its voxel.
    pending_amol
        What cells gave off in the last step and enters the field during the next: arrays (n_voxels,) by field.
    """

    def __init__(self, scenario: Scenario, grid: Grid, vessel_positions_um: np.ndarray, threads: Threads) -> None:
        self.grid = grid
        self.threads = threads
        self.settings = {name: scenario.field_settings(name) for name in scenario.field_names}
        per_voxel = np.bincount(grid.voxel_index(vessel_positions_um), minlength=grid.n_voxels).reshape(grid.shape)
        self.fields: dict[str, Field] = {}
        scratch = Scratch(grid)
        for name, setting in self.settings.items():
            field = Field(
                name, grid, setting.diffusion_um2_per_min, setting.decay_per_min, setting.faces,
                tolerance=FIELD_TOLERANCE, scratch=scratch,
            )  # fmt: skip
            exchange = setting.vessel_exchange_per_min * (VESSEL_REFERENCE_UM / grid.voxel_um) ** grid.ndim
            if len(vessel_positions_um):
                field.vessel_exchange_per_min[...] = exchange * per_voxel
            field.plasma_mM = setting.plasma * setting.plasma_fraction
            field.concentration_mM[...] = field.plasma_mM if setting.initial is None else setting.initial
            self.fields[name] = field
        self.saturation_min = (np.zeros(grid.n_voxels),) * len(UPTAKES)
        self.pending_amol = {name: np.zeros(grid.n_voxels) for name in EFFLUXES}
        self._hydrolysed: dict[str, np.ndarray] = {}
        # The enzyme is needed by its substrates, and their products by the rest; fields of one wave are independent.
        later = {*_HYDROLYSIS, *_HYDROLYSIS.values(), "ammonia"}
        self._waves = (
            tuple(name for name in self.fields if name not in later),
            tuple(_HYDROLYSIS),
            (*_HYDROLYSIS.values(), "ammonia"),
        )

    def see_plasma(self, concentrations: dict[str, float]) -> None:
        """Let the vessels carry these plasma concentrations (mM; IU/mL for the enzyme)."""
        for name, concentration in concentrations.items():
            self.fields[name].plasma_mM = concentration * self.settings[name].plasma_fraction

    def start_from_steady_state(self, uptake_of: UptakeByVoxel, dt_min: float) -> None:
        """Bring the fields without a given initial value to their steady state with uptake and pending efflux."""
        for name, setting in self.settings.items():
            if setting.initial is None:
                terms = self._uptake(name, uptake_of)
                self.fields[name].relax_to_steady_state(self._given_off(name, dt_min), **terms)

    def advance(self, dt_min: float, uptake_of: UptakeByVoxel, enzyme: tuple[float, float, float]) -> dict[str, float]:
        """Advance all fields by one step.

        Parameters
        ----------
        dt_min
            Length of the step.
        uptake_of
            Returns the greatest uptake of the cells in each voxel, amol/min, shape (n_voxels,), of a substrate.
        enzyme
            Km for Asn, Km for Gln (mM), and glutaminase over asparaginase activity.

        Returns
        -------
        dict
            Nitrogen that came in (amol): ``vessels``, ``faces``, ``decay`` (negative).
        """
        flows = dict.fromkeys(("vessels", "faces", "decay"), 0.0)
        self._hydrolysed = {}
        exchanges: dict[str, Exchange] = {}
        for wave in self._waves:
            tasks = [partial(self._advance_field, name, dt_min, uptake_of, enzyme) for name in wave]
            for name, exchange in zip(wave, self.threads.run(tasks), strict=True):
                exchanges[name] = exchange
                atoms = NITROGEN_ATOMS.get(name, 0)
                flows["vessels"] += atoms * exchange.from_vessels_amol
                flows["faces"] += atoms * exchange.through_faces_amol
                flows["decay"] -= atoms * exchange.decayed_amol
                if name in _HYDROLYSIS:
                    self._note_hydrolysis(name, dt_min, exchange, enzyme)
        self.saturation_min = tuple(exchanges[name].uptake_saturation_min.ravel() for name in UPTAKES)
        return flows

    def _advance_field(
        self, name: str, dt_min: float, uptake_of: UptakeByVoxel, enzyme: tuple[float, float, float]
    ) -> Exchange:
        field = self.fields[name]
        terms = self._uptake(name, uptake_of)
        if name in _HYDROLYSIS:
            terms["enzyme_mM_per_min"] = self._enzyme_velocity(name, enzyme)
            terms["enzyme_km_mM"] = enzyme[0] if name == "asparagine" else enzyme[1]
        source, hydrolysed = self._given_off(name, dt_min), self._hydrolysed.get(name)
        if hydrolysed is not None:
            source = hydrolysed if source is None else source + hydrolysed
        return field.advance(dt_min, source_mM_per_min=source, **terms)

    def _enzyme_velocity(self, name: str, enzyme: tuple[float, float, float]) -> np.ndarray:
        """Return the enzyme's greatest rate on one of its substrates, mM/min: 1 IU/mL splits 1 mM/min of Asn."""
        activity = self.fields["asparaginase"].concentration_mM
        return activity if name == "asparagine" else activity * enzyme[2]

    def _given_off(self, name: str, dt_min: float) -> np.ndarray | None:
        """Return the source (mM/min) that the cells' efflux of the last step makes in this one."""
        if name not in self.pending_amol:
            return None
        return self.pending_amol[name].reshape(self.grid.shape) / (self.grid.voxel_volume_um3 * dt_min)

    def _uptake(self, name: str, uptake_of: UptakeByVoxel) -> dict[str, object]:
        if name not in UPTAKES:
            return {}
        rate = uptake_of(name).reshape(self.grid.shape) / self.grid.voxel_volume_um3
        return {"uptake_mM_per_min": rate, "uptake_km_mM": UPTAKE_KM_UM[name].value / 1000.0}

    def _note_hydrolysis(
        self, name: str, dt_min: float, exchange: Exchange, enzyme: tuple[float, float, float]
    ) -> None:
        split_mM_per_min = self._enzyme_velocity(name, enzyme) * exchange.enzyme_saturation_min / dt_min
        for product in (_HYDROLYSIS[name], "ammonia"):
            self._hydrolysed[product] = self._hydrolysed.get(product, 0.0) + split_mM_per_min

    def nitrogen_amol(self) -> dict[str, float]:
        """Return the nitrogen in the fields and on its way into them."""
        volume = self.grid.voxel_volume_um3
        return {
            "fields": sum(n * volume * float(self.fields[f].concentration_mM.sum()) for f, n in NITROGEN_ATOMS.items()),
            "given_off": sum(n * float(self.pending_amol[f].sum()) for f, n in NITROGEN_ATOMS.items()),
        }
