"""Asparagine: synthesis by ASNS, hydrolysis in the cytosol, and the ways out of the cell.

Every rate is in amol/min for the whole cell, concentrations in µM of cell water; each function also returns the
derivatives by those concentrations that the implicit integrator uses.
"""

from tumorabm.kernels import kernel


@kernel
def adenylated_share(p, aspartate_uM, energy):
    """First step, Asp + ATP <-> beta-aspartyl-AMP + PPi: the share of ASNS that holds the intermediate.

    ``i = D/(D+K_D) a/(a+K_a)``: the step is taken as fast and reversible, so that it stays at equilibrium [A].

    Returns
    -------
    tuple of float
        Share, 0 to 1, and its derivative by Asp (1/µM).
    """
    per_aspartate = 1.0 / (aspartate_uM + p.asns_km_aspartate_uM)
    by_energy = energy / (energy + p.asns_energy_half)
    return by_energy * aspartate_uM * per_aspartate, by_energy * p.asns_km_aspartate_uM * per_aspartate * per_aspartate


@kernel
def amidation_per_copy(p, asparagine_uM, glutamine_uM):
    """Second step, beta-aspartyl-AMP + amide N of Gln -> Asn + Glu + AMP, of one copy that holds the intermediate.

    ``w = kcat Q/(Q+K_Q) / (1 + N/K_i)``: Asn inhibits its own release (order of binding [V], constants [M]).

    Returns
    -------
    tuple of float
        Rate (amol/min/copy), and its derivatives by Asn and Gln (amol/min/copy/µM).
    """
    per_asparagine = 1.0 / (p.asns_ki_asparagine_uM + asparagine_uM)
    per_glutamine = 1.0 / (glutamine_uM + p.asns_km_glutamine_uM)
    scale = p.asns_turnover_amol_per_min * p.asns_ki_asparagine_uM * per_asparagine
    rate = scale * glutamine_uM * per_glutamine
    return rate, -rate * per_asparagine, scale * p.asns_km_glutamine_uM * per_glutamine * per_glutamine


@kernel
def asns_rate(p, copies, asparagine_uM, aspartate_uM, glutamine_uM, energy):
    """Asparagine synthetase, both steps: Asp + Gln + ATP -> Asn + Glu + AMP + PPi at ``v = S i w``.

    Each Asn costs one ATP that becomes AMP, two energy-rich bonds: see `tumorabm.biology.energy.energy_state`.

    Returns
    -------
    tuple of float
        Rate (amol/min), and its derivatives by Asn, Asp, Gln (amol/min/µM).
    """
    adenylated, by_aspartate = adenylated_share(p, aspartate_uM, energy)
    amidation, by_asparagine, by_glutamine = amidation_per_copy(p, asparagine_uM, glutamine_uM)
    ready = copies * adenylated
    return ready * amidation, ready * by_asparagine, copies * by_aspartate * amidation, ready * by_glutamine


@kernel
def cytosolic_asparaginase_rate(p, asparagine_uM, volume_pL):
    """Asn -> Asp + NH3 inside the cell: ``V k N/(N+100)``; absent by default (Pavlova 2018 [V]).

    Returns the rate (amol/min) and its derivative by Asn.
    """
    per_asparagine = 1.0 / (asparagine_uM + 100.0)
    scale = p.cytosolic_asparaginase_uM_per_min * volume_pL
    return scale * asparagine_uM * per_asparagine, scale * 100.0 * per_asparagine * per_asparagine


@kernel
def antiport_per_min(p, exchange_outside_uM):
    """Share of Asn sent out a minute for Ser/Arg/His outside: ``k X_e/(X_e+K)`` (Krall 2016 [V], constants [A])."""
    return p.antiport_per_min * exchange_outside_uM / (exchange_outside_uM + p.antiport_km_uM)


@kernel
def donation_rate(p, asparagine_uM, receivers, receivers_asparagine_uM):
    """Asn handed to touching cells of other types: ``g sum(max(0, N - N_receiver))`` [A].

    Bulk diffusion cannot protect neighbours (an MSC's leak adds 0.03 µM at 10 µm), so this transfer is an
    assumption. ``receivers`` counts those with less Asn at the start of the step, ``receivers_asparagine_uM`` sums
    theirs.

    Returns the rate (amol/min) and its derivative by Asn.
    """
    excess = receivers * asparagine_uM - receivers_asparagine_uM
    if excess <= 0.0:
        return 0.0, 0.0
    return p.contact_transfer_pL_per_min * excess, p.contact_transfer_pL_per_min * receivers
