"""Scenario files: what loads, what defaults and units mean, overrides, and writing the resolved scenario."""

import json
import math
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.biology.parameters import PARAMETERS, PERTURBATIONS
from tumorabm.cell_types import CELL_TYPES
from tumorabm.scenario import Scenario, load_scenario, scenario_from_dict
from tumorabm.scenario.cell_schema import GROUP_PERTURBATIONS
from tumorabm.scenario.field_defaults import FIELD_DEFAULTS
from tumorabm.scenario.field_schema import BUILT_IN_FIELDS
from tumorabm.scenario.toml_text import toml_document, toml_value
from tumorabm.scenario.units import oxygen_mM_to_mmHg, oxygen_mmHg_to_mM

SHIPPED = Path(__file__).parents[2] / "scenarios" / "leukaemia_asparaginase.toml"


def minimal(**sections):
    return {"hours": 24.0, "domain": {"size_um": [200.0, 100.0]}} | sections


# -- the shipped scenario -------------------------------------------------------------------------------------------


def test_shipped_leukaemia_scenario_is_the_one_of_the_readme():
    scenario = load_scenario(SHIPPED)
    assert scenario.name == "leukaemia_asparaginase"
    assert (scenario.hours, scenario.n_steps) == (336.0, 3360)
    assert scenario.domain.size_um == (1500.0, 1500.0)
    assert scenario.cells["blast"].type == "all_blast"
    dose = scenario.pharmacology.doses[0]
    assert (dose.formulation, dose.dose_iu_per_m2, dose.day) == ("pegaspargase", 2500.0, 2.0)
    assert bool(scenario.vessels)


@pytest.mark.parametrize("name", ["leukaemia_asparaginase.toml", "hypoxia.toml"])
def test_shipped_scenarios_use_only_keys_that_the_json_schema_documents(name):
    schema = Scenario.json_schema()

    def resolve(node):
        while "$ref" in node or "anyOf" in node:
            if "anyOf" in node:
                node = next(option for option in node["anyOf"] if option.get("type") != "null")
            else:
                node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return node

    def check(value, node, path):
        node = resolve(node)
        if "oneOf" in node:
            node = resolve({"$ref": node["discriminator"]["mapping"][value.get("mode", "spatial")]})
        if isinstance(value, dict):
            assert set(node.get("required", ())) - {"mode"} <= set(value), path
            free = node.get("additionalProperties") or next(iter(node.get("patternProperties", {}).values()), None)
            for key, item in value.items():
                child = node.get("properties", {}).get(key, free)
                assert child, f"{path}.{key} is not in the schema"
                check(item, child, f"{path}.{key}")
        elif isinstance(value, list):
            for item in value:
                check(item, node["items"], path)
        else:
            kinds = {"number": (int, float), "integer": int, "string": str, "boolean": bool}
            assert isinstance(value, kinds[node["type"]]), path

    shipped = SHIPPED.with_name(name)
    check(tomllib.loads(shipped.read_text("utf-8")), schema, "")
    check(tomllib.loads(load_scenario(shipped).to_toml()), schema, "")


def test_every_key_of_the_json_schema_has_a_description():
    schema = Scenario.json_schema()
    json.dumps(schema)
    for name, definition in [("Scenario", schema), *schema["$defs"].items()]:
        for key, node in definition.get("properties", {}).items():
            resolved = schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
            assert node.get("description") or resolved.get("description"), f"{name}.{key}"


# -- defaults and units ---------------------------------------------------------------------------------------------


def test_minimal_scenario_gets_the_stated_defaults():
    scenario = scenario_from_dict(minimal())
    assert (scenario.name, scenario.seed, scenario.time.step_min) == ("scenario", 1, 6.0)
    assert (scenario.domain.mode, scenario.domain.voxel_um, scenario.domain.ndim) == ("spatial", 20.0, 2)
    assert scenario.vessels is None
    assert scenario.cells == {}
    assert scenario.pharmacology.doses == ()
    assert scenario.output.timeseries_every_h == 1.0


def test_fields_reach_the_engine_in_millimolar_and_asparaginase_in_activity():
    fields = {
        "oxygen": {"plasma_mmHg": 40, "faces": [{"face": "x_low", "concentration_mmHg": 100}]},
        "glucose": {"plasma_uM": 5000.0, "initial_uM": 2500.0},
        "asparaginase": {"plasma_iu_per_mL": 0.5, "initial_iu_per_mL": 0.1},
        "lactate": {"diffusion_um2_per_min": 4e4, "plasma_uM": 1000},
    }
    scenario = scenario_from_dict(minimal(fields=fields, vessels={"density_per_mm2": 60}))
    oxygen = scenario.field_settings("oxygen")
    assert oxygen.plasma == pytest.approx(0.052, rel=1e-14)
    assert oxygen.faces == pytest.approx({"x_low": 0.13})
    assert oxygen.unit == "mM"
    glucose = scenario.field_settings("glucose")
    assert (glucose.plasma, glucose.initial) == (5.0, 2.5)
    enzyme = scenario.field_settings("asparaginase")
    assert (enzyme.plasma, enzyme.initial, enzyme.unit) == (0.5, 0.1, "IU/mL")
    assert scenario.field_names == (*BUILT_IN_FIELDS, "lactate")
    assert scenario.field_settings("lactate").diffusion_um2_per_min == 4e4


@pytest.mark.parametrize("name", BUILT_IN_FIELDS)
def test_built_in_fields_default_to_the_table_with_sources(name):
    settings = scenario_from_dict(minimal()).field_settings(name)
    table = FIELD_DEFAULTS[name]
    assert settings.diffusion_um2_per_min == table["diffusion_um2_per_min"].value
    assert settings.vessel_exchange_per_min == table["vessel_exchange_per_min"].value
    assert settings.decay_per_min == 0
    for default in table.values():
        assert default.tag in "VMAD"
        assert default.source


def test_one_key_of_a_built_in_field_leaves_its_other_defaults():
    scenario = scenario_from_dict(minimal(fields={"oxygen": {"plasma_mmHg": 60.0}}))
    oxygen = scenario.field_settings("oxygen")
    assert oxygen.plasma == pytest.approx(0.078)
    assert oxygen.diffusion_um2_per_min == 1.2e5


def test_supplied_field_starts_from_its_steady_state_and_a_closed_one_from_its_plasma_value():
    closed = scenario_from_dict(minimal())
    assert closed.field_settings("glucose").initial == 5.0
    no_vessel = scenario_from_dict(minimal(vessels={"density_per_mm2": 0}))
    assert no_vessel.field_settings("glucose").initial == 5.0
    perfused = scenario_from_dict(minimal(vessels={"density_per_mm2": 60}))
    assert perfused.field_settings("glucose").initial is None
    faces = [{"face": "all", "concentration_uM": 1000}]
    open_dish = scenario_from_dict(minimal(fields={"glucose": {"faces": faces}}))
    assert open_dish.field_settings("glucose").initial is None


def test_all_means_four_faces_in_two_dimensions_and_six_in_three():
    fields = {"glucose": {"faces": [{"face": "all", "concentration_uM": 1000}]}}
    flat = scenario_from_dict(minimal(fields=fields))
    assert flat.field_settings("glucose").faces == dict.fromkeys(("x_low", "x_high", "y_low", "y_high"), 1.0)
    box = scenario_from_dict(minimal(fields=fields, domain={"size_um": [40, 40, 40]}))
    assert len(box.field_settings("glucose").faces) == 6


def test_well_mixed_domain_holds_a_volume():
    scenario = scenario_from_dict({"hours": 1, "domain": {"mode": "well_mixed", "volume_uL": 100}})
    assert scenario.domain.volume_um3 == 1e11
    assert scenario.field_settings("asparagine").initial == 0.05


def test_oxygen_is_dissolved_at_1_3_micromolar_per_mmhg():
    assert oxygen_mmHg_to_mM(40.0) == pytest.approx(0.052, rel=1e-14)
    assert oxygen_mM_to_mmHg(oxygen_mmHg_to_mM(160.0)) == pytest.approx(160.0, rel=1e-14)


def test_scenario_does_not_change_after_loading():
    scenario = scenario_from_dict(minimal())
    with pytest.raises(ValueError, match="frozen"):
        scenario.hours = 3.0


def test_name_of_the_file_names_the_scenario(tmp_path):
    path = tmp_path / "low dose.toml"
    path.write_text("hours = 6\n[domain]\nsize_um = [20, 20]\n", "utf-8")
    assert load_scenario(path).name == "low_dose"


def test_byte_order_mark_is_read_over(tmp_path):
    path = tmp_path / "marked.toml"
    path.write_bytes(b"\xef\xbb\xbfhours = 6\n[domain]\nsize_um = [20, 20]\n")
    assert load_scenario(path).hours == 6


# -- overrides ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("hours=72", lambda s: s.hours == 72),
        (" cells.blast.asns_relative = 1.0 ", lambda s: s.cells["blast"].asns_relative == 1),
        ("cells.blast.type=molt4", lambda s: s.cells["blast"].type == "molt4"),
        ("cells.blast.type='molt4'", lambda s: s.cells["blast"].type == "molt4"),
        ("pharmacology.doses=[]", lambda s: s.pharmacology.doses == ()),
        ("pharmacology.doses.0.day=3", lambda s: s.pharmacology.doses[0].day == 3),
        ("description=two words", lambda s: s.description == "two words"),
        ("mechanics.enabled=false", lambda s: s.mechanics.enabled is False),
        ("perturbations.gcn2=0", lambda s: s.perturbations == {"gcn2": 0}),
        ("cells.extra={type='msc', count=3}", lambda s: s.cells["extra"].count == 3),
        ("vessels={positions_um=[[1, 2]]}", lambda s: s.vessels.positions_um == ((1, 2),)),
        ("description=a=b", lambda s: s.description == "a=b"),
    ],
)
def test_override_replaces_one_value(override, read):
    assert read(load_scenario(SHIPPED, [override]))


@pytest.mark.parametrize("path", sorted(SHIPPED.parent.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_scenario_is_valid_and_says_what_it_shows_and_rests_on(path):
    shows, rests_on = path.read_text("utf-8").splitlines()[:2]
    assert shows.startswith("# ") and rests_on.startswith("# Rests on:")
    assert load_scenario(path).description


def test_later_override_wins_and_the_given_dictionary_stays():
    data = minimal(cells={"a": {"type": "msc", "count": 1}})
    scenario = scenario_from_dict(data, ["cells.a.count=2", "cells.a.count=3"])
    assert scenario.cells["a"].count == 3
    assert data["cells"]["a"]["count"] == 1


def test_text_after_a_line_break_sets_nothing_else():
    scenario = scenario_from_dict(minimal(), ["description=3\nseed = 9"])
    assert scenario.seed == 1
    assert scenario.description == "3\nseed = 9"


# -- writing and reading back ---------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.floats(0, 1e6)


def factors(names):
    drawn = st.lists(st.sampled_from(sorted(names)), unique=True, max_size=3)
    within = lambda name: st.floats(0, min(PERTURBATIONS[name].highest, 1e6))  # noqa: E731
    return drawn.flatmap(lambda some: st.fixed_dictionaries({name: within(name) for name in some}))


ordered = (
    "crowding",
    "end_biomass",
    "necrosis_oxygen",
    "size_growth",
)  # parameters that must rise from one to the next
own_keys = {"asns_relative", "asns_sigma", "asns_induction"}
free_parameters = sorted(name for name in set(PARAMETERS) - own_keys if not any(part in name for part in ordered))


def within_ranges(names):
    return st.fixed_dictionaries({name: st.floats(PARAMETERS[name].low, PARAMETERS[name].high) for name in names})


def optional(**keys):
    return st.fixed_dictionaries({}, optional=keys)


@st.composite
def scenarios(draw):
    ndim = draw(st.sampled_from([2, 3]))
    voxel = draw(st.sampled_from([5.0, 12.5, 20, 0.7]))
    size = [voxel * draw(st.integers(2, 60)) for _ in range(ndim)]
    point = st.tuples(*(st.floats(0, side) for side in size)).map(list)
    face_names = st.sampled_from(["x_low", "x_high", "y_low", "y_high", *(["z_low", "z_high"] if ndim == 3 else [])])
    faces = st.lists(face_names, unique=True, max_size=3) | st.just(["all"])

    def field(unit, **required):
        keys = {"decay_per_min": numbers, f"plasma_{unit}": numbers, f"initial_{unit}": numbers}
        keys["plasma_fraction"] = st.floats(0, 1)
        keys["faces"] = faces.flatmap(
            lambda names: st.tuples(
                *(st.fixed_dictionaries({"face": st.just(name), f"concentration_{unit}": numbers}) for name in names)
            ).map(list)
        )
        return st.fixed_dictionaries(required, optional=keys)

    fields = optional(
        oxygen=field("mmHg"),
        asparagine=field("uM"),
        asparaginase=field("iu_per_mL"),
        lactate=field("uM", diffusion_um2_per_min=numbers),
    )
    placement = {"shape": st.just("disc" if ndim == 2 else "ball"), "center_um": point, "radius_um": st.floats(1, 99)}
    clock_cell = st.fixed_dictionaries(
        {"type": st.just("clock_cell")},
        optional={
            "clock": optional(g1_h=st.floats(0.1, 99), variation=st.floats(0, 1), start_at_h=st.floats(0, 11)),
            "uptake_amol_per_min": optional(oxygen=numbers, glucose=numbers),
            "taxis": st.fixed_dictionaries({"field": st.just("glutamate"), "bias": st.floats(-1, 1)}),
            "parameters": within_ranges(["volume_pL"]),
        },
    )
    metabolic_cell = st.fixed_dictionaries(
        {"type": st.sampled_from(sorted(name for name, preset in CELL_TYPES.items() if preset.metabolic))},
        optional={
            "asns_relative": st.floats(0.001, 10),
            "asns_sigma": numbers,
            "parameters": st.lists(st.sampled_from(free_parameters), unique=True, max_size=3).flatmap(within_ranges),
            "perturbations": factors(GROUP_PERTURBATIONS),
        },
    )
    where = st.one_of(
        st.fixed_dictionaries({"count": st.integers(0, 10**6)}),
        st.fixed_dictionaries({"count": st.just(5), "placement": st.fixed_dictionaries(placement)}),
        st.fixed_dictionaries({"positions_um": st.lists(point, max_size=3)}),
    )
    groups = st.dictionaries(
        st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True),
        st.builds(lambda a, b: a | b, metabolic_cell | clock_cell, where),
        max_size=3,
    )
    dose = st.fixed_dictionaries(
        {
            "drug": st.just("asparaginase"),
            "formulation": st.sampled_from(["native_e_coli", "pegaspargase", "erwinia", "calaspargase"]),
            "dose_iu_per_m2": st.floats(1, 1e5),
            "day": st.floats(0, 0.95),
        },
        optional={"route": st.sampled_from(["iv", "im"])},
    )
    course = dose.map(lambda once: once | {"every": "1 h", "times": 2})
    positions = st.fixed_dictionaries({"positions_um": st.lists(point, min_size=1, max_size=3)})
    density = st.fixed_dictionaries(
        {f"density_per_mm{ndim}": st.floats(1.0, 1e3).map(lambda n: n / math.prod(s / 1000.0 for s in size))},
        optional={
            "core": st.fixed_dictionaries(
                {"center_um": point, "radius_um": st.floats(1, 99)}, optional={"density_factor": st.floats(0, 1)}
            )
        },
    )
    return draw(
        st.fixed_dictionaries(
            {
                "hours": st.integers(24, 48),
                "domain": st.just({"size_um": size, "voxel_um": voxel}),
                "vessels": positions | density,
            },
            optional={
                "name": st.from_regex(r"[A-Za-z0-9_-]{1,9}", fullmatch=True),
                "description": text,
                "seed": st.integers(0, 2**63 - 1),
                "time": st.fixed_dictionaries({"step_min": st.sampled_from([1, 6.0, 0.1, 60])}),
                "fields": fields,
                "cells": groups,
                "perturbations": factors(PERTURBATIONS),
                "pharmacology": optional(
                    doses=st.lists(dose | course, max_size=2, unique_by=lambda d: d["formulation"])
                ),
            },
        )
    )


@settings(deadline=None)
@given(scenarios())
def test_resolved_scenario_reads_back_as_an_equal_one(data):
    scenario = scenario_from_dict(data)
    written = scenario.to_toml()
    again = scenario_from_dict(tomllib.loads(written))
    assert again == scenario
    assert again.to_toml() == written


def test_resolved_well_mixed_scenario_reads_back_and_states_every_default():
    scenario = scenario_from_dict({"hours": 1, "domain": {"mode": "well_mixed", "volume_uL": 100}})
    written = tomllib.loads(scenario.to_toml())
    assert scenario_from_dict(written) == scenario
    assert written["fields"]["asparagine"]["plasma_uM"] == 50.0
    assert written["time"] == {"step_min": 6.0}


table_keys = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
scalars = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(table_keys, inner, max_size=3)
)


@settings(deadline=None)
@given(st.dictionaries(table_keys, values, max_size=4))
def test_written_toml_is_what_the_standard_library_reads(table):
    assert tomllib.loads(toml_document(table)) == table


def test_values_that_no_scenario_holds_are_not_written():
    with pytest.raises(TypeError, match="NoneType"):
        toml_value(None)
