"""The drugs of a scenario: the calendar of doses, antibodies, diet, and turnover in plasma."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from tumorabm.biology.inhibitors import INHIBITORS
from tumorabm.scenario.base import FromList, NotNegative, Positive, Section
from tumorabm.scenario.field_schema import Rate
from tumorabm.scenario.messages import Problem, refuse, unknown_name

ENZYME = "asparaginase"
DRUGS = (ENZYME, *INHIBITORS)

_DAYS = {"d": 1.0, "h": 1.0 / 24.0}
_INTERVAL = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([dh])\s*")
_ONLY_OF_ENZYME = ("formulation", "dose_iu_per_m2", "dose_iu", "route")


class Dose(Section):
    """One administration of a drug, or a course of equal ones."""

    drug: str = Field(description="asparaginase, or a small molecule", json_schema_extra={"enum": list(DRUGS)})
    formulation: Literal["native_e_coli", "pegaspargase", "erwinia", "calaspargase"] | None = Field(
        None, description="of asparaginase, sets the kinetics in plasma"
    )
    dose_iu_per_m2: Annotated[float, Field(gt=0, le=1e9)] | None = Field(
        None, description="IU/m²; dose of asparaginase by body surface"
    )
    dose_iu: Annotated[float, Field(gt=0, le=1e10)] | None = Field(
        None, description="IU; dose of asparaginase whatever the body surface, in place of dose_iu_per_m2"
    )
    peak_uM: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        None, description="µM; unbound concentration that a dose of a small molecule adds to plasma and tissue"
    )
    day: NotNegative = Field(description="d; from the start, falls on the nearest step")
    every: str | None = Field(None, description='interval of a course, as "14 d" or "12 h"')
    times: int = Field(1, ge=1, le=10_000, description="number of doses of a course")
    route: Literal["iv", "im"] | None = Field(
        None, description="of asparaginase: intravenous, the default, or intramuscular"
    )

    @field_validator("drug")
    @classmethod
    def _drug_is_known(cls, drug: str) -> str:
        if drug not in DRUGS:
            refuse([Problem((), unknown_name("drug", drug, DRUGS))])
        return drug

    @field_validator("every")
    @classmethod
    def _interval_is_a_time(cls, every: str | None) -> str | None:
        match = None if every is None else _INTERVAL.fullmatch(every)
        if every is not None and (match is None or float(match[1]) == 0.0):
            refuse([Problem((), 'expected a time above 0 in days or hours, as "14 d" or "12 h"')])
        return every

    @model_validator(mode="after")
    def _keys_fit_the_drug(self) -> Dose:
        refuse(self._misfits())
        return self

    @property
    def days(self) -> tuple[float, ...]:
        """Days of all its administrations, ascending."""
        if self.every is None:
            return (self.day,)
        number, unit = _INTERVAL.fullmatch(self.every).groups()
        return tuple(self.day + index * float(number) * _DAYS[unit] for index in range(self.times))

    @property
    def is_enzyme(self) -> bool:
        """Whether it is asparaginase."""
        return self.drug == ENZYME

    @property
    def by_muscle(self) -> bool:
        """Whether it is given into the muscle."""
        return self.route == "im"

    @property
    def product(self) -> str:
        """What is given: the formulation of the enzyme, or the small molecule."""
        return self.formulation or self.drug

    def iu_per_m2(self, body_surface_m2: float) -> float:
        """Return the dose of enzyme by body surface, IU/m²."""
        return self.dose_iu / body_surface_m2 if self.dose_iu_per_m2 is None else self.dose_iu_per_m2

    def _misfits(self) -> Iterator[Problem]:
        if self.is_enzyme:
            if self.formulation is None:
                yield Problem(("formulation",), "expected one of native_e_coli, pegaspargase, erwinia, calaspargase")
            if (self.dose_iu_per_m2 is None) == (self.dose_iu is None):
                yield Problem(("dose_iu_per_m2",), "expected a value of either dose_iu_per_m2 or dose_iu")
            if self.peak_uM is not None:
                yield Problem(("peak_uM",), f"expected no value, because {self.drug} is dosed in IU")
        else:
            for key in _ONLY_OF_ENZYME:
                if getattr(self, key) is not None:
                    yield Problem((key,), f"expected no value for {self.drug}, only for {ENZYME}")
            if self.peak_uM is None:
                yield Problem(("peak_uM",), f"expected a value, the concentration that a dose of {self.drug} adds")
        if (self.every is None) != (self.times == 1):
            key, expected = ("times", "above 1") if self.every else ("every", 'as "14 d"')
            yield Problem((key,), f"expected a value {expected}: a course has both every and times")


@dataclass(frozen=True)
class Administration:
    """One giving of a drug: what, and on which day; ``entry`` and ``number`` say which of which dose it is, from 0."""

    dose: Dose
    day: float
    entry: int
    number: int


class Antibodies(Section):
    """Antibodies that clear asparaginase faster, without a sign of allergy: silent inactivation."""

    against: Literal["e_coli", "erwinia"] = Field(
        "e_coli", description="native, pegylated and calaspargase come from E. coli and share antibodies"
    )
    day: NotNegative = Field(description="d; from the start, from then on")
    clearance_factor: Annotated[float, Field(ge=1, le=1e6)] = Field(
        3.0, description="factor on the rate of elimination from plasma; 3 makes 5.5 d of pegaspargase 1.8 d"
    )


class Diet(Section):
    """A diet that changes what reaches plasma."""

    day: NotNegative = Field(description="d; from the start, from then on, at the nearest step")
    asparagine_factor: Annotated[float, Field(ge=0, le=1e3)] = Field(
        description="factor on asparagine's influx, in place of plasma.dietary_asparagine_factor"
    )


class Plasma(Section):
    """Turnover in plasma."""

    asparagine_influx_uM_per_min: Rate = Field(
        2.0, description="µM/min; asparagine that organs and diet release into plasma, 1-3"
    )
    glutamine_turnover_per_min: Rate = Field(0.03, description="1/min; return of glutamine to its normal value")
    ammonia_clearance_per_min: Rate = Field(0.058, description="1/min; clearance of ammonia from plasma")
    dietary_asparagine_factor: Rate = Field(1.0, description="factor on the asparagine influx by diet")


class Pharmacology(Section):
    """Drugs and plasma."""

    doses: Annotated[tuple[Dose, ...], FromList] = Field((), description="calendar of doses and courses")
    body_surface_m2: Annotated[Positive, Field(le=10)] = Field(
        1.73, description="m²; of the patient, turns IU/m² into IU"
    )
    antibodies: Annotated[tuple[Antibodies, ...], FromList] = Field((), description="silent inactivation; none")
    diet: Annotated[tuple[Diet, ...], FromList] = Field((), description="diets that begin in the course of the run")
    plasma: Plasma = Field(Plasma(), description="turnover of asparagine, glutamine and ammonia in plasma")

    @property
    def calendar(self) -> tuple[Administration, ...]:
        """All administrations in the order of their days."""
        every = (
            Administration(dose, day, entry, number)
            for entry, dose in enumerate(self.doses)
            for number, day in enumerate(dose.days)
        )
        return tuple(sorted(every, key=lambda given: given.day))
