"""Default properties of the built-in substrates: value, unit, tag and source.

Tags: V seen in a source, M remembered from the literature and not yet checked, A assumption, D derived here.
Diffusion is that in tissue. The vessel exchange is the first-order rate between plasma and a voxel of 20 µm that one
vessel crosses.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldDefault:
    """One default: value in ``unit``, its tag and where it comes from."""

    value: float
    unit: str
    tag: str
    source: str


def _substrate(
    diffusion: tuple[float, str, str],
    exchange: tuple[float, str, str],
    plasma_key: str,
    plasma: tuple[float, str, str],
) -> dict[str, FieldDefault]:
    """Return the defaults of one field from (value, tag, source) triples."""
    plasma_unit = {"plasma_uM": "µM", "plasma_mmHg": "mmHg", "plasma_iu_per_mL": "IU/mL"}[plasma_key]
    rows = {
        "diffusion_um2_per_min": ("µm²/min", diffusion),
        "vessel_exchange_per_min": ("1/min", exchange),
        plasma_key: (plasma_unit, plasma),
    }
    return {key: FieldDefault(value, unit, tag, source) for key, (unit, (value, tag, source)) in rows.items()}


_SMALL_SOLUTE = (
    100.0,
    "A",
    "about 2.4/min over tissue with 60 vessels per mm²: plasma and tissue close for small solutes",
)
_AMINO_ACID_MEAN = "as glutamine, asparagine and aspartate"

FIELD_DEFAULTS: dict[str, dict[str, FieldDefault]] = {
    "oxygen": _substrate(
        (1.2e5, "M", "range 0.9e5-1.3e5; 1.05e5 measured in a carcinosarcoma at 37 °C [V]"),
        (
            2400.0,
            "A",
            "Sherwood number 2.5 in a vessel 10 µm wide: 2.5·D/10 µm = 3e4 µm/min; times 2π·5 µm/(20 µm)²",
        ),
        "plasma_mmHg",
        (40.0, "V", "41 ± 6 mmHg in human marrow aspirate; below 32 in mouse marrow (Spencer 2014)"),
    ),
    "glucose": _substrate((3e4, "M", "range 0.7e4-3.6e4"), _SMALL_SOLUTE, "plasma_uM", (5000.0, "M", "fasting plasma")),
    "glutamine": _substrate(
        (2.4e4, "M", "free diffusion in water, times 0.3-0.7"),
        _SMALL_SOLUTE,
        "plasma_uM",
        (600.0, "V", "410-700 µM (ARUP reference intervals)"),
    ),
    "asparagine": _substrate(
        (2.6e4, "M", "range 1.5e4-5e4"),
        _SMALL_SOLUTE,
        "plasma_uM",
        (50.0, "D", "rounded from 55 ± 24 (40-80) µM in human plasma, doi 10.1007/s00280-003-0734-5"),
    ),
    "aspartate": _substrate(
        (2.5e4, "M", "Germann 2007"), _SMALL_SOLUTE, "plasma_uM", (10.0, "V", "0-20 µM (ARUP reference intervals)")
    ),
    "glutamate": _substrate(
        (2.4e4, "A", _AMINO_ACID_MEAN), _SMALL_SOLUTE, "plasma_uM", (50.0, "V", "10-120 µM (ARUP reference intervals)")
    ),
    "ammonia": _substrate(
        (8e4, "M", "NH4+, range 4e4-11e4"), _SMALL_SOLUTE, "plasma_uM", (30.0, "M", "16-53 µM in secondary sources")
    ),
    "exchange_amino_acids": _substrate(
        (2.5e4, "A", _AMINO_ACID_MEAN),
        _SMALL_SOLUTE,
        "plasma_uM",
        (300.0, "A", "Ser, Arg and His of plasma in one index"),
    ),
    "asparaginase": {
        **_substrate(
            (600.0, "A", "138 kDa tetramer, 100-1800; pegylated 30-600; 208 and 46-83 by Nugent 1984's dextrans [D]"),
            (1.0, "A", "sinusoids of marrow let proteins pass slowly"),
            "plasma_iu_per_mL",
            (0.0, "D", "none before a dose"),
        ),
        "plasma_fraction": FieldDefault(
            0.3, "1", "A", "no measurement in marrow; 0.10-0.15 in ascites, about 1 in aspirates (Tong 2013 [V])"
        ),
    },
}
