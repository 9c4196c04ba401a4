"""Cell types as parameter sets, one TOML file each: what differs from the solid-tumour cell, with tag and source.

A file has ``meaning``, ``[parameters]`` of rows ``{ value, tag, source }``, and ``[resting_state]``; it may name
another file in ``based_on``, whose parameters it starts from.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from tumorabm.biology.parameters import PARAMETERS, Parameter


@dataclass(frozen=True)
class CellType:
    """A preset of the scenario's ``type`` key.

    Attributes
    ----------
    meaning
        What the cell is.
    table
        Rows of the parameters that differ from `tumorabm.biology.parameters.PARAMETERS`, with tags and sources.
    parameters
        Their values.
    quiescent
        Whether such cells lie in G0/G1 at the start instead of cycling.
    resting_state
        Steady state in human plasma of a growing cell, at biomass 1 and the preset's ``asns_relative``, but for ASNS
        copies, which growth has not yet diluted: Asn, Asp, Gln, Glu in µM, index of exchange amino acids, ER load,
        ATF4, ASNS mRNA, ASNS copies and mTORC1. A cell with another ``asns_relative`` or volume starts with ASNS mRNA
        and copies scaled in proportion.
    metabolic
        Whether such cells have the metabolism of `tumorabm.biology.cell`; else a clock drives them.
    """

    meaning: str
    table: dict[str, Parameter] = field(default_factory=dict)
    resting_state: dict[str, float] = field(default_factory=dict)
    quiescent: bool = False
    metabolic: bool = True

    @property
    def parameters(self) -> dict[str, float]:
        """Values that differ from those of `PARAMETERS`."""
        return {name: row.value for name, row in self.table.items()}


CLOCK_CELL_PARAMETERS = (
    "volume_pL",
    "necrosis_per_min",
    "necrosis_oxygen_high_mmHg",
    "necrosis_oxygen_low_mmHg",
    "clearance_necrotic_min",
    "division_asymmetry",
    "crowding_growth_full",
    "crowding_growth_zero",
    "speed_epithelial_um_per_min",
    "persistence_min",
    "adhesion",
)
"""The parameters that a cell without a metabolism has."""


def _read_files() -> dict[str, dict]:
    files = (file for file in resources.files(__name__).iterdir() if file.name.endswith(".toml"))
    return {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
        for file in sorted(files, key=lambda file: file.name)
    }


def _rows(files: dict[str, dict], name: str) -> dict[str, Parameter]:
    """Return the parameter rows of a file and of those that it is based on; unknown names fail at once."""
    content = files[name]
    rows = _rows(files, content["based_on"]) if "based_on" in content else {}
    for parameter, row in content.get("parameters", {}).items():
        general = PARAMETERS[parameter]
        rows[parameter] = Parameter(
            float(row["value"]), general.unit, general.low, general.high, row["tag"], row["source"], general.meaning
        )
    return rows


def _cell_type(files: dict[str, dict], name: str) -> CellType:
    content = files[name]
    return CellType(
        content["meaning"],
        _rows(files, name),
        {state: float(value) for state, value in content.get("resting_state", {}).items()},
        content.get("quiescent", False),
        content.get("metabolic", True),
    )


_FILES = _read_files()

CELL_TYPES: dict[str, CellType] = {
    name: _cell_type(_FILES, name) for name, content in _FILES.items() if not content.get("is_base", False)
}


def read_cell_type(path: str | os.PathLike[str]) -> CellType:
    """Read a cell type from a file of one's own, whose ``based_on`` may name any of the files here.

    What it returns can be used once it stands in `CELL_TYPES` under a name.

    Raises
    ------
    KeyError
        A parameter, or the file that it is based on, does not exist; or ``meaning``, or a row's ``value``, ``tag`` or
        ``source``, is missing.
    OSError, tomllib.TOMLDecodeError
        The file cannot be read, or is no TOML.
    """
    path = Path(path)
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return _cell_type({**_FILES, path.stem: content}, path.stem)
