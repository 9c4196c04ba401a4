"""Asparagine handed over by contact: who gives to whom, and the delivery. An assumption [A]; see `donation_rate`."""

from tumorabm.biology.states import ASN, BIOMASS, MITOSIS
from tumorabm.kernels import kernel


@kernel
def count_receivers(
    table, cell_type, phase, states, donors, contact_start, contact, excess_uM, receivers, receivers_asparagine_uM
):
    """For each donor, find the touching live cells of other types that have less Asn, and how much less.

    Parameters
    ----------
    table, cell_type, phase, states
        As in `tumorabm.biology.cell.advance_cells`.
    donors
        Shape (k,), rows of the live cells whose type donates.
    contact_start, contact
        Touching cells as lists: ``donors[i]`` touches ``contact[contact_start[i]:contact_start[i + 1]]``.
    excess_uM
        Output, shape (m,) as ``contact``: Asn of the donor less that of the other cell, 0 where it does not receive.
    receivers, receivers_asparagine_uM
        Outputs, shape (n,), zero before: for each donor's row the number of receivers and the sum of their Asn (µM).
    """
    for k in range(len(donors)):
        donor = donors[k]
        donor_uM = _asparagine_uM(table, cell_type, states, donor)
        for place in range(contact_start[k], contact_start[k + 1]):
            other = contact[place]
            excess_uM[place] = 0.0
            same_type = cell_type[other] == cell_type[donor]
            if phase[other] > MITOSIS or same_type or not table[cell_type[other]].metabolic:
                continue
            other_uM = _asparagine_uM(table, cell_type, states, other)
            if other_uM < donor_uM:
                excess_uM[place] = donor_uM - other_uM
                receivers[donor] += 1.0
                receivers_asparagine_uM[donor] += other_uM


@kernel
def deliver(donors, contact_start, contact, excess_uM, donated, received):
    """Add each donor's ``donated`` Asn (amol, shape (n,)) to what its receivers have ``received`` (amol, shape (n,)).

    The amount is shared in proportion to how much less Asn each receiver had at the start of the step.
    """
    for k in range(len(donors)):
        total = 0.0
        for place in range(contact_start[k], contact_start[k + 1]):
            total += excess_uM[place]
        if total > 0.0:
            for place in range(contact_start[k], contact_start[k + 1]):
                received[contact[place]] += donated[donors[k]] * excess_uM[place] / total


@kernel
def _asparagine_uM(table, cell_type, states, row):
    return states[row, ASN] / (table[cell_type[row]].volume_pL * states[row, BIOMASS])
