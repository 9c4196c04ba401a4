"""Asparagine handed over by contact: who gives to whom, and the delivery. An assumption [A]; see `donation_rate`."""

from tumorabm.biology.states import ASN, BIOMASS, MITOSIS
from tumorabm.kernels import kernel


@kernel
def asparagine_concentrations(start, stop, table, cell_type, states, asparagine_uM):
    """Write intracellular Asn (µM) of rows ``start..stop-1``."""
    for row in range(start, stop):
        asparagine_uM[row] = states[row, ASN] / (table[cell_type[row]].volume_pL * states[row, BIOMASS])


@kernel
def count_receivers(
    start, stop, table, cell_type, phase, contact_start, contact, asparagine_uM, receivers, receivers_asparagine_uM
):
    """For each donor among rows ``start..stop-1``, count the touching live cells of other types that have less Asn.

    Parameters
    ----------
    contact_start, contact
        Touching cells as lists: row i touches ``contact[contact_start[i]:contact_start[i + 1]]``.
    asparagine_uM
        Shape (n,), intracellular Asn now.
    receivers, receivers_asparagine_uM
        Outputs, shape (n,) float64: their number, and the sum of their Asn (µM). Both 0 for cells that do not donate.
    """
    for row in range(start, stop):
        receivers[row] = 0.0
        receivers_asparagine_uM[row] = 0.0
        if phase[row] > MITOSIS or table[cell_type[row]].contact_transfer_pL_per_min == 0.0:
            continue
        for k in range(contact_start[row], contact_start[row + 1]):
            other = contact[k]
            if _receives(cell_type, phase, asparagine_uM, row, other):
                receivers[row] += 1.0
                receivers_asparagine_uM[row] += asparagine_uM[other]


@kernel
def deliver(
    start, stop, cell_type, phase, contact_start, contact, asparagine_uM, receivers, receivers_asparagine_uM, donated,
    received,
):  # fmt: skip
    """Write into ``received`` what rows ``start..stop-1`` get of their neighbours' ``donated`` Asn (amol, shape (n,)).

    A donor's amount is shared in proportion to how much less Asn each receiver had at the start of the step.
    """
    for row in range(start, stop):
        amount = 0.0
        for k in range(contact_start[row], contact_start[row + 1]):
            donor = contact[k]
            if donated[donor] > 0.0 and _receives(cell_type, phase, asparagine_uM, donor, row):
                excess = receivers[donor] * asparagine_uM[donor] - receivers_asparagine_uM[donor]
                amount += donated[donor] * (asparagine_uM[donor] - asparagine_uM[row]) / excess
        received[row] = amount


@kernel
def _receives(cell_type, phase, asparagine_uM, donor, other):
    """Whether ``donor`` gives to ``other``: a live cell of another type with less Asn."""
    return (
        phase[other] <= MITOSIS and cell_type[other] != cell_type[donor] and asparagine_uM[other] < asparagine_uM[donor]
    )
