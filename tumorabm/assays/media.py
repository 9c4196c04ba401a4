"""Culture media and plasma: what dissolves in a well, with tag and source.

Tags: V seen in a source, M remembered from the literature and not yet checked, A assumption, D derived here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tumorabm.scenario.messages import ScenarioError, unknown_name


@dataclass(frozen=True)
class Component:
    """Concentration of one component (µM; oxygen in mmHg), its tag and source."""

    value: float
    tag: str
    source: str


INCUBATOR_MMHG = Component(140.0, "M", "air of 18-21 % oxygen above the medium, 140-160 mmHg")

_RPMI = "RPMI-1640: Asn 50, Gln 300, Asp 20, Glu 20, Ser 30, Arg 200, His 15, glucose 2000 mg/L"
_NOT_LISTED = Component(0.0, "V", "not in the list of components")
_MEDIUM_AMMONIA = Component(50.0, "A", "set free by glutamine as medium ages")
_EXCHANGE = Component(1000.0, "A", "Ser, Arg and His in one index (RPMI: 1530 µM in all)")

MEDIA: dict[str, dict[str, Component]] = {
    "rpmi": {
        "glucose": Component(11100.0, "V", _RPMI),
        "glutamine": Component(2050.0, "V", _RPMI),
        "asparagine": Component(378.0, "V", _RPMI),
        "aspartate": Component(150.0, "V", _RPMI),
        "glutamate": Component(136.0, "V", _RPMI),
        "ammonia": _MEDIUM_AMMONIA,
        "exchange_amino_acids": _EXCHANGE,
    },
    "dmem": {
        "glucose": Component(25000.0, "M", "DMEM high glucose, 4500 mg/L"),
        "glutamine": Component(4000.0, "M", "DMEM, 4 mM"),
        "asparagine": _NOT_LISTED,
        "aspartate": _NOT_LISTED,
        "glutamate": _NOT_LISTED,
        "ammonia": _MEDIUM_AMMONIA,
        "exchange_amino_acids": _EXCHANGE,
    },
    "plasma": {
        "glucose": Component(5000.0, "M", "fasting plasma"),
        "glutamine": Component(600.0, "V", "410-700 µM (ARUP reference intervals)"),
        "asparagine": Component(50.0, "D", "rounded from 55 ± 24 µM, doi 10.1007/s00280-003-0734-5"),
        "aspartate": Component(10.0, "V", "0-20 µM (ARUP reference intervals)"),
        "glutamate": Component(50.0, "V", "10-120 µM (ARUP reference intervals)"),
        "ammonia": Component(30.0, "M", "16-53 µM in secondary sources"),
        "exchange_amino_acids": Component(300.0, "A", "Ser, Arg and His of plasma in one index"),
    },
}

SERUM: dict[str, Component] = {"asparagine": Component(5.0, "A", "10 % FBS adds about 3-6 µM; dialysed serum none")}
"""What 10 % fetal bovine serum adds (µM)."""

AMINO_ACIDS = ("glutamine", "asparagine", "aspartate", "glutamate", "exchange_amino_acids")


def medium_uM(name: str, *, serum: bool = False, **changes: float) -> dict[str, float]:
    """Return the concentrations of a medium by field, µM.

    Parameters
    ----------
    name
        One of `MEDIA`.
    serum
        Whether 10 % fetal bovine serum is added.
    changes
        Concentrations (µM) in place of the medium's.

    Raises
    ------
    ScenarioError
        No such medium or component, with the nearest name.
    """
    if name not in MEDIA:
        raise ScenarioError(f"medium {name}: {unknown_name('medium', name, MEDIA)}")
    concentrations = {component: row.value for component, row in MEDIA[name].items()}
    if serum:
        for component, row in SERUM.items():
            concentrations[component] += row.value
    for component in changes:
        if component not in concentrations:
            raise ScenarioError(f"medium {name}: {unknown_name('component', component, concentrations)}")
    return concentrations | changes


def without_amino_acids(concentrations_uM: Mapping[str, float]) -> dict[str, float]:
    """Return a medium with all amino acids left out."""
    return dict(concentrations_uM) | dict.fromkeys(AMINO_ACIDS, 0.0)
