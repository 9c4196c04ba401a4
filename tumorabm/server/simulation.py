"""What the page steps: a tissue made from the values of the controls, or the reason why there is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import mesa

from tumorabm.cells import TumorCell
from tumorabm.model import TumorModel
from tumorabm.scenario import ScenarioError, load_scenario
from tumorabm.scenario.pharmacology_schema import Dose
from tumorabm.server.controls import enzyme_dose, parameters_of

_PATIENCE_S = 2.0  # with a page that began to draw and does not end
_BESIDE_RADII = 1.5  # so far from its middle a click still means a cell


class Simulation(mesa.Model):
    """A tissue beside the page that shows it.

    Mesa's page makes a new one at each reset, steps it in one thread and draws it in others: `lock` is held around
    both. What goes wrong becomes a message, because the page would show a traceback.

    Parameters
    ----------
    path
        Of a scenario file.
    scenario
        Not used: Mesa from 3.5 on gives one of its own kind to models that it makes anew.
    **kwargs
        Values of the controls (`tumorabm.server.controls.controls_of`); by default the scenario's own.

    Attributes
    ----------
    tissue
        The model; None where it could not be made.
    problem
        Why there is none, or why it cannot go on; else empty.
    doses_h
        When doses were given, h.
    values
        Of the controls.
    lock
        To be held while the tissue is read or changed.
    shown
        Not set while the page draws; the next step waits for it, because a page that changes in each of its passes is
        never done.
    """

    def __init__(self, path: str, scenario: object = None, **kwargs: object) -> None:
        super().__init__()
        self.lock = threading.RLock()
        self.shown = threading.Event()
        self.shown.set()
        self.tissue: TumorModel | None = None
        self.problem = ""
        self.doses_h: list[float] = []
        self.values = {name: getattr(value, "value", value) for name, value in kwargs.items()}  # Solara's, or plain
        with self._problems_noted():
            self.tissue = TumorModel(path, **parameters_of(load_scenario(path), self.values))
        self.running = self.tissue is not None

    def step(self) -> None:
        """Advance the tissue by one step, unless it cannot go on."""
        self.shown.wait(_PATIENCE_S)
        with self.lock, self._problems_noted():
            if self.running:
                self.tissue.step()
                events = self.tissue.drain_events()
                self.doses_h += events["time_h"][events["event"] == "dose"].tolist()
                self.running &= self.tissue.running

    def stop(self) -> None:
        """Let no more steps be done, and let go of the tissue, because what holds this may live on for minutes."""
        self.running = False
        self.shown.set()
        with self.lock:
            self.tissue = None

    def give_dose_now(self, formulation: str, dose_iu_per_m2: float) -> None:
        """Give a dose of asparaginase before the next step."""
        with self.lock, self._problems_noted():
            if self.tissue is not None:
                self.tissue.give_dose(Dose(**enzyme_dose(formulation, dose_iu_per_m2, self.tissue.time_h / 24.0)))

    def cell_at(self, site: str, x_um: float, y_um: float, z_um: float | None) -> TumorCell | None:
        """Return the cell of a site in whose disc or ball a place of the map lies deepest, or just beside it; or None.

        ``z_um`` is the height of the slice that a map of three dimensions shows.
        """
        with self.lock:
            population = self.tissue.sites[site].population
            position, data = population.block("position_um"), population.data
            away_um2 = (position[:, 0] - x_um) ** 2 + (position[:, 1] - y_um) ** 2
            if z_um is not None:
                away_um2 += (position[:, 2] - z_um) ** 2
            away_radii2 = away_um2 / data["radius_um"] ** 2
            if not population.size or away_radii2.min() > _BESIDE_RADII**2:
                return None
            return population.view(int(away_radii2.argmin()))

    @contextmanager
    def _problems_noted(self) -> Iterator[None]:
        try:
            yield
        except (ScenarioError, FloatingPointError, MemoryError, ValueError) as error:
            self.problem = str(error) or "the scenario needs more memory than there is"
            self.running = False
