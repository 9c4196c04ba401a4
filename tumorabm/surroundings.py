"""What each cell meets where it lies: its voxel, its neighbours, how crowded it is, and what it can take up there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tumorabm.biology import states as s
from tumorabm.biology.cell import Outside
from tumorabm.biology.transport import prescribed_amounts, uptake_capacities
from tumorabm.mechanics import compression, contacts, crowding, order_by_voxel, sum_by_voxel

if TYPE_CHECKING:
    from tumorabm.model import TumorModel


class Surroundings:
    """Noted at the start of a step; no longer true, and let go, once cells are born, cleared or move.

    Parameters
    ----------
    model
        The model, as it stands now.

    Attributes
    ----------
    voxel
        int64 (n,), flat voxel index of each cell.
    order
        `tumorabm.mechanics.VoxelOrder` of the cells.
    crowding
        float64 (n,), see `tumorabm.mechanics.crowding`; 0 in a well-mixed site.
    capacities_amol_per_min
        float32 (n, 7), greatest uptake of each cell, columns as `tumorabm.biology.states.UPTAKES`, each contiguous;
        (0, 7) where no cell has a metabolism. Fields and cells work with the same numbers, so that what they exchange
        is exactly the same.

    Raises
    ------
    ValueError
        A cell has no biomass.
    """

    def __init__(self, model: TumorModel) -> None:
        self._model = model
        data, n = model.population.data, model.population.size
        if not np.all(data["biomass"] > 0.0):
            uid = data["uid"][np.argmin(data["biomass"])]
            raise ValueError(f"cell {uid} has no biomass: expected its states; add_cells places whole cells")
        positions = model.population.block("position_um")
        self.voxel = model.grid.voxel_index(positions)
        self.order = order_by_voxel(self.voxel, data["uid"], model.grid.n_voxels)
        if model.well_mixed:
            self.crowding = np.zeros(n)
        else:
            self.crowding = crowding(positions, data["radius_um"], data["uid"], model.box_um, model.grid.ndim)
        metabolic = model.scenario.metabolic
        self.capacities_amol_per_min = np.empty((n if metabolic else 0, len(s.UPTAKES)), np.float32, order="F")
        if metabolic:
            model.threads.over_rows(
                uptake_capacities, n, model.parameters, data["cell_type"], data["phase"], self.voxel,
                model.population.block("states"), self.outside(), self.capacities_amol_per_min,
            )  # fmt: skip

    def outside(self) -> Outside:
        """Return what the metabolism reads of the fields, and crowding."""
        field = lambda name: self._model.fields[name].concentration_mM.ravel()  # noqa: E731
        return Outside(
            field("oxygen"), field("glucose"), field("ammonia"), field("exchange_amino_acids"), self.crowding,
            self._model.environment.saturation_min,
        )  # fmt: skip

    def uptake_by_voxel(self, substrate: str, per_type: np.ndarray) -> np.ndarray:
        """Return the greatest uptake of the cells in each voxel (amol/min), float64 (n_voxels,).

        Parameters
        ----------
        substrate
            Name of the field.
        per_type
            Prescribed uptake by cell type at relative volume 1, amol/min.
        """
        metabolic = len(self.capacities_amol_per_min) and substrate in s.UPTAKES
        of_cells = self.capacities_amol_per_min[:, s.UPTAKES.index(substrate)] if metabolic else None
        if of_cells is None or per_type.any():  # else spare a copy of the column
            prescribed = self.prescribed(per_type)
            of_cells = prescribed if of_cells is None else prescribed + of_cells
        total = np.empty(self._model.grid.n_voxels)
        sum_by_voxel(self.order, of_cells, total)
        return total

    def prescribed(self, per_type: np.ndarray) -> np.ndarray:
        """Return what each cell takes up or gives off at rates of its type, float64 (n,)."""
        data, amounts = self._model.population.data, np.empty(len(self.voxel))
        # without threads, because the fields that ask are shared among them already
        prescribed_amounts(0, len(amounts), per_type, data["cell_type"], data["phase"], data["biomass"], amounts)
        return amounts

    def compression(self) -> tuple[np.ndarray, np.ndarray]:
        """Return each cell's share of own area and of rim in contact; see `tumorabm.mechanics.compression`."""
        model, data = self._model, self._model.population.data
        positions = model.population.block("position_um")
        return compression(positions, data["radius_um"], data["uid"], model.box_um, model.threads)

    def donors(self) -> np.ndarray:
        """Return the rows of the live cells that hand Asn to cells they touch, in an order free of that of the rows."""
        model, data = self._model, self._model.population.data
        donates = model.parameters["contact_transfer_pL_per_min"] > 0.0
        if model.well_mixed or not donates.any():
            return np.empty(0, np.int64)
        ordered = self.order.row
        return ordered[donates[data["cell_type"][ordered]] & (data["phase"][ordered] <= s.MITOSIS)]

    def contacts(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """List the cells that touch each of ``rows``; see `tumorabm.mechanics.contacts`."""
        population, grid = self._model.population, self._model.grid
        return contacts(
            rows, population.block("position_um"), population.data["radius_um"], self.order, grid.shape, grid.voxel_um
        )
