"""Plasma: what is dosed, what the enzyme does there, and what the vessels therefore carry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tumorabm.fields import Field, Grid
from tumorabm.pharmacology.formulations import ABSORPTION_HALF_LIFE_H, FORMULATIONS

PLASMA_VOLUME_UM3 = 3e15
"""3 L [M]: amounts in plasma are only used for its own balance."""

ASPARTATE_TURNOVER_PER_MIN = 0.1
GLUTAMATE_TURNOVER_PER_MIN = 0.1
"""Clearance of Asp and Glu from plasma [A]: what the drug makes of Asn and Gln is taken up within minutes."""


class Plasma:
    """Amino acids, ammonia and asparaginase in plasma.

    Each amino acid relaxes to its normal value with its own turnover, ``dN/dt = k (N_normal - N) - 1000 E N/(Km + N)``
    (biology: turnover of Asn 1-3 µM/min [D]); Asn is split into Asp and NH3, Gln into Glu and NH3. Each is a
    well-mixed `Field`, so plasma has the tissue's solver and its accuracy.

    Parameters
    ----------
    normal_mM
        Normal plasma values by field name (mM, the enzyme in IU/mL), constants for fields that the drug does not touch.
        The enzyme, what it splits and what it makes are all there or none is.
    pharmacology
        The scenario's section: ``doses``, ``plasma``.
    background_formulation
        Name of the formulation whose constants hold for enzyme that no dose brought.
    step_min
        Length of a step; a dose is given at the step nearest to its time.

    Attributes
    ----------
    concentrations
        By field, mM; of the enzyme in IU/mL.
    glutaminase_factor
        Factor on the glutaminase side activity of all formulations.
    """

    def __init__(
        self,
        normal_mM: Mapping[str, float],
        pharmacology: Any,
        step_min: float,
        background_formulation: str = "native_e_coli",
    ) -> None:
        settings = pharmacology.plasma
        self.step_min = step_min
        self.concentrations: dict[str, float] = dict(normal_mM)
        self._doses: dict[int, list[Any]] = {}
        for dose in pharmacology.doses:
            self._doses.setdefault(round(dose.day * 1440.0 / step_min), []).append(dose)
        self.glutaminase_factor = 1.0
        self._background = FORMULATIONS[background_formulation]
        self._background_iu_per_mL = normal_mM.get("asparaginase", 0.0)
        self._activity_iu_per_mL: dict[tuple[str, str], float] = {}
        self._depot_iu_per_mL: dict[tuple[str, str], float] = {}
        asparagine = normal_mM.get("asparagine", 0.0)
        turnover = {
            "asparagine": settings.asparagine_influx_uM_per_min / 1000.0 / asparagine if asparagine > 0.0 else 0.0,
            "glutamine": settings.glutamine_turnover_per_min,
            "aspartate": ASPARTATE_TURNOVER_PER_MIN,
            "glutamate": GLUTAMATE_TURNOVER_PER_MIN,
            "ammonia": settings.ammonia_clearance_per_min,
        }
        compartment = Grid.well_mixed(PLASMA_VOLUME_UM3)
        self._pools = {}
        for name, per_min in turnover.items():
            if name not in normal_mM:
                continue
            diet = settings.dietary_asparagine_factor if name == "asparagine" else 1.0
            pool = Field(f"plasma {name}", compartment, 0.0, initial_mM=normal_mM[name] * diet)
            pool.vessel_exchange_per_min[...] = per_min
            pool.plasma_mM = normal_mM[name] * diet
            self._pools[name] = pool
            self.concentrations[name] = normal_mM[name] * diet

    @property
    def asparaginase_iu_per_mL(self) -> float:
        """Activity of all formulations together, on the scenario's constant background."""
        return self._background_iu_per_mL + sum(self._activity_iu_per_mL.values())

    def enzyme_constants(self) -> tuple[float, float, float]:
        """Return Km of Asn and Gln (mM) and the glutaminase ratio, weighted by the activity of each formulation.

        Without any dose they are those of the background.
        """
        weights = {self._background: self._background_iu_per_mL}
        for (name, _), activity in self._activity_iu_per_mL.items():
            weights[FORMULATIONS[name]] = weights.get(FORMULATIONS[name], 0.0) + activity
        total = sum(weights.values())
        if total == 0.0:
            weights, total = {self._background: 1.0}, 1.0
        return (
            sum(w * f.asparagine_km_uM for f, w in weights.items()) / (1000.0 * total),
            sum(w * f.glutamine_km_uM for f, w in weights.items()) / (1000.0 * total),
            self.glutaminase_factor * sum(w * f.glutaminase_ratio for f, w in weights.items()) / total,
        )

    def doses_at(self, tick: int) -> Sequence[Any]:
        """Return the doses that fall on step ``tick``."""
        return self._doses.get(tick, ())

    def give(self, dose: Any) -> None:
        """Give one dose now: into the blood, or into a depot in the muscle."""
        formulation = FORMULATIONS[dose.formulation]
        activity = dose.dose_iu_per_m2 / (formulation.volume_l_per_m2 * 1000.0)
        key = (dose.formulation, dose.route)
        blood, depot = (0.0, activity) if dose.route == "im" else (activity, 0.0)
        self._activity_iu_per_mL[key] = self._activity_iu_per_mL.get(key, 0.0) + blood
        self._depot_iu_per_mL[key] = self._depot_iu_per_mL.get(key, 0.0) + depot

    def advance(self, dt_min: float) -> None:
        """Advance plasma by one step: elimination and absorption exactly, the pools with the mean activity."""
        if not self._pools:
            return
        before = self.asparaginase_iu_per_mL
        for key in self._activity_iu_per_mL:
            self._eliminate(key, dt_min)
        after = self.asparaginase_iu_per_mL
        self.concentrations["asparaginase"] = after
        self._hydrolyse(dt_min, 0.5 * (before + after))

    def _eliminate(self, key: tuple[str, str], dt_min: float) -> None:
        name, route = key
        formulation = FORMULATIONS[name]
        half_life_h = formulation.half_life_im_h if route == "im" else formulation.half_life_h
        elimination = math.log(2.0) / (60.0 * half_life_h)
        absorption = math.log(2.0) / (60.0 * ABSORPTION_HALF_LIFE_H)
        kept, left = math.exp(-elimination * dt_min), math.exp(-absorption * dt_min)
        depot = self._depot_iu_per_mL[key]
        absorbed = depot * absorption * (kept - left) / (absorption - elimination)
        self._activity_iu_per_mL[key] = self._activity_iu_per_mL[key] * kept + absorbed
        self._depot_iu_per_mL[key] = depot * left

    def _hydrolyse(self, dt_min: float, activity_iu_per_mL: float) -> None:
        asparagine_km_mM, glutamine_km_mM, glutaminase_ratio = self.enzyme_constants()
        made = {"aspartate": 0.0, "glutamate": 0.0, "ammonia": 0.0}
        for name, product, km_mM, vmax in (
            ("asparagine", "aspartate", asparagine_km_mM, activity_iu_per_mL),
            ("glutamine", "glutamate", glutamine_km_mM, activity_iu_per_mL * glutaminase_ratio),
        ):
            velocity = np.full((1, 1, 1), vmax)
            exchange = self._pools[name].advance(dt_min, enzyme_mM_per_min=velocity, enzyme_km_mM=km_mM)
            split = vmax * exchange.enzyme_saturation_min.item() / dt_min
            made[product] += split
            made["ammonia"] += split
        for name, per_min in made.items():
            self._pools[name].advance(dt_min, source_mM_per_min=np.full((1, 1, 1), per_min))
        for name, pool in self._pools.items():
            self.concentrations[name] = pool.concentration_mM.item()
