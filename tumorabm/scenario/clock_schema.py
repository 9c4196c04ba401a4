"""The ``[cells.<name>.clock]`` section: the cycle and the volume of cells that a clock drives."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tumorabm.scenario.base import NotNegative, Positive, Section
from tumorabm.scenario.messages import Problem, refuse


class Clock(Section):
    """What drives a cell without a metabolism; sources of the defaults are in docs/model.md."""

    g1_h: NotNegative = Field(7.0, description="h; mean length of G0/G1")
    s_h: NotNegative = Field(6.0, description="h; mean length of S")
    g2_h: NotNegative = Field(3.0, description="h; mean length of G2")
    m_h: NotNegative = Field(2.0, description="h; mean length of M")
    variation: float = Field(
        0.0, ge=0, le=1, description="1; s.d. over mean of each phase's length, normal, cut at 3 s.d. and at 0"
    )
    cycling: bool = Field(
        True, description="whether the clock runs; if not, cells stay in the phase that they start in"
    )
    start_at_h: NotNegative | None = Field(
        None,
        description="h; how far in the cycle the first cells start; absent: the ages of an exponentially growing "
        "population, or 0 where the clock does not run",
    )
    growth: Literal["relaxing", "linear"] = Field(
        "relaxing",
        description="volume that relaxes to the target of the phase, or that doubles linearly over the cycle",
    )
    solid_growth_per_min: Positive = Field(0.0047, description="1/min; rate at which solids relax to their target")
    fluid_change_per_min: Positive = Field(0.05, description="1/min; rate at which fluid relaxes to its share")
    fluid_fraction: float = Field(0.75, ge=0, lt=1, description="1; share of the volume that fluid relaxes to")
    contact_inhibition: Literal["none", "crowding", "area", "contact"] = Field(
        "none",
        description="what holds cells in G0/G1 (linear growth: in every phase): nothing, space taken around "
        "(crowding_growth_full and _zero), lack of own area, or contact along the rim; the last two in 2-D",
    )
    area_limit: float = Field(
        0.8,
        ge=0,
        le=1,
        description="1; share of its disc that a cell must have for itself to grow, with area inhibition",
    )
    contact_limit: float = Field(
        0.5,
        ge=0,
        le=1,
        description="1; share of its rim that must touch others to stop a cell, with contact inhibition",
    )
    oxygen_dependent: bool = Field(
        False, description="whether oxygen sets the pace of G0/G1 (linear growth: of every phase), and its lack kills"
    )
    oxygen_full_mmHg: Positive = Field(38.0, description="mmHg; oxygen above which the clock runs at full pace")
    oxygen_none_mmHg: NotNegative = Field(5.0, description="mmHg; oxygen below which it stands still")

    @property
    def cycle_h(self) -> float:
        """Mean length of a cycle, h."""
        return self.g1_h + self.s_h + self.g2_h + self.m_h

    @model_validator(mode="after")
    def _values_fit_one_another(self) -> Clock:
        if self.cycle_h == 0.0:
            refuse([Problem((), "expected at least one phase longer than 0 h")])
        if self.start_at_h is not None and self.start_at_h >= self.cycle_h:
            refuse([Problem(("start_at_h",), f"expected less than the length of the cycle, {self.cycle_h:g} h")])
        if self.oxygen_none_mmHg >= self.oxygen_full_mmHg:
            refuse([Problem(("oxygen_none_mmHg",), f"expected below oxygen_full_mmHg, {self.oxygen_full_mmHg:g} mmHg")])
        return self
