"""What both protocols refuse."""

from __future__ import annotations

import sys

from tumorabm.assays.wells import GAS_EXCHANGE_PER_MIN
from tumorabm.cell_types import CELL_TYPES
from tumorabm.scenario import Scenario, ScenarioError
from tumorabm.scenario.messages import unknown_name


def require_metabolism(cell_type: str) -> None:
    """Refuse a cell type that there is not, or that has no metabolism to measure."""
    metabolic = [name for name, preset in CELL_TYPES.items() if preset.metabolic]
    if cell_type not in CELL_TYPES:
        raise ScenarioError(f"cell type {cell_type}: {unknown_name('cell type', cell_type, metabolic)}")
    if cell_type not in metabolic:
        raise ScenarioError(
            f"cell type {cell_type}: has no metabolism to measure; expected one of {', '.join(metabolic)}"
        )


def require_number(what: str, value: float, expected: str, highest: float = sys.float_info.max) -> None:
    """Refuse a number that is negative, above ``highest`` or not finite."""
    if not 0.0 <= value <= highest:
        raise ScenarioError(f"{what} = {value:g}: expected {expected}")


def require_at_least_one(what: str, number: int) -> None:
    """Refuse a count below 1."""
    if number < 1:
        raise ScenarioError(f"{what} = {number}: expected an integer of at least 1")


def require_protocol(scenario: Scenario, hours: float, n_wells: int) -> None:
    """Refuse overrides of what the protocol sets, no cells, cells without a metabolism, and gas without oxygen.

    Parameters
    ----------
    scenario
        The scenario with its overrides.
    hours, n_wells
        Length and number of wells that the protocol needs.
    """
    if scenario.domain.mode != "well_mixed" or scenario.domain.wells != n_wells:
        raise ScenarioError(f"{scenario.name} with --set: domain: expected the {n_wells} wells of the protocol")
    if scenario.hours != hours:
        raise ScenarioError(
            f"{scenario.name} with --set: hours = {scenario.hours:g}: expected none, the protocol sets the times"
        )
    for name, group in scenario.cells.items():
        if not group.metabolic:
            raise ScenarioError(
                f"{scenario.name} with --set: cells.{name}.type: {group.type} has no metabolism to measure"
            )
        if not group.count:
            raise ScenarioError(
                f"{scenario.name} with --set: cells.{name}.count = 0: expected at least one cell in each well"
            )
    if scenario.fields.oxygen.plasma_mmHg == 0.0:
        raise ScenarioError(
            f"{scenario.name} with --set: fields.oxygen.plasma_mmHg = 0: cells die without oxygen in the gas above the "
            "medium; expected the gas of an incubator (140 in air, 7 in 1 % oxygen)"
        )
    if scenario.domain.exchange_per_min("oxygen") == 0.0:
        raise ScenarioError(
            f"{scenario.name} with --set: domain.gas_exchange_per_min = 0: no oxygen reaches the medium of a sealed "
            f"well from the gas of an incubator; expected a rate above 0, {GAS_EXCHANGE_PER_MIN:g} without --set"
        )


def require_whole_steps(scenario: Scenario, hours: float) -> None:
    """Refuse a time (h) that is no whole number of the scenario's steps."""
    if not scenario.time.whole_steps(hours):
        raise ScenarioError(
            f"hours = {hours:g}: expected a positive whole number of steps of {scenario.time.step_min:g} min"
        )
