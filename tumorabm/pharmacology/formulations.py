"""The four asparaginases in clinical use, with their kinetics.

Activities are in IU (1 µmol NH3 per minute at 37 °C, pH 7.3 [V, label]), so 1 IU/mL is a greatest rate of 1000 µM/min.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Formulation:
    """Kinetics of one asparaginase.

    Attributes
    ----------
    half_life_h
        Half-life in plasma.
    absorption_half_life_h
        Half-life of absorption from the muscle; where it is the longer one, it is what is seen after that route.
    origin
        Whose enzyme it is, "e_coli" or "erwinia": antibodies are shared within.
    volume_l_per_m2
        Volume of distribution per body surface; doses are per body surface too.
    asparagine_km_uM, glutamine_km_uM, glutaminase_ratio
        Half-saturation for Asn and Gln, and glutaminase over asparaginase activity.
    source
        Where the values come from, with their tags.
    """

    origin: str
    half_life_h: float
    absorption_half_life_h: float
    volume_l_per_m2: float
    asparagine_km_uM: float
    glutamine_km_uM: float
    glutaminase_ratio: float
    source: str


FORMULATIONS: dict[str, Formulation] = {
    "native_e_coli": Formulation(
        "e_coli", 26.0, 12.0, 2.01, 15.0, 3500.0, 0.03,
        "t½ 26 h [V Blood 2002; 20-32 h Asselin 1993, Ho 1986]; volume as pegaspargase, absorption [A]; Km [M]; "
        "ratio 2-10 % [V], against 41-99 % at pH 8.6 (AACR 3378 [V])",
    ),
    "pegaspargase": Formulation(
        "e_coli", 132.0, 12.0, 2.01, 15.0, 3500.0, 0.03,
        "t½ 5.5 d i.v. [V Blood 2002] (5.8 d i.m. [V US label]); absorption [A]; "
        "V 3.48 L/1.73 m² [V Borghorst], 2.09 L/m² [V Ho 1986]; "
        "Km as native [V Kamisaki 1981], value [M]",
    ),
    "erwinia": Formulation(
        "erwinia", 7.5, 15.6, 2.01, 50.0, 650.0, 0.08,
        "t½ 7.5 h i.v., 15.6 h i.m. [V label, Asselin 1993], taken for that of absorption [D]; "
        "Km [M]; ratio [M, upper part of 2-10 % V]; volume [A]",
    ),
    "calaspargase": Formulation(
        "e_coli", 386.0, 12.0, 1.71, 15.0, 3500.0, 0.03,
        "t½ 16.1 d, Vss 2.96 L [V Asparlas label]; Km as native, absorption [A]",
    ),
}  # fmt: skip
