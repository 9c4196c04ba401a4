"""Plasma: what is dosed, what the enzyme does there, and what the vessels therefore carry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tumorabm.biology.inhibitors import INHIBITORS
from tumorabm.fields import Field, Grid
from tumorabm.ledger import NITROGEN_ATOMS
from tumorabm.pharmacology.formulations import FORMULATIONS
from tumorabm.pharmacology.troughs import Troughs

PLASMA_VOLUME_UM3_PER_M2 = 3e15 / 1.73
"""3 L in 1.73 m² [M]: amounts in plasma are only used for its own balance."""

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
        The scenario's section: ``calendar``, ``body_surface_m2``, ``antibodies``, ``diet``, ``plasma``.
    background_formulation
        Name of the formulation whose constants hold for enzyme that no dose brought.
    step_min
        Length of a step; a dose is given at the step nearest to its time.

    Attributes
    ----------
    concentrations
        By field, mM; of the enzyme in IU/mL.
    inhibitors_uM
        Unbound concentration of each small molecule that the calendar names; the same in tissue, because small
        molecules pass from plasma within minutes [A].
    troughs
        What each dose of asparaginase did (`tumorabm.pharmacology.troughs.Troughs`).
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
        self._body_surface_m2 = pharmacology.body_surface_m2
        self._doses: dict[int, list[Any]] = {}
        for given in pharmacology.calendar:
            self._doses.setdefault(self._tick_of(given.day), []).append(given.dose)
        self.troughs = Troughs()
        self.inhibitors_uM = {dose.drug: 0.0 for dose in pharmacology.doses if not dose.is_enzyme}
        self._mean_inhibitors_uM = dict(self.inhibitors_uM)
        self._antibodies = [(self._tick_of(a.day), a.against, a.clearance_factor) for a in pharmacology.antibodies]
        self._diets = {self._tick_of(diet.day): diet.asparagine_factor for diet in pharmacology.diet}
        self._normal_asparagine_mM = normal_mM.get("asparagine", 0.0)
        self._tick = 0
        self.glutaminase_factor = 1.0
        self._background = FORMULATIONS[background_formulation]
        self._background_iu_per_mL = normal_mM.get("asparaginase", 0.0)
        self._activity_iu_per_mL: dict[tuple[str, str], float] = {}
        self._depot_iu_per_mL: dict[tuple[str, str], float] = {}
        asparagine = self._normal_asparagine_mM
        turnover = {
            "asparagine": settings.asparagine_influx_uM_per_min / 1000.0 / asparagine if asparagine > 0.0 else 0.0,
            "glutamine": settings.glutamine_turnover_per_min,
            "aspartate": ASPARTATE_TURNOVER_PER_MIN,
            "glutamate": GLUTAMATE_TURNOVER_PER_MIN,
            "ammonia": settings.ammonia_clearance_per_min,
        }
        compartment = Grid.well_mixed(PLASMA_VOLUME_UM3_PER_M2 * self._body_surface_m2)
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
        self._flows_amol = dict.fromkeys(("organs_and_diet", "urine"), 0.0)
        self._initial_amol = self._nitrogen_amol()

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

    def levers(self) -> dict[str, float]:
        """Return the levers of the cell that small molecules moved in the last step, by their mean concentrations.

        A lever's name is one of `tumorabm.biology.parameters.PERTURBATIONS`. Factors of molecules that share a lever
        multiply.
        """
        values: dict[str, float] = {}
        for name, concentration_uM in self._mean_inhibitors_uM.items():
            inhibitor = INHIBITORS[name]
            value = inhibitor.lever_at(concentration_uM)
            values[inhibitor.lever] = value * values.get(inhibitor.lever, 1.0)
        return values

    def give(self, dose: Any) -> None:
        """Give one dose now: a small molecule, or enzyme into the blood or into a depot in the muscle."""
        if not dose.is_enzyme:
            self.inhibitors_uM[dose.drug] += dose.peak_uM
            return
        formulation = FORMULATIONS[dose.formulation]
        activity = dose.iu_per_m2(self._body_surface_m2) / (formulation.volume_l_per_m2 * 1000.0)
        key = (dose.formulation, "im" if dose.by_muscle else "iv")
        blood, depot = (0.0, activity) if dose.by_muscle else (activity, 0.0)
        self._activity_iu_per_mL[key] = self._activity_iu_per_mL.get(key, 0.0) + blood
        self._depot_iu_per_mL[key] = self._depot_iu_per_mL.get(key, 0.0) + depot
        now_d, ammonia_uM = self._tick * self.step_min / 1440.0, 1000.0 * self.concentrations["ammonia"]
        self.troughs.give(dose, now_d, self.asparaginase_iu_per_mL, ammonia_uM)

    def advance(self, dt_min: float) -> None:
        """Advance plasma by one step: elimination and absorption exactly, the pools with the mean activity."""
        self._tick += 1
        for name, before_uM in self.inhibitors_uM.items():
            decay = math.log(2.0) * dt_min / (60.0 * INHIBITORS[name].half_life_h)
            self.inhibitors_uM[name] = before_uM * math.exp(-decay)
            self._mean_inhibitors_uM[name] = before_uM * -math.expm1(-decay) / decay
        if not self._pools:
            return
        if self._tick - 1 in self._diets:
            self._pools["asparagine"].plasma_mM = self._normal_asparagine_mM * self._diets[self._tick - 1]
        before = self.asparaginase_iu_per_mL
        for key in self._activity_iu_per_mL:
            self._eliminate(key, dt_min)
        after = self.asparaginase_iu_per_mL
        self.concentrations["asparaginase"] = after
        self._hydrolyse(dt_min, 0.5 * (before + after))
        asparagine_uM, ammonia_uM = (1000.0 * self.concentrations[name] for name in ("asparagine", "ammonia"))
        self.troughs.advance(dt_min, (before, after), asparagine_uM, ammonia_uM)

    def nitrogen_report(self, into_tissue_amol: float) -> dict[str, object]:
        """Return plasma's nitrogen account (amol), given what all tissue took from its vessels since the start.

        Organs replace that at once: plasma is held by the whole body, against which the tissue is small.
        """
        now, organs = self._nitrogen_amol(), self._flows_amol["organs_and_diet"] + into_tissue_amol
        flows = {"organs_and_diet": organs, "urine": self._flows_amol["urine"], "tissue": -into_tissue_amol}
        expected = self._initial_amol + sum(flows.values())
        largest = max(abs(now), abs(expected))
        return {
            "unit": "amol nitrogen",
            "initial": self._initial_amol,
            "flows": flows,
            "now": now,
            "relative_error": abs(now - expected) / largest if largest > 0.0 else 0.0,
        }

    def state(self) -> dict[str, Any]:
        """Return what the next steps depend on, for `restore`."""
        return {
            "tick": self._tick,
            "glutaminase_factor": self.glutaminase_factor,
            "concentrations": self.concentrations,
            "inhibitors_uM": self.inhibitors_uM,
            "mean_inhibitors_uM": self._mean_inhibitors_uM,
            "activity_iu_per_mL": [[*key, activity] for key, activity in self._activity_iu_per_mL.items()],
            "depot_iu_per_mL": [[*key, activity] for key, activity in self._depot_iu_per_mL.items()],
            "pools": {name: pool.state() for name, pool in self._pools.items()},
            "flows_amol": self._flows_amol,
            "initial_amol": self._initial_amol,
            "troughs": self.troughs.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where the plasma of the same scenario stood whose `state` this was."""
        self._tick, self.glutaminase_factor = state["tick"], state["glutaminase_factor"]
        self.concentrations = dict(state["concentrations"])
        self.inhibitors_uM = dict(state["inhibitors_uM"])
        self._mean_inhibitors_uM = dict(state["mean_inhibitors_uM"])
        self._activity_iu_per_mL = {(name, route): value for name, route, value in state["activity_iu_per_mL"]}
        self._depot_iu_per_mL = {(name, route): value for name, route, value in state["depot_iu_per_mL"]}
        for name, pool in self._pools.items():
            pool.restore(state["pools"][name])
        self._flows_amol, self._initial_amol = dict(state["flows_amol"]), state["initial_amol"]
        self.troughs.restore(state["troughs"])

    def _nitrogen_amol(self) -> float:
        volume_um3 = PLASMA_VOLUME_UM3_PER_M2 * self._body_surface_m2
        return sum(
            NITROGEN_ATOMS[name] * volume_um3 * pool.concentration_mM.item() for name, pool in self._pools.items()
        )

    def _book(self, name: str, amount_amol: float) -> None:
        """Book what a pool exchanged with the body: ammonia leaves as urea in urine."""
        flow = "urine" if name == "ammonia" else "organs_and_diet"
        self._flows_amol[flow] += NITROGEN_ATOMS[name] * amount_amol

    def _eliminate(self, key: tuple[str, str], dt_min: float) -> None:
        formulation = FORMULATIONS[key[0]]
        elimination = self._clearance_factor(formulation.origin) * math.log(2.0) / (60.0 * formulation.half_life_h)
        absorption = math.log(2.0) / (60.0 * formulation.absorption_half_life_h)
        kept, left = math.exp(-elimination * dt_min), math.exp(-absorption * dt_min)
        depot = self._depot_iu_per_mL[key]
        apart = (absorption - elimination) * dt_min
        share = -math.expm1(-apart) / apart if apart != 0.0 else 1.0
        absorbed = depot * absorption * dt_min * kept * share
        self._activity_iu_per_mL[key] = self._activity_iu_per_mL[key] * kept + absorbed
        self._depot_iu_per_mL[key] = depot * left

    def _clearance_factor(self, origin: str) -> float:
        """Return the factor that antibodies against enzyme of this origin put on its elimination in this step."""
        begun = [(tick, factor) for tick, to, factor in self._antibodies if to == origin and tick < self._tick]
        return max(begun)[1] if begun else 1.0

    def _tick_of(self, day: float) -> int:
        return round(day * 1440.0 / self.step_min)

    def _hydrolyse(self, dt_min: float, activity_iu_per_mL: float) -> None:
        asparagine_km_mM, glutamine_km_mM, glutaminase_ratio = self.enzyme_constants()
        made = {"aspartate": 0.0, "glutamate": 0.0, "ammonia": 0.0}
        for name, product, km_mM, vmax in (
            ("asparagine", "aspartate", asparagine_km_mM, activity_iu_per_mL),
            ("glutamine", "glutamate", glutamine_km_mM, activity_iu_per_mL * glutaminase_ratio),
        ):
            velocity = np.full((1, 1, 1), vmax)
            exchange = self._pools[name].advance(dt_min, enzyme_mM_per_min=velocity, enzyme_km_mM=km_mM)
            self._book(name, exchange.from_vessels_amol)
            split = vmax * exchange.enzyme_saturation_min.item() / dt_min
            made[product] += split
            made["ammonia"] += split
        for name, per_min in made.items():
            exchange = self._pools[name].advance(dt_min, source_mM_per_min=np.full((1, 1, 1), per_min))
            self._book(name, exchange.from_vessels_amol)
        for name, pool in self._pools.items():
            self.concentrations[name] = pool.concentration_mM.item()
