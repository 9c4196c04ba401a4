"""The written scenario: schema, reading with overrides, error messages, units."""

from tumorabm.scenario.cell_schema import CellGroup
from tumorabm.scenario.clock_schema import Clock
from tumorabm.scenario.field_schema import FACES, FieldSettings
from tumorabm.scenario.load import load_scenario, scenario_from_dict, variant_names
from tumorabm.scenario.messages import ScenarioError
from tumorabm.scenario.schema import Scenario
from tumorabm.scenario.space_schema import VesselCore, Vessels

__all__ = [
    "FACES",
    "CellGroup",
    "Clock",
    "FieldSettings",
    "Scenario",
    "ScenarioError",
    "VesselCore",
    "Vessels",
    "load_scenario",
    "scenario_from_dict",
    "variant_names",
]
