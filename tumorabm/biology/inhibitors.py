"""Small molecules that act on one lever of the cell, with their potencies and half-lives.

Tags as everywhere: V seen in a source, M remembered from the literature and not yet checked, A assumption, D derived.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["factor", "saturating level", "open level"]


@dataclass(frozen=True)
class Inhibitor:
    """One drug.

    Attributes
    ----------
    lever
        The perturbation that it moves, a name of `tumorabm.biology.parameters.PERTURBATIONS`.
    action
        How a dose d sets the lever, with the potency h: a factor ``1/(1 + d/h)``, a saturating level ``d/(d + h)``, or
        an open level ``d/h``.
    half_inhibition_uM
        Dose of half effect, µM; of an open level the dose that is level 1.
    half_life_h
        Half-life in plasma, tag M or A.
    tag, source
        Tag of the potency, and where both come from.
    """

    lever: str
    action: Action
    half_inhibition_uM: float
    half_life_h: float
    tag: str
    source: str

    def lever_at(self, dose_uM: float) -> float:
        """Return the value of the lever at a dose (µM)."""
        relative = dose_uM / self.half_inhibition_uM
        if self.action == "factor":
            return 1.0 / (1.0 + relative)
        return relative / (1.0 + relative) if self.action == "saturating level" else relative


INHIBITORS: dict[str, Inhibitor] = {
    "rapamycin": Inhibitor(
        "rapamycin", "saturating level", 0.001, 62.0, "M",
        "phosphorylation of S6K1 in cells, half at 0.1-1 nM and above; t½ 62 h in man",
    ),
    "telaglenastat": Inhibitor(
        "gls", "factor", 0.03, 4.0, "M", "CB-839, GLS after preincubation about 24 nM (Gross 2014); t½ about 4 h in man"
    ),
    "gcn2_inhibitor": Inhibitor(
        "gcn2", "factor", 0.0024, 6.0, "M", "GCN2iB, kinase assay 2.4 nM (Nakamura 2018); t½ of hours in mice"
    ),
    "asns_inhibitor": Inhibitor(
        "asns", "factor", 0.01, 6.0, "M", "ASX-173, about 10 nM; older sulfoximines do not enter; t½ [A]"
    ),
    "iacs_010759": Inhibitor(
        "etc", "factor", 0.0014, 60.0, "M", "oxygen consumption of cells 1.4 nM (Molina 2018); t½ of days in man"
    ),
    "metformin": Inhibitor(
        "etc", "factor", 1000.0, 6.2, "M", "respiration of cells, half at about 1 mM within a day; t½ 6.2 h in plasma"
    ),
    "torin_1": Inhibitor(
        "mtorc1", "factor", 0.002, 1.0, "M", "mTORC1 2 nM in vitro, 2-10 nM in cells (Thoreen 2009); t½ 0.5-1 h in mice"
    ),
    "cisplatin": Inhibitor(
        "cisplatin", "open level", 5.0, 24.0, "A",
        "the dose that is level 1: IC50 in lines 1-10 µM [M]; t½ of its adducts, not of free platinum (0.5 h [M])",
    ),
    "tunicamycin": Inhibitor(
        "tunicamycin", "open level", 0.1, 4.0, "A",
        "the dose that is level 1: 0.1 µg/mL, about 0.12 µM, stresses the ER; t½ [A]",
    ),
}  # fmt: skip
