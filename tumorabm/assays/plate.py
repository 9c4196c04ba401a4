"""Protocol 2: a plate of 96 wells with serial dilutions of a drug, read by MTT.

Cells settle for 24 h; then the medium of all wells is replaced, with drug in it, and MTT is read after 48-72 h.

- A well holds 5,000-10,000 cells in 100 µL. It is well mixed, so fewer cells in a smaller volume, at the same density,
  behave as the whole; counts are scaled back to the real well. All wells are compartments of one model.
- Dilutions are made in time: the enzyme acts on the medium only from the moment that it is on the cells, not while the
  dilutions stand. Medium with enzyme that has stood would hold no asparagine at the start.
- Asparaginase is dissolved in the medium and keeps its activity. An inhibitor acts on one lever of the cells of its
  wells, from the change of medium on, and neither wears off nor is taken up.
- MTT is a readout of that moment: reducing power, energy state times biomass, summed over live cells. As in the
  laboratory its incubation is chosen so that vehicle wells read about 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from tumorabm.assays.checks import (
    require_at_least_one,
    require_metabolism,
    require_number,
    require_protocol,
    require_whole_steps,
)
from tumorabm.assays.dose_response import DOSE_RANGE, MIN_DOSES, DoseResponse, fit_dose_response, without_fit
from tumorabm.assays.media import medium_uM
from tumorabm.assays.wells import Wells, wells_scenario
from tumorabm.biology.inhibitors import INHIBITORS
from tumorabm.biology.parameters import PERTURBATIONS
from tumorabm.scenario import Scenario, ScenarioError
from tumorabm.scenario.messages import unknown_name
from tumorabm.scenario.pharmacology_schema import DRUGS, ENZYME

SETTLING_H = 24.0
WELL_UL = 100.0
ROWS, N_COLUMNS = "ABCDEFGH", 12
N_WELLS = len(ROWS) * N_COLUMNS

BACKGROUND_ABSORBANCE = 0.05
"""Absorbance at 570 nm of a well without cells [A]."""
VEHICLE_ABSORBANCE = 1.0
"""Mean absorbance of vehicle wells, in the linear range of a reader [A]."""

_DEFAULT_ENZYME_DOSES = (1e-5, 1.0, 11)
_DECADES_AROUND_POTENCY = 2.0
_DEFAULT_DOSES = 11
_DYING_VEHICLE = 0.5  # share of the seeded cells below which vehicle wells are no standard
_NOISE_STREAM = 0x96


def serial_dilution(lowest: float, highest: float, number: int) -> tuple[float, ...]:
    """Return ``number`` doses from lowest to highest, evenly spaced in the logarithm, to 4 digits."""
    return tuple(float(f"{dose:.4g}") for dose in np.geomspace(lowest, highest, number))


def default_doses(drug: str) -> tuple[float, ...]:
    """Return eleven doses: 1e-5 to 1 IU/mL of asparaginase, two decades below to two above an inhibitor's potency."""
    if drug == ENZYME:
        return serial_dilution(*_DEFAULT_ENZYME_DOSES)
    half_uM, reach = INHIBITORS[drug].half_inhibition_uM, 10.0**_DECADES_AROUND_POTENCY
    return serial_dilution(half_uM / reach, half_uM * reach, _DEFAULT_DOSES)


def dose_unit(drug: str) -> str:
    """Return the unit of a drug's doses, or refuse a drug that there is not."""
    if drug not in DRUGS:
        raise ScenarioError(f"drug {drug}: {unknown_name('drug', drug, DRUGS)}")
    return "IU/mL" if drug == ENZYME else "µM"


@dataclass(frozen=True)
class PlateDesign:
    """What is on the plate.

    Attributes
    ----------
    cell_type
        A type with a metabolism.
    drug
        One of `DRUGS`.
    doses
        Distinct doses (IU/mL of asparaginase, µM of an inhibitor); None: `default_doses`. With fewer than four there is
        no fit.
    formulation
        Of asparaginase; None: native E. coli.
    hours
        Time with drug, h.
    replicates
        Wells of each dose, and of vehicle.
    medium, serum
        Name of the medium, and whether 10 % fetal bovine serum is in it.
    cells_per_well
        Cells in the 100 µL of a real well at seeding.
    simulated_cells
        Cells that are simulated for each well.
    perturbations
        Factors and levels by name, of all cells from the start on; 0 knocks out.
    overrides
        As ``--set``, on the scenario.
    seed
        Of all random numbers.
    noise
        Relative standard deviation of absorbance.
    n_bootstrap
        Resamples for the interval of the IC50.
    """

    cell_type: str = "molt4"
    drug: str = ENZYME
    doses: Sequence[float] | None = None
    formulation: str | None = None
    hours: float = 72.0
    replicates: int = 6
    medium: str = "rpmi"
    serum: bool = True
    cells_per_well: int = 7500
    simulated_cells: int = 60
    perturbations: Mapping[str, float] = field(default_factory=dict)
    overrides: Sequence[str] = ()
    seed: int = 1
    noise: float = 0.0
    n_bootstrap: int = 200

    def __post_init__(self) -> None:
        dose_unit(self.drug)
        require_metabolism(self.cell_type)
        require_number("noise", self.noise, "a relative standard deviation from 0 to 1", 1.0)
        for what in ("replicates", "cells_per_well", "simulated_cells"):
            require_at_least_one(what, getattr(self, what))
        doses = default_doses(self.drug) if self.doses is None else self.doses
        # 0 is the vehicle, which every plate has
        object.__setattr__(self, "doses", tuple(sorted(dose for dose in map(float, doses) if dose != 0.0)))
        self._check_doses()
        if self.drug != ENZYME and self.formulation is not None:
            raise ScenarioError(f"formulation {self.formulation}: expected none, because {self.drug} has none")

    @property
    def unit(self) -> str:
        """Unit of the doses."""
        return dose_unit(self.drug)

    @property
    def concentrations(self) -> tuple[float, ...]:
        """The vehicle's 0, then the doses."""
        return (0.0, *self.doses)

    def scenario(self) -> Scenario:
        """Return the scenario of the plate as it is seeded; the change of medium is not in it."""
        require_whole_steps(self._scenario(SETTLING_H), self.hours)
        scenario = self._scenario(SETTLING_H + self.hours)
        require_protocol(scenario, SETTLING_H + self.hours, len(self.concentrations) * self.replicates)
        if self.drug != ENZYME:
            self._check_inhibitor(scenario)
        return scenario

    def _scenario(self, hours: float) -> Scenario:
        formulation = {"formulation": self.formulation} if self.formulation else {}
        return wells_scenario(
            self._groups(),
            medium_uM(self.medium, serum=self.serum),
            hours=hours,
            wells=len(self.concentrations) * self.replicates,
            cells_per_well=self.simulated_cells,
            cells_per_uL=self.cells_per_well / WELL_UL,
            name=f"viability-{self.cell_type}-{self.drug}",
            overrides=self.overrides,
            description=f"Protocol 2: plate at seeding, in {self.medium}, without drug",
            seed=self.seed,
            fields={ENZYME: formulation},
            perturbations=dict(self.perturbations),
        )

    def _groups(self) -> dict[str, dict[str, object]]:
        """Return the groups of cells: one in all wells, or with an inhibitor one for each concentration."""
        cells = {"type": self.cell_type, "count": self.simulated_cells}
        if self.drug == ENZYME:
            return {"cells": cells}
        inhibitor = INHIBITORS[self.drug]
        groups = {}
        for index, dose in enumerate(self.concentrations):
            wells = list(range(index * self.replicates, (index + 1) * self.replicates))
            change = {"perturbation": inhibitor.lever, "at_h": SETTLING_H, "value": inhibitor.lever_at(dose)}
            name = f"dose_{index}" if index else "vehicle"
            groups[name] = {**cells, "wells": wells, "perturbation_schedule": [change] if index else []}
        return groups

    def _check_doses(self) -> None:
        if not self.doses:
            raise ScenarioError(f"doses: expected at least one above 0 in {self.unit}")
        for dose in self.doses:
            if not (np.isfinite(dose) and dose > 0.0):
                raise ScenarioError(f"doses: {dose:g}: expected numbers above 0 in {self.unit}, or 0 for vehicle")
            if not DOSE_RANGE[0] <= dose <= DOSE_RANGE[1]:
                raise ScenarioError(
                    f"doses: {dose:g}: expected numbers from {DOSE_RANGE[0]:g} to {DOSE_RANGE[1]:g} in {self.unit}"
                )
        for dose, following in pairwise(self.doses):
            if dose == following:
                raise ScenarioError(f"doses: {dose:g} twice; expected distinct doses, see replicates for more wells")
        n_wells = len(self.concentrations) * self.replicates
        if n_wells > N_WELLS:
            raise ScenarioError(
                f"doses: {len(self.doses)} and vehicle with {self.replicates} replicates are {n_wells} wells; "
                f"expected at most {N_WELLS}, as with {N_WELLS // len(self.concentrations)} replicates"
                if len(self.concentrations) <= N_WELLS
                else f"doses: {len(self.doses)}; expected at most {N_WELLS - 1} beside the vehicle"
            )

    def _check_inhibitor(self, scenario: Scenario) -> None:
        """Refuse a scenario in which something but the dose sets the drug's lever.

        A factor of all cells multiplies with that of the dose; a level, and what a group says, take its place.
        """
        lever = INHIBITORS[self.drug].lever
        is_level, parameters = PERTURBATIONS[lever].is_level, PERTURBATIONS[lever].parameters
        sources = {f"cells.{name}.": group for name, group in scenario.cells.items()}
        expected = {f"cells.{name}.": group["perturbation_schedule"] for name, group in self._groups().items()}
        for where, source in (({"": scenario} if is_level else {}) | sources).items():
            keys = [f"perturbations.{lever}"] if lever in source.perturbations else []
            changes = [change.model_dump() for change in source.perturbation_schedule if change.perturbation == lever]
            keys += ["perturbation_schedule"] if changes != expected.get(where, []) else []
            keys += [
                f"parameters.{name}" for name in parameters if is_level and name in getattr(source, "parameters", ())
            ]
            if keys:
                raise ScenarioError(
                    f"{scenario.name}: {where}{keys[0]}: expected no other value of {lever}, because the dose of "
                    f"{self.drug} sets it"
                )


@dataclass(frozen=True)
class Viability:
    """A plate that was read.

    Attributes
    ----------
    wells
        A row a well: well, dose (0: vehicle), replicate (from 1), live_cells (of a real well), absorbance, viability
        (1 is the mean vehicle well).
    fit
        The dose-response curve.
    scenario
        The plate at seeding.
    """

    wells: pd.DataFrame
    fit: DoseResponse
    scenario: Scenario


def viability(
    cell_type: str = "molt4",
    drug: str = ENZYME,
    *,
    threads: int | None = None,
    tell: Callable[[str], object] = lambda text: None,
    **design: object,
) -> Viability:
    """Do Protocol 2.

    Parameters
    ----------
    cell_type
        A type with a metabolism.
    drug
        ``"asparaginase"`` or a name of `INHIBITORS`.
    threads
        As for `TumorModel`.
    tell
        Called with a line at each step of the protocol.
    design
        Further values of `PlateDesign`.

    Raises
    ------
    ScenarioError
        What is wrong with the design.
    """
    return read_plate(PlateDesign(cell_type, drug, **design), threads=threads, tell=tell)


def read_plate(
    design: PlateDesign, *, threads: int | None = None, tell: Callable[[str], object] = lambda text: None
) -> Viability:
    """Do Protocol 2 with a design; see `viability`."""
    scenario = design.scenario()
    wells = Wells(scenario, seed=scenario.seed, threads=threads)
    tell(f"{wells.n_wells} wells: {SETTLING_H:g} h to settle")
    wells.run(SETTLING_H)
    doses = np.repeat(design.concentrations, design.replicates)
    medium = medium_uM(design.medium, serum=design.serum)
    wells.change_medium(medium | ({ENZYME: doses} if design.drug == ENZYME else {}))
    for day_h in _days(design.hours, scenario.time.step_min):
        wells.run(day_h)
        tell(f"{wells.model.time_h - SETTLING_H:g} of {design.hours:g} h with {design.drug}")
    frame = pd.DataFrame(
        {
            "well": plate_layout(len(design.concentrations), design.replicates).ravel(),
            "dose": doses,
            "replicate": np.tile(np.arange(design.replicates) + 1, len(design.concentrations)),
            "live_cells": _live_cells(wells),
            "absorbance": _absorbance(wells, doses == 0.0, scenario.seed, design.noise),
        }
    )
    signal = frame["absorbance"] - BACKGROUND_ABSORBANCE
    fit = _fit(design, doses, signal.to_numpy(), scenario)
    frame["viability"] = signal / signal[doses == 0.0].mean()
    warning = _vehicle_warning(frame["live_cells"][doses == 0.0].mean(), design.cells_per_well)
    return Viability(frame, replace(fit, message=fit.message + warning), scenario)


def _fit(design: PlateDesign, doses: np.ndarray, signal: np.ndarray, scenario: Scenario) -> DoseResponse:
    if len(design.doses) < MIN_DOSES:
        return without_fit(len(design.doses), design.unit)
    try:
        return fit_dose_response(doses, signal, unit=design.unit, n_bootstrap=design.n_bootstrap, seed=scenario.seed)
    except ValueError as error:  # noise may leave nothing of few vehicle wells
        raise ScenarioError(f"{scenario.name}: {error}; expected less noise or more replicates") from None


def _vehicle_warning(live_cells: float, seeded: int) -> str:
    """Return what to say of vehicle wells that die by themselves: all other wells are measured by them."""
    if live_cells >= _DYING_VEHICLE * seeded:
        return ""
    return (
        f"; vehicle wells hold {live_cells:.0f} live cells of {seeded} seeded, so these cells die in this medium "
        "without any drug and their viability says nothing about it"
    )


def plate_layout(n_concentrations: int, replicates: int) -> np.ndarray:
    """Return the names of the wells, shape (n_concentrations, replicates).

    A column of the plate for each concentration, the vehicle's first, where they fit so; else one after the other down
    the columns.
    """
    by_column = n_concentrations <= N_COLUMNS and replicates <= len(ROWS)
    height = len(ROWS)
    starts = np.arange(n_concentrations) * (height if by_column else replicates)
    positions = starts[:, None] + np.arange(replicates)
    return np.array([[f"{ROWS[p % height]}{p // height + 1}" for p in row] for row in positions])


def _days(hours: float, step_min: float) -> Iterator[float]:
    """Yield parts of ``hours`` of about a day, all whole numbers of steps."""
    n_steps = round(hours * 60.0 / step_min)
    n_parts = max(round(hours / 24.0), 1)
    ends = [n_steps * (part + 1) // n_parts for part in range(n_parts)]
    for start, end in pairwise([0, *ends]):
        if end > start:
            yield (end - start) * step_min / 60.0


def _live_cells(wells: Wells) -> np.ndarray:
    """Return the live cells of each real well, shape (n_wells,)."""
    share = wells.model.scenario.domain.volume_uL / WELL_UL
    return np.rint(wells.counts().sum(axis=1).to_numpy() / share).astype(np.int64)


def _absorbance(wells: Wells, is_vehicle: np.ndarray, seed: int, noise: float) -> np.ndarray:
    """Return what a plate reader shows of each well, shape (n_wells,)."""
    cells = wells.cells()
    power = np.bincount(cells["well"], cells["reducing_power"], minlength=wells.n_wells)
    vehicle = power[is_vehicle].mean()
    if not vehicle > 0.0:
        raise ScenarioError(
            f"{wells.model.scenario.name}: no cell of the vehicle wells lives at the end, so there is no viability; "
            "expected a milder perturbation or a richer medium"
        )
    absorbance = BACKGROUND_ABSORBANCE + (VEHICLE_ABSORBANCE - BACKGROUND_ABSORBANCE) * power / vehicle
    draws = np.random.default_rng([seed, _NOISE_STREAM]).standard_normal(wells.n_wells)
    return np.maximum(absorbance * (1.0 + noise * draws), 0.0)
