"""The nitrogen that a cell holds."""

from tumorabm.biology import states as s
from tumorabm.kernels import kernel

RESIDUE_NITROGEN = 6.0
"""Nitrogen of one residue each of Asn, Asp, Gln and Glu in protein: 2 + 1 + 2 + 1."""


@kernel
def write_nitrogen(start, stop, table, cell_type, states, contact, nitrogen):
    """Write the nitrogen of rows ``start..stop-1``, dead or alive: free pools, nucleotides, protein, Asn of neighbours.

    Parameters
    ----------
    table, cell_type, states
        As in `tumorabm.biology.cell.advance_cells`.
    contact
        Shape (n,), Asn that touching cells handed over (amol).
    nitrogen
        Output, shape (n,), amol.
    """
    for row in range(start, stop):
        p = table[cell_type[row]]
        amides = 2.0 * (states[row, s.ASN] + states[row, s.GLN] + contact[row])
        residues = p.protein_residues_amol if p.metabolic else 0.0
        protein = RESIDUE_NITROGEN * residues * states[row, s.BIOMASS]
        nitrogen[row] = amides + states[row, s.ASP] + states[row, s.GLU] + protein + states[row, s.NUCLEOTIDE_N]
