"""Small molecules that act on one lever of the cell, with their potencies.

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
    tag, source
        Tag of the potency, and where it comes from.
    """

    lever: str
    action: Action
    half_inhibition_uM: float
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
        "rapamycin", "saturating level", 0.001, "M", "phosphorylation of S6K1 in cells, half at 0.1-1 nM and above"
    ),
    "telaglenastat": Inhibitor("gls", "factor", 0.03, "M", "CB-839, GLS after preincubation about 24 nM (Gross 2014)"),
    "gcn2_inhibitor": Inhibitor("gcn2", "factor", 0.0024, "M", "GCN2iB, kinase assay 2.4 nM (Nakamura 2018)"),
    "asns_inhibitor": Inhibitor("asns", "factor", 0.01, "M", "ASX-173, about 10 nM; older sulfoximines do not enter"),
    "iacs_010759": Inhibitor("etc", "factor", 0.0014, "M", "oxygen consumption of cells 1.4 nM (Molina 2018)"),
    "torin_1": Inhibitor("mtorc1", "factor", 0.002, "M", "mTORC1 2 nM in vitro, 2-10 nM in cells (Thoreen 2009)"),
    "cisplatin": Inhibitor("cisplatin", "open level", 5.0, "A", "the dose that is level 1: IC50 in lines 1-10 µM [M]"),
    "tunicamycin": Inhibitor(
        "tunicamycin",
        "open level",
        0.1,
        "A",
        "the dose that is level 1: 0.1 µg/mL, about 0.12 µM, stresses the ER",
    ),
}
