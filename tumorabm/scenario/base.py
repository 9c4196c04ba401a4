"""What all sections of a scenario share: strict reading, and number and list kinds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A table of the scenario: unknown keys, other types and non-finite numbers are refused; values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True)


def _list_to_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
FromList = BeforeValidator(_list_to_tuple)
"""Marks a tuple that is written as a list."""
Point = Annotated[tuple[float, ...], Field(min_length=2, max_length=3), FromList]
"""Two or three coordinates in µm, in the order x, y, z."""
Points = Annotated[tuple[Point, ...], FromList]
