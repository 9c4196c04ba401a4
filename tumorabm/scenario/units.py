"""Conversion of the units in which a scenario is written to those of the engine (µm, min, mM, IU/mL)."""

from __future__ import annotations

OXYGEN_UM_PER_MMHG = 1.3  # solubility in tissue and medium at 37 °C
MM_PER_UM = 1e-3
UM3_PER_UL = 1e9


def oxygen_mmHg_to_mM(pressure_mmHg: float) -> float:
    """Return the concentration of dissolved oxygen (mM) at a partial pressure (mmHg)."""
    return pressure_mmHg * OXYGEN_UM_PER_MMHG * MM_PER_UM


def oxygen_mM_to_mmHg(concentration_mM: float) -> float:
    """Return the partial pressure (mmHg) of dissolved oxygen (mM)."""
    return concentration_mM / (OXYGEN_UM_PER_MMHG * MM_PER_UM)
