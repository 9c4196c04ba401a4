"""Cells on their way: detachment at the primary site, the blood, and arrival at other sites."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

from tumorabm.biology import states as s
from tumorabm.events import EventLog
from tumorabm.philox import Stream, uniform_pairs
from tumorabm.scenario.site_schema import BLOOD

if TYPE_CHECKING:
    from tumorabm.model import TumorModel

_MIN_PER_H = 60.0
MICROMETASTASIS_CELLS = 10
"""Live descendants of one arrived cell from which they count as a micrometastasis, not as disseminated cells [A]."""


class Circulation:
    """The blood that joins the sites of a model, and the rules by which cells enter and leave it.

    Parameters
    ----------
    body
        The model of the primary site, which holds the others.

    Attributes
    ----------
    cells
        Cells in the blood, as blocks of the population by name.
    entered, died, left
        Counts since the start.
    events
        What happened in the blood and was not yet fetched.
    debris_amol
        Nitrogen of the cells that died in the blood.
    """

    def __init__(self, body: TumorModel) -> None:
        self._body = body
        self._rules = body.scenario.circulation
        self._groups = [body.cell_types.index(name) for name in self._rules.groups]
        self._sites = list(body.other_sites.values())
        shares = np.array([self._rules.homing.get(site.site_name, 0.0) for site in self._sites])
        shares = shares if self._rules.homing else np.ones(len(self._sites))
        self._homing = np.cumsum(shares / shares.sum())
        self._vessels = cKDTree(body.vessel_positions_um)
        self.cells = {block.name: body.population.block(block.name)[:0].copy() for block in body.population.blocks}
        self.entered = self.died = self.left = 0
        self.events = EventLog(BLOOD)
        self.debris_amol = 0.0

    @property
    def size(self) -> int:
        """Number of cells in the blood."""
        return len(self.cells["uid"])

    def step(self) -> None:
        """Let cells detach, enter the blood, die there, and arrive, in this order, by one step."""
        self._detach()
        self._enter()
        if self.size:
            self._die_or_arrive()

    def nitrogen_report(self) -> dict[str, object]:
        """Return the nitrogen (amol) in the blood's cells and of those that died there, beside what sites gave it."""
        given = -sum(site.ledger.flows["circulation"] for site in self._body.sites.values())
        cells = float(self._body.nitrogen_of(self.cells).sum())
        error = abs(cells + self.debris_amol - given)
        through = sum(abs(site.ledger.flows["circulation"]) for site in self._body.sites.values())
        return {
            "unit": "amol nitrogen",
            "flows": {"circulation": given},
            "now": {"cells": cells, "debris": self.debris_amol},
            "relative_error": error / through if through > 0.0 else 0.0,
        }

    def state(self) -> dict[str, Any]:
        """Return the blood's cells and counts for `restore`."""
        return {
            "cells": self.cells,
            "entered": self.entered,
            "died": self.died,
            "left": self.left,
            "debris_amol": self.debris_amol,
            "events": self.events.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where the circulation of the same scenario stood whose `state` this was."""
        self.cells = {name: np.array(state["cells"][name]) for name in self.cells}
        self.entered, self.died, self.left = (state[name] for name in ("entered", "died", "left"))
        self.debris_amol = state["debris_amol"]
        self.events.restore(state["events"])

    def _chance(self, per_h: float | np.ndarray) -> float | np.ndarray:
        return -np.expm1(-per_h * self._body.step_min / _MIN_PER_H)

    def _numbers(self, uids: np.ndarray, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
        return tuple(uniform_pairs(self._body.key, uids, self._body.tick, stream).T)

    def _detach(self) -> None:
        data = self._body.population.data
        may = np.isin(data["cell_type"], self._groups) & (data["phase"] <= s.MITOSIS) & (data["detached"] == 0)
        rows = np.flatnonzero(may)
        first, _ = self._numbers(data["uid"][rows], Stream.DETACHMENT)
        rows = rows[first < self._chance(self._rules.detachment_per_h * data["emt"][rows])]
        data["detached"][rows] = 1
        self._body.log("detachment", rows)

    def _enter(self) -> None:
        body = self._body
        data = body.population.data
        rows = np.flatnonzero((data["detached"] == 1) & (data["phase"] <= s.MITOSIS))
        distance_um, _ = self._vessels.query(body.population.block("position_um")[rows])
        rows = rows[distance_um - data["radius_um"][rows] <= self._rules.vessel_reach_um]
        _, second = self._numbers(data["uid"][rows], Stream.DETACHMENT)
        rows = rows[second < self._chance(self._rules.intravasation_per_h)]
        rows = rows[np.argsort(data["uid"][rows])]
        if len(rows) == 0:
            return
        body.log("intravasation", rows)
        leaving = body.release(rows)
        self.cells = {name: np.concatenate([self.cells[name], leaving[name]]) for name in self.cells}
        self.entered += len(rows)

    def _die_or_arrive(self) -> None:
        body = self._body
        first, second = self._numbers(self.cells["uid"], Stream.CIRCULATION)
        dies = first < self._chance(math.log(2.0) / self._rules.half_life_h)
        arrives = ~dies & (second < self._chance(self._rules.extravasation_per_h))
        dead, arriving, staying = (_chosen(self.cells, which) for which in (dies, arrives, ~dies & ~arrives))
        if len(dead["uid"]):
            self.debris_amol += float(body.nitrogen_of(dead).sum())
            body.log_circulating("apoptosis", dead)
            self.died += len(dead["uid"])
        if len(arriving["uid"]):
            self._arrive(arriving)
        self.cells = staying

    def _arrive(self, cells: dict[str, np.ndarray]) -> None:
        """Place cells beside vessels of the sites that they settle at."""
        where, vessel = self._numbers(cells["uid"], Stream.ARRIVAL)
        destination = np.minimum(np.searchsorted(self._homing, where, side="right"), len(self._sites) - 1)
        for index, site in enumerate(self._sites):
            here = destination == index
            if not here.any():
                continue
            arriving = _chosen(cells, here)
            vessels_um = site.vessel_positions_um
            chosen = np.minimum((vessel[here] * len(vessels_um)).astype(int), len(vessels_um) - 1)
            arriving["position_um"] = vessels_um[chosen].copy()
            arriving["detached"] = np.zeros_like(arriving["detached"])
            arriving["seed_uid"] = arriving["uid"].copy()
            rows = site.receive(arriving)
            site.log("extravasation", np.arange(rows.start, rows.stop))
            self.left += int(here.sum())


def _chosen(cells: dict[str, np.ndarray], which: np.ndarray) -> dict[str, np.ndarray]:
    return {name: array[which] for name, array in cells.items()}


def metastatic_burden(model: TumorModel) -> dict[str, int]:
    """Return what has settled at a site: live cells, single ones, and colonies, as counts.

    ``disseminated_cells`` are live cells that arrived or descend from such; ``dormant_cells`` are the only live ones of
    their descent; a ``micrometastasis`` has ten live cells or more of one descent.
    """
    data = model.population.data
    live = (data["phase"] <= s.MITOSIS) & (data["seed_uid"] > 0)
    _, sizes = np.unique(data["seed_uid"][live], return_counts=True)
    return {
        "disseminated_cells": int(live.sum()),
        "dormant_cells": int((sizes == 1).sum()),
        "micrometastases": int((sizes >= MICROMETASTASIS_CELLS).sum()),
    }
