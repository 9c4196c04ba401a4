"""The controls of the page, and the scenario that their values mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tumorabm.biology.parameters import PERTURBATIONS
from tumorabm.founding import group_parameters
from tumorabm.pharmacology.formulations import FORMULATIONS
from tumorabm.scenario import Scenario, ScenarioError, load_scenario
from tumorabm.scenario.load import plain_value
from tumorabm.scenario.pharmacology_schema import ENZYME

NO_PERTURBATION = "none"
DOSE_RANGE_IU_PER_M2 = (0.0, 10_000.0)
_PERTURBATIONS = {f"{name}, {'level' if lever.is_level else 'factor'}": name for name, lever in PERTURBATIONS.items()}
_ASNS = "asns_"

Values = Mapping[str, object]


def scenarios_beside(path: Path) -> dict[str, Path]:
    """Return the scenario files in the folder of one, by name, itself first."""
    others = [other for other in sorted(path.parent.glob("*.toml")) if other != path and _is_scenario(other)]
    return {file.stem: file for file in (path, *others)}


def _is_scenario(path: Path) -> bool:
    try:
        load_scenario(path)
    except ScenarioError:
        return False
    return True


def controls_of(scenario: Scenario) -> dict[str, dict[str, object]]:
    """Return the controls of a scenario with its own values, as Mesa's ``model_params``, by name."""
    controls: dict[str, dict[str, object]] = {}
    if scenario.metabolic:
        dose, formulation, day = _first_dose(scenario)
        controls["dose_iu_per_m2"] = _slider("asparaginase, IU/m²", dose, *DOSE_RANGE_IU_PER_M2, 50.0)
        controls["formulation"] = _choice("formulation", formulation, tuple(FORMULATIONS))
        step_d = 0.25 if scenario.hours >= 96.0 else 0.01
        latest = scenario.hours / 24.0 - step_d  # a dose at the end of the run is refused
        controls["dose_day"] = _slider("given on day", day, 0.0, latest, step_d)
    for name, asns in _asns_by_group(scenario).items():
        controls[_ASNS + name] = _slider(f"ASNS of {name}, relative", asns, 0.01, max(3.0, 2.0 * asns), 0.01)
    if scenario.metabolic:
        controls["perturbation"] = _choice("perturbation", NO_PERTURBATION, (NO_PERTURBATION, *_PERTURBATIONS))
        controls["perturbation_value"] = _slider("its factor or level", 0.0, 0.0, 3.0, 0.05)
    if (key := _density_key(scenario)) is not None:
        density = getattr(scenario.vessels, key)
        unit = key.removeprefix("density_per_").replace("mm2", "mm²").replace("mm3", "mm³")
        controls[key] = _slider(f"vessels per {unit}", density, 0.0, max(4.0 * density, 100.0), 1.0)
    controls["seed"] = {"type": "InputText", "value": str(scenario.seed), "label": "seed"}
    return controls


def as_meant(control: Mapping[str, object], value: object) -> object:
    """Return what the value of a control means: the scenario's own where it is that to the slider's step.

    A slider rounds its value to a step of its scale as soon as it is shown.
    """
    own, step = control["value"], control.get("step")
    return own if step is not None and abs(value - own) <= 0.5 * step else value


def parameters_of(scenario: Scenario, values: Values) -> dict[str, object]:
    """Return the parameters, as in ``--set``, by which the controls were moved away from a scenario's own values.

    Controls that the scenario does not have (any more) are left out.
    """
    controls = controls_of(scenario)
    own = {name: control["value"] for name, control in controls.items()}
    values = {name: as_meant(controls[name], value) for name, value in values.items() if name in controls}
    moved = {name: value for name, value in values.items() if value != own[name]}
    parameters: dict[str, object] = {}
    if moved.keys() & {"dose_iu_per_m2", "formulation", "dose_day"}:
        parameters["pharmacology.doses"] = _doses(scenario, {**own, **values})
    for name, value in moved.items():
        if name.startswith(_ASNS):
            parameters[f"cells.{name.removeprefix(_ASNS)}.asns_relative"] = value
        elif name.startswith("density_"):
            parameters[f"vessels.{name}"] = value
        elif name == "seed":
            parameters["seed"] = plain_value(str(value)) if value else ""
    if (perturbed := values.get("perturbation", NO_PERTURBATION)) != NO_PERTURBATION:
        parameters[f"perturbations.{_PERTURBATIONS[perturbed]}"] = values.get("perturbation_value", 0.0)
    return parameters


def enzyme_dose(formulation: str, dose_iu_per_m2: float, day: float) -> dict[str, object]:
    """Return a dose of asparaginase as a scenario gives it."""
    return {"drug": ENZYME, "formulation": formulation, "dose_iu_per_m2": dose_iu_per_m2, "day": day}


def _slider(label: str, value: float, low: float, high: float, step: float) -> dict[str, object]:
    return {
        "type": "SliderFloat", "label": label, "value": float(value), "min": min(low, float(value)),
        "max": max(high, float(value)), "step": step,
    }  # fmt: skip


def _choice(label: str, value: str, values: tuple[str, ...]) -> dict[str, object]:
    return {"type": "Select", "label": label, "value": value, "values": list(values)}


def _first_dose(scenario: Scenario) -> tuple[float, str, float]:
    """Return dose, formulation and day of the first dose of enzyme; without one, of none on day 2 or half way."""
    for dose in scenario.pharmacology.doses:
        if dose.is_enzyme:
            return dose.iu_per_m2(scenario.pharmacology.body_surface_m2), dose.formulation, dose.day
    return 0.0, "pegaspargase", min(2.0, scenario.hours / 48.0)


def _doses(scenario: Scenario, values: Values) -> list[dict[str, object]]:
    """Return the scenario's doses with its first one of enzyme, or a new one, as the controls say."""
    doses = list(scenario.pharmacology.doses)
    first = next((place for place, dose in enumerate(doses) if dose.is_enzyme), len(doses))
    kept = [dose.model_dump(exclude_none=True) for dose in doses]
    course = {key: kept[first][key] for key in ("every", "times", "route") if first < len(doses) and key in kept[first]}
    new = enzyme_dose(values["formulation"], values["dose_iu_per_m2"], values["dose_day"])
    return [*kept[:first], *([new | course] if values["dose_iu_per_m2"] else []), *kept[first + 1 :]]


def _asns_by_group(scenario: Scenario) -> dict[str, float]:
    return {
        name: group_parameters(scenario, group).get("asns_relative", 1.0)
        for name, group in scenario.cells.items()
        if group.metabolic
    }


def _density_key(scenario: Scenario) -> str | None:
    """Return which density of vessels the scenario gives, if one."""
    keys = ("density_per_mm2", "density_per_mm3")
    return next((key for key in keys if scenario.vessels and getattr(scenario.vessels, key) is not None), None)
