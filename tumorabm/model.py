"""The model: one step, its parts called in the order that `TumorModel.step` lists."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tumorabm.biology import states as s
from tumorabm.biology.cell import advance_cells
from tumorabm.biology.contact_transfer import count_receivers, deliver
from tumorabm.biology.fate import (
    BECOMES_APOPTOTIC,
    BECOMES_NECROTIC,
    DIVIDES,
    IS_CLEARED,
    decide_fates,
    split_states,
    write_radii,
    write_speeds,
)
from tumorabm.biology.nitrogen import write_nitrogen
from tumorabm.biology.parameters import parameter_table
from tumorabm.cells import Block, ColumnModel, Population, attach_layers
from tumorabm.circulation import Circulation
from tumorabm.clock_cells import CLOCK_BLOCKS, ClockCells
from tumorabm.collector import RowCollector
from tumorabm.events import EventLog, drain_all
from tumorabm.fields import Field, Grid
from tumorabm.finite import bad_states, bad_voxel, describe_cell, first_fault
from tumorabm.founding import (
    cell_positions,
    founding_methylation,
    founding_phases,
    founding_states,
    group_parameters,
    perturbations_at,
    rates_by_type,
    vessel_positions,
)
from tumorabm.ledger import NitrogenLedger
from tumorabm.mechanics import (
    RelaxResult,
    migrate,
    order_by_voxel,
    relax,
    sample_gradient,
    separate_daughters,
    sum_by_voxel,
)
from tumorabm.memory import require_memory
from tumorabm.microenvironment import Microenvironment
from tumorabm.observables import EVERY_ROW, cell_columns, observe
from tumorabm.packing import packed, unpacked
from tumorabm.pharmacology import Plasma
from tumorabm.philox import Stream, normal_pairs, uniform_pairs
from tumorabm.random_state import generator_state, python_random_state, restore_python_random, restored_generator
from tumorabm.scenario import Scenario, ScenarioError
from tumorabm.scenario.load import with_parameters
from tumorabm.scenario.pharmacology_schema import Dose
from tumorabm.scenario.site_schema import BLOOD, PRIMARY
from tumorabm.sums import sum_in_any_order
from tumorabm.surroundings import Surroundings
from tumorabm.threads import Threads

FOUNDING_RELAXATIONS, FOUNDING_EVALUATIONS = 20, 64
"""The first cells, placed at random, are pushed apart at most this many times an hour long, each of so many steps."""

POSITION_ROUNDING = 1e-6
"""Of a voxel: a box is whole voxels, and a side written in decimal may be as much longer."""

SORT_EVERY_TICKS = 20
"""Rows are sorted by voxel this often: cells that lie together in space then lie together in memory."""

BLOCKS = (
    Block("cell_type", ("cell_type",), np.int16),
    Block("phase", ("phase",), np.int8),
    Block("phase_progress", ("phase_progress",), np.float32),
    Block("position_um", ("x_um", "y_um", "z_um"), np.float64),
    Block("polarity", ("polarity_x", "polarity_y", "polarity_z"), np.float64),
    Block("radius_um", ("radius_um",), np.float64),
    Block("speed_um_per_min", ("speed_um_per_min",), np.float64),
    Block("states", s.METABOLIC_STATES, np.float64),
    Block("signals", s.SIGNALS, np.float64),
    Block("asns_basal", ("asns_basal",), np.float64),
    Block("asns_methylated", ("asns_methylated",), np.int8),
    Block("contact_asparagine_amol", ("contact_asparagine_amol",), np.float64),
    Block("body_age_min", ("body_age_min",), np.float64),
)


TRAVEL_BLOCKS = (Block("detached", ("detached",), np.int8), Block("seed_uid", ("seed_uid",), np.int64))
"""Of models with several sites: 1 where a cell has let go of its neighbours; the cell by which its descent arrived."""

UIDS_OF_A_SITE = 1 << 40
"""Identifiers of cells that are born at one site; the next site's begin above them."""


def _reporter(name: str) -> Callable[[TumorModel], float]:
    """Return Mesa's reporter of one column: it reads the row that was observed once for all."""
    return lambda model: model._observed[name]


class TumorModel(ColumnModel):
    """A tissue of cells that carry ASNS/ATF4 state and live on diffusing nutrients.

    Parameters
    ----------
    scenario
        What `tumorabm.load_scenario` returns, or the path of a scenario file.
    rng
        Seed or generator; by default the scenario's seed. The same seed gives the same bits on any number of threads.
    threads
        Number of threads; by default the cores that the process may use.
    state
        What `TumorModel.state` of a model of the same scenario returned: the new one goes on from there, bit for bit,
        and ``rng`` counts for nothing.
    body, site
        Of a site beside the primary one: the model of the primary site, with which it shares plasma, threads and random
        key, and its name. The primary model makes the others itself.
    parameters
        Values in place of the scenario's by the keys of ``--set``, as in ``**{"cells.blast.count": 100}``, so that
        `mesa.batch_run` can vary them.

    Raises
    ------
    ScenarioError
        The scenario file, or a parameter, is wrong, or the core leaves no vessel where one is needed.
    MemoryError
        The machine cannot hold the scenario.
    FloatingPointError
        The fields have no steady state to start from, or a value at the start is no finite number.

    Attributes
    ----------
    clock_cells
        What drives the cells without a metabolism (`tumorabm.clock_cells.ClockCells`); None where there are none.
    population
        The cells as columns (`tumorabm.cells.Population`); ``agents`` shows them as Mesa agents.
    fields
        `tumorabm.fields.Field` by name; ``layers`` shows the same memory as Mesa property layers.
    site_name, other_sites, circulation
        Name of the site, the models of the sites beside the primary one by name, and the blood that joins them
        (`tumorabm.circulation.Circulation`; None where cells do not travel). All sites step together.
    plasma
        What the vessels of all sites carry.
    ledger
        The nitrogen account.
    events
        Divisions, deaths and doses not yet fetched with `drain_events`; fetch them now and then in long runs.
    births, deaths_apoptosis, deaths_necrosis
        Counts since the start.
    cell_types, parameters
        Names of the groups of cells, and their parameter records; ``cell_type`` of a cell is the index into both.
    grid, vessel_positions_um, environment, threads
        Geometry, vessels (m, 3), the fields with their uptake, and the threads.
    tick, step_min, n_steps
        Steps done, the length of one in min, and the steps of the scenario.
    stages_s
        Wall seconds spent in each part of the step.
    """

    scenario: Scenario | None = None  # a plain attribute: Mesa 3.5 has a property of this name for its own Scenario

    def __init__(
        self,
        scenario: Scenario | str | os.PathLike[str],
        rng: int | np.random.Generator | None = None,
        threads: int | None = None,
        *,
        state: Mapping[str, Any] | None = None,
        body: TumorModel | None = None,
        site: str = PRIMARY,
        **parameters: object,
    ) -> None:
        if not isinstance(scenario, Scenario | str | os.PathLike):
            raise TypeError(f"TumorModel: expected what load_scenario returns, got {type(scenario).__name__}")
        scenario = with_parameters(scenario, parameters)
        require_memory(scenario)
        super().__init__(rng=scenario.seed if rng is None else rng)
        self.scenario = scenario
        self.site_name = site
        self._site_number = 0 if body is None else 1 + list(body.scenario.sites).index(site)
        self.threads = Threads(threads) if body is None else body.threads
        if body is not None:
            self.key = body.key
        else:
            self.key = int(self.rng.integers(2**63)) if state is None else state["key"]
        self.agent_id_counter = 1 + self._site_number * UIDS_OF_A_SITE
        self.tick = 0
        self.step_min = scenario.time.step_min
        self.n_steps = scenario.n_steps
        self.stages_s: dict[str, float] = {} if body is None else body.stages_s
        self.births = self.deaths_apoptosis = self.deaths_necrosis = 0
        self.well_mixed = scenario.domain.mode == "well_mixed"
        if self.well_mixed:
            self.grid = Grid.well_mixed(scenario.domain.volume_um3, scenario.domain.wells)
        else:
            domain = scenario.domain
            self.grid = Grid.from_size(domain.size_um, domain.voxel_um, domain.slab_um)
        self.box_um = np.array(self.grid.size_um)
        self.vessel_positions_um = vessel_positions(scenario.vessels, self.grid, self._generator(Stream.VESSELS))
        self._require_vessels()
        self.environment = Microenvironment(scenario, self.grid, self.vessel_positions_um, self.threads)
        self.fields: dict[str, Field] = self.environment.fields
        self.layers = attach_layers(self, {name: field.concentration_mM for name, field in self.fields.items()})
        self.plasma = self._plasma() if body is None else body.plasma
        self.plasma.glutaminase_factor = self._glutaminase_factor()
        self.environment.see_plasma(self.plasma.concentrations)

        self.cell_types = tuple(scenario.cells)
        groups = list(scenario.cells.values())
        self._levers = self.plasma.levers()
        self.parameters = self._perturbed_parameters()
        self._perturbation_ticks = self._ticks_of_schedules()
        has_clocks = any(group.clock for group in groups)
        travels = body is not None or bool(scenario.sites)
        blocks = (*BLOCKS, *(CLOCK_BLOCKS if has_clocks else ()), *(TRAVEL_BLOCKS if travels else ()))
        self.population = Population(self, blocks)
        self.clock_cells = (
            ClockCells(scenario, self.parameters, self.population, self.key, self.threads) if has_clocks else None
        )
        self._uptake_amol_per_min = rates_by_type(scenario.taken_up, [group.uptake_amol_per_min for group in groups])
        self._secretion_amol_per_min = rates_by_type(
            scenario.secreted, [group.secretion_amol_per_min for group in groups]
        )
        speeds = self.parameters["speed_epithelial_um_per_min"] + self.parameters["speed_emt_gain_um_per_min"]
        self._any_walks = bool(speeds.any())
        self.events = EventLog(site)
        self._seeded = np.empty(0, np.int64)
        self.ledger = NitrogenLedger()
        if state is None:
            self._found()
        else:
            self._restore_site(state)
        self.other_sites: dict[str, TumorModel] = {
            name: TumorModel(
                scenario.at_site(name),
                scenario.seed,
                state=None if state is None else state["other_sites"][name],
                body=self,
                site=name,
            )
            for name in scenario.sites
        }
        self.circulation = Circulation(self) if scenario.circulation else None
        if state is not None and body is None:
            self._restore_shared(state)
        self._observed = self.observe() if state is None else dict(state["observed"])
        self.datacollector = RowCollector({name: _reporter(name) for name in self._observed})
        if state is None:
            self.datacollector.collect(self)
        else:
            self.datacollector.restore(unpacked(state["collected"]), state["collected_ticks"])

    # ---------------------------------------------------------------- the step

    def step(self) -> None:
        """Advance the tissue by one step.

        Drugs and plasma -> at each site: uptake -> fields -> metabolism and stress -> fate (cycle, clocks, death,
        state) -> births and deaths -> motion and forces -> circulation -> ordinary Mesa agents -> record.

        Raises
        ------
        FloatingPointError
            A state, a concentration or a solver's result is no finite number, or a cell has an impossible position,
            type, phase or biomass, before the step or after it; or forces are too stiff to be followed. The message
            names the cell or the voxel, the value, and the simulated time. The model is then of no further use.
        """
        for site in self.sites.values():
            site._require_sound()
            site._account_for_interventions()
        with self._stage("plasma"):
            self._give_doses()
            self.plasma.glutaminase_factor = self._glutaminase_factor()
            self.plasma.advance(self.step_min)
        for site in self.sites.values():
            site._step_tissue()
        if self.circulation:
            with self._stage("circulation"):
                self.circulation.step()
        for site in self.sites.values():
            site._nitrogen_left = site._total_nitrogen_amol()
            site.tick += 1
        self.step_ordinary_agents()
        for site in self.sites.values():
            site._require_sound()
        with self._stage("record"):
            for site in self.sites.values():
                site._collect()
        self.running = self.tick < self.n_steps

    def _step_tissue(self) -> None:
        """Advance the fields and the cells of this site by one step."""
        self._perturb()
        self.environment.see_plasma(self.plasma.concentrations)
        with self._stage("uptake"):
            self._prepare_uptake()
        with self._stage("fields"):
            self._advance_fields()
        with self._stage("metabolism"):
            self._advance_metabolism()
        with self._stage("fate"):
            fate = self._decide_fates()
        with self._stage("births_deaths"):
            self._divide_and_bury(fate)
        with self._stage("forces"):
            self._move()

    @property
    def sites(self) -> dict[str, TumorModel]:
        """All sites by name: this one, the primary, first."""
        return {self.site_name: self, **self.other_sites}

    def run(self, hours: float | None = None) -> TumorModel:
        """Advance by ``hours``, or to the end of the scenario; return the model.

        Raises
        ------
        ValueError
            If ``hours`` is not a whole number of steps, at least one.
        """
        if hours is not None and not self.scenario.time.whole_steps(hours):
            raise ValueError(f"run: expected a whole number of steps of {self.step_min:g} min, got {hours} h")
        last = self.n_steps if hours is None else self.tick + round(hours * 60.0 / self.step_min)
        while self.tick < last:
            self.step()
        return self

    def add_cells(
        self, group: str, positions_um: np.ndarray, generator: np.random.Generator | None = None
    ) -> np.ndarray:
        """Place cells of a group of the scenario, in the state in which its first cells start.

        Parameters
        ----------
        group
            Name of one of the scenario's groups of cells.
        positions_um
            Shape (n, 3), µm, inside the box; in 2-D, z within the slab.
        generator
            Draws expression and age; by default the model's.

        Returns
        -------
        numpy.ndarray
            Their identifiers, int64 (n,).

        Raises
        ------
        ValueError
            If there is no such group, or a position lies outside the box; nothing is placed then.
        """
        if group not in self.cell_types:
            raise ValueError(f"add_cells: no group {group!r}; expected one of {', '.join(self.cell_types)}")
        index = self.cell_types.index(group)
        generator = generator or self.rng
        positions_um = self._in_box(positions_um)
        rows = self.population.append(len(positions_um), cell_type=index, position_um=positions_um)
        if self.scenario.cells[group].metabolic:
            states, data = self.population.block("states"), self.population.data
            states[rows], data["asns_basal"][rows] = founding_states(
                self.scenario.cells[group], self.parameters[index], len(positions_um), self.step_min, generator
            )
            data["phase"][rows], data["phase_progress"][rows] = founding_phases(
                self.parameters[index], states[rows, s.BIOMASS]
            )
            data["asns_methylated"][rows] = founding_methylation(self.parameters[index], len(positions_um), generator)
        else:
            self.clock_cells.start(index, rows, generator)
        self._update_shapes()
        return self.population.data["uid"][rows].copy()

    def give_dose(self, dose: Dose) -> None:
        """Give a dose of asparaginase now, before the next step, beside those of the scenario.

        Its day, and the times of a course, count for nothing.

        Raises
        ------
        ValueError
            It is another drug, or the tissue has no field of asparaginase; nothing is given then.
        """
        if not dose.is_enzyme or "asparaginase" not in self.fields:
            raise ValueError(f"give_dose: expected asparaginase, and a tissue with its field, got {dose.product}")
        self._give(dose)

    def state(self) -> dict[str, Any]:
        """Return all that the next steps depend on: nested dictionaries and lists of arrays, numbers and text.

        ``TumorModel(scenario, state=...)`` goes on from it, bit for bit. The arrays are the model's own memory, not
        copies: use them before the next step. Left out are Mesa views (made again on touch), and what a subclass or a
        user adds, columns of the data collector too.

        Raises
        ------
        ValueError
            There are ordinary Mesa agents in the model: what they hold is not known here.
        """
        strangers = sorted({type(agent).__name__ for agent in self.ordinary_agents})
        if strangers:
            raise ValueError(
                f"state: expected no agents beside the cells, got {', '.join(strangers)}{self._at_site}: what "
                "ordinary Mesa agents hold cannot be saved"
            )
        collected = self.datacollector.model_vars
        return {
            "tick": self.tick,
            "key": self.key,
            "running": self.running,
            "next_uid": self.agent_id_counter,
            "births": self.births,
            "deaths_apoptosis": self.deaths_apoptosis,
            "deaths_necrosis": self.deaths_necrosis,
            "rng": generator_state(self.rng),
            "random": python_random_state(self.random),
            "levers": self._levers,
            "parameters": self.parameters,
            "population": self.population.state(),
            "environment": self.environment.state(),
            "ledger": self.ledger.state(),
            "nitrogen_left_amol": self._nitrogen_left,
            "events": self.events.state(),
            "seeded": self._seeded,
            "observed": self._observed,
            "collected": packed({name: collected[name] for name in self._observed}),
            "collected_ticks": self.datacollector.ticks,
            "other_sites": {name: site.state() for name, site in self.other_sites.items()},
            **({"plasma": self.plasma.state(), "stages_s": self.stages_s} if not self._site_number else {}),
            **({"circulation": self.circulation.state()} if self.circulation else {}),
        }

    @property
    def time_min(self) -> float:
        """Simulated time, min."""
        return self.tick * self.step_min

    @property
    def time_h(self) -> float:
        """Simulated time, h."""
        return self.time_min / 60.0

    def timeseries(self) -> pd.DataFrame:
        """Return what was observed so far, a row at a time; see `observe`."""
        return self.datacollector.get_model_vars_dataframe()

    def observe(self) -> dict[str, float]:
        """Return one row of the time series for now; the ledger is balanced for it."""
        self._account_for_interventions()
        self.ledger.balance(self._nitrogen_amol())
        return observe(self)

    def cell_columns(self, rows: slice = EVERY_ROW) -> dict[str, np.ndarray]:
        """Return the table of cells for now, of all or of some rows; see `tumorabm.observables.cell_columns`."""
        return cell_columns(self, rows)

    def touching(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows of all cells that touch any of ``rows`` now, ascending."""
        return np.unique(Surroundings(self).contacts(rows)[1])

    def drain_events(self) -> dict[str, np.ndarray]:
        """Return the events of all sites since the last call, as columns, and forget them."""
        return drain_all(self._event_logs())

    @property
    def events_held(self) -> int:
        """Number of events that `drain_events` would return."""
        return sum(map(len, self._event_logs()))

    def _event_logs(self) -> list[EventLog]:
        logs = [site.events for site in self.sites.values()]
        return [*logs, self.circulation.events] if self.circulation else logs

    def _repr_html_(self) -> str:
        from tumorabm.notebook import model_html

        return model_html(self)

    # ------------------------------------------------------- parts of the step

    def _give_doses(self) -> None:
        for dose in self.plasma.doses_at(self.tick):
            self._give(dose)

    def _give(self, dose: Dose) -> None:
        self.plasma.give(dose)
        self.events.add(self.time_h, "dose", types=(dose.product,))

    def _perturb(self) -> None:
        """Let the perturbations that change at this tick, and what small molecules do now, take effect."""
        levers = self.plasma.levers()
        if self.tick in self._perturbation_ticks or levers != self._levers:
            self._levers = levers
            self.parameters[...] = self._perturbed_parameters()

    def _perturbed_parameters(self) -> np.ndarray:
        """Return the parameter records by cell type, with the perturbations that hold in this step."""
        groups, soon_h = self.scenario.cells.values(), self._mid_step_h
        return parameter_table(
            [group_parameters(self.scenario, group, soon_h, self._levers) for group in groups],
            [group.metabolic for group in groups],
        )

    def _glutaminase_factor(self) -> float:
        return perturbations_at(self.scenario, self._mid_step_h).get("glutaminase_ratio", 1.0)

    @property
    def _mid_step_h(self) -> float:
        """Half a step ahead, because a change falls on the nearest step."""
        return self.time_h + 0.5 * self.step_min / 60.0

    def _ticks_of_schedules(self) -> frozenset[int]:
        sources = (self.scenario, *self.scenario.cells.values())
        changes = [change for source in sources for change in source.perturbation_schedule]
        return frozenset(round(change.at_h * 60.0 / self.step_min) for change in changes)

    def _prepare_uptake(self) -> None:
        if self.tick % SORT_EVERY_TICKS == 0:
            self._sort_rows()
        self._look_around()

    def _advance_fields(self) -> None:
        try:
            flows = self.environment.advance(self.step_min, self._uptake_by_voxel, self.plasma.enzyme_constants())
        except (FloatingPointError, ValueError) as error:
            raise FloatingPointError(f"{bad_voxel(self) or error}, {self._in_the_step}") from error
        for name, amount in flows.items():
            self.ledger.flows[name] += amount

    def _advance_metabolism(self) -> None:
        if not self.scenario.metabolic:
            return
        data, n = self.population.data, self.population.size
        states, signals = self.population.block("states"), self.population.block("signals")
        cell_type, phase = data["cell_type"], data["phase"]
        receivers, receivers_asparagine = np.zeros(n), np.zeros(n)
        around = self._around
        donors = around.donors()
        start, touching = around.contacts(donors)
        excess = np.empty(len(touching))
        count_receivers(
            self.parameters, cell_type, phase, states, donors, start, touching, excess, receivers, receivers_asparagine
        )
        efflux, donated, transaminated, urea = np.empty((n, len(s.EFFLUXES))), np.empty(n), np.empty(n), np.empty(n)
        self.threads.over_rows(
            advance_cells, n, self.step_min, self.parameters, cell_type, phase, around.voxel, data["asns_basal"],
            data["asns_methylated"], around.outside(), around.capacities_amol_per_min, data["contact_asparagine_amol"],
            receivers, receivers_asparagine, states, signals, efflux, donated, transaminated, urea,
        )  # fmt: skip
        self._check_metabolism(donated)
        self.ledger.flows["other_amino_acids"] += sum_in_any_order(transaminated)
        self.ledger.flows["urea"] -= sum_in_any_order(urea)
        self._release(efflux)
        alive = phase <= s.MITOSIS
        data["contact_asparagine_amol"][alive] = 0.0  # used up by the step; what a dead cell was given stays with it
        deliver(donors, start, touching, excess, donated, data["contact_asparagine_amol"])

    def _decide_fates(self) -> np.ndarray:
        data, n = self.population.data, self.population.size
        fate = np.empty(n, np.int8)
        oxygen = self.fields["oxygen"].concentration_mM.ravel()
        self.threads.over_rows(
            decide_fates, n, self.step_min, self.key, self.tick, self.parameters, data["cell_type"], data["phase"],
            data["phase_progress"], self._around.voxel, data["uid"], oxygen, self.population.block("states"),
            self.population.block("signals"), data["body_age_min"], fate,
        )  # fmt: skip
        if self.clock_cells:
            around = self._around
            self.clock_cells.advance(self.step_min, around.voxel, oxygen, around.crowding, around.compression, fate)
        return fate

    def _divide_and_bury(self, fate: np.ndarray) -> None:
        self._around = None
        apoptotic, necrotic = np.flatnonzero(fate == BECOMES_APOPTOTIC), np.flatnonzero(fate == BECOMES_NECROTIC)
        self.deaths_apoptosis += len(apoptotic)
        self.deaths_necrosis += len(necrotic)
        self.log("apoptosis", apoptotic)
        self.log("necrosis", necrotic)
        parents = np.flatnonzero(fate == DIVIDES)
        parents = parents[np.argsort(self.population.data["uid"][parents])]  # daughters are numbered in this order
        if len(parents):
            self._divide(parents)
        cleared = np.flatnonzero(fate == IS_CLEARED)
        if len(cleared):
            self.ledger.debris += sum_in_any_order(self._nitrogen_of_cells()[cleared])
            self.population.bury(cleared)

    def _divide(self, parents: np.ndarray) -> None:
        self.log("division", parents)
        self._log_seeding(parents)
        self.births += len(parents)
        daughters = self.population.divide(parents)
        data = self.population.data
        parameters = self.parameters[data["cell_type"][parents]]
        first, second = normal_pairs(self.key, data["uid"][daughters], self.tick, Stream.DRIFT).T
        share = np.clip(0.5 + parameters["division_asymmetry"] * first, 0.3, 0.7)
        split_states(daughters.start, parents, share, self.population.block("states"))
        contact = data["contact_asparagine_amol"]
        contact[daughters] = share * contact[parents]
        contact[parents] -= contact[daughters]
        data["phase"][parents] = data["phase"][daughters] = s.G1
        data["phase_progress"][parents] = data["phase_progress"][daughters] = 0.0
        data["asns_basal"][daughters] *= np.exp(parameters["asns_drift"] * second)
        of_parents = normal_pairs(self.key, data["uid"][parents], self.tick, Stream.DRIFT)[:, 0]
        data["asns_basal"][parents] *= np.exp(parameters["asns_drift"] * of_parents)
        for cells in (parents, daughters):
            self._flip_methylation(cells, parameters)
        if self.clock_cells:
            self.clock_cells.divide(parents, np.arange(daughters.start, daughters.stop), share)
        if not self.well_mixed:
            separate_daughters(
                self.population.block("position_um"), parents, daughters.start, data["radius_um"], data["uid"],
                self.box_um, self.grid.ndim, self.key, self.tick,
            )  # fmt: skip

    def _flip_methylation(self, newborn: np.ndarray | slice, parameters: np.ndarray) -> None:
        """Let the promoter of newborn cells lose its methylation, or become methylated, by each type's chance."""
        data = self.population.data
        methylated = data["asns_methylated"][newborn]
        chance = np.where(
            methylated, parameters["asns_demethylation_per_division"], parameters["asns_methylation_per_division"]
        )
        drawn = uniform_pairs(self.key, data["uid"][newborn], self.tick, Stream.METHYLATION)[:, 0]
        data["asns_methylated"][newborn] = methylated ^ (drawn < chance)

    def _log_seeding(self, parents: np.ndarray) -> None:
        """Note the cells that arrived here and divide for the first time."""
        data = self.population.data
        if "seed_uid" not in data:
            return
        uids = data["uid"][parents]
        first = (data["seed_uid"][parents] == uids) & ~np.isin(uids, self._seeded)
        self.log("seeding", parents[first])
        self._seeded = np.concatenate([self._seeded, uids[first]])

    def _move(self) -> None:
        self._update_shapes()
        if self.well_mixed or self.population.size == 0:
            return
        if self._any_walks:
            self._walk()
        if self.scenario.mechanics.enabled:
            self._check_relaxation(self._relax(self.step_min))

    def _walk(self) -> None:
        data, n = self.population.data, self.population.size
        self.threads.over_rows(
            write_speeds, n, self.parameters, data["cell_type"], data["phase"],
            np.ascontiguousarray(data["emt"]), data["speed_um_per_min"],
        )  # fmt: skip
        positions = self.population.block("position_um")
        bias, gradient = self._pull(positions)
        migrate(
            positions, self.population.block("polarity"), data["speed_um_per_min"],
            self.parameters["persistence_min"][data["cell_type"]], bias, gradient, data["uid"], self.box_um,
            self.grid.ndim, self.step_min, self.key, self.tick, self.threads,
        )  # fmt: skip

    def _pull(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how strongly each cell's walk is biased, (n,), and towards where, (n, 3)."""
        bias, gradient = np.zeros(len(positions)), np.zeros((len(positions), 3))
        for index, group in enumerate(self.scenario.cells.values()):
            if group.taxis is None or group.taxis.bias == 0.0:
                continue
            members = self.population.data["cell_type"] == index
            field = self.fields[group.taxis.field].concentration_mM
            upwards = sample_gradient(field, self.grid.voxel_um, positions[members], self.threads)
            bias[members] = abs(group.taxis.bias)
            gradient[members] = math.copysign(1.0, group.taxis.bias) * upwards
        return bias, gradient

    def _collect(self) -> None:
        """Let Mesa's collector observe where a row of the time series is due."""
        every = round(self.scenario.output.timeseries_every_h * 60.0 / self.step_min)
        if self.tick % every == 0 or self.tick == self.n_steps:
            self._observed = self.observe()
            self.datacollector.collect(self)

    def nitrogen_report(self) -> dict[str, object]:
        """Return the nitrogen accounts of all sites by name, of the cells in the blood, and of plasma, in numbers."""
        report: dict[str, object] = {name: site.ledger.report() for name, site in self.sites.items()}
        if self.circulation:
            report[BLOOD] = self.circulation.nitrogen_report()
        from_vessels = sum(site.ledger.flows["vessels"] for site in self.sites.values())
        return {**report, "plasma": self.plasma.nitrogen_report(from_vessels)}

    def release(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Let the cells of ``rows`` leave the site; return them, with their nitrogen booked."""
        cells = self.population.release(rows)
        self.ledger.flows["circulation"] -= sum_in_any_order(self.nitrogen_of(cells))
        return cells

    def receive(self, cells: dict[str, np.ndarray]) -> slice:
        """Take up cells that another site released; return their rows."""
        self.ledger.flows["circulation"] += sum_in_any_order(self.nitrogen_of(cells))
        return self.population.receive(cells)

    def log(self, event: str, rows: np.ndarray) -> None:
        """Note an event of these cells, at the end of the present step."""
        data = self.population.data
        rows = rows[np.argsort(data["uid"][rows])]
        types = [self.cell_types[i] for i in data["cell_type"][rows]]
        positions = self.population.block("position_um")[rows]
        self.events.add(self._end_of_step_h, event, data["uid"][rows], types, positions)

    def log_circulating(self, event: str, cells: dict[str, np.ndarray]) -> None:
        """Note an event of cells in the blood, at the end of the present step."""
        types = [self.cell_types[i] for i in cells["cell_type"]]
        nowhere = np.full((len(types), 3), np.nan)
        self.circulation.events.add(self._end_of_step_h, event, cells["uid"], types, nowhere)

    # ----------------------------------------------------------------- helpers

    @property
    def _at_site(self) -> str:
        """The end of a message about this site."""
        return f" at the site {self.site_name}" if self._site_number else ""

    @property
    def _in_the_step(self) -> str:
        return f"in the step after {self.time_h:g} h{self._at_site}"

    @property
    def _end_of_step_h(self) -> float:
        return (self.tick + 1) * self.step_min / 60.0

    def _plasma(self) -> Plasma:
        normal = {name: setting.plasma for name, setting in self.environment.settings.items()}
        formulation = self.scenario.fields.asparaginase.formulation
        return Plasma(normal, self.scenario.pharmacology, self.step_min, formulation)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.stages_s[name] = self.stages_s.get(name, 0.0) + time.perf_counter() - start

    def _generator(self, stream: Stream, index: int = 0) -> np.random.Generator:
        """Return a generator of its own for one use, so that one group's size does not change another group."""
        site = [self._site_number] if self._site_number else []
        return np.random.Generator(np.random.PCG64([self.key, int(stream), index, *site]))

    def _restore_site(self, state: Mapping[str, Any]) -> None:
        """Put this site where the one stood whose `state` this was."""
        self.tick, self.running, self.agent_id_counter = (state[name] for name in ("tick", "running", "next_uid"))
        self.births, self.deaths_apoptosis = state["births"], state["deaths_apoptosis"]
        self.deaths_necrosis = state["deaths_necrosis"]
        self.rng = restored_generator(state["rng"])
        restore_python_random(self.random, state["random"])
        self._levers = dict(state["levers"])
        self.parameters[...] = state["parameters"]
        self.population.restore(state["population"])
        self.environment.restore(state["environment"])
        self.ledger.restore(state["ledger"])
        self._nitrogen_left = state["nitrogen_left_amol"]
        self.events.restore(state["events"])
        self._seeded = np.array(state["seeded"])

    def _restore_shared(self, state: Mapping[str, Any]) -> None:
        """Restore what all sites share, which making them has written to."""
        self.plasma.restore(state["plasma"])
        self.stages_s.update(state["stages_s"])
        self.steps = self.tick  # Mesa's own count
        if self.circulation:
            self.circulation.restore(state["circulation"])

    def _found(self) -> None:
        """Place the first cells, start the fields, and open the nitrogen account."""
        self._found_cells()
        self._found_fields()
        self.ledger.open(self._nitrogen_amol())
        self._nitrogen_left = self._total_nitrogen_amol()
        self._require_sound()

    def _found_cells(self) -> None:
        for index, (name, group) in enumerate(self.scenario.cells.items()):
            positions = cell_positions(group, self.grid, self.well_mixed, self._generator(Stream.PLACEMENT, index))
            self.add_cells(name, positions, self._generator(Stream.EXPRESSION, index))
        if not self.well_mixed and self.population.size and self.scenario.mechanics.enabled:
            for _ in range(FOUNDING_RELAXATIONS):
                if self._relax(60.0, max_evaluations=FOUNDING_EVALUATIONS).finished:
                    break

    def _found_fields(self) -> None:
        """Start the fields in the steady state with the cells' uptake and, once that is known, with their efflux.

        An instant of metabolism on a copy gives the efflux, and the signals of the first cells.
        """
        data, n = self.population.data, self.population.size
        instant_min, nothing, donated, efflux = 1e-6, np.zeros(n), np.empty(n), np.empty((n, len(s.EFFLUXES)))
        self._look_around()
        self._start_fields()
        if not self.scenario.metabolic:
            return
        self._look_around()  # what cells can take up depends on the fields
        self.threads.over_rows(
            advance_cells, n, instant_min, self.parameters, data["cell_type"], data["phase"], self._around.voxel,
            data["asns_basal"], data["asns_methylated"], self._around.outside(), self._around.capacities_amol_per_min,
            nothing, nothing, nothing, self.population.block("states").copy(), self.population.block("signals"), efflux,
            donated, np.empty(n), np.empty(n),
        )  # fmt: skip
        self._check_metabolism(donated)
        self._release(efflux * (self.step_min / instant_min))
        self._start_fields()

    def _start_fields(self) -> None:
        try:
            self.environment.start_from_steady_state(self._uptake_by_voxel, self.step_min)
        except (FloatingPointError, ValueError) as error:
            raise FloatingPointError(f"{bad_voxel(self) or error}, before the first step") from error

    def _release(self, efflux_amol: np.ndarray) -> None:
        """Give what cells sent out, shape (n, 6), to the fields of the next step."""

        def give(column: int, name: str) -> None:
            amounts = np.ascontiguousarray(efflux_amol[:, column])
            sum_by_voxel(self._around.order, amounts, self.environment.pending_amol[name])

        self.threads.run([partial(give, column, name) for column, name in enumerate(s.EFFLUXES)])

    def _relax(self, dt_min: float, **limits: int) -> RelaxResult:
        data, mechanics = self.population.data, self.scenario.mechanics
        adhesion = self.parameters["adhesion"][data["cell_type"]]
        if "detached" in data:
            adhesion[data["detached"] == 1] = 0.0
        return relax(
            self.population.block("position_um"), data["radius_um"], adhesion,
            data["uid"], self.box_um, self.grid.ndim, dt_min, self.threads,
            rate_per_min=mechanics.relaxation_rate_per_min, tolerance=mechanics.tolerance, **limits,
        )  # fmt: skip

    def _update_shapes(self) -> None:
        data = self.population.data
        self.threads.over_rows(
            write_radii, self.population.size, self.parameters, data["cell_type"], data["phase"], data["body_age_min"],
            data["biomass"], data["radius_um"],
        )  # fmt: skip

    def _sort_rows(self) -> None:
        order = order_by_voxel(
            self.grid.voxel_index(self.population.block("position_um")), self.population.data["uid"], self.grid.n_voxels
        )
        self.population.reorder(order.row)

    def _look_around(self) -> None:
        """Note what each cell meets; let the medium, and what cells secrete, follow from it."""
        self._around = Surroundings(self)
        self.environment.see_tissue(np.diff(self._around.order.start))
        for name, per_type in self._secretion_amol_per_min.items():
            secreted = self._around.prescribed(per_type) * self.step_min
            sum_by_voxel(self._around.order, secreted, self.environment.pending_amol[name])

    def _uptake_by_voxel(self, substrate: str) -> np.ndarray:
        return self._around.uptake_by_voxel(substrate, self._uptake_amol_per_min[substrate])

    def _check_relaxation(self, result: RelaxResult) -> None:
        if not result.finished:
            raise FloatingPointError(
                f"{describe_cell(self, result.fastest_row)} is among the cells that are still pushed apart after "
                f"{result.evaluations} evaluations of the forces, {result.relaxed_min:.3g} min into the step after "
                f"{self.time_h:g} h; expected a mechanics.relaxation_rate_per_min below "
                f"{self.scenario.mechanics.relaxation_rate_per_min:g}"
            )

    def _check_metabolism(self, donated: np.ndarray) -> None:
        failed = np.flatnonzero(np.isnan(donated))
        if len(failed):
            row = int(failed[np.argmin(self.population.data["uid"][failed])])
            raise FloatingPointError(
                f"the metabolism of {describe_cell(self, row)} has no valid state {self._in_the_step}"
                + (f": {states}" if (states := bad_states(self, row)) else "")
            )

    def _in_box(self, positions_um: np.ndarray) -> np.ndarray:
        """Return the positions, at most rounding outside the box taken off, or raise ValueError."""
        positions_um = np.asarray(positions_um, dtype=float)
        if positions_um.ndim != 2 or positions_um.shape[1] != 3:
            raise ValueError(f"add_cells: expected positions of shape (n, 3), got {positions_um.shape}")
        inside = np.clip(positions_um, 0.0, self.box_um)
        outside = ~(np.abs(positions_um - inside) <= POSITION_ROUNDING * self.grid.voxel_um)
        if outside.any():
            index = int(np.flatnonzero(outside.any(axis=1))[0])
            sides = ", ".join(f"{axis} 0-{side:g}" for axis, side in zip("xyz", self.box_um, strict=True))
            raise ValueError(
                f"add_cells: position {index} is {tuple(positions_um[index].tolist())}; "
                f"expected a place inside the box (µm: {sides})"
            )
        return inside

    def _require_vessels(self) -> None:
        """Refuse a core that leaves no vessel where drugs, diets or travelling cells need one."""
        needs = self.scenario.pharmacology
        used = needs.doses or needs.antibodies or needs.diet or self.scenario.circulation or self._site_number
        if self.scenario.vessels and used and len(self.vessel_positions_um) == 0:
            where = f"sites.{self.site_name}.vessels" if self._site_number else "vessels"
            raise ScenarioError(f"{where}: the core leaves none, expected some for drugs, or cells on their way")

    def _require_sound(self) -> None:
        problem = first_fault(self)
        if problem:
            raise FloatingPointError(f"{problem}, at {self.time_h:g} h{self._at_site}")

    def _account_for_interventions(self) -> None:
        """Book what was placed, removed or written since the model's own step ended; exactly 0 if nothing was."""
        now = self._total_nitrogen_amol()
        self.ledger.flows["interventions"] += now - self._nitrogen_left
        self._nitrogen_left = now

    def _total_nitrogen_amol(self) -> float:
        return sum(self._nitrogen_amol().values())

    def nitrogen_of(self, cells: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the nitrogen in each of the cells of these blocks, (n,), amol."""
        nitrogen = np.empty(len(cells["cell_type"]))
        self.threads.over_rows(
            write_nitrogen, len(nitrogen), self.parameters, cells["cell_type"], cells["states"],
            cells["contact_asparagine_amol"], nitrogen,
        )  # fmt: skip
        return nitrogen

    def _nitrogen_of_cells(self) -> np.ndarray:
        """Return the nitrogen in each cell, (n,), amol."""
        names = ("cell_type", "states", "contact_asparagine_amol")
        return self.nitrogen_of({name: self.population.block(name) for name in names})

    def _nitrogen_amol(self) -> dict[str, float]:
        return {**self.environment.nitrogen_amol(), "cells": sum_in_any_order(self._nitrogen_of_cells())}
