"""Thermogenesis of brown and beige adipocytes: mTORC1 turns on thermogenic genes and the flux of glucose."""

from tumorabm.kernels import kernel


@kernel
def thermogenic_program(p, mtorc1):
    """Thermogenic genes, relative to a cell without mTORC1: ``1 + gain K``.

    Direction: seed document [V], Xu 2021 [M]; size [A]. The same factor raises the greatest uptake of glucose, and of
    oxygen, which uncoupled respiration burns. The gain is 0 but in adipocytes.
    """
    return 1.0 + p.thermogenic_gain * mtorc1
