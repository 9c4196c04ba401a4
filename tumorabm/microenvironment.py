"""The dissolved substances of one site: fields, vessels, uptake and efflux, and their share of the nitrogen ledger."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from threading import Event
from typing import Any, NamedTuple

import numpy as np

from tumorabm.biology.states import EFFLUXES, UPTAKES
from tumorabm.fields import Exchange, Field, Grid, Scratch, open_space
from tumorabm.ledger import NITROGEN_ATOMS
from tumorabm.scenario import Scenario
from tumorabm.threads import Threads

VESSEL_REFERENCE_UM = 20.0
"""Voxel edge for which a scenario's vessel exchange is given; on other grids it is made such that as much flows."""

_WHOLE_VOXELS = 1e-9  # of a voxel; lengths written in decimal are not exact in binary

FIELD_TOLERANCE = 5e-3
"""Error allowed in a step of a field. Cells and fields are coupled once a step, which is no more exact than that."""

WELL_TOLERANCE = 5e-4
"""The same in wells: their concentrations lie decades apart, and an error is held against the largest of them."""

_NEEDS = {
    "asparagine": ("asparaginase",),
    "glutamine": ("asparaginase",),
    "aspartate": ("asparagine",),
    "glutamate": ("glutamine",),
    "ammonia": ("asparagine", "glutamine"),
}
"""The fields that must be advanced before a field: the enzyme before what it splits, that before what is made of it."""


UptakeByVoxel = Callable[[str], np.ndarray]
"""Returns an array of its own, which is overwritten."""


class _Step(NamedTuple):
    """What the fields share while they are advanced side by side."""

    dt_min: float
    uptake_of: UptakeByVoxel
    enzyme: tuple[float, float, float]
    over: dict[str, Event]  # by field: it is advanced, or never will be
    exchanges: dict[str, Exchange]  # of the fields that are advanced
    split_mM_per_min: dict[str, np.ndarray]  # by the enzyme, of its substrates


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
        A cell took ``capacity * saturation`` from its voxel. Zero where no cell has a metabolism.
    pending_amol
        What enters the field from cells during the next step: what their metabolism gave off in the last one, and what
        they secrete at given rates; arrays (n_voxels,) by field, 0 once it has entered.
    """

    def __init__(self, scenario: Scenario, grid: Grid, vessel_positions_um: np.ndarray, threads: Threads) -> None:
        self.grid = grid
        self.threads = threads
        self.settings = {name: scenario.field_settings(name) for name in scenario.field_names}
        vessels = vessels_by_voxel(grid, vessel_positions_um)
        self.fields: dict[str, Field] = {}
        self._scratch = Scratch(grid)
        wells = scenario.domain if scenario.domain.mode == "well_mixed" else None
        tolerance = FIELD_TOLERANCE if wells is None else WELL_TOLERANCE
        for name, setting in self.settings.items():
            field = Field(
                name, grid, setting.diffusion_um2_per_min if wells is None else 0.0, setting.decay_per_min,
                setting.faces, tolerance=tolerance, scratch=self._scratch,
            )  # fmt: skip
            if wells is not None and wells.exchange_per_min(name) > 0.0:
                field.vessel_exchange_per_min[...] = wells.exchange_per_min(name)
            if len(vessel_positions_um):  # zeros that nobody has written take no memory
                exchange = exchange_on_grid(grid, setting.vessel_exchange_per_min, setting.diffusion_um2_per_min)
                np.multiply(vessels, exchange, out=field.vessel_exchange_per_min)
            field.plasma_mM = setting.plasma * setting.plasma_fraction
            field.concentration_mM[...] = field.plasma_mM if setting.initial is None else setting.initial
            self.fields[name] = field
        self._medium_exchange_per_min = None if scenario.medium is None else scenario.medium.exchange_per_min
        self.saturation_min = (np.zeros(grid.n_voxels),) * len(UPTAKES)
        given_off = (*(name for name in EFFLUXES if name in self.fields), *scenario.secreted)
        self.pending_amol = {name: np.zeros(grid.n_voxels) for name in given_off}
        self._taken_up = frozenset(scenario.taken_up)
        # What others need comes early, so that a thread that takes the next field hardly ever waits for another.
        independent = [name for name in self.fields if name not in _NEEDS and name != "asparaginase"]
        self._order = [name for name in ("asparaginase", *independent, *_NEEDS) if name in self.fields]

    def see_plasma(self, concentrations: dict[str, float]) -> None:
        """Let the vessels carry these plasma concentrations (mM; IU/mL for the enzyme)."""
        for name, concentration in concentrations.items():
            self.fields[name].plasma_mM = concentration * self.settings[name].plasma_fraction

    def see_tissue(self, cells_by_voxel: np.ndarray) -> None:
        """Let stirred medium, if there is any, fill what cells leave free; ``cells_by_voxel`` has n_voxels counts."""
        if self._medium_exchange_per_min is None:
            return
        free = open_space((cells_by_voxel == 0).reshape(self.grid.shape))
        for field in self.fields.values():
            np.multiply(free, self._medium_exchange_per_min, out=field.vessel_exchange_per_min)

    def start_from_steady_state(self, uptake_of: UptakeByVoxel, dt_min: float) -> None:
        """Bring the fields without a given initial value to their steady state with uptake and pending efflux."""
        for name, setting in self.settings.items():
            # Where tissue leaves no room for medium, nothing supplies a field, and it keeps its plasma value.
            supplied = setting.faces or self.fields[name].vessel_exchange_per_min.any()
            if setting.initial is None and supplied:
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
        step = _Step(dt_min, uptake_of, enzyme, {name: Event() for name in self._order}, {}, {})
        self.threads.run(partial(self._advance_when_ready, name, step) for name in self._order)
        self._scratch.clear()
        exchanges = {name: step.exchanges[name] for name in self._order}
        self._note_saturation()
        flows = dict.fromkeys(("vessels", "faces", "decay"), 0.0)
        for name, exchange in exchanges.items():
            atoms = NITROGEN_ATOMS.get(name, 0)
            flows["vessels"] += atoms * exchange.from_vessels_amol
            flows["faces"] += atoms * exchange.through_faces_amol
            flows["decay"] -= atoms * exchange.decayed_amol
        return flows

    def state(self) -> dict[str, Any]:
        """Return what the next step depends on, for `restore`."""
        return {
            "fields": {name: field.state() for name, field in self.fields.items()},
            "pending_amol": self.pending_amol,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where the fields of the same scenario and site stood whose `state` this was."""
        for name, field in self.fields.items():
            field.restore(state["fields"][name])
        for name, pending in self.pending_amol.items():
            pending[...] = state["pending_amol"][name]
        self._note_saturation()

    def _note_saturation(self) -> None:
        """Let the cells read in the fields' own memory how saturated their uptake was; there is none before a step."""
        if self._taken_up.issuperset(UPTAKES):
            of_fields = [self.fields[name].uptake_saturation_min for name in UPTAKES]
            if all(saturation is not None for saturation in of_fields):
                self.saturation_min = tuple(saturation.ravel() for saturation in of_fields)

    def _advance_when_ready(self, name: str, step: _Step) -> None:
        """Advance one field once those that it needs are advanced; not at all if one of these failed."""
        try:
            for needed in self._needed(name):
                step.over[needed].wait()
            if step.exchanges.keys() >= set(self._needed(name)):
                step.exchanges[name] = self._advance_field(name, step)
        finally:
            step.over[name].set()

    def _advance_field(self, name: str, step: _Step) -> Exchange:
        terms = self._uptake(name, step.uptake_of)
        is_split = "asparaginase" in self._needed(name) and self.fields["asparaginase"].concentration_mM.any()
        if is_split:
            terms["enzyme_mM_per_min"] = self._enzyme_velocity(name, step.enzyme)
            terms["enzyme_km_mM"] = step.enzyme[0] if name == "asparagine" else step.enzyme[1]
        source = self._given_off(name, step.dt_min, used_up=True)
        split = [step.split_mM_per_min[other] for other in self._needed(name) if other in step.split_mM_per_min]
        if split:
            source = sum(split) if source is None else source + sum(split)
        exchange = self.fields[name].advance(step.dt_min, source_mM_per_min=source, **terms)
        if name in self.pending_amol:
            self.pending_amol[name].fill(0.0)
        if is_split:
            step.split_mM_per_min[name] = terms["enzyme_mM_per_min"] * exchange.enzyme_saturation_min / step.dt_min
        return exchange

    def _needed(self, name: str) -> list[str]:
        """Return the fields that must have been advanced before this one."""
        return [needed for needed in _NEEDS.get(name, ()) if needed in self.fields]

    def _enzyme_velocity(self, name: str, enzyme: tuple[float, float, float]) -> np.ndarray:
        """Return the enzyme's greatest rate on one of its substrates, mM/min: 1 IU/mL splits 1 mM/min of Asn."""
        activity = self.fields["asparaginase"].concentration_mM
        return activity if name == "asparagine" else activity * enzyme[2]

    def _given_off(self, name: str, dt_min: float, used_up: bool = False) -> np.ndarray | None:
        """Return the source (mM/min) that the cells' efflux of the last step makes in this one.

        Where the efflux is ``used_up``, its own memory becomes the source.
        """
        if name not in self.pending_amol:
            return None
        amounts = self.pending_amol[name].reshape(self.grid.shape)
        return np.divide(amounts, self.grid.voxel_volume_um3 * dt_min, out=amounts if used_up else None)

    def _uptake(self, name: str, uptake_of: UptakeByVoxel) -> dict[str, object]:
        if name not in self._taken_up:
            return {}
        rate = uptake_of(name).reshape(self.grid.shape)
        rate /= self.grid.voxel_volume_um3
        return {"uptake_mM_per_min": rate, "uptake_km_mM": self.settings[name].uptake_km_mM}

    def nitrogen_amol(self) -> dict[str, float]:
        """Return the nitrogen in the fields and on its way into them."""
        volume = self.grid.voxel_volume_um3
        atoms = {name: n for name, n in NITROGEN_ATOMS.items() if name in self.fields}
        return {
            "fields": sum(n * volume * float(self.fields[f].concentration_mM.sum()) for f, n in atoms.items()),
            "given_off": sum(n * float(self.pending_amol[f].sum()) for f, n in atoms.items()),
        }


def vessels_by_voxel(grid: Grid, positions_um: np.ndarray) -> np.ndarray:
    """Return how many vessels exchange with each voxel, by parts.

    A vessel exchanges evenly with a block of voxels, so many a side that they span at least 20 µm: one where the edge
    is 20 µm or more. Blocks follow one another from the origin, so that a vessel keeps its place where voxels are
    halved; the last along an axis may hold fewer voxels.

    Parameters
    ----------
    grid
        The voxels.
    positions_um
        float64 (m, 3), µm.

    Returns
    -------
    numpy.ndarray
        (nz, ny, nx) float64; the sum is m.
    """
    per_side = _voxels_per_side(grid)
    block = np.array(np.unravel_index(grid.voxel_index(positions_um), grid.shape)) // per_side
    vessels = np.zeros([-(-n // per_side) for n in grid.shape])
    np.add.at(vessels, tuple(block), 1.0)
    for axis, n in enumerate(grid.shape):
        starts = np.arange(0, n, per_side)
        held = np.minimum(starts + per_side, n) - starts  # voxels of each block along this axis
        shares = np.moveaxis(vessels, axis, -1) / held
        vessels = np.moveaxis(np.repeat(shares, held, axis=-1), -1, axis)
    return np.ascontiguousarray(vessels)


def exchange_on_grid(grid: Grid, exchange_per_min: float, diffusion_um2_per_min: float) -> float:
    """Return the exchange (1/min) of a vessel with this grid by which it brings as much as on voxels of 20 µm.

    What a vessel brings is limited by its exchange and, in series, by diffusion out of where it lies, and the latter
    depends on the grid: a source in one voxel of edge h acts like a cylinder of radius 0.2 h (Peaceman, SPE J 18:183,
    1978 [M]). The sum of both resistances is kept. With p the exchange in a voxel of edge L = 20 µm,

        1/p_h = (h/L)^ndim · (1/p + (L²/D) · d)

    and d the resistance of one voxel of 20 µm less that of the `vessels_by_voxel` block, n voxels and b = n h a side:

        2-D   d = (1 - n^-1.9)·0.1292 + ln(b/L)/2π
        3-D   d = 0.2527 - (0.1498 + n^-1.8·0.1029)·L/b

    The numbers compare one voxel of the lattice with a square or cube of the same width that gives off evenly: in 2-D
    ln(0.4470/0.1985)/2π = 0.1292, in 3-D 0.2527 (Watson's integral) against 0.1498 (mean of 1/4πr over pairs of
    points). The powers fit the resistances of blocks of 2 to 32 voxels a side to 1 % [D].

    Parameters
    ----------
    grid
        The voxels.
    exchange_per_min
        Exchange p of a vessel in a voxel of 20 µm, 1/min.
    diffusion_um2_per_min
        Diffusion coefficient D, µm²/min; 0 leaves only the exchange itself.

    Returns
    -------
    float
        1/min, for each unit of `vessels_by_voxel`.
    """
    per_side = _voxels_per_side(grid)
    width = per_side * grid.voxel_um / VESSEL_REFERENCE_UM
    if grid.ndim == 2:
        gained = (1.0 - per_side**-1.9) * 0.1292 + math.log(width) / (2.0 * math.pi)
    else:
        gained = 0.2527 - (0.2527 - (1.0 - per_side**-1.8) * 0.1029) / width
    exchange = exchange_per_min * (VESSEL_REFERENCE_UM / grid.voxel_um) ** grid.ndim
    if diffusion_um2_per_min == 0.0:
        return exchange
    return exchange / (1.0 + exchange_per_min * VESSEL_REFERENCE_UM**2 / diffusion_um2_per_min * gained)


def _voxels_per_side(grid: Grid) -> int:
    """Return how many voxels a side a vessel exchanges with."""
    return math.ceil(VESSEL_REFERENCE_UM / grid.voxel_um - _WHOLE_VOXELS)
