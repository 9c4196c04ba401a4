"""The ``[fields.<name>]`` sections: properties of the dissolved substances, each in its own unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from tumorabm.scenario.base import FromList, Section
from tumorabm.scenario.field_defaults import FIELD_DEFAULTS
from tumorabm.scenario.messages import Problem, refuse
from tumorabm.scenario.units import MM_PER_UM, oxygen_mmHg_to_mM

FACES = ("x_low", "x_high", "y_low", "y_high", "z_low", "z_high")
_RESERVED = ("time_h", "x_um", "y_um", "z_um", "vessel_position_um")
BUILT_IN_FIELDS = tuple(FIELD_DEFAULTS)
REACTING_FIELDS = frozenset({"asparagine", "aspartate", "glutamine", "glutamate", "ammonia", "asparaginase"})
"""The enzyme, what it splits and what it makes: there are all of them or none."""

Rate = Annotated[float, Field(ge=0, le=1e9)]
"""A rate per min, or a diffusion coefficient in µm²/min. Nothing that lives comes near the bound: oxygen has 1.2e5
µm²/min in water, and 1e9/min is 60 ns. The solver works in single precision in part, and cannot hold 1e39."""
Concentration = Annotated[float, Field(ge=0, le=1e9)]
"""A concentration in the unit of its key; water is 5.5e7 µM."""
HalfSaturation = Annotated[float, Field(gt=0, le=1e9)]

FaceName = Annotated[
    Literal["x_low", "x_high", "y_low", "y_high", "z_low", "z_high", "all"],
    Field(description="side of the domain that is held at a concentration; the others are closed"),
]


@dataclass(frozen=True)
class FieldSettings:
    """What the engine needs of one field, in its units.

    Attributes
    ----------
    name, unit
        Name, and the unit of all concentrations: ``"mM"``, or ``"IU/mL"`` for asparaginase.
    diffusion_um2_per_min, decay_per_min, vessel_exchange_per_min
        Coefficients.
    plasma
        Concentration in plasma before any dose.
    plasma_fraction
        Fraction of the plasma concentration with which tissue comes to equilibrium.
    initial
        Concentration at the start; None: the steady state with the initial cells.
    faces
        Concentration held at each open face; faces that are not named are closed.
    uptake_km_mM
        Concentration at half of the cells' greatest uptake; None where no cell can take it up.
    """

    name: str
    unit: str
    diffusion_um2_per_min: float
    decay_per_min: float
    vessel_exchange_per_min: float
    plasma: float
    plasma_fraction: float
    initial: float | None
    faces: dict[str, float]
    uptake_km_mM: float | None


class FieldEntry(Section):
    """What every field has, whatever its unit."""

    unit_suffix: ClassVar[str]
    engine_unit: ClassVar[str] = "mM"

    diffusion_um2_per_min: Rate = Field(description="µm²/min; diffusion coefficient in the tissue")
    decay_per_min: Rate = Field(0.0, description="1/min; first-order decay")
    vessel_exchange_per_min: Rate = Field(
        0.0, description="1/min; exchange rate with plasma of a voxel with one vessel"
    )
    plasma_fraction: float = Field(
        1.0, ge=0, le=1, description="fraction of the plasma concentration with which tissue comes to equilibrium"
    )

    @staticmethod
    def to_engine(value: float) -> float:
        """Convert a concentration from the unit of the keys to that of the engine."""
        return value

    def concentration(self, key: str) -> float | None:
        """Return ``"plasma"`` or ``"initial"`` in the engine's unit."""
        value = getattr(self, f"{key}_{self.unit_suffix}")
        return None if value is None else self.to_engine(value)

    def uptake_km(self) -> float | None:
        """Return the half-saturation of uptake that is written here, in the engine's unit."""
        value = getattr(self, f"uptake_km_{self.unit_suffix}", None)
        return None if value is None else self.to_engine(value)

    def open_faces(self, n_dimensions: int) -> dict[str, float]:
        """Return the concentration (engine unit) at each open face of a domain with ``n_dimensions``."""
        return {
            name: self.to_engine(getattr(face, f"concentration_{self.unit_suffix}"))
            for face in self.faces
            for name in (FACES[: 2 * n_dimensions] if face.face == "all" else (face.face,))
        }

    @field_validator("faces", check_fields=False)
    @classmethod
    def _faces_do_not_overlap(cls, faces: tuple) -> tuple:
        refuse(_overlaps(faces))
        return faces


def _overlaps(faces: tuple) -> Iterator[Problem]:
    taken: dict[str, int] = {}
    for index, face in enumerate(faces):
        for name in FACES if face.face == "all" else (face.face,):
            if name in taken:
                yield Problem((index, "face"), f"overlapping faces; faces.{taken[name]} sets {name} already")
                break
            taken[name] = index


class MicromolarFace(Section):
    """An open face of a field in µM."""

    face: FaceName
    concentration_uM: Concentration = Field(description="µM; concentration held at the face")


class OxygenFace(Section):
    """An open face of the oxygen field."""

    face: FaceName
    concentration_mmHg: Concentration = Field(description="mmHg; partial pressure held at the face")


class EnzymeFace(Section):
    """An open face of the asparaginase field."""

    face: FaceName
    concentration_iu_per_mL: Concentration = Field(description="IU/mL; activity held at the face")


_INITIAL = "at the start; absent: steady state with the initial cells, or without vessels and open faces as in plasma"
_FACES = "open faces of the domain; faces that are not listed are closed"


class MicromolarEntry(FieldEntry):
    """What every field in µM has."""

    unit_suffix: ClassVar[str] = "uM"

    plasma_uM: Concentration = Field(0.0, description="µM; concentration in plasma")
    initial_uM: Concentration | None = Field(None, description=f"µM; concentration {_INITIAL}")
    faces: Annotated[tuple[MicromolarFace, ...], FromList] = Field((), description=_FACES)

    @staticmethod
    def to_engine(value: float) -> float:
        """Convert µM to mM."""
        return value * MM_PER_UM


class OwnField(MicromolarEntry):
    """A field of the scenario's own, in µM."""

    uptake_km_uM: HalfSaturation = Field(1.0, description="µM; concentration at half of the cells' greatest uptake")


def _nothing_required(schema: dict) -> None:
    schema.pop("required", None)


_BUILT_IN = ConfigDict(json_schema_extra=_nothing_required)  # every key has a default, see FieldTable


class MicromolarField(MicromolarEntry):
    """A built-in field in µM."""

    model_config = _BUILT_IN


class OxygenField(FieldEntry):
    """The oxygen field, written in mmHg."""

    model_config = _BUILT_IN
    unit_suffix: ClassVar[str] = "mmHg"

    plasma_mmHg: Concentration = Field(description="mmHg; partial pressure in the vessels")
    initial_mmHg: Concentration | None = Field(None, description=f"mmHg; partial pressure {_INITIAL}")
    uptake_km_mmHg: HalfSaturation | None = Field(
        None, description="mmHg; partial pressure at half of the cells' greatest uptake; absent: 1.5"
    )
    faces: Annotated[tuple[OxygenFace, ...], FromList] = Field((), description=_FACES)

    @staticmethod
    def to_engine(value: float) -> float:
        """Convert mmHg to mM."""
        return oxygen_mmHg_to_mM(value)


class EnzymeField(FieldEntry):
    """The asparaginase field, written in IU/mL."""

    model_config = _BUILT_IN
    unit_suffix: ClassVar[str] = "iu_per_mL"
    engine_unit: ClassVar[str] = "IU/mL"

    plasma_iu_per_mL: Concentration = Field(description="IU/mL; activity in plasma before any dose")
    formulation: Literal["native_e_coli", "pegaspargase", "erwinia", "calaspargase"] = Field(
        "native_e_coli", description="kinetics of the activity that no dose brought"
    )
    initial_iu_per_mL: Concentration | None = Field(None, description=f"IU/mL; activity {_INITIAL}")
    faces: Annotated[tuple[EnzymeFace, ...], FromList] = Field((), description=_FACES)


def _defaults(name: str) -> dict[str, float]:
    return {key: default.value for key, default in FIELD_DEFAULTS[name].items()}


class FieldTable(Section):
    """All fields: the built-in ones, with defaults from `FIELD_DEFAULTS`, and the scenario's own as extra names."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OwnField]

    oxygen: OxygenField = Field(_defaults("oxygen"), description="oxygen, in mmHg")
    glucose: MicromolarField = Field(_defaults("glucose"), description="glucose")
    glutamine: MicromolarField = Field(_defaults("glutamine"), description="glutamine")
    asparagine: MicromolarField = Field(_defaults("asparagine"), description="asparagine")
    aspartate: MicromolarField = Field(_defaults("aspartate"), description="aspartate")
    glutamate: MicromolarField = Field(_defaults("glutamate"), description="glutamate")
    ammonia: MicromolarField = Field(_defaults("ammonia"), description="ammonia and ammonium")
    exchange_amino_acids: MicromolarField = Field(
        _defaults("exchange_amino_acids"), description="serine, arginine and histidine in one index"
    )
    asparaginase: EnzymeField = Field(_defaults("asparaginase"), description="enzyme activity, in IU/mL")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_defaults(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        given = {name: entry for name, entry in data.items() if name in BUILT_IN_FIELDS and isinstance(entry, dict)}
        return data | {name: _defaults(name) | entry for name, entry in given.items()}

    @model_validator(mode="after")
    def _own_names_are_plain(self) -> FieldTable:
        refuse(
            Problem((name,), "expected a name of letters, digits and _ that starts with a letter")
            for name in self.model_extra
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)
        )
        refuse(
            Problem((name,), f"expected another name; {', '.join(_RESERVED)} name coordinates in the results")
            for name in self.model_extra
            if name in _RESERVED
        )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Built-in fields in their fixed order, then the scenario's own."""
        return (*BUILT_IN_FIELDS, *self.own)

    @property
    def own(self) -> tuple[str, ...]:
        """The scenario's own fields."""
        return tuple(self.model_extra)

    @property
    def written(self) -> frozenset[str]:
        """Built-in fields that the scenario has a section for."""
        return frozenset(self.model_fields_set) & frozenset(BUILT_IN_FIELDS)

    def __getitem__(self, name: str) -> FieldEntry:
        return getattr(self, name) if name in BUILT_IN_FIELDS else self.model_extra[name]
