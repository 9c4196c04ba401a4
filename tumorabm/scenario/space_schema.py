"""The space of a scenario and what supplies it: domain, vessels, medium; and how time is cut."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tumorabm.scenario.base import NotNegative, Point, Points, Positive, Section
from tumorabm.scenario.field_schema import Rate
from tumorabm.scenario.messages import Problem, refuse
from tumorabm.scenario.units import UM3_PER_UL

_AXES = "xyz"
_MINUTES_PER_HOUR = 60
_MAX_STEPS = 1e9
_MAX_VOXELS_A_SIDE = 1e6
_MAX_VOXELS = 10**8
_SLAB_UM = 20.0


class SpatialDomain(Section):
    """A rectangle (a slab of tissue) or a box of tissue."""

    mode: Literal["spatial"] = Field("spatial", description="diffusion on a grid")
    size_um: Point = Field(description="µm; [x, y] or [x, y, z] of the domain, whole numbers of voxels")
    voxel_um: float = Field(20.0, gt=0, le=1e6, description="µm; edge of a voxel")
    thickness_um: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        None, description="µm; thickness of the slab of a 2-D domain, 20 where it is absent"
    )

    @model_validator(mode="after")
    def _sides_are_whole_voxels(self) -> SpatialDomain:
        refuse(self._bad_sides())
        if self.ndim == 3 and self.thickness_um is not None:
            refuse([Problem(("thickness_um",), "expected none, because the domain is 3-D")])
        return self

    @property
    def slab_um(self) -> float | None:
        """Thickness of a 2-D domain in µm; None in 3-D."""
        if self.ndim == 3:
            return None
        return _SLAB_UM if self.thickness_um is None else self.thickness_um

    def _bad_sides(self) -> Iterator[Problem]:
        voxels = [length / self.voxel_um for length in self.size_um]
        if math.prod(voxels) > _MAX_VOXELS:
            yield Problem(("size_um",), f"expected at most {_MAX_VOXELS:g} voxels in all")
        if min(voxels) < 1.5 and max(voxels) > 1.5:
            yield Problem(
                ("size_um", voxels.index(min(voxels))),
                f"expected at least two voxels of {self.voxel_um:g} µm a side, or one voxel in all",
            )
        for axis, length in enumerate(self.size_um):
            n = length / self.voxel_um
            if n < 1 - 1e-6:
                yield Problem(
                    ("size_um", axis), f"expected at least one voxel along {_AXES[axis]}, {self.voxel_um:g} µm"
                )
            elif n > _MAX_VOXELS_A_SIDE:
                yield Problem(
                    ("size_um", axis),
                    f"expected at most {_MAX_VOXELS_A_SIDE:g} voxels of {self.voxel_um:g} µm along {_AXES[axis]}",
                )
            elif abs(n - round(n)) > 1e-6:
                near = f"{math.floor(n) * self.voxel_um:.10g} or {math.ceil(n) * self.voxel_um:.10g}"
                yield Problem(
                    ("size_um", axis),
                    f"expected a whole number of voxels of {self.voxel_um:g} µm along {_AXES[axis]}; nearest: {near}",
                )

    @property
    def ndim(self) -> int:
        """Number of dimensions, 2 or 3."""
        return len(self.size_um)

    def point_problem(self, point: Point) -> str | None:
        """Return what was expected of a point that does not lie in the domain, else None."""
        if len(point) == self.ndim and all(0 <= x <= side for x, side in zip(point, self.size_um, strict=True)):
            return None
        ranges = ", ".join(f"{axis} 0-{side:g}" for axis, side in zip(_AXES, self.size_um, strict=False))
        return f"expected {self.ndim} coordinates inside the domain (µm: {ranges})"


class WellMixedDomain(Section):
    """Wells or flasks without gradients: each a compartment of its own."""

    mode: Literal["well_mixed"] = Field(description="compartments without gradients")
    volume_uL: float = Field(gt=0, le=1e12, description="µL; volume of medium in each well")
    wells: int = Field(1, ge=1, le=100_000, description="number of wells, which exchange nothing with one another")
    gas_exchange_per_min: Rate = Field(
        0.0, description="1/min; exchange of oxygen with air that holds fields.oxygen.plasma_mmHg; 0: sealed"
    )
    perfusion_per_min: Rate = Field(
        0.0, description="1/min; exchange of all fields with plasma: a piece of tissue in place of a well"
    )

    @property
    def volume_um3(self) -> float:
        """Volume of a well in µm³."""
        return self.volume_uL * UM3_PER_UL

    def exchange_per_min(self, field: str) -> float:
        """Return the exchange of a field with what surrounds the wells, 1/min."""
        return self.perfusion_per_min + (self.gas_exchange_per_min if field == "oxygen" else 0.0)


class TimeStep(Section):
    """How time is cut."""

    step_min: float = Field(6.0, gt=0, le=60, description="min; one step of the cells")

    def whole_steps(self, hours: float) -> bool:
        """Return whether ``hours`` is a whole number of steps, at least one, to 1e-9."""
        n = hours * _MINUTES_PER_HOUR / self.step_min
        return 0.5 < n < _MAX_STEPS and abs(n - round(n)) <= 1e-9 * max(1.0, n)


class VesselCore(Section):
    """A disc or ball in which vessels are compressed or absent, as in the middle of many tumours."""

    center_um: Point = Field(description="µm; [x, y] of a disc or [x, y, z] of a ball")
    radius_um: Positive = Field(description="µm; radius of the disc or ball")
    density_factor: float = Field(
        0.0, ge=0, le=1, description="1; share of its vessels that is left: 0 where they are absent"
    )


_VESSEL_COUNTS = ("density_per_mm2", "density_per_mm3", "positions_um")


class Vessels(Section):
    """Blood vessels: points at which the tissue exchanges with plasma."""

    density_per_mm2: NotNegative | None = Field(None, description="1/mm²; seeded random vessels of a 2-D domain")
    density_per_mm3: NotNegative | None = Field(None, description="1/mm³; seeded random vessels of a 3-D domain")
    positions_um: Points | None = Field(None, description="µm; one [x, y] or [x, y, z] for each vessel")
    core: VesselCore | None = Field(
        None, description="where seeded vessels are compressed or absent; absent: as dense everywhere"
    )

    @model_validator(mode="after")
    def _given_once(self) -> Vessels:
        given = [key for key in _VESSEL_COUNTS if getattr(self, key) is not None]
        if len(given) != 1:
            refuse([Problem((), f"expected exactly one of {', '.join(_VESSEL_COUNTS)}")])
        if self.core is not None and self.positions_um is not None:
            refuse([Problem(("core",), "expected none, because positions_um lists the vessels that are there")])
        return self

    def __bool__(self) -> bool:
        """Return whether there is any vessel."""
        return bool(self.density_per_mm2 or self.density_per_mm3 or self.positions_um)


class Medium(Section):
    """Culture medium around a tissue, so well stirred that its concentrations stay those of the ``plasma_...`` keys.

    Times ``plasma_fraction``, as at vessels: 1, but 0.3 for asparaginase unless the scenario sets it. It replaces what
    else is written into a field's vessel exchange.
    """

    exchange_per_min: float = Field(
        1e4,
        gt=0,
        le=1e9,
        description="1/min; exchange of voxels that hold no cell and are connected to the outside with the medium",
    )
