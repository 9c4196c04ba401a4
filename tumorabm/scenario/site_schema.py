"""Sites beside the primary one, and the circulation that joins them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from tumorabm.scenario.base import FromList, NotNegative, Positive, Section
from tumorabm.scenario.cell_schema import CellName, Placement
from tumorabm.scenario.space_schema import SpatialDomain, Vessels

PRIMARY = "primary"
"""Name of the site that the scenario's own sections describe."""


BLOOD = "blood"
"""What stands for the site of what happens in the circulation."""

RESERVED_SITES = (PRIMARY, BLOOD, "plasma", "time_h")
"""What no other site may be called: these stand in the results for other things."""


class SiteCells(Section):
    """Cells of one of the scenario's groups that start at a site."""

    count: int = Field(ge=0, le=100_000_000, description="number of cells at the start")
    placement: Placement = Field(Placement(), description="where they start")


class Site(Section):
    """A site beside the primary one: a space, fields, vessels and cells of its own, on the same plasma."""

    domain: SpatialDomain = Field(description="its space")
    fields: dict[str, dict[str, Any]] = Field(
        {}, description="keys of fields that differ from the primary site; plasma is shared, open faces are not"
    )
    vessels: Vessels | None = Field(None, description="blood vessels, by which cells arrive")
    cells: dict[CellName, SiteCells] = Field({}, description="cells of the scenario's groups that start here")

    @field_validator("domain", mode="before")
    @classmethod
    def _domain_is_spatial(cls, domain: object) -> object:
        return {"mode": "spatial"} | domain if isinstance(domain, dict) else domain


class Circulation(Section):
    """How cells leave the primary site, live in the blood, and settle elsewhere.

    A live cell detaches with a hazard proportional to its EMT state, which follows its asparagine (Knott 2018 [V]). A
    detached cell adheres to none and enters a vessel that it touches. In the blood it dies with one half-life, or
    leaves it at a vessel of another site. All rates are assumptions [A], far above those in man, so that a tissue of
    thousands of cells sends some out within days.
    """

    groups: Annotated[tuple[CellName, ...], FromList, Field(min_length=1)] = Field(
        description="groups of cells that can leave"
    )
    detachment_per_h: NotNegative = Field(0.002, description="1/h; hazard of detaching at full EMT state")
    intravasation_per_h: NotNegative = Field(0.2, description="1/h; hazard of a detached cell that touches a vessel")
    vessel_reach_um: Positive = Field(
        10.0, description="µm; a cell whose surface is as near to a vessel's axis touches the vessel"
    )
    half_life_h: Positive = Field(2.4, description="h; of cells in the blood, 1-2.4 in patients")
    extravasation_per_h: NotNegative = Field(0.3, description="1/h; hazard of leaving the blood at another site")
    homing: dict[CellName, NotNegative] = Field(
        {}, description="share of each site among those that cells settle at; absent: all alike"
    )
