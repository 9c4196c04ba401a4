"""mTORC1: the Rag arm (Ser/Arg/His), the Rag-independent Arf1 arm (Asn, Gln), and what it turns on."""

from tumorabm.kernels import kernel


@kernel
def mtorc1_target(p, asparagine_uM, glutamine_uM, exchange_index, p_eif2a, nucleotide_gate, energy):
    """Return what mTORC1 activity goes towards.

    ``(mtorc1) a (1-.3 rapamycin)(1-.3P)(.6+.4h)(.03 + .62 Rag X³/(X³+K³) + .45 Arf1 w/(1+w))`` with
    ``w = (N/210)³ + (Q/800)³``: directions from Meng 2020 and Jewell 2015 [V], sizes tuned (F9) [A]. Rapamycin stops
    S6K1 (`s6k1_phosphorylation`) and less than a third of the rest [A].
    """
    # w times both constants cubed: one division gives w/(1+w)
    arf = (asparagine_uM * p.mtorc1_arf_glutamine_uM) ** 3 + (glutamine_uM * p.mtorc1_arf_asparagine_uM) ** 3
    by_amides = arf / (arf + (p.mtorc1_arf_asparagine_uM * p.mtorc1_arf_glutamine_uM) ** 3)
    exchange = exchange_index * exchange_index * exchange_index
    half = p.mtorc1_rag_half
    arms = 0.03 + 0.62 * p.rag * exchange / (exchange + half * half * half) + 0.45 * p.arf1 * by_amides
    inhibited = p.mtorc1 * (1.0 - 0.3 * p.rapamycin)
    return inhibited * energy * (1.0 - 0.3 * p_eif2a) * (0.6 + 0.4 * nucleotide_gate) * arms


@kernel
def s6k1_phosphorylation(p, mtorc1):
    """p-S6K1 over total S6K1, relative: ``K (1 - rapamycin)``."""
    return mtorc1 * (1.0 - p.rapamycin)


@kernel
def lipid_synthesis(mtorc1, energy):
    """Lipid synthesis through SREBP, relative: ``min(1, K) a`` [A]."""
    return min(1.0, mtorc1) * energy
