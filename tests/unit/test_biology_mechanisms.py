"""What single cells do in constant, well-mixed surroundings, stated as science, and mass action in every rate law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.biology import states as s
from tumorabm.biology.asparagine import antiport_per_min, asns_rate, cytosolic_asparaginase_rate, donation_rate
from tumorabm.biology.aspartate import transaminase_rate
from tumorabm.biology.cell import Outside, advance_cells
from tumorabm.biology.death import apoptosis_rate, death_signal_gain, necrosis_rate
from tumorabm.biology.energy import energy_state, energy_supply, respiration
from tumorabm.biology.glutamine import fixation_rate, glutaminase_rate, internal_synthesis_rate, synthetase_capacity
from tumorabm.biology.growth import (
    growth_allowance,
    proteolysis_level,
    size_allowance,
    translation_in_space,
    translation_level,
)
from tumorabm.biology.motility import emt_state
from tumorabm.biology.mtorc1 import mtorc1_target
from tumorabm.biology.parameters import PERTURBATIONS, UPTAKE_KM_UM, parameter_table
from tumorabm.biology.stress import (
    asns_mrna_target,
    asns_protein_target,
    atf4_target,
    eif2a_phosphorylation,
    er_load_target,
    er_stressors,
    trna_charging,
)
from tumorabm.biology.transport import uptake_capacities
from tumorabm.cell_types import CELL_TYPES as ALL_CELL_TYPES

CELL_TYPES = {name: preset for name, preset in ALL_CELL_TYPES.items() if preset.metabolic}
STEP_MIN = 6.0
PLASMA_UM = {
    "oxygen": 52.0,
    "glucose": 5000.0,
    "asparagine": 50.0,
    "glutamine": 600.0,
    "aspartate": 10.0,
    "ammonia": 30.0,
    "exchange_amino_acids": 300.0,
}
RPMI_UM = {
    "oxygen": 195.0,
    "glucose": 11100.0,
    "asparagine": 378.0,
    "glutamine": 2050.0,
    "aspartate": 150.0,
    "ammonia": 50.0,
    "exchange_amino_acids": 1000.0,
}


class Cell:
    """One cell in well-mixed surroundings that its own turnover does not change.

    ``changes`` are parameters that differ from the type's, or names of `PERTURBATIONS` with their factors.
    """

    def __init__(self, cell_type, **changes):
        preset = CELL_TYPES[cell_type]
        values = dict(preset.parameters)
        for name in set(changes) & set(PERTURBATIONS):
            PERTURBATIONS[name].applied_to(values, changes.pop(name))
        self.table = parameter_table([values])
        for name, value in changes.items():
            self.table[name] = value
        rest, volume = preset.resting_state, self.table["volume_pL"][0]
        expression = self.table["asns_relative"][0] / parameter_table([preset.parameters])["asns_relative"][0]
        self.states = np.zeros((1, 14))
        pools = ("asparagine_uM", "aspartate_uM", "glutamine_uM", "glutamate_uM")
        self.states[0, :4] = [rest[name] * volume for name in pools]
        self.states[0, s.EXCHANGE] = rest["exchange_index"] * 1000.0 * volume
        self.states[0, 5:10] = [rest[name] for name in ("er_load", "atf4", "asns_mrna", "asns_copies", "mtorc1")]
        self.states[0, [s.ASNS_MRNA, s.ASNS]] *= expression
        self.states[0, s.BIOMASS], self.states[0, s.SUBSTEP] = 1.0, STEP_MIN
        self.signals, self.efflux, self.capacities = np.zeros((1, 5)), np.zeros((1, 6)), np.zeros((1, 7))
        self.donated, self.urea, self.methylated = np.zeros(1), np.zeros(1), np.zeros(1, np.int8)
        self.survival, self.divisions, self.divides = 1.0, 0, True

    def live(self, hours, surroundings, contact_amol_per_min=0.0, receivers=0.0, receivers_uM=0.0):
        """Advance; ``survival`` is the chance of no apoptosis so far. Returns the cell."""
        mM = {key: np.array([value / 1000.0]) for key, value in surroundings.items()}
        saturation = [[STEP_MIN * surroundings[k] / (surroundings[k] + UPTAKE_KM_UM[k].value)] for k in s.UPTAKES]
        outside = Outside(
            *(mM["oxygen"], mM["glucose"], mM["ammonia"], mM["exchange_amino_acids"]), np.zeros(1), np.array(saturation)
        )
        row = np.zeros(1, np.int16), np.zeros(1, np.int8), np.zeros(1, np.int64)
        contact = np.array([contact_amol_per_min * STEP_MIN])
        for _ in range(round(hours * 60 / STEP_MIN)):
            uptake_capacities(0, 1, self.table, *row, self.states, outside, self.capacities)
            advance_cells(
                *(0, 1, STEP_MIN, self.table, *row, self.table["asns_relative"], self.methylated, outside),
                *(self.capacities, contact, np.array([receivers]), np.array([receivers_uM])),
                *(self.states, self.signals, self.efflux, self.donated, np.zeros(1), self.urea),
            )
            if self.divides and self.states[0, s.BIOMASS] >= 2.0:
                self.states[0, list(s.EXTENSIVE_STATES)] *= 0.5
                self.divisions += 1
            self.survival *= np.exp(-STEP_MIN * apoptosis_rate(self.table[0], self.states[0, s.DEATH]))
        return self

    def __getitem__(self, state):
        return self.states[0, state]

    def pool_uM(self, state):
        return self.states[0, state] / (self.table["volume_pL"][0] * self.states[0, s.BIOMASS])

    @property
    def growth(self):
        """Biomass of the cell and its offspring over that at the start."""
        return self.states[0, s.BIOMASS] * 2.0**self.divisions

    @property
    def translation(self):
        return self.signals[0, s.TRANSLATION]


def without(*names, base=PLASMA_UM):
    return base | dict.fromkeys(names, 0.0)


NO_ASPARAGINE = without("asparagine")
NO_AMINO_ACIDS = without("asparagine", "glutamine", "aspartate", "exchange_amino_acids")
MODERATE_HYPOXIA = PLASMA_UM | {"oxygen": 7.0 * 1.3}


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_presets_start_near_their_steady_state_in_plasma(cell_type):
    cell = Cell(cell_type).live(6, PLASMA_UM)
    rest = CELL_TYPES[cell_type].resting_state
    now = [cell.pool_uM(state) for state in (s.ASN, s.ASP, s.GLN, s.GLU)]
    now += [cell.pool_uM(s.EXCHANGE) / s.EXCHANGE_UM_PER_INDEX, cell[s.MTORC1]]
    names = ("asparagine_uM", "aspartate_uM", "glutamine_uM", "glutamate_uM", "exchange_index", "mtorc1")
    for name, value in zip(names, now, strict=True):
        assert value == pytest.approx(rest[name], rel=0.2), name


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_cells_in_plasma_grow_and_do_not_die(cell_type):
    cell = Cell(cell_type).live(24, PLASMA_UM)
    assert cell.growth > 1.05  # an adipocyte takes three days to double
    assert cell.survival > 0.99


class TestStressResponse:
    """ATF4 and ASNS answer lack of amino acids through GCN2, and ER stress through PERK (facts F6, F12, S2)."""

    lack = pytest.mark.parametrize(
        ("cell_type", "hours", "surroundings"),
        [("all_blast", 12, NO_ASPARAGINE), ("molt4", 12, NO_ASPARAGINE), ("solid_tumour", 6, NO_AMINO_ACIDS)],
        ids=["blast without Asn", "MOLT-4 without Asn", "solid without amino acids"],
    )
    er_stress = pytest.mark.parametrize(
        ("surroundings", "changes"),
        [
            (without("glucose"), {}),
            (without("oxygen"), {}),
            (PLASMA_UM, {"tunicamycin": 2.0}),
        ],
        ids=["no glucose", "anoxia", "tunicamycin"],
    )

    @staticmethod
    def rise(cell_type, hours, surroundings, stress=None, **changes):
        """ATF4 and ASNS mRNA over the unstressed cell of the same genotype."""
        stressed = Cell(cell_type, **changes, **(stress or {})).live(hours, surroundings)
        fed = Cell(cell_type, **changes).live(hours, PLASMA_UM)
        return stressed[s.ATF4] / fed[s.ATF4], stressed[s.ASNS_MRNA] / fed[s.ASNS_MRNA]

    @lack
    def test_lack_of_amino_acids_raises_atf4_and_asns_mrna(self, cell_type, hours, surroundings):
        atf4, mrna = self.rise(cell_type, hours, surroundings)
        assert atf4 > 4
        assert mrna > 2

    @lack
    def test_not_in_gcn2_null_cells(self, cell_type, hours, surroundings):
        atf4, mrna = self.rise(cell_type, hours, surroundings, gcn2=0)
        assert atf4 <= 1.2
        assert mrna <= 1.2

    @lack
    def test_in_perk_null_cells_as_in_the_wild_type(self, cell_type, hours, surroundings):
        wild, null = (Cell(cell_type, **changes).live(hours, surroundings) for changes in ({}, {"perk": 0}))
        assert null[s.ATF4] >= 0.7 * wild[s.ATF4]
        assert null[s.ASNS_MRNA] >= 0.7 * wild[s.ASNS_MRNA]

    @er_stress
    def test_er_stress_raises_atf4_and_asns_mrna_without_gcn2(self, surroundings, changes):
        atf4, mrna = self.rise("solid_tumour", 12, surroundings, changes)
        assert atf4 > 5
        assert mrna > 5
        wild, null = (
            Cell("solid_tumour", **changes, **gene).live(12, surroundings)[s.ATF4] for gene in ({}, {"gcn2": 0})
        )
        assert null == pytest.approx(wild, rel=0.02)

    @er_stress
    def test_er_stress_does_nothing_to_atf4_without_perk(self, surroundings, changes):
        atf4, mrna = self.rise("solid_tumour", 12, surroundings, changes, perk=0)
        assert atf4 <= 1.2
        assert mrna <= 1.2

    def test_moderate_hypoxia_is_no_er_stress(self):
        atf4, _ = self.rise("solid_tumour", 12, MODERATE_HYPOXIA)
        assert 1.0 <= atf4 <= 1.5

    def test_perk_protects_in_anoxia(self):
        wild, null = (Cell("solid_tumour", **gene).live(24, without("oxygen")) for gene in ({}, {"perk": 0}))
        assert wild.translation < 0.7 * null.translation
        assert null[s.ER_LOAD] > wild[s.ER_LOAD]
        assert wild.survival > 0.95
        assert null.survival < 0.7 * wild.survival

    def test_without_atf4_asns_is_not_induced_but_kept(self):
        cell = Cell("all_blast", atf4=0).live(12, NO_ASPARAGINE)
        assert cell[s.ASNS_MRNA] == pytest.approx(0.03, rel=0.2)


class TestProtocol1:
    """Starve, then give asparagine back: p-S6K1 follows mTORC1 (facts F9, S1)."""

    def starve_and_feed(self, food_uM=None, **changes):
        starved = without("asparagine", "glutamine", "aspartate", "exchange_amino_acids", base=RPMI_UM)
        cell = Cell("solid_tumour", **changes).live(12, RPMI_UM).live(2, starved)
        if food_uM is not None:
            cell.live(1, starved | food_uM)
        return cell[s.MTORC1]

    def test_two_hours_without_amino_acids_silence_mtorc1(self):
        assert Cell("solid_tumour").live(12, RPMI_UM)[s.MTORC1] > 0.9
        assert self.starve_and_feed() <= 0.1

    def test_asparagine_restores_it_in_part_also_without_rag(self):
        wild = self.starve_and_feed({"asparagine": 500.0})
        assert 0.2 <= wild <= 0.6
        assert 0.7 <= self.starve_and_feed({"asparagine": 500.0}, rag=0) / wild <= 1.3

    def test_more_asparagine_restores_more(self):
        doses = [self.starve_and_feed({"asparagine": dose}) for dose in (0.0, 50.0, 150.0, 500.0, 2000.0)]
        assert (np.diff(doses) > 0).all()

    def test_arf1_carries_the_asparagine_signal(self):
        wild = self.starve_and_feed({"asparagine": 500.0})
        assert self.starve_and_feed({"asparagine": 500.0}, arf1=0.1) <= 0.3 * wild
        assert self.starve_and_feed({"asparagine": 500.0}, arf1=0) <= self.starve_and_feed(arf1=0)

    def test_all_amino_acids_restore_it(self):
        assert self.starve_and_feed(RPMI_UM) >= 0.7

    def test_inhibition_of_mtorc1_leaves_nothing_to_restore(self):
        assert self.starve_and_feed(RPMI_UM, mtorc1=0) < 1e-6


class TestAsparagineDepletion:
    """Without asparagine outside, ASNS decides (facts F2, F3, F4, S3, S6)."""

    def test_blast_loses_translation_stops_and_dies(self):
        fed, cell = Cell("all_blast").live(24, PLASMA_UM), Cell("all_blast").live(24, NO_ASPARAGINE)
        assert fed.translation > 0.95
        assert cell.translation < 0.25
        assert fed.growth > 1.9
        assert cell.growth < 1.05
        assert fed[s.DEATH] < 0.01
        assert cell[s.DEATH] > 0.8
        assert cell.live(48, NO_ASPARAGINE).survival <= 0.1

    @pytest.mark.parametrize("cell_type", ["solid_tumour", "all_blast", "molt4"])
    def test_cell_with_asns_at_the_solid_level_does_not(self, cell_type):
        cell = Cell(cell_type, asns_relative=1.0).live(72, NO_ASPARAGINE)
        assert cell.translation > 0.7
        assert cell.growth > 4
        assert cell[s.DEATH] < 0.2
        assert cell.survival > 0.9

    def test_solid_cell_with_asns_silenced_dies(self):
        assert Cell("solid_tumour", asns=0.02).live(72, NO_ASPARAGINE).survival <= 0.1

    def test_survival_rises_with_asns(self):
        survival = [Cell("all_blast", asns_relative=b).live(72, NO_ASPARAGINE).survival for b in (0.01, 0.1, 0.3, 1.0)]
        assert (np.diff(survival) > 0).all()

    def test_normal_marrow_survives_by_inducing_asns(self):
        cell = Cell("normal_marrow").live(72, NO_ASPARAGINE)
        assert cell[s.ASNS_MRNA] > 4 * Cell("normal_marrow").live(72, PLASMA_UM)[s.ASNS_MRNA]
        assert cell.survival >= 0.7
        assert Cell("normal_marrow", asns_inducible=0).live(72, NO_ASPARAGINE).survival <= 0.3
        assert Cell("normal_marrow", gcn2=0).live(72, NO_ASPARAGINE).survival <= 0.3

    def test_without_chop_translation_is_lost_but_not_the_cell(self):
        cell = Cell("all_blast", chop=0).live(72, NO_ASPARAGINE)
        assert cell.translation < 0.25
        assert cell.survival == 1.0

    def test_asparagine_from_touching_cells_delays_death(self):
        given = (0.0, 2.0, 4.0, 8.0)
        cells = [Cell("all_blast").live(72, NO_ASPARAGINE, contact_amol_per_min=rate) for rate in given]
        assert (np.diff([cell.survival for cell in cells]) > 0).all()
        assert cells[-1].survival > 5 * cells[0].survival

    def test_a_donor_pays_for_what_it_gives(self):
        giving = Cell("msc").live(24, NO_ASPARAGINE, receivers=3.0, receivers_uM=3.0)
        alone = Cell("msc").live(24, NO_ASPARAGINE)
        expected = giving.table["contact_transfer_pL_per_min"][0] * (3.0 * giving.pool_uM(s.ASN) - 3.0) * STEP_MIN
        assert giving.donated[0] == pytest.approx(expected, rel=0.01)
        assert giving.pool_uM(s.ASN) < alone.pool_uM(s.ASN)
        assert alone.donated[0] == 0.0


class TestGlutamineAndAspartate:
    """Glutamine lack, its rescue by asparagine, and the sources of aspartate (facts F7, F8, F11, F19)."""

    no_glutamine = without("glutamine", "asparagine", base=RPMI_UM)

    def test_asparagine_rescues_from_glutamine_lack_without_restoring_aspartate_or_glutamate(self):
        fed = Cell("solid_tumour").live(72, RPMI_UM)
        starved = Cell("solid_tumour").live(72, self.no_glutamine)
        rescued = Cell("solid_tumour").live(72, self.no_glutamine | {"asparagine": 500.0})
        assert starved.survival <= 0.3
        assert rescued.survival >= 0.8
        assert rescued.growth <= 1.3
        assert rescued.pool_uM(s.ASP) < 0.5 * fed.pool_uM(s.ASP)
        assert rescued.pool_uM(s.GLU) < 0.5 * fed.pool_uM(s.GLU)

    def test_cytosolic_asparaginase_takes_the_rescue_away(self):
        cell = Cell("solid_tumour", cytosolic_asparaginase_uM_per_min=1000.0)
        assert cell.live(72, self.no_glutamine | {"asparagine": 500.0}).survival <= 0.5

    def test_ammonia_outside_is_fixed_into_glutamine(self):
        low, high = (Cell("solid_tumour").live(12, PLASMA_UM | {"ammonia": x}) for x in (30.0, 3000.0))
        assert high.pool_uM(s.GLN) > low.pool_uM(s.GLN)

    def test_glutaminase_knock_out_empties_glutamate_and_aspartate(self):
        wild, null = (Cell("solid_tumour", **gene).live(12, PLASMA_UM) for gene in ({}, {"gls": 0}))
        assert null.pool_uM(s.GLN) > 2 * wild.pool_uM(s.GLN)
        assert null.pool_uM(s.GLU) < 0.5 * wild.pool_uM(s.GLU)
        assert null.pool_uM(s.ASP) < 0.5 * wild.pool_uM(s.ASP)
        assert null.efflux[0, s.OUT_AMMONIA] < 0.5 * wild.efflux[0, s.OUT_AMMONIA]

    @pytest.mark.parametrize("gene", ["got1", "got2"])
    def test_loss_of_a_transaminase_lowers_aspartate(self, gene):
        wild, null = Cell("solid_tumour").live(12, RPMI_UM), Cell("solid_tumour", **{gene: 0}).live(12, RPMI_UM)
        assert null.pool_uM(s.ASP) < 0.85 * wild.pool_uM(s.ASP)

    def test_got2_loss_costs_growth_under_asparagine_depletion_more_than_without(self):
        def growth(surroundings, **gene):
            return Cell("solid_tumour", **gene).live(24, surroundings).growth - 1.0

        without_got2 = growth(RPMI_UM, got2=0) / growth(RPMI_UM)
        assert (
            growth(without("asparagine", base=RPMI_UM), got2=0) / growth(without("asparagine", base=RPMI_UM))
            < 0.75 * without_got2
        )

    def test_aspartate_uptake_brings_aspartate_only_where_there_is_some(self):
        def gain(surroundings):
            more, wild = (
                Cell("solid_tumour", slc1a3=10).live(12, surroundings),
                Cell("solid_tumour").live(12, surroundings),
            )
            return more.pool_uM(s.ASP) - wild.pool_uM(s.ASP)

        assert gain(RPMI_UM) > 100
        assert gain(without("aspartate")) == 0.0

    def test_loss_of_respiration_lowers_aspartate_mtorc1_and_growth_and_asparagine_restores_mtorc1(self):
        medium = without("asparagine", base=RPMI_UM)
        wild, null = (Cell("solid_tumour", **gene).live(24, medium) for gene in ({}, {"etc": 0.02}))
        rescued = Cell("solid_tumour", etc=0.02).live(24, RPMI_UM)
        assert null.pool_uM(s.ASP) < 0.2 * wild.pool_uM(s.ASP)
        assert null.pool_uM(s.ASN) < 0.8 * wild.pool_uM(s.ASN)
        assert null[s.MTORC1] < 0.9 * wild[s.MTORC1]
        assert null[s.ATF4] > 2 * wild[s.ATF4]
        assert null.growth - 1 < 0.5 * (wild.growth - 1)
        assert rescued[s.ATF4] < 0.5 * null[s.ATF4]
        assert rescued.growth - 1 > 0.7 * (wild.growth - 1)
        assert rescued[s.MTORC1] > null[s.MTORC1]

    def test_antiport_of_asparagine_brings_exchange_amino_acids_in(self):
        wild, null = (Cell("solid_tumour", **gene).live(12, PLASMA_UM) for gene in ({}, {"asn_antiport": 0}))
        assert null.pool_uM(s.EXCHANGE) < 0.8 * wild.pool_uM(s.EXCHANGE)
        assert null[s.MTORC1] < wild[s.MTORC1]


def test_no_energy_no_synthesis():
    cell = Cell("solid_tumour").live(2, without("oxygen", "glucose"))
    assert cell.translation == 0.0
    assert cell.capacities[0, s.UP_AMMONIA] == 0.0


def test_high_asparagine_is_mesenchymal():
    epithelial, mesenchymal = (
        Cell("solid_tumour", asns=0.1).live(12, NO_ASPARAGINE),
        Cell("solid_tumour").live(12, RPMI_UM),
    )
    assert mesenchymal.signals[0, s.EMT] > 3 * epithelial.signals[0, s.EMT]


def test_cells_of_one_type_grow_more_slowly_the_less_room_they_have():
    p = parameter_table([CELL_TYPES["solid_tumour"].parameters])[0]
    assert growth_allowance(p, p["crowding_growth_full"]) == 1.0
    assert growth_allowance(p, p["crowding_growth_zero"]) == 0.0
    assert translation_in_space(1.0, 0.1, 0.0) == 0.1  # replaces what is digested, adds nothing
    assert translation_in_space(0.05, 0.1, 0.0) == 0.05  # a starved cell's synthesis is not helped


# Mass action: how each rate must move with one variable, all others fixed. +1 rises (or stays), -1 falls (or stays).
POOL = (0.0, 2e4)
SHARE = (0.0, 1.0)
SIGNAL = (0.0, 12.0)
MONOTONE = {
    "ASNS with aspartate": (+1, POOL, lambda p, v: asns_rate(p, 1e6, 100.0, v, 1000.0, 0.8)[0]),
    "ASNS with glutamine": (+1, POOL, lambda p, v: asns_rate(p, 1e6, 100.0, 1000.0, v, 0.8)[0]),
    "ASNS with energy": (+1, SHARE, lambda p, v: asns_rate(p, 1e6, 100.0, 1000.0, 1000.0, v)[0]),
    "ASNS against its product": (-1, POOL, lambda p, v: asns_rate(p, 1e6, v, 1000.0, 1000.0, 0.8)[0]),
    "antiport with outer amino acids": (+1, POOL, lambda p, v: antiport_per_min(p, v)),
    "hydrolysis with asparagine": (+1, POOL, lambda p, v: cytosolic_asparaginase_rate(p, v, 2.5)[0]),
    "donation with asparagine": (+1, POOL, lambda p, v: donation_rate(p, v, 2.0, 300.0)[0]),
    "donation against the receivers'": (-1, POOL, lambda p, v: donation_rate(p, 200.0, 2.0, v)[0]),
    "transaminase with glutamate": (+1, POOL, lambda p, v: transaminase_rate(p, v, 0.9, 300.0, 1.0)[0]),
    "transaminase with respiration": (+1, SHARE, lambda p, v: transaminase_rate(p, 3000.0, v, 300.0, 1.0)[0]),
    "transaminase with glutaminase": (+1, POOL, lambda p, v: transaminase_rate(p, 3000.0, 0.9, v, 1.0)[0]),
    "glutaminase with glutamine": (+1, POOL, lambda p, v: glutaminase_rate(p, v, 1.0)[0]),
    "fixation with glutamate": (+1, POOL, lambda p, v: fixation_rate(p, 10.0, v, 0.9)),
    "fixation with ammonia": (+1, POOL, lambda p, v: fixation_rate(p, v, 2000.0, 0.9)),
    "synthetase with glutamate": (+1, POOL, lambda p, v: synthetase_capacity(p, v, 1000.0, 0.9, 1.0)),
    "synthetase against glutamine": (-1, POOL, lambda p, v: synthetase_capacity(p, 3000.0, v, 0.9, 1.0)),
    "GDH against ammonia": (-1, SHARE, lambda p, v: internal_synthesis_rate(p, 3000.0, 100.0, v)[0]),
    "respiration with oxygen": (+1, POOL, lambda p, v: respiration(p, v)),
    "energy with glucose": (+1, POOL, lambda p, v: energy_state(p, energy_supply(p, 0.3, v), 50.0, 1.3)),
    "charging with asparagine": (+1, POOL, lambda p, v: trna_charging(p, v, 900.0, 900.0, 900.0, 0.6)[0]),
    "charging with aspartate": (+1, POOL, lambda p, v: trna_charging(p, 150.0, v, 900.0, 900.0, 0.6)[0]),
    "charging with glutamine": (+1, POOL, lambda p, v: trna_charging(p, 150.0, 900.0, v, 900.0, 0.6)[0]),
    "charging with glutamate": (+1, POOL, lambda p, v: trna_charging(p, 150.0, 900.0, 900.0, v, 0.6)[0]),
    "charging with Ser/Arg/His": (+1, SIGNAL, lambda p, v: trna_charging(p, 150.0, 900.0, 900.0, 900.0, v)[0]),
    "p-eIF2a against charging": (-1, SHARE, lambda p, v: eif2a_phosphorylation(p, v, 0.2)[0]),
    "p-eIF2a with ER load": (+1, SIGNAL, lambda p, v: eif2a_phosphorylation(p, 0.8, v)[0]),
    "translation with charging": (+1, SHARE, lambda p, v: translation_level(p, v, 0.2, 0.9, 1.0, 1.0)),
    "translation against p-eIF2a": (-1, SHARE, lambda p, v: translation_level(p, 0.5, v, 0.9, 1.0, 1.0)),
    "translation with mTORC1": (+1, SHARE, lambda p, v: translation_level(p, 0.5, 0.2, v, 1.0, 1.0)),
    "proteolysis against mTORC1": (-1, SHARE, lambda p, v: proteolysis_level(p, v, 1.0)),
    "proteolysis with biomass": (+1, (0.1, 2.0), lambda p, v: proteolysis_level(p, 0.5, v)),
    "room to grow against crowding": (-1, (0.0, 2.0), growth_allowance),
    "growth against size": (-1, (0.5, 4.0), size_allowance),
    "ER stress against oxygen": (-1, POOL, lambda p, v: er_stressors(p, v, 5000.0)),
    "ER stress against glucose": (-1, POOL, lambda p, v: er_stressors(p, 40.0, v)),
    "ER load with translation": (+1, SHARE, lambda p, v: er_load_target(0.5, v)),
    "ATF4 with p-eIF2a": (+1, SHARE, lambda p, v: atf4_target(p, v, 0.9)),
    "ATF4 with mTORC1": (+1, SHARE, lambda p, v: atf4_target(p, 0.3, v)),
    "ASNS mRNA with ATF4": (+1, SIGNAL, lambda p, v: asns_mrna_target(p, v, 1.0, 0)),
    "ASNS with its mRNA": (+1, SIGNAL, lambda p, v: asns_protein_target(p, v, 0.9, 2.5)),
    "ASNS with charging": (+1, SHARE, lambda p, v: asns_protein_target(p, 1.0, v, 2.5)),
    "mTORC1 with asparagine": (+1, POOL, lambda p, v: mtorc1_target(p, v, 300.0, 0.5, 0.1, 1.0, 1.0)),
    "mTORC1 with glutamine": (+1, POOL, lambda p, v: mtorc1_target(p, 100.0, v, 0.5, 0.1, 1.0, 1.0)),
    "mTORC1 with Ser/Arg/His": (+1, SIGNAL, lambda p, v: mtorc1_target(p, 100.0, 300.0, v, 0.1, 1.0, 1.0)),
    "mTORC1 against p-eIF2a": (-1, SHARE, lambda p, v: mtorc1_target(p, 100.0, 300.0, 0.5, v, 1.0, 1.0)),
    "death signal against charging": (-1, SHARE, lambda p, v: death_signal_gain(p, v, 0.5, 0.1, 0.2)),
    "death signal with ER load": (+1, SIGNAL, lambda p, v: death_signal_gain(p, 0.9, v, 0.1, 0.2)),
    "death signal against translation": (-1, SHARE, lambda p, v: death_signal_gain(p, 0.9, 0.2, v, 0.2)),
    "apoptosis with the death signal": (+1, SIGNAL, apoptosis_rate),
    "necrosis against oxygen": (-1, (0.0, 20.0), necrosis_rate),
    "EMT with asparagine": (+1, POOL, emt_state),
}


@pytest.mark.parametrize("name", MONOTONE)
def test_rates_move_with_each_variable_as_mass_action_demands(name):
    direction, ends, rate = MONOTONE[name]
    presets = [preset.parameters | {"cytosolic_asparaginase_uM_per_min": 20.0} for preset in CELL_TYPES.values()]
    table = parameter_table(presets)
    table["contact_transfer_pL_per_min"] = 0.1

    @settings(max_examples=40, deadline=None)
    @given(st.floats(*ends), st.floats(*ends), st.integers(0, len(table) - 1))
    def moves(one, other, which):
        before, after = rate(table[which], min(one, other)), rate(table[which], max(one, other))
        assert direction * (after - before) >= -1e-12 * abs(before)

    moves()
    assert all(direction * (rate(p, ends[1]) - rate(p, ends[0])) > 0 for p in table)


def test_a_cell_that_cannot_divide_swells_within_bounds():
    cell = Cell("solid_tumour")
    cell.divides = False
    assert 2.5 < cell.live(24 * 14, RPMI_UM)[s.BIOMASS] < 3.0
